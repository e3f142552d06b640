//! A weights file that arrives part by part: each tensor goes at once to where it stays, so that the file is never in
//! memory beside what is made of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use safetensors::Dtype;
use sha2::{Digest, Sha256};

use super::Error;
use super::source::Source;
use super::values::Values;
use super::weights::{Header, damaged};

/// The bytes of a weights file, received in order and hashed on the way. As a [`Source`] it hands each tensor over once.
pub struct Received {
    size: u64,
    at: u64,
    /// The file as far as its header goes.
    head: Vec<u8>,
    /// The tensors that have not arrived whole, once the header has.
    coming: Option<VecDeque<(Range<u64>, Dtype)>>,
    /// Of the first of them.
    here: Option<Values>,
    /// Those that have, by their place in the file.
    tensors: RefCell<BTreeMap<u64, Values>>,
    digest: Sha256,
}

impl Received {
    /// A file of `size` bytes, none of which is there.
    pub fn new(size: u64) -> Self {
        Self {
            size,
            at: 0,
            head: Vec::new(),
            coming: None,
            here: None,
            tensors: RefCell::default(),
            digest: Sha256::new(),
        }
    }

    /// Takes the bytes that follow those taken before. Cost: a copy and a hash.
    ///
    /// # Errors
    /// [`Error::Damaged`] for more bytes than the file has, or a header that cannot be. What came before is then of no use.
    pub fn push(&mut self, part: &dyn Source) -> Result<(), Error> {
        let mut used = 0;
        while used < part.size() {
            let rest = part.size() - used;
            if rest > self.size - self.at {
                return Err(damaged("it is longer than expected".into()));
            }
            used += match self.coming.is_some() {
                false => self.push_header(part, used, rest)?,
                true => self.push_values(part, used, rest)?,
            };
        }
        Ok(())
    }

    fn push_header(&mut self, part: &dyn Source, used: u64, rest: u64) -> Result<u64, Error> {
        let known = self.head.len();
        let wanted = match self.head.first_chunk() {
            None => 8,
            Some(length) => Header::end(*length, self.size)?,
        };
        let taken = rest.min(wanted - known as u64);
        self.head.resize(known + taken as usize, 0);
        let to = &mut self.head[known..];
        part.read(used, to).map_err(damaged)?;
        self.digest.update(to);
        self.at += taken;
        if let Some(length) = self.head.first_chunk()
            && self.at == Header::end(*length, self.size)?
        {
            let header = Header::parse(&self.head, self.size)?;
            self.coming = Some(header.places().into());
        }
        Ok(taken)
    }

    fn push_values(&mut self, part: &dyn Source, used: u64, rest: u64) -> Result<u64, Error> {
        let Some((place, dtype)) = self.coming.as_ref().and_then(VecDeque::front).cloned() else {
            return Err(damaged("it is longer than its header says".into()));
        };
        let count = (place.end - place.start) as usize * 8 / dtype.bitsize();
        let here = match &mut self.here {
            Some(here) => Some(here),
            none => {
                *none = Values::zeroed(dtype, count);
                none.as_mut()
            }
        };
        let taken = rest.min(place.end - self.at);
        let from = (self.at - place.start) as usize;
        // What no encoder uses is hashed all the same.
        let mut unused = Vec::new();
        let to = match here {
            Some(values) => &mut values.bytes_mut()[from..from + taken as usize],
            None => {
                unused.resize(taken as usize, 0);
                &mut unused[..]
            }
        };
        part.read(used, to).map_err(damaged)?;
        self.digest.update(to);
        self.at += taken;
        if self.at == place.end {
            if let Some(values) = self.here.take() {
                self.tensors.get_mut().insert(place.start, values);
            }
            self.coming.as_mut().map(VecDeque::pop_front);
        }
        Ok(taken)
    }

    /// SHA-256 of the whole file.
    ///
    /// # Errors
    /// [`Error::Damaged`] if bytes are missing.
    pub fn sha256(&self) -> Result<[u8; 32], Error> {
        if self.at < self.size {
            return Err(damaged("it ends early".into()));
        }
        Ok(self.digest.clone().finalize().into())
    }
}

impl Source for Received {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, at: u64, to: &mut [u8]) -> Result<(), String> {
        if self.at < self.size {
            return Err("it has not arrived whole".into());
        }
        let tensors = self.tensors.borrow();
        let (start, from) = match tensors.range(..=at).next_back() {
            Some((start, values)) if at >= self.head.len() as u64 => (*start, values.bytes()),
            _ => (0, &self.head[..]),
        };
        let from = from
            .get((at - start) as usize..)
            .and_then(|f| f.get(..to.len()));
        to.copy_from_slice(from.ok_or("these bytes are not kept")?);
        Ok(())
    }

    fn take(&self, at: u64) -> Option<Values> {
        self.tensors.borrow_mut().remove(&at).map(Values::native)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashMap;

    use safetensors::tensor::{TensorView, serialize};

    use super::*;
    use crate::model::weights::Weights;

    fn file() -> Vec<u8> {
        let floats: Vec<u8> = [1f32, -2.0, 3.5]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let halves: Vec<u8> = [0.5f32, 4.0]
            .iter()
            .flat_map(|&v| half::f16::from_f32(v).to_le_bytes())
            .collect();
        let view =
            |dtype, shape: &[usize], data| TensorView::new(dtype, shape.to_vec(), data).unwrap();
        let numbers = [7; 16];
        serialize(
            HashMap::from([
                ("a", view(Dtype::F32, &[3], &floats)),
                ("b", view(Dtype::F16, &[2], &halves)),
                ("c", view(Dtype::I64, &[2], &numbers)),
            ]),
            None,
        )
        .unwrap()
    }

    fn received(file: &[u8], part: usize) -> Received {
        let mut received = Received::new(file.len() as u64);
        for part in file.chunks(part) {
            received.push(&part).unwrap();
        }
        received
    }

    #[test]
    fn a_file_in_parts_of_any_size_is_the_file() {
        let file = file();
        let hash: [u8; 32] = Sha256::digest(&file).into();
        for part in 1..=file.len() {
            let received = received(&file, part);
            assert_eq!(received.sha256().unwrap(), hash);
            let weights = Weights::parse(&received).unwrap();
            for _ in 0..2 {
                assert_eq!(weights.values("a", &[3]).unwrap(), [1.0, -2.0, 3.5]);
                assert_eq!(weights.values("b", &[2]).unwrap(), [0.5, 4.0]);
            }
        }
    }

    #[test]
    fn what_is_read_for_the_last_time_is_moved() {
        let file = file();
        let received = received(&file, 64);
        let weights = Weights::parse(&received).unwrap().for_the_last_time();
        assert_eq!(weights.values("a", &[3]).unwrap(), [1.0, -2.0, 3.5]);
        assert_eq!(received.tensors.borrow().len(), 1);
        assert!(matches!(
            weights.values("a", &[3]),
            Err(Error::Damaged { .. })
        ));
    }

    #[test]
    fn a_file_that_is_longer_or_shorter_than_it_should_be_is_refused() {
        let file = file();
        for cut in 0..file.len() {
            let mut short = Received::new(file.len() as u64);
            short.push(&&file[..cut]).unwrap();
            assert!(
                matches!(short.sha256(), Err(Error::Damaged { .. })),
                "{cut}"
            );
            assert!(
                matches!(Weights::parse(&short), Err(Error::Damaged { .. })),
                "{cut}"
            );
            let mut long = Received::new(cut as u64);
            assert!(
                matches!(long.push(&&file[..]), Err(Error::Damaged { .. })),
                "{cut}"
            );
        }
        let mut longer = file.clone();
        longer.push(0);
        let mut long = Received::new(longer.len() as u64);
        assert!(matches!(long.push(&longer), Err(Error::Damaged { .. })));
    }
}
