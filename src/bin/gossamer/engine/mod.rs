//! The index and its encoder behind a queue: what `serve` and `mcp` talk to.
//!
//! The encoder is a blocking job for all cores, so one thread owns it, and the index. [`Engine`] is a handle
//! for asynchronous callers. Searches that wait together share the encoder's batches ([`batches`]); what is
//! beyond the limits is refused at once ([`load`]).

mod batches;
mod load;
mod question;
mod worker;

use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gossamer::index::{Added, Document, Listed, SearchOptions, SearchResult, Stats};
use gossamer::model::device::{Choice, DeviceInfo};
use gossamer::model::{Embedder, Encoder};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::error::Failure;
use crate::{Place, documents, model};
use load::{Load, Ticket};
pub use question::Question;

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Searches and other reads that wait or run.
    pub searches: usize,
    /// Writes that wait or run.
    pub writes: usize,
    /// How long a search may have to wait; one that would wait longer is refused.
    pub patience: Duration,
}

/// Why the engine gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("too many requests wait already: try again in {retry_after} s")]
    Overloaded { retry_after: u64 },
    #[error("this server is stopping")]
    Stopped,
    #[error(transparent)]
    Index(#[from] gossamer::index::Error),
}

type Reply<T> = oneshot::Sender<Result<T, gossamer::index::Error>>;

/// Work for the thread.
enum Job {
    Search(String, SearchOptions, Reply<SearchResult>),
    Document(String, Reply<Option<Document>>),
    List(Reply<Vec<Listed>>),
    Stats(Reply<Stats>),
    Add(Vec<Document>, Reply<Vec<Added>>),
    Remove(Vec<String>, Reply<Vec<bool>>),
}

/// A handle to the thread; clones are handles to the same one. The thread ends when the last is dropped, after
/// all that was accepted.
#[derive(Clone)]
pub struct Engine {
    jobs: mpsc::UnboundedSender<(Job, Ticket)>,
    searches: Arc<Load>,
    writes: Arc<Load>,
    backend: Arc<RwLock<Backend>>,
}

/// What the model runs on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Backend {
    /// Now.
    #[serde(flatten)]
    pub info: DeviceInfo,
    /// Why the GPU that it ran on before is no longer used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
}

impl Backend {
    fn of(encoder: &Encoder) -> Self {
        Self {
            info: encoder.info().clone(),
            lost: encoder.lost().map(Into::into),
        }
    }
}

impl Engine {
    /// Opens index and model on a thread of their own.
    pub fn start(
        place: Place,
        choice: Choice,
        limits: Limits,
    ) -> Result<(Self, JoinHandle<()>), Failure> {
        // Bounded by the tickets.
        let (jobs, queue) = mpsc::unbounded_channel();
        let (searches, writes) = (
            Load::new(limits.searches, limits.patience),
            Load::new(limits.writes, Duration::MAX),
        );
        let (opened, opening) = oneshot::channel();
        let load = Arc::clone(&searches);
        let thread = thread::Builder::new()
            .name("engine".into())
            .spawn(move || {
                let open = pollster::block_on(async {
                    let index = documents::open(&place.index).await?;
                    let encoder = model::open(choice).await?;
                    if index.model() != *encoder.id() {
                        return Err(Failure::Index(gossamer::index::Error::OtherModel {
                            index: Box::new(index.model()),
                            given: Box::new(encoder.id().clone()),
                        }));
                    }
                    Ok((index, encoder))
                });
                match open {
                    Ok((index, encoder)) => {
                        let backend = Arc::new(RwLock::new(Backend::of(&encoder)));
                        let _ = opened.send(Ok(Arc::clone(&backend)));
                        worker::run(index, encoder, queue, &load, &backend);
                    }
                    Err(error) => drop(opened.send(Err(error))),
                }
            })?;
        let backend = opening.blocking_recv().map_err(|_| Failure::EngineDied)??;
        let engine = Self {
            jobs,
            searches,
            writes,
            backend,
        };
        Ok((engine, thread))
    }

    /// What the model runs on.
    pub fn backend(&self) -> Backend {
        let backend = self.backend.read();
        backend.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Searches that wait or run.
    pub fn waiting(&self) -> usize {
        self.searches.waiting()
    }

    async fn ask<T>(
        &self,
        load: &Arc<Load>,
        job: impl FnOnce(Reply<T>) -> Job,
    ) -> Result<T, Refusal> {
        let now = Instant::now();
        let ticket = load.enter(now).ok_or_else(|| Refusal::Overloaded {
            retry_after: self.searches.retry_after(now),
        })?;
        let (reply, answer) = oneshot::channel();
        self.jobs
            .send((job(reply), ticket))
            .map_err(|_| Refusal::Stopped)?;
        Ok(answer.await.map_err(|_| Refusal::Stopped)??)
    }

    /// The passages that answer. Dropping the future gives the search up.
    pub async fn search(
        &self,
        question: String,
        options: SearchOptions,
    ) -> Result<SearchResult, Refusal> {
        self.ask(&self.searches, |reply| {
            Job::Search(question, options, reply)
        })
        .await
    }

    /// A document with its text, if it is there.
    pub async fn document(&self, id: String) -> Result<Option<Document>, Refusal> {
        self.ask(&self.searches, |reply| Job::Document(id, reply))
            .await
    }

    /// All documents without their texts, by id.
    pub async fn list(&self) -> Result<Vec<Listed>, Refusal> {
        self.ask(&self.searches, Job::List).await
    }

    /// How large the index is.
    pub async fn stats(&self) -> Result<Stats, Refusal> {
        self.ask(&self.searches, Job::Stats).await
    }

    /// Adds or replaces documents and commits: when it returns, they are durable.
    pub async fn add(&self, documents: Vec<Document>) -> Result<Vec<Added>, Refusal> {
        self.ask(&self.writes, |reply| Job::Add(documents, reply))
            .await
    }

    /// Removes documents and commits; for each, whether it was there.
    pub async fn remove(&self, ids: Vec<String>) -> Result<Vec<bool>, Refusal> {
        self.ask(&self.writes, |reply| Job::Remove(ids, reply))
            .await
    }
}
