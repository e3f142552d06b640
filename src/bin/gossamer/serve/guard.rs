//! Who may ask: the Host and Origin checks against pages elsewhere, the access token, the time limit.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};

use super::reply::Problem;

/// Before a refusal goes out: a flood of refusals took CPU from the encoder, and who asks again at once, or guesses
/// tokens, has to wait for each.
const PAUSE: Duration = Duration::from_millis(100);

/// What is checked of every request.
#[derive(Debug)]
pub struct Guard {
    /// Names, besides addresses and `localhost`, under which this server may be asked.
    pub hosts: Vec<String>,
    /// SHA-256 of the token, if one is needed.
    pub token: Option<[u8; 32]>,
    /// What one request may take.
    pub time: Duration,
}

impl Guard {
    /// Whether a Host header names this server. An attacker's page can make a name of its own point here (DNS
    /// rebinding), but not an address, nor `localhost`.
    fn is_own(&self, authority: &str) -> bool {
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok()
            || host.eq_ignore_ascii_case("localhost")
            || self.hosts.iter().any(|own| host.eq_ignore_ascii_case(own))
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let text = |name| {
            headers
                .get(name)
                .and_then(|v: &HeaderValue| v.to_str().ok())
        };
        let host = text(header::HOST).unwrap_or_default();
        if !self.is_own(host) {
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "unknown_host",
                "this server is not known by that name: see --host-name",
            ));
        }
        let Some(origin) = headers.get(header::ORIGIN) else {
            return Ok(());
        };
        let from = origin.to_str().ok().and_then(|o| o.split_once("://"));
        if from.is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host)) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "other_origin",
            "pages of other origins may not ask this server",
        ))
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(wanted) = self.token else {
            return Ok(());
        };
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| hash(token.trim()));
        // Hashes of a secret: how long their comparison takes says nothing about it.
        if given == Some(wanted) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "no_token",
            "send the access token: Authorization: Bearer TOKEN",
        ))
    }
}

/// The form in which a token is kept and compared.
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Refuses what does not come from this server's own pages or from programs.
pub async fn origin(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.check_origin(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Refuses who has no token, and ends what takes too long.
pub async fn access(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if let Err(problem) = guard.check_token(request.headers()) {
        sleep(PAUSE).await;
        return problem.into_response();
    }
    let Ok(mut response) = timeout(guard.time, next.run(request)).await else {
        let message = format!("it took longer than {} s", guard.time.as_secs());
        return Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message).into_response();
    };
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        sleep(PAUSE).await;
    }
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard {
            hosts: vec!["shelf.local".into()],
            token: Some(hash("a secret of some length")),
            time: Duration::from_secs(1),
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value)| {
            (
                header::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_name_that_an_attacker_can_point_here_is_refused() {
        let own = |host| guard().check_origin(&headers(&[("host", host)])).is_ok();
        for host in [
            "127.0.0.1:7700",
            "127.0.0.1",
            "[::1]:7700",
            "localhost:7700",
            "LOCALHOST",
            "192.168.0.7:80",
            "shelf.local:7700",
        ] {
            assert!(own(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:7700",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "",
            "shelf.local.evil.example:7700",
        ] {
            assert!(!own(host), "{host}");
        }
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let asked = |origin| {
            let headers = headers(&[("host", "127.0.0.1:7700"), ("origin", origin)]);
            guard().check_origin(&headers).is_ok()
        };
        assert!(asked("http://127.0.0.1:7700"));
        for origin in ["http://127.0.0.1:8000", "https://evil.example", "null"] {
            assert!(!asked(origin), "{origin}");
        }
    }

    #[test]
    fn only_the_token_opens() {
        let with = |value| {
            guard()
                .check_token(&headers(&[("authorization", value)]))
                .is_ok()
        };
        assert!(with("Bearer a secret of some length") && with("bearer a secret of some length"));
        for value in [
            "Bearer a secret of some lengt",
            "Basic a secret of some length",
            "Bearer",
        ] {
            assert!(!with(value), "{value}");
        }
        assert!(guard().check_token(&HeaderMap::new()).is_err());
    }
}
