//! What of codecs comes with the program: the one of the default model, where that model can run, and the tables of
//! the trellis, which serve any.

use super::file::halves;
use super::trellis::Tables;
use super::{Codec, Error};

/// A WebAssembly module without an encoder runs no model of its own: 150 kB of axes would lie about unused.
#[cfg(all(target_family = "wasm", feature = "browser", not(feature = "encoder")))]
const CODEC: Option<&[u8]> = None;
#[cfg(not(all(target_family = "wasm", feature = "browser", not(feature = "encoder"))))]
const CODEC: Option<&[u8]> = Some(include_bytes!("../../codec/all-minilm-l6-v2.gsc"));

impl Codec {
    /// The codec shipped for all-MiniLM-L6-v2.
    ///
    /// # Errors
    /// [`Error::NotBundled`] in a WebAssembly module without an encoder.
    pub fn bundled() -> Result<Self, Error> {
        Self::from_bytes(CODEC.ok_or(Error::NotBundled)?)
    }
}

/// The tables of that codec, for values of unit variance.
pub(super) fn tables() -> Tables {
    Tables(halves(include_bytes!("../../codec/tables.f16")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_that_serve_any_model_are_those_of_the_bundled_codec() {
        assert_eq!(*Codec::bundled().unwrap().tables, tables());
    }
}
