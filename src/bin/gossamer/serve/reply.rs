//! Errors over HTTP: a status, a JSON body with a code for programs and words for people, and when to come again.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gossamer::{index, model, store};
use serde_json::json;

use crate::engine::Refusal;

/// An error as it goes out.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after: Option<u64>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub fn unavailable(code: &'static str, message: impl Into<String>, retry_after: u64) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Json(json!({"error": {"code": self.code, "message": self.message}}));
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Overloaded { retry_after } => {
                Self::unavailable("overloaded", message, retry_after)
            }
            Refusal::Stopped => Self::unavailable("stopping", message, 5),
            Refusal::Index(error) => match error {
                index::Error::Store(store::Error::Locked { .. }) => {
                    Self::unavailable("index_busy", message, 2)
                }
                index::Error::Store(store::Error::QuotaExceeded) => {
                    Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage_full", message)
                }
                index::Error::Model(model::Error::TooLong { .. })
                | index::Error::Search(_)
                | index::Error::TooLarge { .. } => Self::bad_request(message),
                index::Error::Damaged { .. } => {
                    Self::new(StatusCode::INTERNAL_SERVER_ERROR, "index_damaged", message)
                }
                _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message),
            },
        }
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let code = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => "too_large",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "not_json",
            _ => "bad_request",
        };
        let status = match rejection.status() {
            // Well-formed JSON of the wrong shape is as bad a request as any other.
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        Self::new(status, code, rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}
