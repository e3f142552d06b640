//! Numbers and bytes as they are stored: little-endian, LEB128, bit streams. Decoders are total.

/// The bytes end too early, or say something impossible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Appends a number as LEB128: seven bits a byte, the lowest first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Maps small numbers of either sign to small numbers.
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Undoes [`zigzag`].
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Reads from the front of a slice.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// A number that has to fit.
    pub(crate) fn varint_u32(&mut self) -> Result<u32, Malformed> {
        self.varint()?.try_into().map_err(|_| Malformed)
    }

    /// A count of items that take at least `least` bytes each: never more than there is room for.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        if count > self.rest.len() / least.max(1) {
            return Err(Malformed);
        }
        Ok(count)
    }

    /// Text with its length before it.
    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let len = self.count(1)?;
        std::str::from_utf8(self.bytes(len)?).map_err(|_| Malformed)
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }
}

/// Quotients of a Rice code from here on are escaped: the number follows in 32 bits.
const ESCAPE: u32 = 24;

/// Writes bits, the lowest of each byte first.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    open: u64,
    used: u32,
}

impl BitWriter {
    /// Appends the lowest `count` (at most 32) bits.
    pub(crate) fn bits(&mut self, value: u32, count: u32) {
        let value = u64::from(value) & ((1u64 << count) - 1);
        self.open |= value << self.used;
        self.used += count;
        while self.used >= 8 {
            self.bytes.push(self.open as u8);
            self.open >>= 8;
            self.used -= 8;
        }
    }

    /// Appends a number in the Rice code of parameter `k`: quotient in unary, remainder in `k` bits.
    pub(crate) fn rice(&mut self, value: u32, k: u32) {
        let quotient = (value >> k).min(ESCAPE);
        for _ in 0..quotient {
            self.bits(1, 1);
        }
        if quotient == ESCAPE {
            self.bits(value, 32);
        } else {
            self.bits(0, 1);
            self.bits(value, k);
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.used > 0 {
            self.bytes.push(self.open as u8);
        }
        self.bytes
    }
}

/// Bits of a number in the Rice code of parameter `k`.
pub(crate) fn rice_cost(value: u32, k: u32) -> u64 {
    let quotient = (value >> k).min(ESCAPE);
    u64::from(quotient)
        + if quotient == ESCAPE {
            32
        } else {
            1 + u64::from(k)
        }
}

/// Reads what [`BitWriter`] wrote.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn bits(&mut self, count: u32) -> Result<u32, Malformed> {
        let mut value = 0u64;
        let mut have = 0;
        while have < count {
            let byte = u64::from(*self.bytes.get(self.at / 8).ok_or(Malformed)?);
            let skip = (self.at % 8) as u32;
            let take = (8 - skip).min(count - have);
            value |= ((byte >> skip) & ((1 << take) - 1)) << have;
            have += take;
            self.at += take as usize;
        }
        Ok(value as u32)
    }

    pub(crate) fn rice(&mut self, k: u32) -> Result<u32, Malformed> {
        let mut quotient = 0;
        while quotient < ESCAPE && self.bits(1)? == 1 {
            quotient += 1;
        }
        if quotient == ESCAPE {
            return self.bits(32);
        }
        let high = u64::from(quotient) << k;
        u32::try_from(high | u64::from(self.bits(k)?)).map_err(|_| Malformed)
    }

    /// Less than a byte may be left, and it must be zero.
    pub(crate) fn end(&mut self) -> Result<(), Malformed> {
        let left = self.bytes.len() * 8 - self.at;
        if left < 8 && self.bits(left as u32)? == 0 {
            Ok(())
        } else {
            Err(Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(values in prop::collection::vec(any::<u64>(), 0..50), k in 0..31u32, shift in 0..32u32) {
            let (mut bytes, mut bits, mut cost) = (Vec::new(), BitWriter::default(), 0);
            for &value in &values {
                put_varint(&mut bytes, value);
                bits.rice(value as u32 >> shift, k);
                cost += rice_cost(value as u32 >> shift, k);
                prop_assert_eq!(unzigzag(zigzag(value as i64)), value as i64);
            }
            let bits = bits.finish();
            prop_assert_eq!(bits.len() as u64, cost.div_ceil(8));
            let (mut reader, mut bits) = (Reader::new(&bytes), BitReader::new(&bits));
            for &value in &values {
                prop_assert_eq!(reader.varint(), Ok(value));
                prop_assert_eq!(bits.rice(k), Ok(value as u32 >> shift));
            }
            prop_assert_eq!(reader.end(), Ok(()));
            prop_assert_eq!(bits.end(), Ok(()));
        }
    }
}
