//! The thread that owns index and encoder: it drives all searches at once, and one write beside them.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{PoisonError, RwLock};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use gossamer::index::{Added, Document, Error, Index, SearchOptions, SearchResult, WriterOptions};
use gossamer::model::Encoder;
use gossamer::store::Files;
use gossamer::text::TokenChunker;
use pollster::block_on;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::batches::{Batches, Lane};
use super::load::{Load, TOGETHER, Ticket};
use super::{Backend, Job, Reply};
use crate::model;

/// Passages of a write embedded in one turn: what a search waits for at most.
const WRITE_BATCH: usize = 8;

/// Commits of other processes are seen after this time.
const FOLLOW: Duration = Duration::from_millis(500);

/// Work under way, and at its end whether somebody got the answer.
type Running<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;

struct Desk {
    index: Index<Files>,
    batches: Batches<Encoder>,
    followed: Cell<Instant>,
}

/// Works until all handles are dropped and all that was accepted is answered.
pub fn run(
    index: Index<Files>,
    encoder: Encoder,
    mut jobs: UnboundedReceiver<(Job, Ticket)>,
    load: &Load,
    backend: &RwLock<Backend>,
) {
    let desk = Desk {
        index,
        batches: Batches::new(encoder),
        followed: Cell::new(Instant::now()),
    };
    let mut reads: Vec<Running<'_>> = Vec::new();
    let mut write: Option<Running<'_>> = None;
    let mut writes: VecDeque<Running<'_>> = VecDeque::new();
    let mut open = true;
    loop {
        if reads.is_empty() {
            load.idle();
        }
        while open && reads.len() < TOGETHER {
            let idle = reads.is_empty() && write.is_none() && writes.is_empty();
            let next = if idle {
                jobs.blocking_recv().ok_or(TryRecvError::Disconnected)
            } else {
                jobs.try_recv()
            };
            match next {
                Ok((job, ticket)) => match desk.running(job, ticket) {
                    (Lane::Search, running) => {
                        load.busy(Instant::now());
                        reads.push(running);
                    }
                    (Lane::Write, running) => writes.push_back(running),
                },
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => open = false,
            }
        }
        write = write.or_else(|| writes.pop_front());
        if !open && reads.is_empty() && write.is_none() {
            return;
        }
        let mut context = Context::from_waker(Waker::noop());
        let (before, mut answered) = (reads.len(), 0);
        reads.retain_mut(|running| match running.as_mut().poll(&mut context) {
            Poll::Ready(got) => {
                answered += usize::from(got);
                false
            }
            Poll::Pending => true,
        });
        if answered > 0 {
            load.answered(answered, Instant::now());
        }
        let wrote = write
            .take_if(|running| running.as_mut().poll(&mut context).is_ready())
            .is_some();
        if reads.len() == before && !wrote {
            if !block_on(desk.batches.run()) {
                // Only a store that is truly asynchronous comes here.
                thread::sleep(Duration::from_millis(1));
            }
            desk.look_after(backend);
        }
    }
}

/// Does the work unless the one who asked has gone, and answers; whether it did.
async fn answer<T>(
    mut reply: Reply<T>,
    ticket: Ticket,
    work: impl Future<Output = Result<T, Error>>,
) -> bool {
    let mut work = pin!(work);
    let done = poll_fn(|context| {
        if reply.poll_closed(context).is_ready() {
            return Poll::Ready(None);
        }
        work.as_mut().poll(context).map(Some)
    })
    .await;
    // The place is free before the answer is out, so that who has it may ask again.
    drop(ticket);
    done.is_some_and(|done| reply.send(done).is_ok())
}

/// The same for a write: once begun it is finished, whoever listens.
async fn finish<T>(
    reply: Reply<T>,
    ticket: Ticket,
    work: impl Future<Output = Result<T, Error>>,
) -> bool {
    if reply.is_closed() {
        return false;
    }
    let done = work.await;
    drop(ticket);
    reply.send(done).is_ok()
}

impl Desk {
    /// Tells once if the GPU was lost.
    fn look_after(&self, backend: &RwLock<Backend>) {
        let encoder = self.batches.encoder();
        if encoder.lost().is_none() {
            return;
        }
        let mut known = backend.write().unwrap_or_else(PoisonError::into_inner);
        if known.lost.is_none() {
            *known = Backend::of(encoder);
            model::note_loss(encoder);
        }
    }

    fn running(&self, job: Job, ticket: Ticket) -> (Lane, Running<'_>) {
        let (search, write) = (Lane::Search, Lane::Write);
        match job {
            Job::Search(question, options, reply) => (
                search,
                Box::pin(answer(reply, ticket, self.search(question, options))),
            ),
            Job::Document(id, reply) => (
                search,
                Box::pin(answer(reply, ticket, async move {
                    self.follow().await?;
                    self.index.snapshot().document(&id).await
                })),
            ),
            Job::List(reply) => (
                search,
                Box::pin(answer(reply, ticket, async {
                    self.follow().await?;
                    let mut listed = self.index.snapshot().list().await?;
                    listed.sort_unstable_by(|a, b| a.id.cmp(&b.id));
                    Ok(listed)
                })),
            ),
            Job::Stats(reply) => (
                search,
                Box::pin(answer(reply, ticket, async {
                    self.follow().await?;
                    Ok(self.index.snapshot().stats())
                })),
            ),
            Job::Add(documents, reply) => {
                (write, Box::pin(finish(reply, ticket, self.add(documents))))
            }
            Job::Remove(ids, reply) => (write, Box::pin(finish(reply, ticket, self.remove(ids)))),
        }
    }

    /// Follows other processes' commits, now and then.
    async fn follow(&self) -> Result<(), Error> {
        if self.followed.get().elapsed() > FOLLOW {
            self.followed.set(Instant::now());
            self.index.refresh().await?;
        }
        Ok(())
    }

    async fn search(
        &self,
        question: String,
        options: SearchOptions,
    ) -> Result<SearchResult, Error> {
        self.follow().await?;
        let embedder = self.batches.lane(Lane::Search);
        self.index.search(&embedder, &question, &options).await
    }

    async fn add(&self, documents: Vec<Document>) -> Result<Vec<Added>, Error> {
        let embedder = self.batches.lane(Lane::Write);
        let tokenizer = self.batches.encoder().tokenizer();
        let chunker = TokenChunker::new(tokenizer, tokenizer.max_text_tokens());
        let mut writer = self.index.writer(Self::writing()).await?;
        let mut added = Vec::with_capacity(documents.len());
        for document in documents {
            added.push(writer.add(&embedder, &chunker, document).await?);
        }
        writer.commit(&embedder).await?;
        Ok(added)
    }

    async fn remove(&self, ids: Vec<String>) -> Result<Vec<bool>, Error> {
        let mut writer = self.index.writer(Self::writing()).await?;
        let removed = ids.iter().map(|id| writer.remove(id)).collect();
        writer.commit(&self.batches.lane(Lane::Write)).await?;
        Ok(removed)
    }

    fn writing() -> WriterOptions {
        WriterOptions {
            batch: WRITE_BATCH,
            ..WriterOptions::default()
        }
    }
}
