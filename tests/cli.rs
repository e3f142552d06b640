//! The native command as a person uses it: real model, real documents, its own process.
//!
//! Needs the model: `gossamer model fetch`.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod command;

use std::fs;

use command::{Folder, PATIENCE, Running, command, gossamer, index, json, list};

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
    folder.file("docs/picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
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
fn a_file_that_cannot_be_read_is_named_and_the_rest_is_indexed() {
    let folder = Folder::new("unreadable");
    folder.file("docs/good.txt", "Volcanoes erupt when magma rises.");
    folder.file("docs/broken.docx", "This is no archive.");
    folder.file("docs/picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    let args = ["index", "docs", "--index", "idx", "--backend", "cpu"];
    let output = gossamer(&folder.0, &args);
    assert_eq!(output.status.code(), Some(3));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("not read: docs/broken.docx"), "{error}");
    assert!(!error.contains("picture"), "{error}");
    assert_eq!(list(&folder.0), ["docs/good.txt"]);
}

#[test]
fn globs_types_and_sizes_choose_the_files() {
    let folder = Folder::new("choose");
    folder.file("docs/a.md", "# A\n\nAlpacas hum.");
    folder.file("docs/b.txt", "Bison graze.");
    folder.file("docs/long.md", "Camels walk. ".repeat(100));
    folder.file("docs/drafts/d.md", "Deer leap.");
    folder.file("docs/deep/e.md", "Eels swim.");
    // Named as unreadable only where its type is asked for.
    folder.file("docs/broken.docx", "PK\x03\x04");
    let chosen = |more: &[&str]| {
        let mut args = vec![
            "index",
            "docs",
            "--index",
            "idx",
            "--backend",
            "cpu",
            "--json",
        ];
        args.extend(more);
        let _ = fs::remove_dir_all(folder.0.join("idx"));
        let report = json(&folder.0, &args);
        (list(&folder.0), report["skipped"].as_u64().unwrap())
    };
    let (ids, skipped) = chosen(&[
        "--include",
        "*.md",
        "--exclude",
        "drafts/",
        "--max-size",
        "1kB",
    ]);
    assert_eq!(ids, ["docs/a.md", "docs/deep/e.md"]);
    // A folder that is excluded is not entered, so its files are not counted.
    assert_eq!(skipped, 3);
    assert_eq!(
        chosen(&["--type", "text"]),
        (vec!["docs/b.txt".to_owned()], 5)
    );
    assert_eq!(
        gossamer(
            &folder.0,
            &["index", "docs", "--index", "x", "--include", "["]
        )
        .status
        .code(),
        Some(2)
    );
    assert_eq!(
        gossamer(
            &folder.0,
            &["index", "docs", "--index", "x", "--type", "exe"]
        )
        .status
        .code(),
        Some(2)
    );
}

#[test]
fn a_file_that_was_only_touched_is_unchanged() {
    let folder = Folder::new("touched");
    folder.file("docs/a.md", "# Lichen\n\nA fungus and an alga live as one.");
    assert_eq!(index(&folder.0)["new"], 1);
    let file = fs::File::options()
        .append(true)
        .open(folder.0.join("docs/a.md"))
        .unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    let again = index(&folder.0);
    assert_eq!(
        (&again["replaced"], &again["unchanged"]),
        (&0.into(), &1.into())
    );
}

#[test]
fn a_quiet_search_says_where_the_answer_is_and_nothing_else() {
    let folder = Folder::new("quiet");
    folder.file("docs/a.md", "# Tides\n\nThey follow the moon.");
    index(&folder.0);
    let search = ["search", "moon", "--index", "idx", "--backend", "cpu"];
    let said = |output: std::process::Output| {
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let [answer, note] = said(gossamer(&folder.0, &search));
    assert!(
        answer.starts_with("1. docs/a.md (Tides, bytes 0-"),
        "{answer}"
    );
    assert!(note.contains(" ms on "), "{note}");
    let quiet = said(gossamer(&folder.0, &[&search[..], &["--quiet"]].concat()));
    assert_eq!(quiet, [answer, String::new()]);
}

#[cfg(unix)]
#[test]
fn an_import_killed_midway_goes_on_from_its_last_commit() {
    let folder = Folder::new("killed");
    for i in 0..400 {
        folder.file(&format!("docs/{i:03}.txt"), format!("Note {i}."));
    }
    let args = ["index", "docs", "--index", "idx", "--backend", "cpu"];
    let mut process = Running::start(command(&folder.0, &args));
    // Generation 1 is empty; 256 chunks make generation 2.
    let commit = folder.0.join("idx/manifest-0000000000000002");
    let deadline = std::time::Instant::now() + PATIENCE;
    while !commit.exists() {
        assert!(
            std::time::Instant::now() < deadline,
            "nothing was committed"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    process.0.kill().unwrap();
    process.0.wait().unwrap();
    let resumed = index(&folder.0);
    let (new, unchanged) = (
        resumed["new"].as_u64().unwrap(),
        resumed["unchanged"].as_u64().unwrap(),
    );
    assert_eq!(new + unchanged, 400);
    assert!(
        (256..400).contains(&unchanged),
        "{unchanged} were committed before the kill"
    );
    assert_eq!(
        json(&folder.0, &["verify", "--index", "idx", "--json"])["clean"],
        true
    );
}

#[test]
fn shells_and_man_know_every_command() {
    let folder = Folder::new("shell");
    let said = |args: &[&str]| String::from_utf8(gossamer(&folder.0, args).stdout).unwrap();
    let help = said(&["--help"]);
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .map_while(|line| {
            line.trim()
                .split(' ')
                .next()
                .filter(|word| !word.is_empty())
        })
        .filter(|word| *word != "help")
        .collect();
    assert!(
        commands.contains(&"serve") && commands.len() > 15,
        "{commands:?}"
    );
    gossamer(&folder.0, &["man", "pages"]);
    let completions = said(&["completions", "bash"]);
    for name in commands {
        assert!(completions.contains(name), "{name}");
        let page = fs::read_to_string(folder.0.join(format!("pages/gossamer-{name}.1"))).unwrap();
        assert!(page.contains(".TH gossamer-"), "{name}");
    }
    assert!(said(&["man"]).contains(".TH gossamer 1"));
}

#[test]
fn the_doctor_says_what_works_and_what_is_used() {
    let folder = Folder::new("doctor");
    let report = json(&folder.0, &["doctor", "--json"]);
    let cpu = &report["backends"][0];
    assert_eq!(cpu["backend"]["kind"], "cpu");
    assert!(cpu["self_test"].as_f64().unwrap() > 0.999);
    assert!(
        cpu["passages_per_second"].as_f64().unwrap() > 0.0
            && cpu["query_ms"].as_f64().unwrap() > 0.0
    );
    assert!(report["used"] == "cpu" || report["used"] == "gpu");
    assert_eq!(report["gpu_support"], cfg!(feature = "gpu"));
    assert!(!report["why"].as_str().unwrap().is_empty());
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
    let fails = |args: &[&str], words: &str, code: i32| {
        let output = gossamer(&folder.0, args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
        assert!(error.contains(words), "{args:?}: {error}");
    };
    fails(&["search", "x", "--index", "nowhere"], "nowhere", 4);
    fails(&["stats", "--index", "nowhere"], "nowhere", 4);
    fails(
        &["index", "nowhere", "--index", "idx"],
        "no such file or folder",
        4,
    );
    fs::create_dir(folder.0.join("empty")).unwrap();
    fails(
        &["index", "empty", "--index", "idx"],
        "no files to index",
        4,
    );
    fails(&["search", "x", "--index", "empty"], "no index", 4);
    fails(&["frobnicate"], "frobnicate", 2);
    folder.file("docs/a.txt", "Otters hold hands.");
    index(&folder.0);
    let absent = ["remove", "docs/b.txt", "--index", "idx", "--backend", "cpu"];
    fails(&absent, "docs/b.txt", 3);
    assert!(!folder.0.join("nowhere").exists());
}

#[test]
fn a_codec_of_ones_own_is_trained_used_and_asked_for() {
    let folder = Folder::new("own-codec");
    let lines: String = (0..1200)
        .map(|i| {
            format!(
                "{{\"title\": \"n{i}\", \"text\": \"The house of number {i} is {} years old.\"}}\n",
                i * 7 % 311
            )
        })
        .collect();
    folder.file("train.jsonl", lines);
    folder.file(
        "docs/sea.txt",
        "The lighthouse keeper trimmed the wick before dusk.\n",
    );
    let train = [
        "codec",
        "train",
        "train.jsonl",
        "--output",
        "own.gsc",
        "--backend",
        "cpu",
        "--json",
    ];
    assert!(json(&folder.0, &train).is_object());
    let index = |path: &str, codec: &[&str]| {
        let mut args = vec![
            "index",
            "docs",
            "--index",
            path,
            "--backend",
            "cpu",
            "--json",
        ];
        args.extend(codec);
        gossamer(&folder.0, &args)
    };
    assert!(index("own", &["--codec", "own.gsc"]).status.success());
    // The index carries it along.
    assert!(index("own", &[]).status.success());
    let search = [
        "search",
        "Who looked after the lamp?",
        "--index",
        "own",
        "-k",
        "1",
        "--backend",
        "cpu",
        "--json",
    ];
    assert_eq!(
        json(&folder.0, &search)["hits"][0]["document"],
        "docs/sea.txt"
    );

    assert!(index("plain", &[]).status.success());
    let other = index("plain", &["--codec", "own.gsc"]);
    assert!(!other.status.success());
    assert!(String::from_utf8_lossy(&other.stderr).contains("build it anew"));
    let nonsense = index("new", &["--codec", "train.jsonl"]);
    assert!(String::from_utf8_lossy(&nonsense.stderr).contains("codec"));
    assert!(!folder.0.join("new").exists());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    use std::process::Stdio;
    let folder = Folder::new("broken-pipe");
    folder.file(
        "docs/sea.txt",
        "The lighthouse keeper trimmed the wick before dusk.\n",
    );
    index(&folder.0);
    let mut child = command(
        &folder.0,
        &["search", "lamp", "--index", "idx", "--backend", "cpu"],
    )
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert!(!error.contains("panicked"), "{error}");
}
