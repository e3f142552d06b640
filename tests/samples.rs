//! The bundled samples keep their promises: readable text of a sensible size, and questions that
//! have one answer in one place and cannot be solved by matching words.
//!
//! Needs no encoder, so it runs with the core alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Words over three letters that carry no subject, and so count neither for nor against a question.
const STOP_WORDS: &str = "about above after again also always another anything because been before \
    being between both cannot could does doing done down during each even ever every from gets \
    give gives goes have having here herself hers himself into itself just like made make makes \
    many more most much must never nothing once only other ours over same shall should some such \
    than that their them then there these they this those through under until upon very want \
    were what when where which while whom whose will with without would your yours";

struct Question {
    question: String,
    document: String,
    answer: String,
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// File name to text; panics on anything that is not a UTF-8 text file.
fn documents() -> BTreeMap<String, String> {
    let folder = samples().join("documents");
    fs::read_dir(&folder)
        .expect("samples/documents can be listed")
        .map(|entry| {
            let path = entry.expect("a directory entry").path();
            let name = path.file_name().expect("a file name").to_string_lossy();
            let bytes = fs::read(&path).expect("a readable file");
            let text = String::from_utf8(bytes)
                .unwrap_or_else(|error| panic!("{name} is not valid UTF-8: {error}"));
            (name.into_owned(), text)
        })
        .collect()
}

fn questions() -> Vec<Question> {
    let json = fs::read_to_string(samples().join("questions.json")).expect("questions.json");
    let json: Value = serde_json::from_str(&json).expect("questions.json is JSON");
    let field = |entry: &Value, name: &str| -> String {
        entry[name]
            .as_str()
            .unwrap_or_else(|| panic!("no text {name:?} in {entry}"))
            .to_owned()
    };
    json.as_array()
        .expect("questions.json is an array")
        .iter()
        .map(|entry| Question {
            question: field(entry, "question"),
            document: field(entry, "document"),
            answer: field(entry, "answer"),
        })
        .collect()
}

fn content_words(text: &str) -> BTreeSet<String> {
    let stop: BTreeSet<&str> = STOP_WORDS.split_whitespace().collect();
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() > 3 && !stop.contains(word))
        .map(str::to_owned)
        .collect()
}

/// Share of the question's content words that the text contains.
fn shared_words(question: &str, text: &str) -> f64 {
    let asked = content_words(question);
    assert!(!asked.is_empty(), "no content word in {question:?}");
    asked.intersection(&content_words(text)).count() as f64 / asked.len() as f64
}

/// The paragraph around the answer, up to the blank lines.
fn paragraph<'a>(text: &'a str, answer: &str) -> &'a str {
    let at = text.find(answer).expect("the answer is in the text");
    let start = text[..at].rfind("\n\n").map_or(0, |blank| blank + 2);
    let end = text[at..]
        .find("\n\n")
        .map_or(text.len(), |blank| at + blank);
    &text[start..end]
}

#[test]
fn documents_are_clean_text_of_a_size_worth_searching() {
    let documents = documents();
    for (name, text) in &documents {
        assert!(
            name.ends_with(".md") || name.ends_with(".txt"),
            "{name} is neither Markdown nor plain text"
        );
        assert!(
            (2_000..=16_000).contains(&text.len()),
            "{name} has {} bytes",
            text.len()
        );
        assert!(
            !text.contains(['\r', '\0', '\u{feff}', '\u{fffd}']),
            "{name} holds carriage returns, NULs, a byte order mark or replacement characters"
        );
        assert!(text.ends_with('\n'), "{name} ends without a newline");
    }
    let total: usize = documents.values().map(String::len).sum();
    assert!(
        (170_000..=220_000).contains(&total),
        "{total} bytes in {} documents",
        documents.len()
    );
    let non_ascii = documents.values().filter(|text| !text.is_ascii()).count();
    assert!(
        non_ascii > documents.len() / 2,
        "only {non_ascii} documents tell bytes from characters"
    );
}

#[test]
fn every_answer_occurs_exactly_once_in_its_document() {
    let documents = documents();
    for Question {
        question,
        document,
        answer,
    } in questions()
    {
        let text = documents
            .get(&document)
            .unwrap_or_else(|| panic!("{question:?} names no document: {document:?}"));
        assert_eq!(
            text.matches(&answer).count(),
            1,
            "answer to {question:?} in {document}: {answer:?}"
        );
        let length = answer.chars().count();
        assert!(
            (40..=200).contains(&length),
            "answer to {question:?} has {length} characters"
        );
    }
}

#[test]
fn every_document_is_asked_about_and_no_question_comes_twice() {
    let questions = questions();
    assert!(questions.len() >= 60, "{} questions", questions.len());
    let asked: BTreeSet<&str> = questions.iter().map(|q| q.document.as_str()).collect();
    for name in documents().keys() {
        assert!(asked.contains(name.as_str()), "no question about {name}");
    }
    let distinct: BTreeSet<&str> = questions.iter().map(|q| q.question.as_str()).collect();
    assert_eq!(distinct.len(), questions.len(), "a question is repeated");
    let answers: BTreeSet<&str> = questions.iter().map(|q| q.answer.as_str()).collect();
    assert_eq!(answers.len(), questions.len(), "an answer is repeated");
}

#[test]
fn questions_share_few_content_words_with_their_answers() {
    let documents = documents();
    let questions = questions();
    let (mut in_answer, mut in_paragraph) = (0.0, 0.0);
    for Question {
        question,
        document,
        answer,
    } in &questions
    {
        in_answer += shared_words(question, answer);
        in_paragraph += shared_words(question, paragraph(&documents[document], answer));
    }
    let count = questions.len() as f64;
    assert!(
        in_answer / count <= 1.0 / 3.0,
        "{:.3} of the content words stand in the answer",
        in_answer / count
    );
    assert!(
        in_paragraph / count <= 1.0 / 3.0,
        "{:.3} of the content words stand in the answer's paragraph",
        in_paragraph / count
    );
}
