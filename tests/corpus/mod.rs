//! Documents of drawn words with metadata, and an index of them, for the tests of searches.

use gossamer::index::{Document, Index, Mode, SearchOptions, WriterOptions};
use gossamer::store::Memory;

use crate::words::{Lines, Words, config, random};

/// Documents of three lines of six words each, with metadata to filter by.
pub fn documents(count: usize) -> Vec<Document> {
    let mut state = 99;
    (0..count)
        .map(|i| {
            let mut line = || {
                let words: Vec<String> = (0..6)
                    .map(|_| format!("w{}", random(&mut state) % 300))
                    .collect();
                words.join(" ")
            };
            Document {
                id: format!("d{i}"),
                title: format!("Document {i}"),
                text: format!("{}\n{}\n{}", line(), line(), line()),
                metadata: format!(
                    r#"{{"number":{i},"tenth":{},"path":"folder{}/{i}","tags":["t{}","all"],"modified":"20{:02}-01-01"}}"#,
                    i % 10,
                    i % 3,
                    i % 100,
                    i % 50
                ),
            }
        })
        .collect()
}

pub async fn index_of(documents: &[Document], graph_chunks: usize) -> Index<Memory> {
    let index = Index::create(Memory::new(), config()).await.unwrap();
    let options = WriterOptions {
        graph_chunks,
        ..WriterOptions::default()
    };
    let mut writer = index.writer(options).await.unwrap();
    let words = Words::new();
    for document in documents {
        writer.add(&words, &Lines, document.clone()).await.unwrap();
    }
    writer.commit(&words).await.unwrap();
    if graph_chunks < usize::MAX {
        writer.compact().await.unwrap();
    }
    index
}

/// Options for a search by meaning.
pub fn semantic(k: usize, recall: f32) -> SearchOptions {
    SearchOptions {
        k,
        recall,
        mode: Mode::Semantic,
        ..SearchOptions::default()
    }
}
