//! Keyword search over compressed text.

use gossamer::search::keyword::{Builder, Keywords, Postings, rank};
use gossamer::text::blocks::{PageBuilder, PageReader};
use wasm_bindgen::prelude::*;

use super::failed;

/// Text in one compressed page, and its words once they are counted.
#[wasm_bindgen]
pub struct Words {
    page: Vec<u8>,
    text_bytes: usize,
    postings: Option<Postings>,
}

/// What stands between passages.
const BORDER: char = '\n';

#[wasm_bindgen]
impl Words {
    /// Compresses passages that are separated by line breaks.
    #[wasm_bindgen(constructor)]
    pub fn new(text: &str) -> Result<Words, JsError> {
        let mut builder = PageBuilder::default();
        builder.push(text);
        let page = builder.finish().ok_or_else(|| failed("there is no text"))?;
        Ok(Self {
            page: page.bytes,
            text_bytes: text.len(),
            postings: None,
        })
    }

    /// Inflates all of it; bytes.
    pub fn inflate(&self) -> Result<usize, JsError> {
        self.text().map(|text| text.len())
    }

    fn text(&self) -> Result<String, JsError> {
        let reader = PageReader::open(&self.page).map_err(failed)?;
        let mut text = String::with_capacity(self.text_bytes);
        for (piece, _) in reader.locate(0..self.text_bytes) {
            text.push_str(&reader.inflate(piece).map_err(failed)?);
        }
        Ok(text)
    }

    fn count(&self, mut builder: Builder) -> Result<Postings, JsError> {
        let text = self.text()?;
        text.split(BORDER).for_each(|passage| builder.push("", passage));
        Ok(builder.finish())
    }

    /// Answers by a scan that keeps nothing; the best score.
    pub fn scan(&self, question: &str) -> Result<f32, JsError> {
        let keywords = Keywords::parse(question);
        let postings = self.count(Builder::only(&keywords))?;
        Ok(best(&keywords, &postings))
    }

    /// Counts all words; bytes of memory that takes.
    pub fn remember(&mut self) -> Result<usize, JsError> {
        let postings = self.count(Builder::new())?;
        let bytes = postings.bytes();
        self.postings = Some(postings);
        Ok(bytes)
    }

    /// Answers from the words counted; the best score.
    pub fn ask(&self, question: &str) -> Result<f32, JsError> {
        let postings = self.postings.as_ref().ok_or_else(|| failed("remember first"))?;
        Ok(best(&Keywords::parse(question), postings))
    }
}

fn best(keywords: &Keywords, postings: &Postings) -> f32 {
    let ranking = rank(keywords, &[postings]);
    ranking.scores.into_iter().flatten().fold(0.0, f32::max)
}
