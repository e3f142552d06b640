//! Inflates pieces of text (RFC 1951): all of the input is there, and the length of the output is known.
//!
//! A first question by words inflates all of the text, so this is what it waits for. A general inflater,
//! `miniz_oxide`, takes about twice as long in WebAssembly: figures in `docs/search.md`.

/// Bits looked up at once; longer codes take a second look.
const LITERAL_BITS: usize = 11;
const DISTANCE_BITS: usize = 9;
/// No code is longer.
const LONGEST: usize = 15;
/// Second tables: each is for two of the symbols at least.
const LITERAL_SECOND: usize = (288 / 2) << (LONGEST - LITERAL_BITS);
const DISTANCE_SECOND: usize = (32 / 2) << (LONGEST - DISTANCE_BITS);
/// Output is written in words of eight bytes, up to so much beyond a match.
const SLACK: usize = 8;

/// What a code stands for. Bits 0 to 5: bits to drop, extra ones included; 8 to 12: extra bits, or the bits of
/// the second look; 16 to 31: a literal, the least length or distance, or where the second table begins. Zero is
/// no code.
type Entry = u32;
const LITERAL: Entry = 1 << 15;
/// End of the block.
const SPECIAL: Entry = 1 << 14;
/// The code goes on in a second table.
const TWO_STEPS: Entry = 1 << 13;

/// Least length and extra bits of the codes from 257.
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
/// The same of distances.
const DISTANCES: [(u16, u8); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];
/// The order in which the lengths of code lengths are stored.
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Not deflated data of this length.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Inflates to exactly `len` bytes.
pub(super) fn inflate(stored: &[u8], len: usize) -> Result<Vec<u8>, Malformed> {
    let mut input = Bits::new(stored);
    let mut out = Output {
        bytes: vec![0; len + SLACK],
        at: 0,
        len,
    };
    let mut tables = Tables::default();
    loop {
        input.refill();
        let last = input.take(1) == 1;
        match input.take(2) {
            0 => input.copy(&mut out)?,
            1 => {
                tables.fixed()?;
                tables.block(&mut input, &mut out)?;
            }
            2 => {
                tables.read(&mut input)?;
                tables.block(&mut input, &mut out)?;
            }
            _ => return Err(Malformed),
        }
        if input.overdrawn() {
            return Err(Malformed);
        }
        if last {
            break;
        }
    }
    if out.at != len {
        return Err(Malformed);
    }
    out.bytes.truncate(len);
    Ok(out.bytes)
}

/// Input by bits, lowest first. Beyond the end there are zeros, which are counted.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    buffer: u64,
    /// Bits of the buffer that count. What is above them is of the bytes to come, or zero.
    count: u32,
    missing: u32,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            buffer: 0,
            count: 0,
            missing: 0,
        }
    }

    /// Makes it 56 bits at least: enough for the longest match.
    #[inline(always)]
    fn refill(&mut self) {
        if let Some(eight) = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk())
        {
            self.buffer |= u64::from_le_bytes(*eight) << self.count;
            self.at += (63 - self.count as usize) >> 3;
            self.count |= 56;
        } else {
            self.refill_at_end();
        }
    }

    #[cold]
    fn refill_at_end(&mut self) {
        while self.count < 56 {
            match self.bytes.get(self.at) {
                Some(byte) => {
                    self.buffer |= u64::from(*byte) << self.count;
                    self.at += 1;
                }
                None => self.missing += 1,
            }
            self.count += 8;
        }
    }

    #[inline(always)]
    fn drop(&mut self, bits: u32) {
        self.buffer >>= bits;
        self.count -= bits;
    }

    /// At most what `refill` guarantees.
    #[inline(always)]
    fn take(&mut self, bits: u32) -> u32 {
        let value = self.buffer as u32 & ((1 << bits) - 1);
        self.drop(bits);
        value
    }

    /// Whether bits were used that are not there.
    fn overdrawn(&self) -> bool {
        self.missing * 8 > self.count
    }

    /// A block that is stored as it is.
    fn copy(&mut self, out: &mut Output) -> Result<(), Malformed> {
        if self.overdrawn() {
            return Err(Malformed);
        }
        let start = self.at - (self.count / 8 - self.missing) as usize;
        let header = self.bytes.get(start..start + 4).ok_or(Malformed)?;
        let len = u16::from_le_bytes([header[0], header[1]]);
        if u16::from_le_bytes([header[2], header[3]]) != !len {
            return Err(Malformed);
        }
        let (start, len) = (start + 4, usize::from(len));
        let body = self.bytes.get(start..start + len).ok_or(Malformed)?;
        let room = out.bytes.get_mut(out.at..out.at + len).ok_or(Malformed)?;
        if out.at + len > out.len {
            return Err(Malformed);
        }
        room.copy_from_slice(body);
        out.at += len;
        *self = Self {
            at: start + len,
            ..Self::new(self.bytes)
        };
        Ok(())
    }
}

struct Output {
    bytes: Vec<u8>,
    at: usize,
    len: usize,
}

impl Output {
    #[inline(always)]
    fn put(&mut self, byte: u8) -> Result<(), Malformed> {
        // There is room for one too many: whoever goes on is told.
        *self.bytes.get_mut(self.at).ok_or(Malformed)? = byte;
        self.at += 1;
        Ok(())
    }

    #[inline(always)]
    fn repeat(&mut self, distance: usize, length: usize) -> Result<(), Malformed> {
        if distance > self.at || self.at + length > self.len {
            return Err(Malformed);
        }
        let end = self.at + length;
        let mut from = self.at - distance;
        if distance >= 8 {
            while self.at < end {
                let eight: [u8; 8] = *self.bytes[from..].first_chunk().ok_or(Malformed)?;
                *self.bytes[self.at..].first_chunk_mut().ok_or(Malformed)? = eight;
                from += 8;
                self.at += 8;
            }
            self.at = end;
        } else {
            while self.at < end {
                self.bytes[self.at] = self.bytes[from];
                from += 1;
                self.at += 1;
            }
        }
        Ok(())
    }
}

/// Codes of a block.
struct Tables {
    literals: Table<{ 1 << LITERAL_BITS }, LITERAL_SECOND>,
    distances: Table<{ 1 << DISTANCE_BITS }, DISTANCE_SECOND>,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            literals: Table::new(),
            distances: Table::new(),
        }
    }
}

impl Tables {
    /// The codes that need not be stored.
    fn fixed(&mut self) -> Result<(), Malformed> {
        let mut lengths = [8u8; 288];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        self.literals.build(&lengths, literal)?;
        self.distances.build(&[5; 32], distance)
    }

    /// Reads the codes of a block.
    fn read(&mut self, input: &mut Bits<'_>) -> Result<(), Malformed> {
        input.refill();
        let literals = input.take(5) as usize + 257;
        let distances = input.take(5) as usize + 1;
        let count = input.take(4) as usize + 4;
        let mut lengths = [0u8; 19];
        for at in &ORDER[..count] {
            input.refill();
            lengths[*at] = input.take(3) as u8;
        }
        let mut codes = Table::<128, 0>::new();
        codes.build(&lengths, |symbol| Some((symbol as u32) << 16))?;
        let mut lengths = [0u8; 320];
        let all = literals + distances;
        let mut at = 0;
        while at < all {
            input.refill();
            let entry = codes.first[input.buffer as usize & 127];
            if entry == 0 {
                return Err(Malformed);
            }
            input.drop(entry & 63);
            let (value, times) = match entry >> 16 {
                16 if at > 0 => (lengths[at - 1], 3 + input.take(2) as usize),
                16 => return Err(Malformed),
                17 => (0, 3 + input.take(3) as usize),
                18 => (0, 11 + input.take(7) as usize),
                length => (length as u8, 1),
            };
            if at + times > all {
                return Err(Malformed);
            }
            lengths[at..at + times].fill(value);
            at += times;
        }
        if input.overdrawn() {
            return Err(Malformed);
        }
        self.literals.build(&lengths[..literals], literal)?;
        self.distances.build(&lengths[literals..all], distance)
    }

    /// Inflates a block.
    fn block(&self, input: &mut Bits<'_>, out: &mut Output) -> Result<(), Malformed> {
        loop {
            input.refill();
            let mut entry = self.literals.of(input);
            if entry & LITERAL != 0 {
                input.drop(entry & 63);
                out.put((entry >> 16) as u8)?;
                // 41 bits are left: enough for another literal, not for a match.
                entry = self.literals.of(input);
                if entry & LITERAL != 0 {
                    input.drop(entry & 63);
                    out.put((entry >> 16) as u8)?;
                    continue;
                }
                input.refill();
            }
            if entry & SPECIAL != 0 {
                input.drop(entry & 63);
                return Ok(());
            }
            let length = value(entry, input)?;
            let entry = self.distances.of(input);
            let distance = value(entry, input)?;
            out.repeat(distance, length)?;
        }
    }
}

/// A length or distance: the least one, and what its extra bits add.
#[inline(always)]
fn value(entry: Entry, input: &mut Bits<'_>) -> Result<usize, Malformed> {
    if entry == 0 {
        return Err(Malformed);
    }
    let (all, extra) = (entry & 63, entry >> 8 & 31);
    let bits = (input.buffer as u32) & ((1u32 << all) - 1);
    input.drop(all);
    Ok((entry >> 16) as usize + (bits >> (all - extra)) as usize)
}

/// What a code of the first table stands for, without its own bits; `None` where it must not occur.
fn literal(symbol: usize) -> Option<Entry> {
    match symbol {
        0..256 => Some(LITERAL | (symbol as u32) << 16),
        256 => Some(SPECIAL),
        _ => LENGTHS.get(symbol - 257).map(coded),
    }
}

fn distance(symbol: usize) -> Option<Entry> {
    DISTANCES.get(symbol).map(coded)
}

fn coded(&(least, extra): &(u16, u8)) -> Entry {
    u32::from(least) << 16 | u32::from(extra) << 8 | u32::from(extra)
}

/// A code (Huffman, canonical), to be looked up by the next bits.
struct Table<const FIRST: usize, const SECOND: usize> {
    first: [Entry; FIRST],
    /// For codes that are longer: a table for each of their beginnings.
    second: [Entry; SECOND],
    used: usize,
}

impl<const FIRST: usize, const SECOND: usize> Table<FIRST, SECOND> {
    const BITS: usize = FIRST.trailing_zeros() as usize;

    fn new() -> Self {
        Self {
            first: [0; FIRST],
            second: [0; SECOND],
            used: 0,
        }
    }

    #[inline(always)]
    fn of(&self, input: &Bits<'_>) -> Entry {
        let entry = self.first[input.buffer as usize & (FIRST - 1)];
        if entry & TWO_STEPS == 0 {
            return entry;
        }
        let at = (input.buffer as usize >> Self::BITS) & ((1 << (LONGEST - Self::BITS)) - 1);
        let found = self.second.get((entry >> 16) as usize + at);
        found.copied().unwrap_or(0)
    }

    /// From the lengths of the codes of symbols, and what these stand for.
    fn build(
        &mut self,
        lengths: &[u8],
        meaning: impl Fn(usize) -> Option<Entry>,
    ) -> Result<(), Malformed> {
        self.first.fill(0);
        self.second.fill(0);
        self.used = 0;
        let mut counts = [0u32; LONGEST + 1];
        for &length in lengths {
            counts[usize::from(length)] += 1;
        }
        counts[0] = 0;
        let mut next = [0u32; LONGEST + 1];
        let mut code = 0;
        for length in 1..=LONGEST {
            code = (code + counts[length - 1]) << 1;
            next[length] = code;
            if code + counts[length] > 1 << length {
                return Err(Malformed);
            }
        }
        // Every sequence of bits must be one, unless there is but one code, or none.
        let longest = counts.iter().rposition(|count| *count > 0);
        if longest > Some(1) && code + counts[LONGEST] != 1 << LONGEST {
            return Err(Malformed);
        }
        for (symbol, &length) in lengths.iter().enumerate() {
            let length = usize::from(length);
            if length == 0 {
                continue;
            }
            let code = next[length].reverse_bits() as usize >> (32 - length);
            next[length] += 1;
            let Some(meaning) = meaning(symbol) else {
                continue;
            };
            let entry = meaning + length as u32;
            if length <= Self::BITS {
                let every = (code..FIRST).step_by(1 << length);
                every.for_each(|at| self.first[at] = entry);
                continue;
            }
            let rest = LONGEST - Self::BITS;
            let first = &mut self.first[code & (FIRST - 1)];
            if *first == 0 {
                *first = (self.used as u32) << 16 | TWO_STEPS;
                self.used += 1 << rest;
            }
            let table = self.second.get_mut((*first >> 16) as usize..);
            let table = table.ok_or(Malformed)?;
            let every = (code >> Self::BITS..1 << rest).step_by(1 << (length - Self::BITS));
            every.for_each(|at| table[at] = entry);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec;
    use miniz_oxide::inflate::decompress_to_vec_with_limit;
    use proptest::prelude::*;

    fn both(bytes: &[u8], len: usize) {
        let ours = inflate(bytes, len);
        let theirs = decompress_to_vec_with_limit(bytes, len).ok();
        if let (Ok(ours), Some(theirs)) = (&ours, &theirs) {
            assert_eq!(ours, theirs);
        }
        if let Some(theirs) = theirs.filter(|theirs| theirs.len() != len) {
            assert_eq!(ours, Err(Malformed), "{} for {len}", theirs.len());
        }
    }

    #[test]
    fn every_length_and_distance_comes_back() {
        let mut text = Vec::new();
        let mut state = 1u32;
        for length in 3..=300 {
            for _ in 0..length {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push((state >> 24) as u8);
            }
            let from = text.len() - length.min(text.len());
            text.extend_from_within(from..);
            text.extend(std::iter::repeat_n(length as u8, length));
        }
        for level in [0, 1, 6, 9] {
            let stored = compress_to_vec(&text, level);
            assert_eq!(inflate(&stored, text.len()).as_ref(), Ok(&text));
        }
    }

    #[test]
    fn a_piece_cut_short_or_of_another_length_is_refused() {
        let text = b"What is cut short, or longer than was said, is damaged. ".repeat(40);
        let stored = compress_to_vec(&text, 6);
        for len in [0, text.len() - 1, text.len() + 1, text.len() + 9] {
            assert_eq!(inflate(&stored, len), Err(Malformed), "{len}");
        }
        for cut in 0..stored.len() {
            assert_eq!(inflate(&stored[..cut], text.len()), Err(Malformed), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn what_was_deflated_comes_back(
            words in prop::collection::vec(("[a-z]{1,9}", 1..40usize), 0..200), noise in prop::collection::vec(any::<u8>(), 0..300), level in 0u8..10
        ) {
            let mut text = Vec::new();
            for (word, times) in words {
                text.extend(word.repeat(times).into_bytes());
                text.extend(&noise[..times.min(noise.len())]);
            }
            let stored = compress_to_vec(&text, level);
            prop_assert_eq!(inflate(&stored, text.len()), Ok(text));
        }

        #[test]
        fn damage_is_refused_or_read_as_another_inflater_does(
            text in "[a-f ]{0,400}", noise in prop::collection::vec(any::<u8>(), 0..200), at: usize, to: u8, level in 0u8..10
        ) {
            both(&noise, text.len());
            let mut stored = compress_to_vec(text.as_bytes(), level);
            let at = at % stored.len();
            stored[at] = to;
            both(&stored, text.len());
        }
    }
}
