//! Trains the codec of the tiny BERT in `tests/fixtures/tiny-bert` on the sentences of the sample documents, so
//! that browser tests can run the whole pipeline with it: `cargo run --release --example tiny_codec`.

use std::error::Error;
use std::fs;
use std::path::Path;

use gossamer::codec::train::train;
use gossamer::model::device::Choice;
use gossamer::model::{Encoder, ModelFiles};
use unicode_segmentation::UnicodeSegmentation;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("tests/fixtures/tiny-bert");
    let read = |name: &str| fs::read(folder.join(name));
    let (config, tokenizer, sentence, weights) = (
        read("config.json")?,
        read("tokenizer.json")?,
        read("sentence_bert_config.json")?,
        read("model.safetensors")?,
    );
    let files = ModelFiles {
        name: "tiny-bert",
        config: &config,
        tokenizer: &tokenizer,
        sentence: Some(&sentence),
        pooling: None,
        prompts: None,
        weights: &weights,
        sha256: None,
    };
    let encoder = pollster::block_on(Encoder::open(files, Choice::Cpu))?;
    let mut names: Vec<_> = fs::read_dir("samples/documents")?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    names.sort();
    let (mut vectors, mut lengths) = (Vec::new(), Vec::new());
    for name in names {
        let text = fs::read_to_string(name)?;
        let sentences: Vec<&str> = text.unicode_sentences().filter(|s| s.len() > 20).collect();
        let tokens = encoder
            .tokenizer()
            .encode(&sentences, gossamer::model::tokenizer::Overflow::Truncate)?;
        vectors.extend(pollster::block_on(encoder.embed_tokens(&tokens))?.values);
        lengths.push(sentences.len());
    }
    let dim = vectors.len() / lengths.iter().sum::<usize>();
    let codec = train(&vectors, dim, &lengths, None)?;
    fs::write(folder.join("codec.gsc"), codec.to_bytes())?;
    println!(
        "{} sentences, {} bytes",
        lengths.iter().sum::<usize>(),
        codec.to_bytes().len()
    );
    Ok(())
}
