//! Which backend is the faster one on this device, for a question and for many passages: measured once, remembered
//! beside the models.
//!
//! Only a real GPU makes it a question. What was measured is void with another adapter, model or version of this
//! program. `calibration.json` in the models' folder may be deleted at any time.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use gossamer::model::Encoder;
use gossamer::model::calibration::Calibration;
use gossamer::model::device::DeviceInfo;
use gossamer::model::fetch::model_home;
use gossamer::model::pinned::PinnedModel;
use serde::{Deserialize, Serialize};

use crate::error::{Failure, at};

/// Has the encoder measure its GPU, if it has one, against the CPU.
pub async fn measure(encoder: &mut Encoder) -> Result<(), Failure> {
    let start = Instant::now();
    let now = || start.elapsed().as_secs_f64() * 1e3;
    Ok(encoder.calibrate(now).await?)
}

/// What was measured, and for what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    version: String,
    model: String,
    api: String,
    measured: Calibration,
}

impl Remembered {
    pub fn new(model: &PinnedModel, adapter: &DeviceInfo, measured: Calibration) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            model: model.name.into(),
            api: adapter.api.clone(),
            measured,
        }
    }

    /// What was remembered for this adapter; nothing if it was something else.
    pub fn find(model: &PinnedModel, adapter: &DeviceInfo) -> Option<Calibration> {
        let read: Self = serde_json::from_slice(&fs::read(Self::file()).ok()?).ok()?;
        let measured = read.measured.clone();
        let same =
            Self::new(model, adapter, measured.clone()) == read && measured.adapter == adapter.name;
        same.then_some(measured)
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
