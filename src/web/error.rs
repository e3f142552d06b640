//! Errors as JavaScript sees them: an `Error` with a stable `code` and whether trying again can help.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};

use crate::{codec, index, model, search, store};

/// A call was made in the wrong state or with the wrong arguments.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misuse {
    /// `load` comes first.
    #[error("the model is not loaded: call load() first")]
    NotLoaded,
    /// An argument is not what it should be.
    #[error("invalid argument: {0}")]
    Argument(String),
}

/// Anything that can be thrown.
pub(super) trait Thrown: std::error::Error {
    /// Stable name for programs.
    fn code(&self) -> &'static str;

    /// Whether the same call can succeed later.
    fn retryable(&self) -> bool {
        matches!(
            self.code(),
            "locked" | "device-lost" | "network" | "superseded"
        )
    }

    /// The JavaScript error.
    fn thrown(&self) -> JsValue {
        let error = js_sys::Error::new(&self.to_string());
        // Setting a property of a fresh object does not fail.
        let _ = Reflect::set(&error, &"code".into(), &self.code().into());
        let _ = Reflect::set(&error, &"retryable".into(), &self.retryable().into());
        error.into()
    }
}

impl Thrown for Misuse {
    fn code(&self) -> &'static str {
        match self {
            Self::NotLoaded => "not-loaded",
            Self::Argument(_) => "invalid-argument",
        }
    }
}

impl Thrown for store::Error {
    fn code(&self) -> &'static str {
        match self {
            Self::QuotaExceeded => "quota-exceeded",
            Self::Lost(_) => "storage-lost",
            Self::Locked { .. } => "locked",
            Self::Network { .. } => "network",
            Self::NoRanges { .. } => "no-ranges",
            Self::ReadOnly => "read-only",
            _ => "storage-failed",
        }
    }
}

impl Thrown for model::Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "model-unavailable",
            Self::Damaged { .. } => "model-integrity",
            Self::Device { .. } => "device-failed",
            Self::TooLong { .. } => "too-long",
            Self::Unsupported(_) => "unsupported",
            _ => "embedder-failed",
        }
    }
}

impl Thrown for index::Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Model(error) => error.code(),
            Self::Codec(codec::Error::NotBundled) => "unsupported",
            Self::OtherModel { .. } | Self::OtherCodec { .. } | Self::Shape { .. } => {
                "model-mismatch"
            }
            Self::Newer { .. } => "version-too-new",
            Self::Damaged { .. } => "corrupted",
            Self::Superseded => "superseded",
            Self::TooLarge { .. } => "too-large",
            Self::Search(search::Error::InvalidFilter { .. }) => "invalid-filter",
            Self::Search(search::Error::InvalidOption { .. }) => "invalid-argument",
            Self::NoDocument(_) => "no-document",
            Self::Exists => "already-exists",
            Self::NoIndex => "not-found",
            Self::NoText => "no-text",
            Self::Import(_) => "invalid-import",
            Self::Stopped(_) => "stopped",
            _ => "index-failed",
        }
    }
}

/// Turns any error of the library into a thrown one.
pub(super) fn thrown(error: impl Thrown) -> JsValue {
    error.thrown()
}

/// What a thrown value says.
pub(super) fn message(thrown: &JsValue) -> String {
    let message = thrown.dyn_ref::<js_sys::Error>().map(|e| e.message());
    message.map_or_else(|| format!("{thrown:?}"), String::from)
}
