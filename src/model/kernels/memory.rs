//! Memory aligned to cache lines, so that no vector straddles two.

use bytemuck::{Pod, Zeroable};

const LINE: usize = 64;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

/// Values of `T` from the start of a cache line; grows, never shrinks.
#[derive(Default)]
pub struct Buffer {
    lines: Vec<Line>,
}

impl Buffer {
    /// `len` zeros of `T`.
    pub fn zeros<T: Pod>(len: usize) -> Self {
        let mut buffer = Self::default();
        buffer.slice_mut::<T>(len);
        buffer
    }

    /// The first `len` values, whatever they hold; more memory if there is too little.
    pub fn slice_mut<T: Pod>(&mut self, len: usize) -> &mut [T] {
        let lines = (len * size_of::<T>()).div_ceil(LINE);
        if self.lines.len() < lines {
            self.lines.resize(lines, Line([0; LINE]));
        }
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..len]
    }

    /// Everything, as values of `T`.
    pub fn slice<T: Pod>(&self) -> &[T] {
        bytemuck::cast_slice(&self.lines)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.lines.len() * LINE
    }
}
