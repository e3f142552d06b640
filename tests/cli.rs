//! The native command as a person uses it: real model, real documents, its own process.
//!
//! Needs the model: `gossamer model fetch`.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder that is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("gossamer-cli-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn gossamer(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gossamer"))
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let output = gossamer(folder, args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_folder_is_indexed_searched_and_followed_as_it_changes() {
    let folder = Folder::new("follow");
    folder.file(
        "docs/bread.md",
        "# Bread\n\nA sourdough starter is fed with flour and water every day.\n",
    );
    folder.file(
        "docs/sea.txt",
        "The lighthouse keeper trimmed the wick before dusk — at 7 °C.\n",
    );
    folder.file("docs/picture.png", [0x89, 0x50]);
    let index = |extra: &[&str]| {
        let mut args = vec![
            "index",
            "docs",
            "--index",
            "idx",
            "--backend",
            "cpu",
            "--json",
        ];
        args.extend(extra);
        json(&folder.0, &args)
    };
    let first = index(&[]);
    assert_eq!(first["new"], 2);
    assert_eq!(first["unreadable"].as_array().unwrap().len(), 0);

    let question = "Who looked after the lamp by the coast?";
    let search = |k: &str| {
        let args = [
            "search",
            question,
            "--index",
            "idx",
            "-k",
            k,
            "--backend",
            "cpu",
            "--json",
        ];
        json(&folder.0, &args)
    };
    let found = search("1");
    let hit = &found["hits"][0];
    assert_eq!(hit["document"], "docs/sea.txt");
    let text = fs::read_to_string(folder.0.join("docs/sea.txt")).unwrap();
    let range = |key: &str| {
        let range = hit[key].as_array().unwrap();
        range[0].as_u64().unwrap() as usize..range[1].as_u64().unwrap() as usize
    };
    assert_eq!(&text[range("bytes")], hit["text"].as_str().unwrap());
    let units: Vec<u16> = text.encode_utf16().collect();
    assert_eq!(
        String::from_utf16(&units[range("utf16")]).unwrap(),
        hit["text"].as_str().unwrap()
    );
    assert!(hit["score"].as_f64().unwrap() > 0.2);

    let again = index(&[]);
    assert_eq!((&again["new"], &again["unchanged"]), (&0.into(), &2.into()));

    folder.file("docs/sea.txt", "Seagulls nest on the cliff.\n");
    fs::remove_file(folder.0.join("docs/bread.md")).unwrap();
    let changed = index(&[]);
    assert_eq!(
        (&changed["replaced"], &changed["removed"]),
        (&1.into(), &1.into())
    );
    let found = search("10");
    let texts: Vec<_> = found["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| &h["text"])
        .collect();
    assert_eq!(texts, ["Seagulls nest on the cliff."]);
}

#[test]
fn indexing_from_another_place_removes_nothing() {
    let folder = Folder::new("elsewhere");
    folder.file("a/one.txt", "Barley is malted before it is brewed.");
    folder.file("b/two.txt", "A kite needs a steady wind.");
    for place in ["a", "b"] {
        let args = [
            "index",
            ".",
            "--index",
            "../idx",
            "--backend",
            "cpu",
            "--json",
        ];
        assert_eq!(json(&folder.0.join(place), &args)["removed"], 0);
    }
    let list = json(&folder.0, &["list", "--index", "idx", "--json"]);
    assert_eq!(list, serde_json::json!(["one.txt", "two.txt"]));
}

#[test]
fn a_file_that_is_no_text_is_named_and_the_rest_is_indexed() {
    let folder = Folder::new("latin1");
    folder.file("docs/good.txt", "Volcanoes erupt when magma rises.");
    folder.file("docs/latin1.txt", b"caf\xe9");
    let args = ["index", "docs", "--index", "idx", "--backend", "cpu"];
    let output = gossamer(&folder.0, &args);
    assert_eq!(output.status.code(), Some(3));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("docs/latin1.txt") && error.contains("UTF-8"),
        "{error}"
    );
    let list = json(&folder.0, &["list", "--index", "idx", "--json"]);
    assert_eq!(list, serde_json::json!(["docs/good.txt"]));
}

#[test]
fn an_exported_index_is_imported_and_answers_the_same() {
    let folder = Folder::new("export");
    folder.file(
        "docs/a.txt",
        "Coffee beans crack twice while they are roasted.",
    );
    folder.file(
        "docs/b.txt",
        "A canal lock lifts boats between two levels of water.",
    );
    json(
        &folder.0,
        &[
            "index",
            "docs",
            "--index",
            "idx",
            "--backend",
            "cpu",
            "--json",
        ],
    );
    json(
        &folder.0,
        &["export", "all.gossamer", "--index", "idx", "--json"],
    );
    json(
        &folder.0,
        &["import", "all.gossamer", "--index", "copy", "--json"],
    );
    let hits = |index: &str| {
        let args = [
            "search",
            "How do ships climb a hill?",
            "--index",
            index,
            "--backend",
            "cpu",
            "--json",
        ];
        json(&folder.0, &args)["hits"].clone()
    };
    assert_eq!(hits("idx"), hits("copy"));
    assert_eq!(hits("idx")[0]["document"], "docs/b.txt");
    let verified = json(&folder.0, &["verify", "--index", "copy", "--json"]);
    assert_eq!(verified["clean"], true);

    // One flipped byte is told, not searched.
    let mut bytes = fs::read(folder.0.join("all.gossamer")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    folder.file("bad.gossamer", &bytes);
    let output = gossamer(&folder.0, &["import", "bad.gossamer", "--index", "bad"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_index_is_judged_against_exact_search_on_questions_of_ones_own() {
    let folder = Folder::new("eval");
    for i in 0..12 {
        folder.file(
            &format!("docs/{i}.txt"),
            format!("Note {i} is about the number {i} and {}.", i * i),
        );
    }
    json(
        &folder.0,
        &[
            "index",
            "docs",
            "--index",
            "idx",
            "--backend",
            "cpu",
            "--json",
        ],
    );
    folder.file(
        "questions.txt",
        "Which note is about nine?\n\nWhat is said of the number four?\n",
    );
    let args = [
        "eval",
        "--index",
        "idx",
        "--questions",
        "questions.txt",
        "-k",
        "2",
        "--backend",
        "cpu",
        "--json",
    ];
    let report = json(&folder.0, &args);
    assert_eq!(
        (&report["n"], &report["queries"], &report["k"]),
        (&12.into(), &2.into(), &2.into())
    );
    let number = |key: &str| report[key].as_f64().unwrap();
    assert!((0.5..=1.0).contains(&number("recall")));
    assert!((2.0..=12.0).contains(&number("recomputed_mean")));
    for key in [
        "recomputed_p95",
        "rounds_mean",
        "codes_read_mean",
        "bytes_per_passage",
        "share_of_text",
        "query_ms_p50",
    ] {
        assert!(number(key) > 0.0, "{key}");
    }
    let parts = [
        "codes",
        "graph",
        "chunks",
        "documents",
        "manifest",
        "codebooks",
    ];
    let sum: u64 = parts
        .iter()
        .map(|p| report["bytes"][p].as_u64().unwrap())
        .sum();
    assert_eq!(sum, report["bytes"]["index"].as_u64().unwrap());
}

#[test]
fn mistakes_are_told_and_make_nothing() {
    let folder = Folder::new("mistakes");
    let fails = |args: &[&str], words: &str| {
        let output = gossamer(&folder.0, args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        assert!(error.contains(words), "{args:?}: {error}");
    };
    fails(&["search", "x", "--index", "nowhere"], "nowhere");
    fails(&["stats", "--index", "nowhere"], "nowhere");
    fails(
        &["index", "nowhere", "--index", "idx"],
        "no such file or folder",
    );
    fs::create_dir(folder.0.join("empty")).unwrap();
    fails(
        &["index", "empty", "--index", "idx"],
        "no text or Markdown files",
    );
    fails(&["search", "x", "--index", "empty"], "no index");
    assert!(!folder.0.join("nowhere").exists() && !folder.0.join("idx").exists());
}
