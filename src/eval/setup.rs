//! The index under evaluation.

use std::ops::ControlFlow;
use std::time::Instant;

use super::bytes::{Bytes, lengths, side};
use super::files::Data;
use super::{Error, Layout, Options};
use crate::codec::{Codec, Coder, Codes};
use crate::graph::{CodeSpace, Graph, Hubs, Params, build};

/// Passages that the frame is fitted to, like the first commit of an index.
const FIT: usize = 2000;
/// Most edges a node holds in LEANN's hub-preserving graph (`M`; the paper has 60).
const HUB_DEGREE: usize = 60;

/// Codes, graph, and what they take.
pub(super) struct Built {
    pub coder: Coder,
    pub codes: Codes,
    pub graph: Graph,
    pub bytes: Bytes,
    /// Whether chunk table and documents are estimates.
    pub estimated: bool,
    pub seconds: f64,
}

impl Built {
    pub(super) fn new(options: &Options, data: &Data) -> Result<Self, Error> {
        let codec = match &options.codec {
            None => Codec::bundled()?,
            Some(path) => Codec::from_bytes(&std::fs::read(path).map_err(|e| Error::File {
                path: path.display().to_string(),
                why: e.to_string(),
            })?)?,
        };
        if codec.dim() != data.dim {
            return Err(Error::Mismatch(format!(
                "the codec is for {} dimensions, the vectors have {}: give --codec",
                codec.dim(),
                data.dim
            )));
        }
        let start = Instant::now();
        let first = data.len().min(FIT) * data.dim;
        let frame = codec.fit(&data.vectors[..first], options.code_bytes)?;
        let coder = codec.coder(&frame)?;
        let mut codes = coder.codes();
        let mut rest = data.vectors.as_slice();
        for length in lengths(data) {
            let (document, others) = rest.split_at(length * data.dim);
            coder.encode(document, &mut codes)?;
            rest = others;
        }
        let graph = match options.layout {
            Layout::Flat => Graph::default(),
            _ => {
                let params = match options.hubs {
                    None => Params::default(),
                    Some(share) => Params {
                        reverse: HUB_DEGREE,
                        hubs: Some(Hubs { share }),
                        ..Params::default()
                    },
                };
                let go = |_, _| ControlFlow::Continue(());
                build(&CodeSpace::new(&coder, &codes), &params, go)?.freeze()
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        let (chunks, documents, estimated) = side(data, options.text_bytes)?;
        let mut bytes = Bytes {
            chunks,
            documents,
            ..Bytes::default()
        };
        if options.layout != Layout::Flat {
            bytes.graph = graph.to_bytes().len();
        }
        if options.layout != Layout::LeannNocodes {
            bytes.codes = codes.to_bytes().len();
            bytes.codebooks = frame.to_bytes().len();
        }
        bytes.total = bytes.codes + bytes.graph + bytes.chunks + bytes.documents + bytes.codebooks;
        Ok(Self {
            coder,
            codes,
            graph,
            bytes,
            estimated,
            seconds,
        })
    }
}
