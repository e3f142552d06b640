//! In place of `gpu/mod.rs` in a build without GPU support.

use super::Error;
use super::config::{BertConfig, Pooling};
use super::convert::Precision;
use super::device::{Choice, DeviceInfo};
use super::weights::Weights;

/// There is none.
pub(super) enum Ready {}

/// Nor one with a model.
pub(super) enum Gpu {}

impl Ready {
    /// Says so.
    pub async fn open(_: Precision, _: Choice) -> Result<Self, Error> {
        Err(Error::Device {
            device: "gpu".into(),
            why:
                "this build has no GPU support: take one with it (cargo feature `gpu`), or the CPU"
                    .into(),
        })
    }

    pub fn load(&self, _: &BertConfig, _: Pooling, _: &Weights<'_>) -> Result<Gpu, Error> {
        match *self {}
    }

    pub fn settle_for_less(&mut self) -> bool {
        match *self {}
    }
}

impl Gpu {
    pub fn info(&self) -> &DeviceInfo {
        match *self {}
    }

    #[cfg(feature = "fault")]
    pub fn lose(&mut self) {
        match *self {}
    }

    pub async fn embed(&self, _: &[Vec<u32>]) -> Result<Vec<f32>, Error> {
        match *self {}
    }
}
