//! Text out of documents, natively: the table of expectations that the page's reader is held to as well.
#![cfg(feature = "extract")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use gossamer::extract::{Error, Extracted, Kind, Limits, extract};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/documents")
}

fn read(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap()
}

fn expected() -> Value {
    serde_json::from_slice(&read("expected.json")).unwrap()
}

/// What differs from an entry of the table, in words; empty if nothing does.
fn differences(entry: &Value, found: &Result<Extracted, Error>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |what: &str, want: String, got: String| {
        if want != got {
            wrong.push(format!("{what}: expected {want:?}, got {got:?}"));
        }
    };
    let text = |key: &str| entry[key].as_str().unwrap().to_owned();
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            let want = entry["code"].as_str().unwrap_or("text").to_owned();
            check("error", want, error.code().to_owned());
            return wrong;
        }
    };
    if entry["code"].is_string() {
        check("error", text("code"), format!("text {:?}", found.text));
        return wrong;
    }
    check("type", text("type"), found.kind.word().to_owned());
    check("title", text("title"), found.title.clone());
    if entry["text"].is_string() {
        check("text", text("text"), found.text.clone());
    }
    let mut rest = found.text.as_str();
    for word in entry["words"].as_array().into_iter().flatten() {
        let word = word.as_str().unwrap();
        match rest.split_once(word) {
            Some((_, after)) => rest = after,
            None => check("words", word.to_owned(), found.text.clone()),
        }
    }
    let sections: Vec<_> = found.sections.iter().map(|s| s.label.clone()).collect();
    let wanted = entry["sections"].as_array().unwrap();
    let labels: Vec<_> = wanted.iter().map(|s| s[0].as_str().unwrap()).collect();
    check("sections", labels.join("\n"), sections.join("\n"));
    for (section, want) in found.sections.iter().zip(wanted) {
        let there = &found.text[section.start..];
        let want = want[1].as_str().unwrap();
        if !there.starts_with(want) {
            check(
                "start of a section",
                want.to_owned(),
                there.chars().take(30).collect(),
            );
        }
    }
    let notes: Vec<_> = entry["notes"].as_array().into_iter().flatten().collect();
    let notes: Vec<_> = notes.iter().map(|n| n.as_str().unwrap()).collect();
    check("notes", notes.join("\n"), found.notes.join("\n"));
    wrong
}

#[test]
fn every_document_yields_what_the_table_says() {
    let table = expected();
    let mut wrong = Vec::new();
    for entry in table["files"].as_array().unwrap() {
        let name = entry["file"].as_str().unwrap();
        let found = extract(name, &read(name), &Limits::default());
        wrong.extend(
            differences(entry, &found)
                .iter()
                .map(|d| format!("{name}: {d}")),
        );
    }
    for entry in table["made"].as_array().unwrap() {
        let name = entry["file"].as_str().unwrap();
        let made = &entry["repeat"];
        let unit = made[0].as_str().unwrap();
        let times = made[1].as_u64().unwrap() as usize;
        let end = made[3].as_str().unwrap_or_default().repeat(times);
        let content = unit.repeat(times) + made[2].as_str().unwrap() + &end;
        let found = extract(name, content.as_bytes(), &Limits::default());
        wrong.extend(
            differences(entry, &found)
                .iter()
                .map(|d| format!("{name}: {d}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_document_is_in_the_table() {
    let table = expected();
    let listed: Vec<_> = table["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["file"].as_str().unwrap())
        .collect();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let tool = ["README.md", "expected.json", "make.py", "print.mjs"].contains(&name.as_str());
        assert!(
            tool || listed.contains(&name.as_str()),
            "{name} is not in expected.json"
        );
    }
}

#[test]
fn each_budget_refuses_what_exceeds_it() {
    let report = read("report.docx");
    let limits = Limits::default;
    let tight = [
        Limits {
            file: 1000,
            ..limits()
        },
        Limits {
            members: 3,
            ..limits()
        },
        Limits {
            member: 1000,
            ..limits()
        },
        Limits {
            unpacked: 2000,
            ..limits()
        },
        Limits {
            depth: 4,
            ..limits()
        },
    ];
    for limits in tight {
        let refused = extract("report.docx", &report, &limits);
        assert!(
            matches!(refused, Err(Error::TooBig { .. })),
            "{limits:?} let it through: {refused:?}"
        );
    }
    assert!(extract("report.docx", &report, &limits()).is_ok());
}

#[test]
fn nesting_that_would_overflow_the_stack_of_the_pdf_parser_is_refused() {
    let mut nested = read("tides.pdf");
    let place = nested.windows(6).rposition(|w| w == b"endobj").unwrap() + 6;
    let object = format!(
        "\n99 0 obj\n{}{}\nendobj",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    nested.splice(place..place, object.into_bytes());
    let refused = extract("nested.pdf", &nested, &Limits::default());
    assert!(matches!(refused, Err(Error::TooBig { .. })), "{refused:?}");
}

#[test]
fn pages_beyond_the_limit_are_left_out_and_said_to_be() {
    let limits = Limits {
        pages: 1,
        ..Limits::default()
    };
    let found = extract("tides.pdf", &read("tides.pdf"), &limits).unwrap();
    assert_eq!(found.sections.len(), 1);
    assert!(!found.text.contains("Second page"));
    assert_eq!(found.notes, ["only the first 1 of 2 pages were read"]);
}

#[test]
fn no_prefix_of_a_document_and_no_flipped_byte_panics() {
    let table = expected();
    for entry in table["files"].as_array().unwrap() {
        let name = entry["file"].as_str().unwrap();
        let bytes = read(name);
        // The bombs are large once inflated, and their prefixes tell nothing new.
        if bytes.len() > 10_000 || name == "bomb.pdf" {
            continue;
        }
        for step in 1..8 {
            let _ = extract(name, &bytes[..bytes.len() * step / 8], &Limits::default());
            let mut flipped = bytes.clone();
            if let Some(byte) = flipped.get_mut(bytes.len() * step / 8) {
                *byte ^= 0x55;
            }
            let _ = extract(name, &flipped, &Limits::default());
        }
    }
}

#[test]
fn what_a_file_is_does_not_depend_on_its_name_where_its_content_tells() {
    let kinds = [
        ("report.docx", Kind::Docx),
        ("book.epub", Kind::Epub),
        ("tides.pdf", Kind::Pdf),
        ("page.html", Kind::Html),
    ];
    for (name, kind) in kinds {
        let found = extract("download", &read(name), &Limits::default()).unwrap();
        assert_eq!(found.kind, kind, "{name}");
    }
}

/// Real documents beside the checkout, if they are there.
#[test]
fn real_documents_are_read() {
    let data = std::env::var("GOSSAMER_DATA").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let docs = data.join("docs");
    if !docs.is_dir() {
        assert!(
            std::env::var_os("GOSSAMER_REQUIRE_DATA").is_none(),
            "no documents in {}",
            docs.display()
        );
        return;
    }
    let wanted = [
        ("docx/rust-book-chapter04.docx", "Ownership"),
        ("epub/moby-dick.epub", "Call me Ishmael."),
        ("epub/kusamakura-preview.epub", "智に働けば角が立つ"),
        ("epub/regime-anticancer-arabic.epub", "الفصل"),
        (
            "pdf/google-doc-document.pdf",
            "Beautiful is better than ugly.",
        ),
        ("pdf/multicolumn.pdf", "Lorem"),
        ("pdf/pdflatex-4-pages.pdf", "A blind text like this"),
    ];
    for (name, words) in wanted {
        let found = extract(
            name,
            &fs::read(docs.join(name)).unwrap(),
            &Limits::default(),
        )
        .unwrap();
        assert!(
            found.text.contains(words),
            "{name}: {}",
            found.text.chars().take(500).collect::<String>()
        );
    }
    let locked = fs::read(docs.join("pdf/libreoffice-writer-password.pdf")).unwrap();
    assert_eq!(
        extract("locked.pdf", &locked, &Limits::default()),
        Err(Error::Encrypted)
    );
}
