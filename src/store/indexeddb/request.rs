//! Awaiting IndexedDB requests and transactions, and what their failures mean.

use js_sys::Promise;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DomException, IdbRequest, IdbTransaction};

use super::Error;

/// Why an IndexedDB call did not succeed, before it is known what was being done.
#[derive(Debug)]
pub(super) enum Failure {
    /// The origin's quota or the disk is full.
    Quota,
    /// The connection is closed or closing; a new one may work.
    Connection(String),
    /// The database was deleted, perhaps made anew: a new connection would show other data.
    Gone(String),
    /// Another tab does not let go of the database.
    Blocked,
    /// Anything else, in the browser's words.
    Other(String),
}

impl Failure {
    /// Whether opening a new connection may help.
    pub(super) fn is_connection(&self) -> bool {
        matches!(self, Self::Connection(_))
    }

    /// The store's error for a failure while `doing` something.
    pub(super) fn into_error(self, doing: &str) -> Error {
        match self {
            Self::Quota => Error::QuotaExceeded,
            Self::Connection(why) | Self::Gone(why) => Error::Lost(format!("{doing}: {why}")),
            Self::Blocked => Error::Locked {
                owner: "another tab".into(),
            },
            Self::Other(why) => Error::Io {
                doing: doing.to_owned(),
                why,
            },
        }
    }

    /// The same, where a second connection did not help either.
    pub(super) fn into_lost(self, doing: &str) -> Error {
        match self {
            Self::Other(why) => Error::Lost(format!("{doing}: {why}")),
            failure => failure.into_error(doing),
        }
    }
}

impl From<DomException> for Failure {
    fn from(exception: DomException) -> Self {
        let why = format!("{}: {}", exception.name(), exception.message());
        match exception.name().as_str() {
            "QuotaExceededError" => Self::Quota,
            // What Chromium says once the disk itself is full.
            "UnknownError" if why.contains("NO_SPACE") => Self::Quota,
            // A transaction aborted without the program's wish, or a closed connection. `UnknownError` is
            // what browsers report when the backing file was pulled away.
            "InvalidStateError" | "AbortError" | "UnknownError" | "TransactionInactiveError" => {
                Self::Connection(why)
            }
            _ => Self::Other(why),
        }
    }
}

impl From<JsValue> for Failure {
    fn from(value: JsValue) -> Self {
        match value.dyn_into::<DomException>() {
            Ok(exception) => exception.into(),
            Err(value) => Self::Other(format!("{value:?}")),
        }
    }
}

/// Waits for a request and returns its result.
pub(super) async fn settled(request: &IdbRequest) -> Result<JsValue, Failure> {
    // The promise's own functions are the handlers, so no closure has to outlive this call.
    let mut promise = |resolve: js_sys::Function, reject: js_sys::Function| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    };
    match JsFuture::from(Promise::new(&mut promise)).await {
        Ok(_) => Ok(request.result()?),
        Err(_) => Err(failure_of(request.error().ok().flatten())),
    }
}

/// Waits until a transaction has been committed. A quota failure may show only here, as an abort.
pub(super) async fn finished(transaction: &IdbTransaction) -> Result<(), Failure> {
    let mut promise = |resolve: js_sys::Function, reject: js_sys::Function| {
        transaction.set_oncomplete(Some(&resolve));
        transaction.set_onabort(Some(&reject));
    };
    match JsFuture::from(Promise::new(&mut promise)).await {
        Ok(_) => Ok(()),
        Err(_) => Err(failure_of(transaction.error())),
    }
}

fn failure_of(error: Option<DomException>) -> Failure {
    match error {
        Some(exception) => exception.into(),
        None => Failure::Connection("the browser aborted the transaction".into()),
    }
}
