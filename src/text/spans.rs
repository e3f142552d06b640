//! Where words stand: what keyword search does once for every byte of the text, so 64 of them at a time.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

/// Bytes looked at together, a bit each.
const BLOCK: usize = 64;

/// Calls `each` with the place of every span of words that are joined to each other, and whether it is plain: one
/// word of ASCII letters and digits, which lower case folds. The words of others:
/// [`compound`](super::words::compound).
#[inline(always)]
pub(crate) fn spans(text: &str, mut each: impl FnMut(Range<usize>, bool)) {
    let bytes = text.as_bytes();
    let mut next = 0;
    let mut base = 0;
    while base < bytes.len() {
        // A span may reach over blocks.
        if next >= base + BLOCK {
            base += BLOCK;
            continue;
        }
        let (plain, high) = classes(bytes, base);
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
                    let rest = bytes[end..].iter();
                    end += rest.take_while(|b| b.is_ascii_alphanumeric()).count();
                }
            }
            let more = match bytes.get(end) {
                Some(b' ' | b'\n') | None => false,
                Some(b) if *b >= 0x80 => true,
                Some(b) => joins(char::from(*b)),
            };
            next = if more { span(text, end) } else { end };
            each(start..next, next == end);
            let beyond = u32::try_from(next - base).unwrap_or(u32::MAX);
            left &= u64::MAX.checked_shl(beyond).unwrap_or(0);
        }
        base += BLOCK;
    }
}

/// Which of the bytes from `base` are ASCII letters or digits, and which are not ASCII.
#[inline(always)]
fn classes(bytes: &[u8], base: usize) -> (u64, u64) {
    let mut padded = [0; BLOCK];
    let rest = &bytes[base..];
    let block: &[u8; BLOCK] = match rest.first_chunk() {
        Some(block) => block,
        None => {
            padded[..rest.len()].copy_from_slice(rest);
            &padded
        }
    };
    // Without branches, so that the compiler takes many at once.
    let plain = block.map(|b| {
        let letter = (b | 0x20).wrapping_sub(b'a') < 26;
        let digit = b.wrapping_sub(b'0') < 10;
        u8::from(letter | digit)
    });
    let high = block.map(|b| b >> 7);
    (bits(&plain), bits(&high))
}

/// A bit per byte that is one, not zero.
#[inline(always)]
fn bits(flags: &[u8; BLOCK]) -> u64 {
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
    }
}
