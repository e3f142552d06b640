//! Which backend is the faster one on this device: measured once, remembered beside the models.
//!
//! Only a real GPU makes it a question. What was measured is void with another adapter, model or version of this
//! program. `calibration.json` in the models' folder may be deleted at any time.

use std::fs;
use std::path::PathBuf;

use gossamer::model::device::{Choice, DeviceInfo};
use gossamer::model::fetch::model_home;
use gossamer::model::pinned::PinnedModel;
use serde::{Deserialize, Serialize};

use crate::error::{Failure, at};
use crate::speed::Speed;

/// What was measured, and for what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    version: String,
    model: String,
    adapter: String,
    api: String,
    pub cpu: Speed,
    pub gpu: Speed,
}

impl Calibration {
    pub fn new(model: &PinnedModel, adapter: &DeviceInfo, cpu: Speed, gpu: Speed) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            model: model.name.into(),
            adapter: adapter.name.clone(),
            api: adapter.api.clone(),
            cpu,
            gpu,
        }
    }

    /// The backend with more passages per second: a search embeds some of them, an import all.
    pub fn faster(&self) -> Choice {
        if self.gpu.passages_per_second > self.cpu.passages_per_second {
            Choice::Gpu
        } else {
            Choice::Cpu
        }
    }

    /// What was remembered for this adapter; nothing if it was something else.
    pub fn remembered(model: &PinnedModel, adapter: &DeviceInfo) -> Option<Self> {
        let read: Self = serde_json::from_slice(&fs::read(Self::file()).ok()?).ok()?;
        let same = Self::new(model, adapter, read.cpu, read.gpu) == read;
        same.then_some(read)
    }

    pub fn remember(&self) -> Result<(), Failure> {
        let (file, part) = (Self::file(), Self::file().with_extension("part"));
        let written = fs::write(&part, serde_json::to_vec_pretty(self)?);
        written
            .and_then(|()| fs::rename(&part, &file))
            .map_err(at(file))
    }

    /// Where it is kept.
    pub fn file() -> PathBuf {
        model_home().join("calibration.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gossamer::model::pinned::ALL_MINILM_L6_V2;

    #[test]
    fn the_backend_with_more_passages_per_second_is_the_faster() {
        let speed = |passages_per_second| Speed {
            query_ms: 5.0,
            passages_per_second,
        };
        let adapter = DeviceInfo {
            kind: "gpu",
            name: "a card".into(),
            api: "vulkan".into(),
            software: false,
        };
        let of = |cpu, gpu| {
            Calibration::new(&ALL_MINILM_L6_V2, &adapter, speed(cpu), speed(gpu)).faster()
        };
        assert_eq!((of(30.0, 31.0), of(31.0, 30.0)), (Choice::Gpu, Choice::Cpu));
    }
}
