//! Coding and scoring within one frame.

use super::codes::Stored;
use super::error::check;
use super::linear::{add_scaled, dot};
use super::plan::{PER_OCTAVE, Plan};
use super::scorer::Scorer;
use super::trellis::{STATES, Viterbi, pack, unpack};
use super::{Codec, Codes, Error, Prior};

/// Chunks that share a base, at most.
pub(super) const RUN: usize = 64;
/// Below this many chunks a base costs more than it saves.
pub(super) const RUN_MIN: usize = 10;
/// Codes that make up a base, each refining those before.
pub(super) const STAGES: usize = 2;
/// Octaves of gain that the gain byte of a stage spans.
const GAIN_OCTAVES: f32 = 8.0;

/// What a unit of gain adds to a score, for a query of unit length: the more of a chunk is residual, the
/// more there is that its code lost and that may speak for it.
const LEAN: f32 = 0.08;

/// A codec set up for the frame of one index: makes its codes, reads and scores them.
///
/// The embedding, scaled to unit length, less the frame's centre and the base of its run, is rotated to
/// principal axes; its direction is quantised by the trellis. The length is not stored: the decoded vector
/// must be of unit length, too, which fixes the gain.
#[derive(Debug, Clone)]
pub struct Coder {
    codec: Codec,
    code_bytes: usize,
    centre: Vec<f32>,
    /// The centre, rotated.
    turned: Vec<f32>,
    plan: Plan,
    /// Standard deviation of each axis of the plan, up to a common factor.
    scale: Vec<f32>,
    /// The share of the variance that codes lose.
    lost: f32,
}

impl Coder {
    pub(super) fn new(
        codec: &Codec,
        code_bytes: usize,
        centre: Vec<f32>,
        variances: &[u8],
    ) -> Self {
        let turned = codec.rotate(&centre);
        let plan = Plan::new(variances, 8 * code_bytes);
        // Directions have unit length: the standard deviations are scaled so that they do, too.
        let deviation = |v: u8| (0.5 * f32::from(v) / PER_OCTAVE as f32).exp2();
        let all: Vec<f32> = variances.iter().map(|&v| deviation(v)).collect();
        let norm = dot(&all, &all).sqrt();
        let scale = plan.axes.iter().map(|&a| all[a] / norm).collect();
        let shares: Vec<f32> = all.iter().map(|d| d * d / (norm * norm)).collect();
        let lost = plan.lost(&shares);
        Self {
            codec: codec.clone(),
            code_bytes,
            centre,
            turned,
            plan,
            scale,
            lost,
        }
    }

    /// Values per embedding.
    pub fn dim(&self) -> usize {
        self.codec.dim()
    }

    /// Values per unpacked vector: the axes that codes of this frame describe.
    pub fn rank(&self) -> usize {
        self.plan.axes.len()
    }

    /// Bytes per code; a base takes twice as many and two, once per run of up to 64 chunks.
    pub fn code_bytes(&self) -> usize {
        self.code_bytes
    }

    /// What to expect of the error of scores.
    pub fn prior(&self) -> Prior {
        Codec::prior(self.lost)
    }

    /// No codes yet.
    pub fn codes(&self) -> Codes {
        Codes::new(self.code_bytes, STAGES * (self.code_bytes + 1))
    }

    /// Reads codes that this frame's coder made ([`Codes::to_bytes`]). About as fast as decoding them.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Version`].
    pub fn load(&self, bytes: &[u8]) -> Result<Codes, Error> {
        let mut codes = self.codes();
        let mut at = vec![0f32; self.rank()];
        let stored = Stored::parse(bytes, self.code_bytes, codes.base_stride())?;
        stored.reserve(&mut codes);
        stored.each(|base, flat| {
            let gains = self.run_gains(base, flat, &mut at);
            codes.push_run(base, flat, &gains);
        });
        Ok(codes)
    }

    /// Appends the codes of consecutive chunks of one document (or of a few small ones that belong
    /// together): `vectors` holds their embeddings one after the other. All or nothing. Only directions
    /// are coded: embeddings are scaled to unit length, zeros are taken as they are.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NotFinite`]; then nothing was appended.
    pub fn encode(&self, vectors: &[f32], codes: &mut Codes) -> Result<(), Error> {
        let n = self.codec.count(vectors)?;
        if codes.stride() != self.code_bytes {
            return Err(Error::Shape {
                what: "codes",
                found: codes.stride(),
                expected: self.code_bytes,
            });
        }
        let rank = self.rank();
        let mut rotated = Vec::with_capacity(n * rank);
        for v in vectors.chunks_exact(self.dim()) {
            let norm = dot(v, v).sqrt();
            let scale = if norm > 1e-20 { 1.0 / norm } else { 0.0 };
            let x: Vec<f32> = v
                .iter()
                .zip(&self.centre)
                .map(|(v, c)| scale * v - c)
                .collect();
            rotated.extend(self.plan.axes.iter().map(|&a| dot(self.codec.axis(a), &x)));
        }
        // Runs of nearly equal length.
        let runs = n.div_ceil(RUN);
        for r in 0..runs {
            let (from, to) = (n * r / runs, n * (r + 1) / runs);
            self.encode_run(&mut rotated[from * rank..to * rank], codes);
        }
        Ok(())
    }

    fn encode_run(&self, rotated: &mut [f32], codes: &mut Codes) {
        let rank = self.rank();
        let n = rotated.len() / rank;
        let mut viterbi = Viterbi::new();
        let mut base = Vec::new();
        if n >= RUN_MIN {
            let mut mean = vec![0f32; rank];
            for y in rotated.chunks_exact(rank) {
                add_scaled(&mut mean, y, 1.0 / n as f32);
            }
            for _ in 0..STAGES {
                let mut code = vec![0u8; self.code_bytes];
                self.quantize(&mut viterbi, &mean, &mut code);
                let mut value = vec![0f32; rank];
                self.add_decoded(&code, 1.0, &mut value);
                let square = dot(&value, &value);
                let gain = gain_byte(if square > 0.0 {
                    dot(&value, &mean) / square
                } else {
                    0.0
                });
                add_scaled(&mut mean, &value, -gain_of(gain));
                base.push(gain);
                base.extend(code);
            }
            let mut value = vec![0f32; rank];
            self.add_base(&base, &mut value);
            for y in rotated.chunks_exact_mut(rank) {
                add_scaled(y, &value, -1.0);
            }
        }
        let mut flat = vec![0u8; n * self.code_bytes];
        for (y, code) in rotated
            .chunks_exact(rank)
            .zip(flat.chunks_exact_mut(self.code_bytes))
        {
            self.quantize(&mut viterbi, y, code);
        }
        let base = (!base.is_empty()).then_some(base.as_slice());
        let gains = self.run_gains(base, &flat, &mut vec![0f32; rank]);
        codes.push_run(base, &flat, &gains);
    }

    /// The code of the direction of `y`.
    fn quantize(&self, viterbi: &mut Viterbi, y: &[f32], code: &mut [u8]) {
        let norm = dot(y, y).sqrt();
        // What the axes left out would have added to the length is not known here; on average it is the
        // share of variance they hold.
        let kept = dot(&self.scale, &self.scale).sqrt();
        let scale = if norm > 1e-12 { kept / norm } else { 0.0 };
        let unit: Vec<f32> = y.iter().map(|v| v * scale).collect();
        let mut states = vec![0u8; self.plan.steps.len()];
        viterbi.path(
            &self.plan,
            &self.codec.tables,
            &self.scale,
            &unit,
            &mut states,
        );
        pack(&states, code);
    }

    /// Adds `gain` times what a code stands for.
    fn add_decoded(&self, code: &[u8], gain: f32, out: &mut [f32]) {
        unpack(&self.plan, code, |step, state| {
            for axis in 0..step.axes {
                let at = step.at + axis;
                out[at] += gain * self.scale[at] * self.codec.tables.row(step.kind, axis)[state];
            }
        });
    }

    fn add_base(&self, base: &[u8], out: &mut [f32]) {
        for stage in base.chunks_exact(self.code_bytes + 1) {
            self.add_decoded(&stage[1..], gain_of(stage[0]), out);
        }
    }

    /// For every code of a run the gain that gives the decoded vector unit length. `at` is scratch.
    fn run_gains(&self, base: Option<&[u8]>, flat: &[u8], at: &mut [f32]) -> Vec<f32> {
        at.fill(0.0);
        if let Some(base) = base {
            self.add_base(base, at);
        }
        let centre = dot(&self.turned, &self.turned);
        let mut whole = centre;
        for (v, &axis) in at.iter_mut().zip(&self.plan.axes) {
            let c = self.turned[axis];
            whole += (*v + c) * (*v + c) - c * c;
            *v += c;
        }
        let mut value = vec![0f32; at.len()];
        flat.chunks_exact(self.code_bytes)
            .map(|code| {
                value.fill(0.0);
                self.add_decoded(code, 1.0, &mut value);
                let square = dot(&value, &value);
                if square <= 0.0 {
                    return 0.0;
                }
                // |a + g v|^2 = 1, the larger root.
                let along = dot(at, &value);
                let inside = along * along - square * (whole - 1.0);
                ((inside.max(0.0).sqrt() - along) / square).max(0.0)
            })
            .collect()
    }

    /// A query made ready for scoring.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NotFinite`].
    pub fn scorer(&self, query: &[f32]) -> Result<Scorer, Error> {
        check(query, self.dim(), 0)?;
        let rotated: Vec<f32> = self
            .plan
            .axes
            .iter()
            .map(|&a| dot(self.codec.axis(a), query))
            .collect();
        let lean = LEAN * dot(query, query).sqrt();
        Ok(self.scorer_from(&rotated, dot(query, &self.centre) - lean, lean))
    }

    /// A chunk of the index as the query, from its code alone; scores are inner products of unpacked
    /// vectors. For building the graph.
    pub fn scorer_of(&self, codes: &Codes, id: u32) -> Scorer {
        let mut y = vec![0f32; self.rank()];
        self.unpack(codes, id, &mut y);
        self.scorer_from(&y, 0.0, 0.0)
    }

    fn scorer_from(&self, rotated: &[f32], centre: f32, lean: f32) -> Scorer {
        let steps = self.plan.steps.iter().map(|step| {
            let mut values = [0f32; STATES];
            for axis in 0..step.axes {
                let at = step.at + axis;
                let weight = rotated[at] * self.scale[at];
                add_scaled(&mut values, self.codec.tables.row(step.kind, axis), weight);
            }
            values
        });
        Scorer::new(steps, centre, lean)
    }

    /// The vector of a chunk about the frame's centre as its code has it, [`Coder::rank`] values along
    /// principal axes: distances between such vectors estimate distances between embeddings. Zeros if
    /// there is no such chunk or `out` has another length.
    pub fn unpack(&self, codes: &Codes, id: u32, out: &mut [f32]) {
        out.fill(0.0);
        let Some((base, code, gain)) = codes.get(id) else {
            return;
        };
        if out.len() == self.rank() && codes.stride() == self.code_bytes {
            self.add_base(base, out);
            self.add_decoded(code, gain, out);
        }
    }

    /// The embedding of a chunk as its code has it, of unit length or nearly.
    ///
    /// # Errors
    /// [`Error::Shape`] if `out` is of another dimension.
    pub fn decode(&self, codes: &Codes, id: u32, out: &mut [f32]) -> Result<(), Error> {
        if out.len() != self.dim() {
            return Err(Error::Shape {
                what: "output",
                found: out.len(),
                expected: self.dim(),
            });
        }
        let mut y = vec![0f32; self.rank()];
        self.unpack(codes, id, &mut y);
        out.copy_from_slice(&self.centre);
        for (&axis, &v) in self.plan.axes.iter().zip(&y) {
            add_scaled(out, self.codec.axis(axis), v);
        }
        Ok(())
    }
}

fn gain_byte(gain: f32) -> u8 {
    if gain <= 0.0 {
        return 0;
    }
    (255.0 + 254.0 * (gain.log2() - 1.0) / GAIN_OCTAVES)
        .round()
        .clamp(1.0, 255.0) as u8
}

/// Gains from 1/128 to 2.
pub(super) fn gain_of(byte: u8) -> f32 {
    if byte == 0 {
        return 0.0;
    }
    (1.0 + (f32::from(byte) - 255.0) / 254.0 * GAIN_OCTAVES).exp2()
}
