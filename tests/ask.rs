//! `gossamer ask` against a stand-in for a chat server.
//!
//! Needs the model: `gossamer model fetch`.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod command;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::thread;

use command::{Folder, command, index};
use serde_json::{Value, json};

/// Answers one request with `answer`, byte for byte; returns its address and what it was sent.
fn stand_in(answer: String) -> (String, thread::JoinHandle<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).unwrap() > 0);
        }
        let lower = head.to_lowercase();
        let length = lower
            .split_once("content-length: ")
            .unwrap()
            .1
            .lines()
            .next()
            .unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        (head, serde_json::from_slice(&body).unwrap())
    });
    (address, served)
}

fn events(words: &[&str]) -> String {
    let mut answer =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
            .to_owned();
    for word in words {
        answer += &format!(
            "data: {}\n\n",
            json!({"choices": [{"delta": {"content": word}}]})
        );
    }
    answer
}

fn ask(folder: &Folder, endpoint: &str, more: &[&str]) -> Output {
    let question = "Who looked after the lamp by the coast?";
    let mut args = vec![
        "ask",
        question,
        "--index",
        "idx",
        "--backend",
        "cpu",
        "-k",
        "2",
    ];
    args.extend(more);
    command(&folder.0, &args)
        .env("GOSSAMER_ENDPOINT", endpoint)
        .env("GOSSAMER_LLM", "stand-in")
        .env("GOSSAMER_API_KEY", "a key")
        .output()
        .unwrap()
}

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file(
        "docs/sea.md",
        "# The lighthouse\n\nIts keeper trimmed the wick before dusk.\n",
    );
    folder.file("docs/bread.txt", "A sourdough starter is fed every day.\n");
    index(&folder.0);
    folder
}

#[test]
fn an_answer_streams_and_its_citations_name_file_and_offset() {
    let folder = folder("ask");
    let whole = events(&["The keeper", " did [1], says ", "nobody [7]."]) + "data: [DONE]\n\n";
    let (endpoint, served) = stand_in(whole.clone());
    let output = ask(&folder, &endpoint, &[]);
    let (head, sent) = served.join().unwrap();
    assert!(
        head.starts_with("POST /v1/chat/completions") && head.contains("Bearer a key"),
        "{head}"
    );
    assert_eq!(
        (&sent["model"], &sent["stream"]),
        (&"stand-in".into(), &true.into())
    );
    let asked = sent["messages"][1]["content"].as_str().unwrap();
    assert!(
        asked.contains("trimmed the wick") && asked.contains("[2] from docs/bread.txt"),
        "{asked}"
    );
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.starts_with("The keeper did [1], says nobody [7]."),
        "{said}"
    );
    assert!(
        said.contains("[1] docs/sea.md (") && said.contains("bytes 0-") && !said.contains("[2]"),
        "{said}"
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("[7]"));

    let (endpoint, served) = stand_in(whole);
    let report: Value =
        serde_json::from_slice(&ask(&folder, &endpoint, &["--json"]).stdout).unwrap();
    served.join().unwrap();
    let passage = &report["passages"][0];
    assert_eq!(
        (&passage["document"], &passage["cited"]),
        (&"docs/sea.md".into(), &true.into())
    );
    assert_eq!(
        (
            &report["passages"][1]["cited"],
            &report["unknown_citations"][0]
        ),
        (&false.into(), &7.into())
    );
}

#[test]
fn a_server_that_fails_or_breaks_off_is_told_and_nothing_is_asked_without_one() {
    let folder = folder("ask-fails");
    let code = |answer: String, words: &str| {
        let (endpoint, served) = stand_in(answer);
        let output = ask(&folder, &endpoint, &[]);
        served.join().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(words), "{error}");
        output.status.code()
    };
    let busy = "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy".to_owned();
    assert_eq!(code(busy, "busy"), Some(9));
    assert_eq!(code(events(&["The keeper"]), "broke off"), Some(9));
    let elsewhere =
        "HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
            .to_owned();
    assert_eq!(code(elsewhere, "307"), Some(9));
    // A port that nobody listens on.
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(
        ask(&folder, &format!("http://{closed}/v1"), &[])
            .status
            .code(),
        Some(9)
    );
    let unnamed = command(&folder.0, &["ask", "x", "--index", "idx"])
        .output()
        .unwrap();
    assert_eq!(unnamed.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unnamed.stderr).contains("--endpoint"));
}
