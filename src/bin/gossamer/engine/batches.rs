//! One encoder shared by everything that waits for embeddings, so that concurrent searches fill common batches.
//!
//! A future that embeds leaves its texts here and pends; when nothing else can go on, the driver embeds what has
//! gathered. Searches and writes have lanes of their own that take turns: a long import delays a search by one
//! batch, and many searches do not starve an import.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use gossamer::model::calibration::Timing;
use gossamer::model::{Embedder, Embeddings, Error, ModelId, Role};

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Search,
    Write,
}

type Slot = Rc<Cell<Option<Result<Embeddings, Error>>>>;

struct Waiting {
    role: Role,
    texts: Vec<String>,
    slot: Slot,
}

/// Texts that wait for the encoder.
pub struct Batches<E> {
    encoder: E,
    searches: RefCell<Vec<Waiting>>,
    writes: RefCell<Vec<Waiting>>,
    last: Cell<Lane>,
}

impl<E: Embedder> Batches<E> {
    pub fn new(encoder: E) -> Self {
        Self {
            encoder,
            searches: RefCell::default(),
            writes: RefCell::default(),
            last: Cell::new(Lane::Write),
        }
    }

    /// The encoder itself.
    pub fn encoder(&self) -> &E {
        &self.encoder
    }

    /// An embedder whose texts wait in a lane.
    pub fn lane(&self, lane: Lane) -> LaneEmbedder<'_, E> {
        LaneEmbedder {
            batches: self,
            lane,
        }
    }

    fn waiting(&self, lane: Lane) -> &RefCell<Vec<Waiting>> {
        match lane {
            Lane::Search => &self.searches,
            Lane::Write => &self.writes,
        }
    }

    /// Embeds what waits in one lane, the other one's turn first. Whether anything waited.
    pub async fn run(&self) -> bool {
        let turn = match self.last.get() {
            Lane::Search => [Lane::Write, Lane::Search],
            Lane::Write => [Lane::Search, Lane::Write],
        };
        for lane in turn {
            let waiting = std::mem::take(&mut *self.waiting(lane).borrow_mut());
            if waiting.is_empty() {
                continue;
            }
            self.last.set(lane);
            for role in [Role::Query, Role::Passage] {
                let (now, rest): (Vec<_>, Vec<_>) = waiting.iter().partition(|w| w.role == role);
                debug_assert_eq!(now.len() + rest.len(), waiting.len());
                self.embed(role, &now).await;
            }
            return true;
        }
        false
    }

    /// Embeds one role's texts, each distinct text once. If that fails, each waiter gets its own answer, so that
    /// one bad text does not fail its neighbours.
    async fn embed(&self, role: Role, waiting: &[&Waiting]) {
        // Who gave up meanwhile holds no slot any more.
        let waiting: Vec<_> = waiting
            .iter()
            .filter(|w| Rc::strong_count(&w.slot) > 1)
            .collect();
        let mut rows = HashMap::new();
        let mut texts = Vec::new();
        for text in waiting.iter().flat_map(|w| &w.texts) {
            rows.entry(text.as_str()).or_insert_with(|| {
                texts.push(text.as_str());
                texts.len() - 1
            });
        }
        if texts.is_empty() {
            return;
        }
        let dim = self.encoder.dim();
        match self.encoder.embed(role, &texts).await {
            Ok(all) => {
                let row = |text: &String| {
                    let at = rows.get(text.as_str()).map_or(0, |row| row * dim);
                    all.values.get(at..at + dim).unwrap_or_default()
                };
                for w in &waiting {
                    let values = w.texts.iter().flat_map(row).copied().collect();
                    w.slot.set(Some(Ok(Embeddings { dim, values })));
                }
            }
            Err(error) if waiting.len() == 1 => waiting[0].slot.set(Some(Err(error))),
            Err(_) => {
                for w in &waiting {
                    let texts: Vec<_> = w.texts.iter().map(String::as_str).collect();
                    w.slot.set(Some(self.encoder.embed(role, &texts).await));
                }
            }
        }
    }
}

/// The encoder as one lane sees it.
pub struct LaneEmbedder<'a, E> {
    batches: &'a Batches<E>,
    lane: Lane,
}

impl<E: Embedder> Embedder for LaneEmbedder<'_, E> {
    fn id(&self) -> &ModelId {
        self.batches.encoder.id()
    }

    fn dim(&self) -> usize {
        self.batches.encoder.dim()
    }

    async fn embed(&self, role: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        let slot = Slot::default();
        self.batches.waiting(self.lane).borrow_mut().push(Waiting {
            role,
            texts: texts.iter().map(|t| (*t).to_owned()).collect(),
            slot: Rc::clone(&slot),
        });
        poll_fn(|_| slot.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    fn timing(&self) -> Option<Timing> {
        self.batches.encoder.timing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pollster::block_on;
    use std::pin::pin;
    use std::task::{Context, Waker};

    /// Refuses the text `bad`, otherwise returns the text's length; remembers its batches.
    struct Lengths(ModelId, RefCell<Vec<Vec<String>>>);

    impl Embedder for Lengths {
        fn id(&self) -> &ModelId {
            &self.0
        }
        fn dim(&self) -> usize {
            1
        }
        async fn embed(&self, _: Role, texts: &[&str]) -> Result<Embeddings, Error> {
            let batch = texts.iter().map(|t| (*t).to_owned()).collect();
            self.1.borrow_mut().push(batch);
            if texts.contains(&"bad") {
                return Err(Error::Embedder("bad".into()));
            }
            Ok(Embeddings {
                dim: 1,
                values: texts.iter().map(|t| t.len() as f32).collect(),
            })
        }
    }

    fn batches() -> Batches<Lengths> {
        let id = ModelId {
            name: "lengths".into(),
            sha256: [0; 32],
        };
        Batches::new(Lengths(id, RefCell::default()))
    }

    #[test]
    fn waiting_searches_share_a_batch_and_lanes_take_turns() {
        let batches = batches();
        let (search, write) = (batches.lane(Lane::Search), batches.lane(Lane::Write));
        let mut one = pin!(search.embed(Role::Passage, &["a", "bb"]));
        let mut two = pin!(search.embed(Role::Passage, &["bb", "ccc"]));
        let mut three = pin!(write.embed(Role::Passage, &["dddd"]));
        let mut context = Context::from_waker(Waker::noop());
        assert!(one.as_mut().poll(&mut context).is_pending());
        assert!(two.as_mut().poll(&mut context).is_pending());
        assert!(three.as_mut().poll(&mut context).is_pending());
        assert!(block_on(batches.run()));
        assert!(three.as_mut().poll(&mut context).is_pending());
        assert!(block_on(batches.run()));
        assert!(!block_on(batches.run()));
        let values = |embedded: Poll<Result<Embeddings, Error>>| match embedded {
            Poll::Ready(Ok(embeddings)) => embeddings.values,
            other => panic!("{other:?}"),
        };
        assert_eq!(values(one.as_mut().poll(&mut context)), [1.0, 2.0]);
        assert_eq!(values(two.as_mut().poll(&mut context)), [2.0, 3.0]);
        assert_eq!(values(three.as_mut().poll(&mut context)), [4.0]);
        let seen = batches.encoder().1.borrow();
        assert_eq!(*seen, [vec!["a", "bb", "ccc"], vec!["dddd"]]);
    }

    #[test]
    fn a_bad_text_fails_its_own_search_only() {
        let batches = batches();
        let lane = batches.lane(Lane::Search);
        let mut good = pin!(lane.embed(Role::Query, &["good"]));
        let mut bad = pin!(lane.embed(Role::Query, &["bad"]));
        let mut context = Context::from_waker(Waker::noop());
        assert!(good.as_mut().poll(&mut context).is_pending());
        assert!(bad.as_mut().poll(&mut context).is_pending());
        block_on(batches.run());
        assert!(matches!(
            good.as_mut().poll(&mut context),
            Poll::Ready(Ok(_))
        ));
        assert!(matches!(
            bad.as_mut().poll(&mut context),
            Poll::Ready(Err(_))
        ));
    }
}
