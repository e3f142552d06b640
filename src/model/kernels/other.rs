//! Machines without kernels of their own: the portable ones.

use super::matmul::PanelWidth;
use super::portable::Portable;
use super::simd::Kernel;

/// The instruction sets that kernels are compiled for here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Arrays of four.
    Portable(Portable),
}

impl Isa {
    /// The best that this machine has.
    pub fn detect() -> Self {
        Self::Portable(Portable)
    }

    /// All that this machine has, the best first.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        vec![Self::detect()]
    }

    /// For people.
    pub fn name(self) -> &'static str {
        "portable"
    }

    /// Columns that a product computes at a time.
    pub fn panel_width(self) -> usize {
        self.run(PanelWidth)
    }

    /// Runs a kernel compiled for this set.
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        let Self::Portable(simd) = self;
        kernel.run(simd)
    }
}
