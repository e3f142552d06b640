//! `gossamer doctor`: what this machine has, what works, how fast it is, and what will be used and why.

use std::process::ExitCode;
use std::time::Instant;

use gossamer::model::calibration::Calibration;
use gossamer::model::device::{Choice, DeviceInfo, gpu};
use gossamer::model::pinned::PinnedModel;
use serde::Serialize;
use serde_json::json;

use crate::calibration::{self, Remembered};
use crate::error::{Failure, code};
use crate::speed::Speed;
use crate::{model, output};

const NO_GPU: &str = "this build has no GPU support";

#[derive(clap::Args)]
pub struct Options {
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Also measure a GPU that is emulated on the CPU; slow
    #[arg(long)]
    emulated: bool,
}

/// One backend tried.
#[derive(Serialize)]
struct Trial {
    backend: DeviceInfo,
    /// Seconds until it was ready.
    open_seconds: f64,
    /// Lowest cosine to the reference.
    self_test: f32,
    #[serde(flatten)]
    speed: Speed,
    /// Of a GPU: how it compares to the CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration: Option<Calibration>,
    /// Of a GPU: why it failed while it was measured; the figures are then the CPU's in part.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<String>,
}

async fn trial(choice: Choice) -> Result<Trial, Failure> {
    let start = Instant::now();
    let mut encoder = model::open_exactly(choice).await?;
    let mut trial = Trial {
        backend: encoder.info().clone(),
        open_seconds: start.elapsed().as_secs_f64(),
        self_test: encoder.self_test(),
        speed: Speed::of(&encoder).await?,
        calibration: None,
        lost: None,
    };
    if choice == Choice::Gpu {
        calibration::measure(&mut encoder).await?;
        trial.calibration = encoder.calibration().cloned();
        trial.lost = encoder.lost().map(Into::into);
    }
    Ok(trial)
}

pub async fn run(options: Options) -> Result<ExitCode, Failure> {
    let pinned: &PinnedModel = model::MODEL;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let adapters = gpu::adapters().await;
    let missing = model::missing();
    let mut trials = Vec::new();
    if missing.is_empty() {
        trials.push((Choice::Cpu, trial(Choice::Cpu).await));
        if adapters.iter().any(|a| !a.software || options.emulated) {
            trials.push((Choice::Gpu, trial(Choice::Gpu).await));
        }
    }
    let speed = |choice| {
        let of = trials.iter().find(|(c, _)| *c == choice);
        let trial = of.and_then(|(_, trial)| trial.as_ref().ok());
        trial.filter(|trial| trial.lost.is_none())
    };
    let (cpu, gpu) = (speed(Choice::Cpu), speed(Choice::Gpu));
    let (used, why) = match (cpu, gpu) {
        (None, None) => ("nothing", "neither backend works: see above".to_owned()),
        (_, None) if !gpu::BUILT => ("cpu", NO_GPU.into()),
        (_, None) if adapters.is_empty() => ("cpu", "no GPU adapter was found".into()),
        (_, None) if adapters.iter().all(|a| a.software) => (
            "cpu",
            "the only adapter is emulated on the CPU itself".into(),
        ),
        (_, None) => ("cpu", "the GPU failed: see above".into()),
        (_, Some(gpu)) if gpu.backend.software => {
            ("cpu", "the adapter is emulated on the CPU itself".into())
        }
        (None, Some(_)) => ("gpu", "the CPU backend failed: see above".into()),
        (Some(_), Some(gpu)) => match &gpu.calibration {
            Some(measured) => {
                Remembered::new(pinned, &gpu.backend, measured.clone()).remember()?;
                let name = |texts| match measured.gpu_is_faster(texts) {
                    true => "gpu",
                    false => "cpu",
                };
                let (one, many) = (name(1), name(16));
                let file = Remembered::file();
                (
                    many,
                    format!(
                        "the faster one for 16 passages; for one question: {one}; remembered in {}",
                        file.display()
                    ),
                )
            }
            None => ("cpu", "the GPU was lost while it was measured".into()),
        },
    };
    let works = cpu.is_some() || gpu.is_some();
    if options.json {
        output::json(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "system": std::env::consts::OS,
            "architecture": std::env::consts::ARCH,
            "cores": cores,
            "model": {"name": pinned.name, "folder": model::folder(), "missing": missing},
            "gpu_support": gpu::BUILT,
            "adapters": adapters,
            "backends": trials.iter().map(|(_, trial)| match trial {
                Ok(trial) => json!(trial),
                Err(failure) => json!({"failed": failure.to_string()}),
            }).collect::<Vec<_>>(),
            "used": used,
            "why": why,
        }))?;
    } else {
        out!(
            "gossamer {} on {} {}, {}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
            output::count(cores, "core")
        );
        out!(
            "{}  {} in {}",
            output::bold("model"),
            pinned.name,
            model::folder().display()
        );
        for name in &missing {
            out!("  {name} is missing: run `gossamer model fetch`");
        }
        out!(
            "{}  {}",
            output::bold("adapters"),
            match adapters.is_empty() {
                true if !gpu::BUILT => NO_GPU,
                true => "none",
                false => "",
            }
        );
        for adapter in &adapters {
            let software = if adapter.software {
                ", emulated on the CPU"
            } else {
                ""
            };
            out!("  {} ({}{software})", adapter.name, adapter.api);
        }
        out!("{}", output::bold("backends"));
        for (choice, trial) in &trials {
            match trial {
                Ok(Trial {
                    backend,
                    lost: Some(why),
                    ..
                }) => out!(
                    "  {}: {}, lost while it was measured: {why}",
                    backend.kind,
                    backend.name
                ),
                Ok(trial) => out!(
                    "  {}: {}, computes in {}, self-test {:.6}, ready in {:.2} s, a question in {:.1} ms, {:.1} passages per second",
                    trial.backend.kind,
                    trial.backend.name,
                    trial.backend.arithmetic,
                    trial.self_test,
                    trial.open_seconds,
                    trial.speed.query_ms,
                    trial.speed.passages_per_second
                ),
                Err(failure) => out!("  {choice:?}: {failure}"),
            }
        }
        out!("{}  {used}: {why}", output::bold("used"));
    }
    Ok(ExitCode::from(match (works, missing.is_empty()) {
        (true, _) => 0,
        (false, false) => code::MODEL,
        (false, true) => code::DEVICE,
    }))
}
