//! Fetching a model over HTTP: a file is whole and right, or it is not there.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use gossamer::model::fetch::{FetchError, FileState, Progress, check, fetch};
use gossamer::model::pinned::{PinnedFile, PinnedModel};
use sha2::{Digest, Sha256};

const NAMES: [&str; 4] = ["a.json", "b.json", "c.json", "weights.bin"];

/// What the server does with `weights.bin`.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Honest,
    /// Sends half of what it announced and hangs up.
    HangsUp,
    /// Sends other bytes of the right length.
    Wrong,
    /// Sends the whole file whatever range was asked for.
    IgnoresRange,
}

fn content(name: &str) -> Vec<u8> {
    let len = if name == "weights.bin" { 300_000 } else { 100 };
    (0..len)
        .map(|i| (i * 31 % 251) as u8 ^ name.as_bytes()[0])
        .collect()
}

struct Server {
    model: PinnedModel,
    mode: Arc<Mutex<Mode>>,
    /// Path and first byte of every request.
    requests: Arc<Mutex<Vec<(String, usize)>>>,
}

fn serve() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mode = Arc::new(Mutex::new(Mode::Honest));
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (served_mode, served) = (Arc::clone(&mode), Arc::clone(&requests));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let Some(Ok(first)) = lines.next() else {
                continue;
            };
            let path = first.split(' ').nth(1).unwrap()[1..].to_owned();
            let mut from = 0;
            for line in lines.map_while(Result::ok).take_while(|l| !l.is_empty()) {
                if let Some(range) = line.to_lowercase().strip_prefix("range: bytes=") {
                    from = range.trim_end_matches('-').parse().unwrap();
                }
            }
            served.lock().unwrap().push((path.clone(), from));
            let mode = if path == "weights.bin" {
                *served_mode.lock().unwrap()
            } else {
                Mode::Honest
            };
            let mut body = content(&path);
            if mode == Mode::IgnoresRange {
                from = 0;
            }
            if mode == Mode::Wrong {
                body[7] ^= 1;
            }
            let body = &body[from..];
            let status = if from > 0 {
                "206 Partial Content"
            } else {
                "200 OK"
            };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let send = if mode == Mode::HangsUp {
                body.len() / 2
            } else {
                body.len()
            };
            let _ = stream.write_all(&body[..send]);
        }
    });
    let files = NAMES.map(|name| {
        let hash: String = Sha256::digest(content(name))
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        PinnedFile {
            name,
            bytes: content(name).len() as u64,
            sha256: Box::leak(hash.into_boxed_str()),
        }
    });
    let model = PinnedModel {
        name: "test",
        folder: "test",
        url: Box::leak(url.into_boxed_str()),
        package: None,
        files,
    };
    Server {
        model,
        mode,
        requests,
    }
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("gossamer-fetch-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

#[test]
fn every_file_arrives_whole_and_is_not_fetched_twice() {
    let (server, folder) = (serve(), folder("whole"));
    let mut last = None;
    fetch(&server.model, &folder, &mut |p: Progress| last = Some(p)).unwrap();
    assert_eq!(last.unwrap().done, 300_000);
    for file in &server.model.files {
        assert_eq!(check(&folder, file).unwrap(), FileState::Whole);
    }
    fetch(&server.model, &folder, &mut |_| {}).unwrap();
    assert_eq!(server.requests.lock().unwrap().len(), 4);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_download_that_breaks_off_is_no_file_and_goes_on_where_it_ended() {
    let (server, folder) = (serve(), folder("resume"));
    *server.mode.lock().unwrap() = Mode::HangsUp;
    let error = fetch(&server.model, &folder, &mut |_| {}).unwrap_err();
    assert!(
        matches!(
            error,
            FetchError::Unreachable {
                file: "weights.bin",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(
        check(&folder, &server.model.files[3]).unwrap(),
        FileState::Missing
    );
    *server.mode.lock().unwrap() = Mode::Honest;
    fetch(&server.model, &folder, &mut |_| {}).unwrap();
    assert_eq!(
        check(&folder, &server.model.files[3]).unwrap(),
        FileState::Whole
    );
    let (path, from) = server.requests.lock().unwrap().last().unwrap().clone();
    assert_eq!(path, "weights.bin");
    assert!(from > 0);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn other_bytes_than_the_pinned_ones_are_discarded() {
    let (server, folder) = (serve(), folder("wrong"));
    *server.mode.lock().unwrap() = Mode::Wrong;
    let error = fetch(&server.model, &folder, &mut |_| {}).unwrap_err();
    assert!(matches!(
        error,
        FetchError::Integrity {
            file: "weights.bin",
            ..
        }
    ));
    let left: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains("weights")),
        "{left:?}"
    );
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_server_without_ranges_sends_it_again_from_the_start() {
    let (server, folder) = (serve(), folder("ranges"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("weights.bin.part"),
        &content("weights.bin")[..1000],
    )
    .unwrap();
    *server.mode.lock().unwrap() = Mode::IgnoresRange;
    fetch(&server.model, &folder, &mut |_| {}).unwrap();
    assert_eq!(
        check(&folder, &server.model.files[3]).unwrap(),
        FileState::Whole
    );
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_that_rots_is_noticed_and_fetched_again() {
    let (server, folder) = (serve(), folder("rot"));
    fetch(&server.model, &folder, &mut |_| {}).unwrap();
    fs::write(folder.join("b.json"), b"rotten").unwrap();
    let state = check(&folder, &server.model.files[1]).unwrap();
    assert!(matches!(state, FileState::Damaged { .. }));
    fetch(&server.model, &folder, &mut |_| {}).unwrap();
    assert_eq!(
        check(&folder, &server.model.files[1]).unwrap(),
        FileState::Whole
    );
    fs::remove_dir_all(folder).unwrap();
}
