//! ZIP archives under budgets: what is unpacked is counted as it comes, and what the archive declares is not believed.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::{Error, Limits};

/// Below this size a member may have any ratio: blank pages compress a thousandfold.
pub const RATIO_FROM: u64 = 1 << 20;

/// Whether bytes start like a ZIP archive, an empty one included.
pub fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// The names of an archive's members.
pub fn member_names(bytes: &[u8]) -> Result<Vec<String>, Error> {
    let archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    Ok(archive.file_names().map(str::to_owned).collect())
}

/// An archive and what is left of its budget.
pub struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    limits: &'a Limits,
    unpacked: u64,
}

impl<'a> Archive<'a> {
    /// Opens an archive; nothing is unpacked yet.
    pub fn open(bytes: &'a [u8], limits: &'a Limits) -> Result<Self, Error> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
        if zip.len() > limits.members {
            return Err(Error::TooBig {
                what: "the number of files in the archive",
                limit: limits.members as u64,
            });
        }
        Ok(Self {
            zip,
            limits,
            unpacked: 0,
        })
    }

    /// Unpacks a member, if it is there. Names are keys only: nothing is ever written to a disk.
    pub fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let member = match self.zip.by_name(name) {
            Ok(member) => member,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(e) => return Err(broken(e)),
        };
        let packed = member.compressed_size();
        let most = self.limits.member.min(self.limits.unpacked - self.unpacked);
        // Checked on the way, so that a bomb costs no more than the budget.
        let most = most.min(RATIO_FROM.max(packed.saturating_mul(self.limits.ratio)));
        let mut bytes = Vec::new();
        member
            .take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| Error::Broken(format!("{name}: {e}")))?;
        let length = bytes.len() as u64;
        if length > most {
            return Err(self.exceeded(length));
        }
        self.unpacked += length;
        Ok(Some(bytes))
    }

    /// Unpacks a member that the format demands.
    pub fn require(&mut self, name: &str) -> Result<Vec<u8>, Error> {
        self.read(name)?
            .ok_or_else(|| Error::Broken(format!("{name} is missing")))
    }

    fn exceeded(&self, length: u64) -> Error {
        let (what, limit) = if length > self.limits.member {
            ("a file in the archive", self.limits.member)
        } else if self.unpacked + length > self.limits.unpacked {
            ("what the archive unpacks to", self.limits.unpacked)
        } else {
            (
                "the compression ratio of a file in the archive",
                self.limits.ratio,
            )
        };
        Error::TooBig { what, limit }
    }
}

fn broken(e: ZipError) -> Error {
    match e {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => Error::Encrypted,
        e => Error::Broken(e.to_string()),
    }
}
