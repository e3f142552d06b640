//! Files for the browser: the small page of this device's index, which is part of the program, and below `/page/`
//! a folder with the whole page as `make web` leaves it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::UNIX_EPOCH;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http_body::Frame;

use super::reply::Problem;

/// Nothing but the device page's own files and its own server; document text is never markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Bytes read from a file at once.
const PIECE: usize = 64 << 10;

/// The device page at `/`.
pub fn device<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let file = |kind: &'static str, text: &'static str| {
        get(move || async move {
            [
                (header::CONTENT_TYPE, kind),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::CACHE_CONTROL, "no-cache"),
            ]
            .into_response_with(text)
        })
    };
    Router::new()
        .route(
            "/",
            file("text/html; charset=utf-8", include_str!("device.html")),
        )
        .route(
            "/device.js",
            file("text/javascript", include_str!("device.js")),
        )
        .route("/device.css", file("text/css", include_str!("device.css")))
}

/// Headers and a body make a response.
trait WithBody {
    fn into_response_with(self, body: &'static str) -> Response;
}

impl<const N: usize> WithBody for [(header::HeaderName, &'static str); N] {
    fn into_response_with(self, body: &'static str) -> Response {
        (self, body).into_response()
    }
}

/// A folder's files below `/page/`.
pub fn folder<S: Clone + Send + Sync + 'static>(root: PathBuf) -> Router<S> {
    let router: Router<Arc<PathBuf>> = Router::new()
        .route("/page", get(|| async { Redirect::permanent("/page/") }))
        .route("/page/", get(file))
        .route("/page/{*path}", get(file));
    router.with_state(Arc::new(root))
}

async fn file(
    State(root): State<Arc<PathBuf>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let absent = || Problem::not_found("there is no such file");
    let name = uri.path().strip_prefix("/page/").ok_or_else(absent)?;
    let path = resolve(&root, name).ok_or_else(absent)?;
    let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) = opened.map_err(|_| absent())?;
    let changed = metadata
        .modified()
        .ok()
        .and_then(|m| m.duration_since(UNIX_EPOCH).ok());
    let tag = format!(
        "\"{:x}-{:x}\"",
        metadata.len(),
        changed.unwrap_or_default().as_nanos()
    );
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|v| v.as_bytes() == tag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Body::new(FileBody {
            file,
            left: metadata.len(),
        })
        .into_response();
        let kind = HeaderValue::from_static(kind(&path));
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}

/// The file of a name, if it is one below the root, also when links are followed.
fn resolve(root: &Path, name: &str) -> Option<PathBuf> {
    let name = decode(name)?;
    let relative = Path::new(&name);
    let plain = |c| matches!(c, Component::Normal(_));
    if !relative.components().all(plain) || name.contains(['\\', '\0']) {
        return None;
    }
    let mut path = root.join(relative);
    if path.is_dir() {
        path.push("index.html");
    }
    let path = fs::canonicalize(path).ok()?;
    (path.starts_with(fs::canonicalize(root).ok()?) && path.is_file()).then_some(path)
}

/// Percent-decoding.
fn decode(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

fn kind(path: &Path) -> &'static str {
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    match extension {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript",
        "css" => "text/css",
        "json" | "map" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webmanifest" => "application/manifest+json",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// A file piece by piece, so that a model of 90 MB does not go through memory at once. Local files are read in
/// place: a piece takes less time than handing it to another thread would.
struct FileBody {
    file: File,
    left: u64,
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut piece = vec![0; PIECE.min(usize::try_from(self.left).unwrap_or(PIECE))];
        Poll::Ready(Some(match self.file.read_exact(&mut piece) {
            Ok(()) => {
                self.left -= piece.len() as u64;
                Ok(Frame::data(piece.into()))
            }
            Err(error) => Err(error),
        }))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let found = |name| resolve(&root, name).is_some();
        assert!(found("lib.rs") && found("text/mod.rs") && found("%6cib.rs"));
        for name in [
            "../Cargo.toml",
            "text/../../Cargo.toml",
            "%2e%2e/Cargo.toml",
            "..%2fCargo.toml",
            "/etc/hostname",
            "%2fetc/hostname",
            "text/%2e%2e/lib.rs",
            "lib.rs%00",
            "..\\Cargo.toml",
            "%zz",
            "text",
        ] {
            assert!(!found(name), "{name}");
        }
    }
}
