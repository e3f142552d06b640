//! Where the bytes of a weights file are: asked for tensor by tensor, so that the file is never in memory whole beside
//! what is made of it.

use super::Error;
use super::values::Values;

/// Bytes that can be read from anywhere.
pub trait Source {
    /// How many there are.
    fn size(&self) -> u64;

    /// Fills `to` with those from `at` on.
    ///
    /// # Errors
    /// What went wrong, in words; `at + to.len()` beyond the end is an error too.
    fn read(&self, at: u64, to: &mut [u8]) -> Result<(), String>;

    /// The values of the tensor that begins at `at`, if they are in memory: they are gone from here then.
    fn take(&self, _at: u64) -> Option<Values> {
        None
    }
}

impl Source for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, at: u64, to: &mut [u8]) -> Result<(), String> {
        let from = usize::try_from(at).ok();
        let from = from.and_then(|at| self.get(at..)?.get(..to.len()));
        to.copy_from_slice(from.ok_or("the file ends early")?);
        Ok(())
    }
}

impl Source for &[u8] {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read(&self, at: u64, to: &mut [u8]) -> Result<(), String> {
        (**self).read(at, to)
    }
}

impl Source for Vec<u8> {
    fn size(&self) -> u64 {
        self[..].size()
    }

    fn read(&self, at: u64, to: &mut [u8]) -> Result<(), String> {
        self[..].read(at, to)
    }
}

/// An open file.
#[cfg(not(target_family = "wasm"))]
mod file {
    use std::fs::File;
    use std::io::{Read, Seek, SeekFrom};

    impl super::Source for File {
        fn size(&self) -> u64 {
            self.metadata().map_or(0, |m| m.len())
        }

        fn read(&self, at: u64, to: &mut [u8]) -> Result<(), String> {
            let mut file = self;
            let read = file
                .seek(SeekFrom::Start(at))
                .and_then(|_| file.read_exact(to));
            read.map_err(|e| e.to_string())
        }
    }
}

/// SHA-256 of everything. Cost: one pass.
pub(super) fn sha256(source: &dyn Source) -> Result<[u8; 32], Error> {
    use sha2::{Digest, Sha256};

    let mut digest = Sha256::new();
    let mut part = vec![0; 1 << 20];
    let (mut at, size) = (0, source.size());
    while at < size {
        let here = (size - at).min(part.len() as u64) as usize;
        let read = source.read(at, &mut part[..here]);
        read.map_err(|why| Error::Damaged {
            file: "model.safetensors".into(),
            why,
        })?;
        digest.update(&part[..here]);
        at += here as u64;
    }
    Ok(digest.finalize().into())
}
