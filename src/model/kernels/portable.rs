//! The kernels without explicit vectors: what the compiler makes of arrays of four.

use super::simd::Simd;

/// Any machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portable;

type Four = [f32; 4];

#[inline(always)]
fn zip<T: Copy, U: Copy + Default>(a: [T; 4], b: [T; 4], f: impl Fn(T, T) -> U) -> [U; 4] {
    let mut out = [U::default(); 4];
    for i in 0..4 {
        out[i] = f(a[i], b[i]);
    }
    out
}

impl Simd for Portable {
    type Lanes = Four;
    type Bytes = [u8; 8];
    type F = Four;
    type I = [i32; 4];

    const LANES: usize = 4;
    const ROWS: usize = 4;
    const VECTORS: usize = 2;
    const FOUR_A_ROUND: bool = false;
    const GROUP: usize = 2;
    const ACTIVATION_OFFSET: i32 = 0;

    #[inline(always)]
    fn load(self, from: &Four) -> Four {
        *from
    }
    #[inline(always)]
    fn store(self, to: &mut Four, v: Four) {
        *to = v;
    }
    #[inline(always)]
    fn splat(self, value: f32) -> Four {
        [value; 4]
    }
    #[inline(always)]
    fn add(self, a: Four, b: Four) -> Four {
        zip(a, b, |x, y| x + y)
    }
    #[inline(always)]
    fn sub(self, a: Four, b: Four) -> Four {
        zip(a, b, |x, y| x - y)
    }
    #[inline(always)]
    fn mul(self, a: Four, b: Four) -> Four {
        zip(a, b, |x, y| x * y)
    }
    #[inline(always)]
    fn mul_add(self, a: Four, b: Four, c: Four) -> Four {
        // Not `f32::mul_add`: without the instruction that is a function call.
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn max(self, a: Four, b: Four) -> Four {
        zip(a, b, |x, y| if x > y { x } else { y })
    }
    #[inline(always)]
    fn min(self, a: Four, b: Four) -> Four {
        zip(a, b, |x, y| if x < y { x } else { y })
    }
    #[inline(always)]
    fn scale(self, v: Four, n: Four) -> Four {
        zip(v, n, |x, n| {
            f32::from_bits(x.to_bits().wrapping_add(n.to_bits() << 23))
        })
    }
    #[inline(always)]
    fn splat_i32(self, value: i32) -> [i32; 4] {
        [value; 4]
    }
    #[inline(always)]
    fn load_i32(self, from: &Four) -> [i32; 4] {
        from.map(|v| v.to_bits() as i32)
    }
    #[inline(always)]
    fn add_i32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        zip(a, b, |x, y| x.wrapping_add(y))
    }
    #[inline(always)]
    fn times_128(self, v: [i32; 4]) -> [i32; 4] {
        v.map(|x| x << 7)
    }
    #[inline(always)]
    fn to_f32(self, v: [i32; 4]) -> Four {
        v.map(|x| x as f32)
    }
    #[inline(always)]
    fn dot(self, sums: [i32; 4], activations: u32, weights: &[u8; 8]) -> [i32; 4] {
        let (a0, a1) = (
            i32::from(activations as i16),
            i32::from((activations >> 16) as i16),
        );
        let mut out = sums;
        for (i, sum) in out.iter_mut().enumerate() {
            *sum += a0 * i32::from(weights[2 * i] as i8) + a1 * i32::from(weights[2 * i + 1] as i8);
        }
        out
    }
}
