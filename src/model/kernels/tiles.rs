//! Cutting rows into tiles of nearly equal height, and a tile's work into rounds.

use super::simd::Simd;

/// What is done four at a time, and what one by one.
#[inline(always)]
pub(super) fn rounds<S: Simd, T>(all: &[T]) -> (&[[T; 4]], &[T]) {
    if S::FOUR_A_ROUND {
        all.as_chunks()
    } else {
        (&[], all)
    }
}

/// Calls the body for blocks of at most `S::ROWS` rows, with the first row and the height as a constant.
macro_rules! each_block {
    ($simd:ident, $rows:expr, |$row:ident, $height:ident| $body:expr) => {{
        let rows: usize = $rows;
        let blocks = rows.div_ceil($simd::ROWS);
        for block in 0..blocks {
            let $row = rows * block / blocks;
            // Heights the instruction set does not have are not compiled for it.
            match rows * (block + 1) / blocks - $row {
                8 if $simd::ROWS >= 8 => {
                    const $height: usize = 8;
                    $body
                }
                7 if $simd::ROWS >= 7 => {
                    const $height: usize = 7;
                    $body
                }
                6 if $simd::ROWS >= 6 => {
                    const $height: usize = 6;
                    $body
                }
                5 if $simd::ROWS >= 5 => {
                    const $height: usize = 5;
                    $body
                }
                4 => {
                    const $height: usize = 4;
                    $body
                }
                3 => {
                    const $height: usize = 3;
                    $body
                }
                2 => {
                    const $height: usize = 2;
                    $body
                }
                _ => {
                    const $height: usize = 1;
                    $body
                }
            }
        }
    }};
}

pub(super) use each_block;
