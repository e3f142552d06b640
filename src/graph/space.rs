//! How the builder sees the nodes.

/// A set of nodes with a similarity, larger meaning nearer.
///
/// The builder needs two things: many scores against one node (a [`Space::Probe`] prepared for it, for codes a
/// table made from the node's own decoded code), and single pairs for the pruning heuristic.
pub trait Space: Sync {
    /// Scores many nodes against one; reused from node to node.
    type Probe: Send;

    /// Number of nodes; ids are `0..len`.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// A probe that is not aimed yet.
    fn probe(&self) -> Self::Probe;
    /// Prepares the probe to score against `node`.
    fn aim(&self, probe: &mut Self::Probe, node: u32);
    /// Similarity of the node aimed at to `node`. Never NaN.
    fn score(&self, probe: &Self::Probe, node: u32) -> f32;
    /// Similarity of two nodes, on the same scale as [`Space::score`]. The probe lends its memory and stays
    /// aimed as it was.
    fn pair(&self, probe: &mut Self::Probe, a: u32, b: u32) -> f32;
}

/// Plain vectors with the inner product: for tests, and to measure what codes cost.
#[derive(Clone, Copy, Debug)]
pub struct Vectors<'a> {
    values: &'a [f32],
    dim: usize,
}

impl<'a> Vectors<'a> {
    /// Rows of `dim` values each; a remainder is ignored.
    pub fn new(values: &'a [f32], dim: usize) -> Self {
        Self {
            values,
            dim: dim.max(1),
        }
    }

    /// One row.
    pub fn row(&self, node: u32) -> &'a [f32] {
        let start = node as usize * self.dim;
        &self.values[start..start + self.dim]
    }
}

impl Space for Vectors<'_> {
    type Probe = u32;

    fn len(&self) -> usize {
        self.values.len() / self.dim
    }
    fn probe(&self) -> u32 {
        0
    }
    fn aim(&self, probe: &mut u32, node: u32) {
        *probe = node;
    }
    fn score(&self, probe: &u32, node: u32) -> f32 {
        dot(self.row(*probe), self.row(node))
    }
    fn pair(&self, _: &mut u32, a: u32, b: u32) -> f32 {
        dot(self.row(a), self.row(b))
    }
}

/// Inner product in eight lanes, so that the compiler can use SIMD without reordering anything by itself.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let (xs, ys) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = xs
        .remainder()
        .iter()
        .zip(ys.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in xs.zip(ys) {
        for i in 0..8 {
            lanes[i] += x[i] * y[i];
        }
    }
    lanes.iter().sum::<f32>() + rest
}
