//! An exported index on a web host, read by HTTP range requests.
//!
//! Nothing that comes from the host is believed: the manifest has its own checksum and every block is checked
//! against it. So any static host will do, as long as it answers range requests and the file stays the same.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::Range;

use js_sys::{Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::tabs::Traffic;
use crate::index::Ranges;
use crate::store::{Error, sleep};

/// Bytes read at first: head and manifest of most indexes.
const HEAD: u64 = 64 * 1024;
/// Bytes of parts that are kept.
const KEPT: usize = 4 << 20;
/// Waits before a request that failed is made again, in milliseconds.
const RETRIES: [u32; 2] = [300, 1500];

/// A file on a web host.
#[derive(Debug)]
pub(super) struct Remote {
    url: String,
    size: u64,
    /// What the host calls this version of the file; empty if it does not say.
    version: String,
    head: Vec<u8>,
    /// Parts read last, newest first: a search comes back to a page for the passage, its place and its title.
    kept: RefCell<VecDeque<(u64, Vec<u8>)>>,
    requests: Cell<u32>,
    bytes: Cell<u64>,
}

/// Why a request brought nothing.
enum Failure {
    /// It may work later.
    Passing(String),
    /// It will not.
    Final(Error),
}

impl From<JsValue> for Failure {
    fn from(error: JsValue) -> Self {
        let message = Reflect::get(&error, &"message".into()).ok();
        let message = message.and_then(|m| m.as_string());
        Self::Passing(message.unwrap_or_else(|| format!("{error:?}")))
    }
}

impl Remote {
    /// Asks the host for the beginning of the file.
    ///
    /// # Errors
    /// [`Error::NoRanges`] if it sends whole files only, [`Error::Network`] if it cannot be reached.
    pub(super) async fn open(url: &str) -> Result<Self, Error> {
        let mut remote = Self {
            url: url.to_owned(),
            size: 0,
            version: String::new(),
            head: Vec::new(),
            kept: RefCell::default(),
            requests: Cell::new(0),
            bytes: Cell::new(0),
        };
        let response = remote.again(0..HEAD, None).await?;
        remote.version = version(&response);
        remote.head = remote.body(&response, HEAD).await?;
        let read = remote.head.len() as u64;
        remote.size = match total(&response) {
            Some(size) => size,
            // Hosts of another origin hide `Content-Range` unless they expose it.
            None if read < HEAD => read,
            None => remote.length().await?,
        };
        if read != HEAD.min(remote.size) {
            return Err(remote.failed("it sent another part than was asked for"));
        }
        Ok(remote)
    }

    /// What was read so far.
    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            size: self.size,
            requests: self.requests.get(),
            bytes: self.bytes.get(),
        }
    }

    /// Starts a request. With `range` for that part of the file, without for its size alone.
    fn start(&self, range: Option<&Range<u64>>) -> Result<JsFuture, JsValue> {
        self.requests.set(self.requests.get() + 1);
        let headers = Object::new();
        let options = Object::new();
        match range {
            Some(range) => {
                let range = format!("bytes={}-{}", range.start, range.end - 1);
                Reflect::set(&headers, &"Range".into(), &range.into())?;
            }
            None => {
                Reflect::set(&options, &"method".into(), &"HEAD".into())?;
            }
        }
        Reflect::set(&options, &"headers".into(), &headers)?;
        // Browsers that cache parts give the head of an old version to a part of a new one.
        Reflect::set(&options, &"cache".into(), &"no-store".into())?;
        let global = js_sys::global();
        let fetch: Function = Reflect::get(&global, &"fetch".into())?.dyn_into()?;
        let promise: Promise = fetch
            .call2(&global, &self.url.as_str().into(), &options)?
            .dyn_into()?;
        Ok(JsFuture::from(promise))
    }

    /// The response to a request for a range that was `started` or is made now; made again if it fails.
    async fn again(&self, range: Range<u64>, started: Option<JsFuture>) -> Result<JsValue, Error> {
        let mut started = started;
        let mut waits = RETRIES.iter();
        loop {
            let request = match started.take() {
                Some(request) => Ok(request),
                None => self.start(Some(&range)),
            };
            let tried = match request {
                Ok(request) => self.accept(request.await, &range),
                Err(error) => Err(error.into()),
            };
            match (tried, waits.next()) {
                (Ok(response), _) => return Ok(response),
                (Err(Failure::Final(error)), _) => return Err(error),
                (Err(Failure::Passing(_)), Some(&wait)) => {
                    let slept = sleep(wait).map(JsFuture::from);
                    let _ = slept.map_err(|e| self.failed(&format!("{e:?}")))?.await;
                }
                (Err(Failure::Passing(why)), None) => {
                    return Err(Error::Network {
                        url: self.url.clone(),
                        why,
                    });
                }
            }
        }
    }

    /// Checks that a response is the part asked for, as far as its head tells.
    fn accept(
        &self,
        response: Result<JsValue, JsValue>,
        range: &Range<u64>,
    ) -> Result<JsValue, Failure> {
        let response = response?;
        let status = Reflect::get(&response, &"status".into())?.as_f64();
        match status.map_or(0, |s| s as u16) {
            206 => {}
            200 => {
                cancel(&response);
                return Err(Failure::Final(Error::NoRanges {
                    url: self.url.clone(),
                }));
            }
            status @ (408 | 429 | 500..=599) => {
                cancel(&response);
                return Err(Failure::Passing(format!("HTTP {status}")));
            }
            416 => return Err(Failure::Final(self.failed("the file is shorter"))),
            status => {
                cancel(&response);
                return Err(Failure::Final(self.failed(&format!("HTTP {status}"))));
            }
        }
        let begins = header(&response, "Content-Range");
        let begins = begins.and_then(|h| h.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
        if begins.is_some_and(|begin: u64| begin != range.start) {
            let why = "it sent another part than was asked for";
            return Err(Failure::Final(self.failed(why)));
        }
        let now = version(&response);
        if !self.version.is_empty() && !now.is_empty() && now != self.version {
            let why = format!("{} was replaced by another version", self.url);
            return Err(Failure::Final(Error::Lost(why)));
        }
        Ok(response)
    }

    /// The body, of at most `most` bytes: more is refused before it is stored.
    async fn body(&self, response: &JsValue, most: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let read = async {
            let body = Reflect::get(response, &"body".into())?;
            let reader = method(&body, "getReader")?.call0(&body)?;
            let next = method(&reader, "read")?;
            loop {
                let part: Promise = next.call0(&reader)?.dyn_into()?;
                let part = JsFuture::from(part).await?;
                let Ok(value) = Reflect::get(&part, &"value".into())?.dyn_into::<Uint8Array>()
                else {
                    return Ok(());
                };
                if bytes.len() as u64 + u64::from(value.length()) > most {
                    return Err(JsValue::from("it sent more than was asked for"));
                }
                let from = bytes.len();
                bytes.resize(from + value.length() as usize, 0);
                value.copy_to(&mut bytes[from..]);
            }
        };
        let read = read.await;
        self.bytes.set(self.bytes.get() + bytes.len() as u64);
        if let Err(error) = read {
            cancel(response);
            let why = match Failure::from(error) {
                Failure::Passing(why) => why,
                Failure::Final(error) => error.to_string(),
            };
            return Err(Error::Network {
                url: self.url.clone(),
                why,
            });
        }
        Ok(bytes)
    }

    /// The size by a request of its own.
    async fn length(&self) -> Result<u64, Error> {
        let asked = async { self.start(None)?.await };
        let response = asked.await.map_err(|error| Error::Network {
            url: self.url.clone(),
            why: format!("{error:?}"),
        })?;
        let length = header(&response, "Content-Length").and_then(|h| h.parse().ok());
        length.ok_or_else(|| self.failed("the host does not tell how long the file is"))
    }

    async fn part(&self, range: Range<u64>, started: Option<JsFuture>) -> Result<Vec<u8>, Error> {
        if let Some(part) = self.known(&range) {
            return Ok(part);
        }
        let len = range.end - range.start;
        let response = self.again(range.clone(), started).await?;
        let bytes = self.body(&response, len).await?;
        if bytes.len() as u64 != len {
            return Err(self.failed("it sent less than was asked for"));
        }
        let mut kept = self.kept.borrow_mut();
        kept.push_front((range.start, bytes.clone()));
        while kept.len() > 1 && kept.iter().map(|(_, part)| part.len()).sum::<usize>() > KEPT {
            kept.pop_back();
        }
        Ok(bytes)
    }

    /// A range that was read already.
    fn known(&self, range: &Range<u64>) -> Option<Vec<u8>> {
        let part = |start: u64, bytes: &[u8]| {
            let from = usize::try_from(range.start.checked_sub(start)?).ok()?;
            let to = usize::try_from(range.end.checked_sub(start)?).ok()?;
            Some(bytes.get(from..to)?.to_vec())
        };
        let kept = self.kept.borrow();
        part(0, &self.head).or_else(|| kept.iter().find_map(|(start, bytes)| part(*start, bytes)))
    }

    fn failed(&self, why: &str) -> Error {
        Error::Io {
            doing: format!("reading {}", self.url),
            why: why.to_owned(),
        }
    }
}

impl Ranges for Remote {
    async fn size(&self) -> Result<u64, Error> {
        Ok(self.size)
    }

    async fn read(&self, range: Range<u64>) -> Result<Vec<u8>, Error> {
        self.part(range, None).await
    }

    /// All requests are under way before the first is waited for.
    async fn read_all(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>, Error> {
        let far = |range: &&Range<u64>| self.known(range).is_none();
        let started: Vec<Option<JsFuture>> = ranges
            .iter()
            .map(|range| {
                Some(range)
                    .filter(far)
                    .and_then(|r| self.start(Some(r)).ok())
            })
            .collect();
        let mut parts = Vec::with_capacity(ranges.len());
        for (range, started) in ranges.iter().zip(started) {
            parts.push(self.part(range.clone(), started).await?);
        }
        Ok(parts)
    }
}

fn method(object: &JsValue, name: &str) -> Result<Function, JsValue> {
    Reflect::get(object, &name.into())?.dyn_into()
}

fn header(response: &JsValue, name: &str) -> Option<String> {
    let headers = Reflect::get(response, &"headers".into()).ok()?;
    let value = method(&headers, "get").ok()?.call1(&headers, &name.into());
    value.ok()?.as_string()
}

fn version(response: &JsValue) -> String {
    let tag = header(response, "ETag").or_else(|| header(response, "Last-Modified"));
    tag.unwrap_or_default()
}

/// The size of the file in `bytes 0-9/SIZE`.
fn total(response: &JsValue) -> Option<u64> {
    header(response, "Content-Range")?
        .rsplit_once('/')?
        .1
        .parse()
        .ok()
}

/// Lets go of a body that nobody will read.
fn cancel(response: &JsValue) {
    let cancelled = Reflect::get(response, &"body".into())
        .and_then(|body| method(&body, "cancel")?.call0(&body))
        .and_then(JsCast::dyn_into::<Promise>);
    if let Ok(promise) = cancelled {
        // A body that was read in part cannot be cancelled: that is fine, too.
        drop(JsFuture::from(promise));
    }
}
