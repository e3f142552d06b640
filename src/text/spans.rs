//! Where words stand: what keyword search does once for every byte of the text, so 64 of them at a time.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

/// Bytes looked at together, a bit each.
pub(crate) const BLOCK: usize = 64;

/// Calls `each` with the place of every span of words that are joined to each other, and whether it is plain: one
/// word of ASCII letters and digits, which lower case folds. The words of others:
/// [`compound`](super::words::compound).
#[inline(always)]
pub(crate) fn spans(text: &str, mut each: impl FnMut(Range<usize>, bool)) {
    let bytes = text.as_bytes();
    let (mut next, mut base) = (0, 0);
    while base < bytes.len() {
        // A span may reach over blocks.
        if next < base + BLOCK {
            let (plain, high) = classes(&block(bytes, base));
            next = of_block(text, base, next, (plain, high), &mut each);
        }
        base += BLOCK;
    }
}

/// The same for whoever looks for few words: plain ones are only counted, and the number returned, unless `wanted`
/// has the bit of their first byte. It is given a block and two bytes more, with the bit of lower case set in all.
#[inline(always)]
pub(crate) fn sparse(
    text: &str,
    wanted: impl Fn(&[u8; BLOCK + 2]) -> u64,
    mut each: impl FnMut(Range<usize>, bool),
) -> u32 {
    let bytes = text.as_bytes();
    let (mut next, mut base, mut passed) = (0, 0, 0);
    while base < bytes.len() {
        if next >= base + BLOCK {
            base += BLOCK;
            continue;
        }
        let more: [u8; BLOCK + 2] = block(bytes, base);
        let inside = more.first_chunk().unwrap_or(&[0; BLOCK]);
        let (plain, high) = classes(inside);
        let beyond = more[BLOCK];
        if high != 0 || beyond >= 0x80 {
            next = of_block(text, base, next, (plain, high), &mut each);
            base += BLOCK;
            continue;
        }
        let mut left = plain & u64::MAX << next.saturating_sub(base);
        let goes_on = u64::from(beyond.is_ascii_alphanumeric());
        let mut joints = joiners(inside) & left << 1 & (plain >> 1 | goes_on << 63);
        let mut show = |start: u32, end: usize, left: &mut u64| {
            each(base + start as usize..end, false);
            let rest = u32::try_from(end - base).unwrap_or(u32::MAX);
            *left &= !(u64::MAX << start) | u64::MAX.checked_shl(rest).unwrap_or(0);
        };
        while joints != 0 {
            let at = joints.trailing_zeros();
            let start = at - (left << (64 - at)).leading_ones();
            next = span(text, base + at as usize);
            show(start, next, &mut left);
            joints &= left << 1;
        }
        if left >> 63 == 1 {
            let end = plain_end(bytes, base + BLOCK);
            next = joined_end(text, end);
            if next > end {
                show(64 - left.leading_ones(), next, &mut left);
            }
        }
        let starts = left & !(left << 1);
        let mut hits = starts & wanted(&more.map(|b| b | 0x20));
        passed += starts.count_ones() - hits.count_ones();
        while hits != 0 {
            let at = hits.trailing_zeros();
            let length = (left >> at).trailing_ones();
            let end = match at + length {
                64 => next,
                end => base + end as usize,
            };
            each(base + at as usize..end, true);
            hits &= hits - 1;
        }
        base += BLOCK;
    }
    passed
}

/// The spans that begin in a block, from `next` on; where the last of them ends.
#[inline(always)]
fn of_block(
    text: &str,
    base: usize,
    mut next: usize,
    (plain, high): (u64, u64),
    each: &mut impl FnMut(Range<usize>, bool),
) -> usize {
    let bytes = text.as_bytes();
    let mut left = plain & !(plain << 1) | high;
    left &= u64::MAX << next.saturating_sub(base);
    while left != 0 {
        let at = left.trailing_zeros();
        let start = base + at as usize;
        let mut end = start;
        if high >> at & 1 == 1 {
            let c = text[start..].chars().next();
            if !c.is_some_and(in_word) {
                let beyond = at + c.map_or(1, char::len_utf8) as u32;
                left &= u64::MAX.checked_shl(beyond).unwrap_or(0);
                next = base + beyond as usize;
                continue;
            }
        } else {
            end += (plain >> at).trailing_ones() as usize;
            if end == base + BLOCK {
                end = plain_end(bytes, end);
            }
        }
        next = joined_end(text, end);
        each(start..next, next == end);
        let beyond = u32::try_from(next - base).unwrap_or(u32::MAX);
        left &= u64::MAX.checked_shl(beyond).unwrap_or(0);
    }
    next
}

/// Where the letters and digits that go on at `at` end.
fn plain_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes[at.min(bytes.len())..].iter();
    at + rest.take_while(|b| b.is_ascii_alphanumeric()).count()
}

/// Where a span ends whose first word ends at `end`.
#[inline(always)]
fn joined_end(text: &str, end: usize) -> usize {
    let more = match text.as_bytes().get(end) {
        Some(b' ' | b'\n') | None => false,
        Some(b) if *b >= 0x80 => true,
        Some(b) => joins(char::from(*b)),
    };
    if more { span(text, end) } else { end }
}

/// The bytes from `base` on, zeros beyond the end.
#[inline(always)]
fn block<const N: usize>(bytes: &[u8], base: usize) -> [u8; N] {
    let rest = &bytes[base..];
    rest.first_chunk().copied().unwrap_or_else(|| {
        let mut padded = [0; N];
        padded[..rest.len()].copy_from_slice(rest);
        padded
    })
}

/// Which of the bytes are ASCII letters or digits, and which are not ASCII.
#[inline(always)]
fn classes(block: &[u8; BLOCK]) -> (u64, u64) {
    // Without branches, so that the compiler takes many at once.
    let plain = block.map(|b| {
        let letter = (b | 0x20).wrapping_sub(b'a') < 26;
        let digit = b.wrapping_sub(b'0') < 10;
        u8::from(letter | digit)
    });
    let high = block.map(|b| b >> 7);
    (bits(&plain), bits(&high))
}

/// Which of the bytes may join words.
#[inline(always)]
fn joiners(block: &[u8; BLOCK]) -> u64 {
    let flags = block.map(|b| {
        // + , - . / follow each other.
        let row = b.wrapping_sub(b'+') < 5;
        u8::from(row | (b == b'\'') | (b == b':') | (b == b'_') | (b == b'@'))
    });
    bits(&flags)
}

/// A bit per byte that is one, not zero.
#[inline(always)]
pub(crate) fn bits(flags: &[u8; BLOCK]) -> u64 {
    let (eights, _) = flags.as_chunks::<8>();
    let mut all = 0;
    for (at, eight) in eights.iter().enumerate() {
        // Moves bit 8 i to bit 56 + i; what else the product has is below or beyond.
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        all |= bits << (8 * at);
    }
    all
}

/// Where the span of words and joiners that holds `at` ends.
fn span(text: &str, mut at: usize) -> usize {
    loop {
        let mut rest = text[at..].chars();
        let Some(c) = rest.next() else { return at };
        if in_word(c) || joins(c) && rest.next().is_some_and(in_word) {
            at += c.len_utf8();
        } else {
            return at;
        }
    }
}

pub(super) fn in_word(c: char) -> bool {
    c.is_alphanumeric() || !c.is_ascii() && is_combining_mark(c)
}

const fn joins(c: char) -> bool {
    matches!(
        c,
        '.' | '-' | '/' | ':' | '_' | ',' | '+' | '@' | '\'' | '\u{2019}' | '\u{2010}' | '\u{2011}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, a character at a time.
    fn slow(text: &str) -> Vec<(Range<usize>, bool)> {
        let (mut all, mut at) = (Vec::new(), 0);
        while let Some(c) = text[at..].chars().next() {
            if !in_word(c) {
                at += c.len_utf8();
                continue;
            }
            let end = span(text, at);
            let plain = text[at..end].bytes().all(|b| b.is_ascii_alphanumeric());
            all.push((at..end, plain));
            at = end;
        }
        all
    }

    proptest! {
        #[test]
        fn spans_are_found_wherever_they_lie_in_a_block(
            text in "([a-z]{1,9}|[A-Z0-9]{60,70}|[ -~]|\u{e9}|\u{301}|\u{2013}|東京|\u{2019}| ){0,80}"
        ) {
            let mut fast = Vec::new();
            spans(&text, |place, plain| fast.push((place, plain)));
            prop_assert_eq!(fast, slow(&text));
        }

        #[test]
        fn words_passed_over_are_plain_unwanted_and_counted(
            text in "([a-z]{1,9}|[A-Z0-9]{60,70}|[ -~]|[ -~]{2}|[a-c]['.,:_@+/-][a-c]|\u{e9}|東|\u{2019}| ){0,80}", first in "[a-c0]", second in prop::bool::ANY
        ) {
            let first = first.as_bytes()[0];
            let is_wanted = |at: &[u8]| at[0] | 0x20 == first && (!second || at.get(1).is_some_and(|b| b | 0x20 == b'b'));
            let wanted = |bytes: &[u8; BLOCK + 2]| {
                (0..BLOCK).filter(|at| is_wanted(&bytes[*at..])).map(|at| 1 << at).sum()
            };
            let mut shown = Vec::new();
            let passed = sparse(&text, wanted, |place, plain| shown.push((place, plain)));
            let all = slow(&text);
            prop_assert_eq!(shown.len() + passed as usize, all.len());
            shown.iter().try_for_each(|span| { prop_assert!(all.contains(span)); Ok(()) })?;
            let must = all.iter().filter(|(place, plain)| !plain || is_wanted(&text.as_bytes()[place.start..]));
            must.into_iter().try_for_each(|span| { prop_assert!(shown.contains(span)); Ok(()) })?;
        }

        #[test]
        fn joiners_are_those_of_spans(bytes in prop::array::uniform32(0u8..128)) {
            let mut block = [0; BLOCK];
            block[..32].copy_from_slice(&bytes);
            let expected = (0..32).filter(|at| joins(char::from(bytes[*at]))).map(|at| 1u64 << at).sum::<u64>();
            prop_assert_eq!(joiners(&block), expected);
        }
    }
}
