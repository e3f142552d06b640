//! Why a file yields no text.

/// Why a file yields no text. All but [`Error::Unsupported`] name something about the file that its owner can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A kind of file that is not read: pictures, archives, older office formats.
    #[error("not a format that is read: {0}")]
    Unsupported(String),
    /// The document asks for a password.
    #[error("encrypted: save a copy without a password")]
    Encrypted,
    /// Pages without text: a scan, or pictures only.
    #[error(
        "no text layer: its {pages} page(s) are pictures; run text recognition (OCR) on it first"
    )]
    NoText {
        /// Pages of the document.
        pages: usize,
    },
    /// The file is damaged, or not what it claims to be.
    #[error("broken: {0}")]
    Broken(String),
    /// A budget of [`Limits`](super::Limits) is used up: the file is larger than what is read, or made to be.
    #[error("too big: {what} exceeds {limit}")]
    TooBig {
        /// What exceeded its budget.
        what: &'static str,
        /// The budget, in bytes or in what `what` names.
        limit: u64,
    },
    /// The time limit passed.
    #[error("not read within {0} s")]
    Timeout(u64),
    /// Nothing but white space.
    #[error("empty: no text in it")]
    Empty,
}

impl Error {
    /// The error's stable name, the same in the page: `unsupported`, `encrypted`, `no-text`, `broken`, `too-big`,
    /// `timeout` or `empty`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsupported(_) => "unsupported",
            Self::Encrypted => "encrypted",
            Self::NoText { .. } => "no-text",
            Self::Broken(_) => "broken",
            Self::TooBig { .. } => "too-big",
            Self::Timeout(_) => "timeout",
            Self::Empty => "empty",
        }
    }
}
