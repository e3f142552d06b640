//! Which of two working backends answers faster, by the number of texts: measured once, on one text and on sixteen.

use serde::{Deserialize, Serialize};

/// Texts of the larger measurement.
pub(super) const MANY: usize = 16;

/// Milliseconds on one backend, the best of two.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// One short question.
    pub one: f64,
    /// Sixteen passages of about 128 tokens.
    pub sixteen: f64,
}

impl Timing {
    /// For any number of texts, on the line through both.
    fn of(self, texts: usize) -> f64 {
        let more = texts.saturating_sub(1) as f64 / (MANY - 1) as f64;
        self.one + (self.sixteen - self.one) * more
    }
}

/// What was measured, and on which GPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The GPU's adapter.
    pub adapter: String,
    /// The CPU.
    pub cpu: Timing,
    /// The GPU.
    pub gpu: Timing,
}

impl Calibration {
    /// Whether the GPU is the faster one for so many texts.
    pub fn gpu_is_faster(&self, texts: usize) -> bool {
        self.gpu.of(texts) < self.cpu.of(texts)
    }

    /// What the faster one needs.
    pub fn faster(&self) -> Timing {
        Timing {
            one: self.cpu.one.min(self.gpu.one),
            sixteen: self.cpu.sixteen.min(self.gpu.sixteen),
        }
    }

    /// In words for people.
    pub fn report(&self) -> String {
        let line = |name: &str, t: Timing| {
            let Timing { one, sixteen } = t;
            format!("{name} {one:.0} ms for a question and {sixteen:.0} ms for {MANY} passages")
        };
        let cpu = line("CPU", self.cpu);
        format!("{cpu}, {}", line(&self.adapter, self.gpu))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_of_texts_gets_the_faster_backend() {
        let calibration = Calibration {
            adapter: "a card".into(),
            cpu: Timing {
                one: 5.0,
                sixteen: 500.0,
            },
            gpu: Timing {
                one: 20.0,
                sixteen: 35.0,
            },
        };
        let picked = [1, 2, 16, 64].map(|n| calibration.gpu_is_faster(n));
        assert_eq!(picked, [false, true, true, true]);
        let faster = calibration.faster();
        assert_eq!((faster.one, faster.sixteen), (5.0, 35.0));
    }
}
