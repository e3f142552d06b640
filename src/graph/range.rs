//! An adaptive binary range coder (after Martin 1979; the carry handling is LZMA's), for stored lists.

/// How likely a bit is 0, in 1/65536, learned at two speeds and averaged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bit {
    fast: u16,
    slow: u16,
}

impl Bit {
    const EVEN: Self = Self {
        fast: 1 << 15,
        slow: 1 << 15,
    };

    /// Share of `range` that stands for 0; never none nor all of it.
    fn split(self, range: u32) -> u32 {
        let p = (u32::from(self.fast) + u32::from(self.slow)) >> 1;
        (range >> 16) * p.clamp(64, 65536 - 64)
    }

    fn learn(&mut self, bit: bool) {
        if bit {
            self.fast -= self.fast >> 4;
            self.slow -= self.slow >> 7;
        } else {
            self.fast += (u16::MAX - self.fast) >> 4;
            self.slow += (u16::MAX - self.slow) >> 7;
        }
    }
}

/// Either end of the coder: codes a bit that it knows, or learns one that it reads.
pub(super) trait Coder {
    /// Passes one modelled bit.
    fn bit(&mut self, model: &mut Bit, bit: bool) -> bool;
    /// Passes `count` bits that are not modelled.
    fn raw(&mut self, value: u32, count: u32) -> u32;
}

/// Writes.
pub(super) struct Encoder {
    low: u64,
    range: u32,
    /// The byte that a carry may still change, and the 0xFF bytes that follow it.
    held: Option<u8>,
    nines: usize,
    out: Vec<u8>,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self {
            low: 0,
            range: u32::MAX,
            held: None,
            nines: 0,
            out: Vec::new(),
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        for _ in 0..5 {
            self.shift();
        }
        self.out
    }

    fn shift(&mut self) {
        let carry = (self.low >> 32) as u8;
        let byte = (self.low >> 24) as u8;
        if carry == 0 && byte == 0xFF {
            self.nines += 1;
        } else {
            if let Some(held) = self.held {
                self.out.push(held.wrapping_add(carry));
            }
            for _ in 0..self.nines {
                self.out.push(0xFFu8.wrapping_add(carry));
            }
            self.nines = 0;
            self.held = Some(byte);
        }
        self.low = (self.low & 0x00FF_FFFF) << 8;
    }

    fn settle(&mut self) {
        while self.range < 1 << 24 {
            self.range <<= 8;
            self.shift();
        }
    }
}

impl Coder for Encoder {
    fn bit(&mut self, model: &mut Bit, bit: bool) -> bool {
        let split = model.split(self.range);
        if bit {
            self.low += u64::from(split);
            self.range -= split;
        } else {
            self.range = split;
        }
        model.learn(bit);
        self.settle();
        bit
    }

    fn raw(&mut self, value: u32, count: u32) -> u32 {
        for i in (0..count).rev() {
            self.range >>= 1;
            if value >> i & 1 == 1 {
                self.low += u64::from(self.range);
            }
            self.settle();
        }
        value
    }
}

/// Reads; past the end it reads zeros and says so.
pub(super) struct Decoder<'a> {
    bytes: std::slice::Iter<'a, u8>,
    code: u32,
    range: u32,
    over: bool,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self {
            bytes: bytes.iter(),
            code: 0,
            range: u32::MAX,
            over: false,
        };
        for _ in 0..4 {
            decoder.next();
        }
        decoder
    }

    /// Whether more was read than there was.
    pub(super) fn overrun(&self) -> bool {
        self.over
    }

    /// Whether everything was read.
    pub(super) fn spent(&self) -> bool {
        self.bytes.len() == 0
    }

    fn next(&mut self) {
        let byte = self.bytes.next().copied().unwrap_or_else(|| {
            self.over = true;
            0
        });
        self.code = self.code << 8 | u32::from(byte);
    }

    fn settle(&mut self) {
        while self.range < 1 << 24 {
            self.range <<= 8;
            self.next();
        }
    }
}

impl Coder for Decoder<'_> {
    fn bit(&mut self, model: &mut Bit, _: bool) -> bool {
        let split = model.split(self.range);
        let bit = self.code >= split;
        if bit {
            self.code -= split;
            self.range -= split;
        } else {
            self.range = split;
        }
        model.learn(bit);
        self.settle();
        bit
    }

    fn raw(&mut self, _: u32, count: u32) -> u32 {
        let mut value = 0;
        for _ in 0..count {
            self.range >>= 1;
            let bit = self.code >= self.range;
            if bit {
                self.code -= self.range;
            }
            value = value << 1 | u32::from(bit);
            self.settle();
        }
        value
    }
}

/// Numbers below 2^31, coded by the length of `value + 1` in bits, then by its leading bits, all learned; what
/// is left is written as it is.
#[derive(Clone)]
pub(super) struct Number {
    length: [Bit; 32],
    leading: [[Bit; 8]; 32],
}

/// Bits after the first that are modelled.
const LEADING: u32 = 3;

impl Number {
    pub(super) const NEW: Self = Self {
        length: [Bit::EVEN; 32],
        leading: [[Bit::EVEN; 8]; 32],
    };

    /// Passes one number; the value given is of no matter when reading.
    pub(super) fn code(&mut self, coder: &mut impl Coder, value: u32) -> u32 {
        let value = value.wrapping_add(1).max(1);
        let length = 31 - value.leading_zeros();
        let mut node = 1usize;
        for i in (0..5).rev() {
            let bit = coder.bit(&mut self.length[node & 31], length >> i & 1 == 1);
            node = node << 1 | usize::from(bit);
        }
        let length = (node & 31) as u32;
        let modelled = length.min(LEADING);
        let models = &mut self.leading[length as usize];
        let mut node = 1usize;
        for i in (length - modelled..length).rev() {
            let bit = coder.bit(&mut models[node & 7], value >> i & 1 == 1);
            node = node << 1 | usize::from(bit);
        }
        let rest = length - modelled;
        let low = coder.raw(value & ((1 << rest) - 1), rest);
        ((node as u32) << rest | low).wrapping_sub(1)
    }
}
