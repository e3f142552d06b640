//! What to evaluate.

use std::path::PathBuf;
use std::str::FromStr;

use super::Error;

/// How chunks are found and ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// A walk on the codes, and the stop rule.
    #[default]
    Graph,
    /// A scan of the codes, and the stop rule.
    Flat,
    /// LEANN's algorithm 2: a walk on exact scores, codes say which are worth recomputing.
    Leann,
    /// The graph alone: every score is recomputed.
    LeannNocodes,
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "graph" => Ok(Self::Graph),
            "flat" => Ok(Self::Flat),
            "leann" => Ok(Self::Leann),
            "leann-nocodes" => Ok(Self::LeannNocodes),
            _ => Err(Error::Option(format!(
                "unknown layout {name}: graph, flat, leann or leann-nocodes"
            ))),
        }
    }
}

/// An evaluation.
#[derive(Clone, Debug)]
pub struct Options {
    /// Embeddings of the passages, f16 or f32, `(n, dim)`, in order of documents.
    pub vectors: PathBuf,
    /// Embeddings of the questions, `(m, dim)`.
    pub queries: PathBuf,
    /// True neighbours, best first: `ids` of an `.npz`, or an `.npy`, `(m, >= k)`. None: exact search.
    pub truth: Option<PathBuf>,
    /// One line per passage: the name of its document, or a JSON object with `title` (else `id`) and `text`; may be
    /// compressed (`.gz`).
    /// None: the chunk table and the documents are estimated.
    pub documents: Option<PathBuf>,
    /// The questions' texts: JSON objects, one per line, with `text` and, where it is known, `gold`, the number of
    /// the passage that answers. With them and the texts of the passages the report has recall of the gold passage.
    pub questions: Option<PathBuf>,
    /// Codec file. None: the bundled one.
    pub codec: Option<PathBuf>,
    /// Bytes of the passages' texts, for the share.
    pub text_bytes: Option<u64>,
    /// Hits per question.
    pub k: usize,
    /// How to search.
    pub layout: Layout,
    /// Bytes per code.
    pub code_bytes: usize,
    /// Recall to aim at.
    pub target_recall: f32,
    /// Use only the first so many passages; a truth given is then not valid and made anew.
    pub passages: Option<usize>,
    /// Embeddings per round, at most (`graph`, `flat`) or at least (`leann`).
    pub batch: Option<usize>,
    /// Embeddings per question, at most (`graph`, `flat`): with a target of 1 exactly so many of the best by code.
    pub limit: Option<usize>,
    /// Embeddings kept in memory from question to question, least recently used out first; what is found there is
    /// not counted as recomputed.
    pub cache: usize,
    /// LEANN's re-ranking ratio `a`.
    pub ratio: f32,
    /// LEANN's share of hubs in the graph; none: plain caps.
    pub hubs: Option<f32>,
}

/// What [`Options::parse`] understands.
pub const USAGE: &str = "--vectors FILE.npy --queries FILE.npy [--truth FILE.npz] [--documents FILE] \
[--questions FILE.jsonl] [--text-bytes N] [--k 3] [--layout graph|flat|leann|leann-nocodes] [--code-bytes 16] [--target-recall 0.95] \
[--passages N] [--batch N] [--limit N] [--cache N] [--ratio 0.1] [--hubs SHARE] [--codec FILE] [--json]";

impl Default for Options {
    fn default() -> Self {
        Self {
            vectors: PathBuf::new(),
            queries: PathBuf::new(),
            truth: None,
            documents: None,
            questions: None,
            codec: None,
            text_bytes: None,
            k: 3,
            layout: Layout::default(),
            code_bytes: crate::codec::Codec::CODE_BYTES,
            target_recall: 0.95,
            passages: None,
            batch: None,
            limit: None,
            cache: 0,
            ratio: 0.1,
            hubs: None,
        }
    }
}

impl Options {
    /// Reads command-line arguments ([`USAGE`]). Also says whether the report is wanted as JSON.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<(Self, bool), Error> {
        let (mut options, mut json) = (Self::default(), false);
        let mut args = args.into_iter();
        while let Some(name) = args.next() {
            if name == "--json" {
                json = true;
                continue;
            }
            let value = args
                .next()
                .ok_or_else(|| Error::Option(format!("{name} needs a value")))?;
            let path = || PathBuf::from(&value);
            match name.as_str() {
                "--vectors" => options.vectors = path(),
                "--queries" => options.queries = path(),
                "--truth" => options.truth = Some(path()),
                "--documents" => options.documents = Some(path()),
                "--questions" => options.questions = Some(path()),
                "--codec" => options.codec = Some(path()),
                "--text-bytes" => options.text_bytes = Some(number(&name, &value)?),
                "--k" => options.k = number(&name, &value)?,
                "--layout" => options.layout = value.parse()?,
                "--code-bytes" => options.code_bytes = number(&name, &value)?,
                "--target-recall" => options.target_recall = number(&name, &value)?,
                "--passages" => options.passages = Some(number(&name, &value)?),
                "--batch" => options.batch = Some(number(&name, &value)?),
                "--limit" => options.limit = Some(number(&name, &value)?),
                "--cache" => options.cache = number(&name, &value)?,
                "--ratio" => options.ratio = number(&name, &value)?,
                "--hubs" => options.hubs = Some(number(&name, &value)?),
                _ => return Err(Error::Option(format!("unknown option {name}"))),
            }
        }
        Ok((options, json))
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::Option(what.to_owned()));
        if self.vectors.as_os_str().is_empty() || self.queries.as_os_str().is_empty() {
            return wrong("--vectors and --queries are needed");
        }
        if self.k == 0 {
            return wrong("--k must be at least 1");
        }
        if !(1..=64).contains(&self.code_bytes) {
            return wrong("--code-bytes must be between 1 and 64");
        }
        let share = |x: f32| (0.0..=1.0).contains(&x);
        if !share(self.target_recall) || !share(self.ratio) || !self.hubs.is_none_or(share) {
            return wrong("--target-recall, --ratio and --hubs must be between 0 and 1");
        }
        Ok(())
    }
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, Error> {
    value
        .parse()
        .map_err(|_| Error::Option(format!("{name} cannot be {value}")))
}
