//! The server as programs and browsers meet it: real model, real sockets, its own process.
//!
//! Needs the model: `gossamer model fetch`.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod command;

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Barrier;

use command::{Answer, Folder, Running, command, gossamer, http, index, list};
use serde_json::{Value, json};

struct Server {
    process: Running,
    address: SocketAddr,
}

/// Two documents, an index of them, and a server that has it open.
fn serve(folder: &Folder, more: &[&str], token: Option<&str>) -> Server {
    folder.file(
        "docs/bread.md",
        "# Bread\n\nA sourdough starter is fed with flour and water every day.\n",
    );
    folder.file(
        "docs/sea.txt",
        "The lighthouse keeper trimmed the wick before dusk.\n",
    );
    index(&folder.0);
    let mut args = vec![
        "serve",
        "--index",
        "idx",
        "--port",
        "0",
        "--backend",
        "cpu",
        "--json",
    ];
    args.extend(more);
    let mut command = command(&folder.0, &args);
    if let Some(token) = token {
        command.env("GOSSAMER_TOKEN", token);
    }
    let mut process = Running(
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let output = process.0.stdout.as_mut().unwrap();
    let said: Value = serde_json::Deserializer::from_reader(output)
        .into_iter()
        .next()
        .unwrap()
        .unwrap();
    let url = said["url"].as_str().unwrap();
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .parse()
        .unwrap();
    Server { process, address }
}

const JSON: &str = "Content-Type: application/json";

impl Server {
    fn get(&self, path: &str) -> Answer {
        http(self.address, &format!("GET {path}"), &[], b"")
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        http(
            self.address,
            &format!("POST {path}"),
            &[JSON],
            body.to_string().as_bytes(),
        )
    }

    fn ask(&self, question: &str) -> Answer {
        self.post("/api/search", &json!({"question": question, "k": 1}))
    }
}

#[test]
fn documents_are_searched_read_added_and_removed_over_http() {
    let folder = Folder::new("serve");
    let server = serve(&folder, &[], None);
    let found = server.ask("Who looked after the lamp by the coast?");
    assert_eq!(found.status, 200);
    let hit = &found.json()["hits"][0];
    assert_eq!(hit["document"], "docs/sea.txt");
    let range = (
        hit["bytes"][0].as_u64().unwrap(),
        hit["bytes"][1].as_u64().unwrap(),
    );

    let read = server
        .get(&format!(
            "/api/documents/docs/sea.txt?start={}&end={}",
            range.0, range.1
        ))
        .json();
    assert_eq!(
        (&read["text"], &read["metadata"]["type"]),
        (&hit["text"], &"text".into())
    );

    let comet = json!({"documents": [
        {"document": "sky", "title": "Sky", "text": "A comet's tail points away from the sun.", "metadata": {"year": 2024}},
        {"document": "bare", "text": "Moss grows without roots."},
    ]});
    let added = server.post("/api/documents", &comet);
    assert_eq!(
        (added.status, &added.json()["documents"][0]["outcome"]),
        (201, &"new".into())
    );
    assert_eq!(server.post("/api/documents", &comet).status, 200);
    let hit = &server.ask("Where does the tail of a comet point?").json()["hits"][0];
    assert_eq!(
        (&hit["document"], &hit["metadata"]["year"]),
        (&"sky".into(), &2024.into())
    );
    // It is on disk, not only in the server.
    assert_eq!(
        list(&folder.0),
        ["bare", "docs/bread.md", "docs/sea.txt", "sky"]
    );

    let page = server.get("/api/documents?offset=1&limit=2").json();
    let ids: Vec<&str> = page["documents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["document"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["docs/bread.md", "docs/sea.txt"]);
    assert_eq!(page["total"], 4);
    assert_eq!(
        http(server.address, "DELETE /api/documents/sky", &[], b"").status,
        200
    );
    assert_eq!(
        http(server.address, "DELETE /api/documents/sky", &[], b"").status,
        404
    );
    assert_eq!(server.get("/api/stats").json()["documents"], 3);
    let backend = &server.get("/api/health").json()["backend"];
    assert_eq!(
        (&backend["kind"], &backend["lost"]),
        (&"cpu".into(), &Value::Null)
    );

    // Another process's commit is seen.
    let removed = gossamer(
        &folder.0,
        &["remove", "bare", "--index", "idx", "--backend", "cpu"],
    );
    assert!(removed.status.success());
    let deadline = std::time::Instant::now() + command::PATIENCE;
    while server.get("/api/documents").json()["total"] != 2 {
        assert!(
            std::time::Instant::now() < deadline,
            "the removal was never seen"
        );
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn bad_requests_are_told_what_is_wrong() {
    let folder = Folder::new("serve-bad");
    let server = serve(&folder, &["--body", "1", "--read-only"], None);
    let problem = |answer: Answer| {
        (
            answer.status,
            answer.json()["error"]["code"].as_str().unwrap().to_owned(),
        )
    };
    let post = |body: &[u8], headers: &[&str]| {
        problem(http(server.address, "POST /api/search", headers, body))
    };
    let bad = |code: &str| (400, code.to_owned());
    assert_eq!(post(b"{\"question\": ", &[JSON]), bad("bad_request"));
    for wrong in [
        json!({}),
        json!({"question": " "}),
        json!({"question": "x", "k": 0}),
        json!({"question": "x", "ef": 9}),
        json!({"question": "x", "recall": 7}),
    ] {
        assert_eq!(
            post(wrong.to_string().as_bytes(), &[JSON]),
            bad("bad_request"),
            "{wrong}"
        );
    }
    assert_eq!(
        post(b"{\"question\": \"x\"}", &["Content-Type: text/plain"]),
        (415, "not_json".into())
    );
    assert_eq!(
        post(&vec![b' '; 2 << 20], &[JSON]),
        (413, "too_large".into())
    );
    assert_eq!(
        problem(server.get("/api/nothing")),
        (404, "not_found".into())
    );
    assert_eq!(
        problem(server.get("/api/documents/nothing")),
        (404, "not_found".into())
    );
    assert_eq!(
        problem(server.get("/api/documents/docs/sea.txt?start=5&end=2")),
        bad("bad_request")
    );
    let add = json!({"documents": [{"document": "a", "text": "b"}]});
    assert_eq!(
        problem(server.post("/api/documents", &add)),
        (403, "read_only".into())
    );
    assert_eq!(list(&folder.0).len(), 2);
}

#[test]
fn who_has_no_token_or_comes_from_another_page_is_refused() {
    let folder = Folder::new("serve-guard");
    let server = serve(&folder, &[], Some("a token of some length"));
    let status = |headers: &[&str]| http(server.address, "GET /api/stats", headers, b"").status;
    assert_eq!(status(&[]), 401);
    assert_eq!(
        status(&["Authorization: Bearer another token of length"]),
        401
    );
    let token = "Authorization: Bearer a token of some length";
    assert_eq!(status(&[token]), 200);
    assert_eq!(status(&[token, "Host: evil.example"]), 421);
    assert_eq!(status(&[token, "Origin: https://evil.example"]), 403);
    assert_eq!(
        status(&[token, &format!("Origin: http://{}", server.address)]),
        200
    );

    let refused = gossamer(
        &folder.0,
        &[
            "serve",
            "--index",
            "idx",
            "--address",
            "0.0.0.0",
            "--port",
            "0",
        ],
    );
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("GOSSAMER_TOKEN"));
}

#[test]
fn what_is_beyond_the_queue_is_refused_and_what_was_accepted_is_answered() {
    let folder = Folder::new("serve-load");
    let server = serve(&folder, &["--queue", "2"], None);
    let (askers, together) = (24, Barrier::new(24));
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask = || {
            together.wait();
            server.post(
                "/api/search",
                &json!({"question": "Who fed the starter?", "k": 1, "recall": 1}),
            )
        };
        let threads: Vec<_> = (0..askers).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 200);
    assert!(!accepted.is_empty() && !refused.is_empty());
    for answer in accepted {
        assert_eq!(answer.json()["hits"][0]["document"], "docs/bread.md");
    }
    for answer in refused {
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (503, &"overloaded".into())
        );
        assert!(
            answer
                .header("Retry-After")
                .unwrap()
                .parse::<u64>()
                .unwrap()
                >= 1
        );
    }
    assert_eq!(server.ask("Who fed the starter?").status, 200);
    assert_eq!(server.get("/api/health").json()["waiting"], 0);
}

#[cfg(unix)]
#[test]
fn a_server_told_to_end_finishes_what_it_accepted() {
    let folder = Folder::new("serve-end");
    let mut server = serve(&folder, &[], None);
    let documents: Vec<_> = (0..40)
        .map(|i| json!({"document": format!("note-{i}"), "text": format!("Note {i} is about the number {i}.")}))
        .collect();
    let added = std::thread::scope(|scope| {
        let adding =
            scope.spawn(|| server.post("/api/documents", &json!({"documents": documents})));
        // Accepted as soon as the writer's lock is held.
        let lock = folder.0.join("idx/writer.lock");
        let deadline = std::time::Instant::now() + command::PATIENCE;
        while std::fs::read_to_string(&lock)
            .is_ok_and(|text| !text.contains(&server.process.0.id().to_string()))
        {
            assert!(
                std::time::Instant::now() < deadline,
                "the server never wrote"
            );
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        server.process.terminate();
        adding.join().unwrap()
    });
    assert_eq!(added.status, 201);
    assert!(server.process.0.wait().unwrap().success());
    assert_eq!(list(&folder.0).len(), 42);
}

#[test]
fn the_pages_are_served_and_nothing_beside_them() {
    let folder = Folder::new("serve-page");
    folder.file("www/index.html", "<p>the whole page</p>");
    folder.file("www/js/engine.js", "export {};");
    folder.file("secret.txt", "not for the browser");
    let server = serve(&folder, &["--page", "www"], None);
    let kind = |path| {
        let answer = server.get(path);
        (
            answer.status,
            answer.header("Content-Type").unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(kind("/"), (200, "text/html; charset=utf-8".into()));
    assert_eq!(kind("/device.js"), (200, "text/javascript".into()));
    assert_eq!(kind("/page/js/engine.js"), (200, "text/javascript".into()));
    let page = server.get("/page/");
    assert_eq!(page.body, b"<p>the whole page</p>");
    let tag = format!("If-None-Match: {}", page.header("ETag").unwrap());
    assert_eq!(http(server.address, "GET /page/", &[&tag], b"").status, 304);
    for path in [
        "/page/../secret.txt",
        "/page/%2e%2e/secret.txt",
        "/page/..%2fsecret.txt",
        "/page//etc/hostname",
        "/secret.txt",
    ] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
}
