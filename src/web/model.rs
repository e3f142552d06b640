//! Whichever embeds: the encoder inside this build, if it has one, or the application's own.

use std::ops::Range;

#[cfg(feature = "encoder")]
use super::encoder::Inside;
#[cfg(not(feature = "encoder"))]
use super::no_encoder::Inside;
use super::own::OwnEmbedder;
use super::shapes::BackendOut;
use crate::model::calibration::{Calibration, Timing};
use crate::model::{Embedder, Embeddings, Error, ModelId, Role};
use crate::text::{Chunker, TokenChunker};

/// What embeds.
pub(super) enum Model {
    /// The encoder of this build.
    #[cfg_attr(not(feature = "encoder"), expect(dead_code, reason = "there is none"))]
    Inside(Inside),
    /// The application's own.
    Own(OwnEmbedder),
}

impl Model {
    /// What runs it.
    pub(super) fn backend(&self) -> BackendOut {
        match self {
            Self::Inside(inside) => inside.backend(),
            Self::Own(_) => BackendOut {
                kind: "own",
                name: "the application's embedder".into(),
                api: "none".into(),
                arithmetic: "none",
                software: false,
            },
        }
    }

    /// Lowest cosine to the model's reference vectors.
    pub(super) fn self_test(&self) -> Option<f32> {
        match self {
            Self::Inside(inside) => Some(inside.self_test()),
            Self::Own(_) => None,
        }
    }

    /// Why better devices were passed over.
    pub(super) fn rejected(&self) -> &[String] {
        match self {
            Self::Inside(inside) => inside.rejected(),
            Self::Own(_) => &[],
        }
    }

    /// Why a GPU that was in use no longer is.
    pub(super) fn lost(&self) -> Option<&str> {
        match self {
            Self::Inside(inside) => inside.lost(),
            Self::Own(_) => None,
        }
    }

    /// What decides between GPU and CPU.
    pub(super) fn calibration(&self) -> Option<&Calibration> {
        match self {
            Self::Inside(inside) => inside.calibration(),
            Self::Own(_) => None,
        }
    }

    /// Passages per slice, after which other calls come in.
    pub(super) fn slice(&self) -> usize {
        match self {
            Self::Inside(inside) => inside.slice(),
            Self::Own(own) => own.batch,
        }
    }
}

impl Embedder for Model {
    fn id(&self) -> &ModelId {
        match self {
            Self::Inside(inside) => inside.embedder().id(),
            Self::Own(own) => own.id(),
        }
    }

    fn dim(&self) -> usize {
        match self {
            Self::Inside(inside) => inside.embedder().dim(),
            Self::Own(own) => own.dim(),
        }
    }

    async fn embed(&self, role: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        match self {
            Self::Inside(inside) => inside.embedder().embed(role, texts).await,
            Self::Own(own) => own.embed(role, texts).await,
        }
    }

    fn timing(&self) -> Option<Timing> {
        self.calibration().map(Calibration::faster)
    }
}

impl Chunker for Model {
    fn chunks(&self, text: &str) -> Vec<Range<usize>> {
        match self {
            Self::Inside(inside) => inside.chunks(text),
            Self::Own(own) => TokenChunker::new(own, own.max_tokens).chunks(text),
        }
    }
}
