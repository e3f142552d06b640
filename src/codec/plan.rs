//! Which bits of a code describe which axis: reverse water-filling over the variances.
//!
//! An optimal code of a Gaussian vector spends `log2(variance / level) / 2` bits on every axis whose variance
//! exceeds a common level, none on the others (Cover and Thomas, section 10.3). Here the bits are dealt in
//! tokens of one to three bits for one axis or one bit for up to six axes. Everything is integer arithmetic
//! on quantised variances: a plan must come out the same on every machine, or codes could not be read.

/// Steps of a logarithmic variance per octave.
pub(super) const PER_OCTAVE: i32 = 8;

/// A token: `bits` steps of the trellis, the last of which gives the values of `axes` axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) bits: usize,
    pub(super) axes: usize,
}

const fn kind(bits: usize, axes: usize) -> Kind {
    Kind { bits, axes }
}

/// All tokens, by falling rate; each has its own table of values.
pub(super) const KINDS: [Kind; 7] = [
    kind(3, 1),
    kind(2, 1),
    kind(1, 1),
    kind(1, 2),
    kind(1, 3),
    kind(1, 4),
    kind(1, 6),
];

/// Lowest rate for each of [`KINDS`], in 1/16 bit: geometric means of neighbouring rates.
const LOWEST: [i32; 7] = [39, 23, 12, 7, 5, 4, 2];

/// One step of the trellis, one bit of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Which of [`KINDS`] gives the values; meaningless where `axes` is 0.
    pub(super) kind: usize,
    /// Where its axes begin in [`Plan::axes`].
    pub(super) at: usize,
    /// How many it gives; 0 while a token goes on.
    pub(super) axes: usize,
}

/// The plan of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// One per bit, in the order of the code.
    pub(super) steps: Vec<Step>,
    /// The axes described, in that order.
    pub(super) axes: Vec<usize>,
}

impl Plan {
    /// Deals `bits` bits out over axes of these logarithmic variances. The axes of least variance come
    /// first: the trellis starts from a known state, so its first steps choose from less.
    pub(super) fn new(variances: &[u8], bits: usize) -> Self {
        let mut order: Vec<usize> = (0..variances.len()).collect();
        order.sort_by_key(|&a| (std::cmp::Reverse(variances[a]), a));
        let sorted: Vec<i32> = order.iter().map(|&a| i32::from(variances[a])).collect();
        // The lowest level that the bits allow, then one step lower for as many axes as the rest pays for.
        // Bits spent grow as the level falls, nearly steadily.
        let mut level = 255;
        while level > LOWEST_LEVEL && tokens_at(&sorted, level - 1, 0).1 <= bits {
            level -= 1;
        }
        let (mut tokens, mut spent) = tokens_at(&sorted, level, 0);
        for lower in 1..=sorted.len() {
            let (t, s) = tokens_at(&sorted, level, lower);
            if s <= bits && s >= spent {
                (tokens, spent) = (t, s);
            }
        }
        let mut covered: usize = tokens.iter().map(|&k| KINDS[k].axes).sum();
        while spent < bits {
            let Some(k) = (2..KINDS.len())
                .rev()
                .find(|&k| KINDS[k].axes <= sorted.len() - covered)
            else {
                break;
            };
            tokens.push(k);
            covered += KINDS[k].axes;
            spent += 1;
        }
        let mut steps = vec![
            Step {
                kind: 0,
                at: 0,
                axes: 0
            };
            bits - spent
        ];
        let mut at = 0;
        for &k in tokens.iter().rev() {
            for bit in (0..KINDS[k].bits).rev() {
                let axes = if bit == 0 { KINDS[k].axes } else { 0 };
                steps.push(Step { kind: k, at, axes });
            }
            at += KINDS[k].axes;
        }
        let mut axes = order;
        axes.truncate(covered);
        axes.reverse();
        Self { steps, axes }
    }

    /// The share of the variance that a perfect code of this plan loses; `shares` by axis, summing to one.
    pub(super) fn lost(&self, shares: &[f32]) -> f32 {
        let mut lost = shares.iter().sum::<f32>();
        for step in self.steps.iter().filter(|s| s.axes > 0) {
            let Kind { bits, axes } = KINDS[step.kind];
            let kept = 1.0 - (-2.0 * bits as f32 / axes as f32).exp2();
            lost -= self.axes[step.at..step.at + axes]
                .iter()
                .map(|&a| kept * shares[a])
                .sum::<f32>();
        }
        lost.max(0.0)
    }
}

/// Where the search for a level ends: three bits for every axis.
const LOWEST_LEVEL: i32 = -48;

/// Tokens for axes of falling variance above a level, one less for the first `lower` axes, and the bits
/// they take.
fn tokens_at(sorted: &[i32], level: i32, lower: usize) -> (Vec<usize>, usize) {
    let (mut tokens, mut bits, mut at) = (Vec::new(), 0, 0);
    while at < sorted.len() {
        // A bit is worth two octaves of variance, sixteen steps.
        let rate = sorted[at] - level + i32::from(at < lower);
        let fits = |k: &usize| rate >= LOWEST[*k] && KINDS[*k].axes <= sorted.len() - at;
        let Some(k) = (0..KINDS.len()).find(fits) else {
            break;
        };
        tokens.push(k);
        bits += KINDS[k].bits;
        at += KINDS[k].axes;
    }
    (tokens, bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_bit_is_planned_and_no_axis_twice(
            variances in prop::collection::vec(any::<u8>(), 1..400), bytes in 1usize..65
        ) {
            let plan = Plan::new(&variances, 8 * bytes);
            prop_assert_eq!(plan.steps.len(), 8 * bytes);
            let mut axes = plan.axes.clone();
            axes.sort_unstable();
            axes.dedup();
            prop_assert_eq!(axes.len(), plan.axes.len());
            let given: usize = plan.steps.iter().map(|s| s.axes).sum();
            prop_assert_eq!(given, plan.axes.len());
            let mut at = 0;
            for step in plan.steps.iter().filter(|s| s.axes > 0) {
                prop_assert_eq!(step.at, at);
                prop_assert_eq!(step.axes, KINDS[step.kind].axes);
                at += step.axes;
            }
        }
    }

    #[test]
    fn an_axis_of_more_variance_gets_no_fewer_bits() {
        let variances: Vec<u8> = (0..200).map(|i| 250 - i as u8).collect();
        let plan = Plan::new(&variances, 96);
        let mut rate = vec![0.0; 200];
        let mut bits = 0.0;
        for step in &plan.steps {
            bits += 1.0;
            for &axis in &plan.axes[step.at..step.at + step.axes] {
                rate[axis] = bits / step.axes as f64;
                bits = if axis == plan.axes[step.at + step.axes - 1] {
                    0.0
                } else {
                    bits
                };
            }
        }
        assert!(rate.is_sorted_by(|a, b| a >= b), "{rate:?}");
        assert!(rate[0] >= 2.0 && rate[199] == 0.0);
    }
}
