//! `gossamer watch` and real file-system events.
//!
//! Needs the model: `gossamer model fetch`.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod command;

use std::fs;

use command::{Folder, PATIENCE, Running, command, index, list};
use serde_json::Value;

/// Follows `docs`. The counts of new, replaced and removed documents, commit by commit.
fn watch(folder: &Folder, index: &str) -> (Running, impl Fn() -> [u64; 3]) {
    let args = [
        "watch",
        "docs",
        "--index",
        index,
        "--settle",
        "0.2",
        "--backend",
        "cpu",
        "--json",
    ];
    let mut watch = Running::start(command(&folder.0, &args));
    let lines = watch.lines();
    let counts = move || {
        let line = lines
            .recv_timeout(PATIENCE)
            .expect("the watch said nothing");
        let report: Value = serde_json::from_str(&line).unwrap();
        ["new", "replaced", "removed"].map(|key| report[key].as_u64().unwrap())
    };
    (watch, counts)
}

#[test]
fn an_index_follows_its_folder_through_new_changed_renamed_and_deleted_files() {
    let folder = Folder::new("watch");
    folder.file("docs/one.txt", "Barley is malted before it is brewed.");
    folder.file("docs/deep/two.txt", "A kite needs a steady wind.");
    folder.file("docs/.gitignore", "*.tmp\n");
    // Within a repository, that is.
    fs::create_dir(folder.0.join("docs/.git")).unwrap();
    index(&folder.0);
    let (watch, counts) = watch(&folder, "docs/idx");
    assert_eq!(counts(), [2, 0, 0]);
    folder.file("docs/three.txt", "Glaciers grind rock to flour.");
    folder.file("docs/three.tmp", "Half a thought.");
    assert_eq!(counts(), [1, 0, 0]);
    folder.file("docs/one.txt", "Hops make beer bitter.");
    assert_eq!(counts(), [0, 1, 0]);
    fs::rename(
        folder.0.join("docs/three.txt"),
        folder.0.join("docs/deep/four.txt"),
    )
    .unwrap();
    assert_eq!(counts(), [1, 0, 1]);
    fs::remove_dir_all(folder.0.join("docs/deep")).unwrap();
    assert_eq!(counts(), [0, 0, 2]);
    fs::create_dir_all(folder.0.join("new")).unwrap();
    folder.file("new/five.txt", "Tides follow the moon.");
    fs::rename(folder.0.join("new"), folder.0.join("docs/new")).unwrap();
    assert_eq!(counts(), [1, 0, 0]);
    drop(watch);
    fs::rename(folder.0.join("docs/idx"), folder.0.join("followed")).unwrap();
    fs::remove_dir_all(folder.0.join("idx")).unwrap();
    fs::rename(folder.0.join("followed"), folder.0.join("idx")).unwrap();
    assert_eq!(list(&folder.0), ["docs/new/five.txt", "docs/one.txt"]);
}

#[test]
fn a_folder_that_was_deleted_is_followed_again_when_it_is_back() {
    let folder = Folder::new("watch-again");
    folder.file("docs/one.txt", "Barley is malted before it is brewed.");
    let (watch, counts) = watch(&folder, "idx");
    assert_eq!(counts(), [1, 0, 0]);
    fs::remove_dir_all(folder.0.join("docs")).unwrap();
    // The file goes for itself if the folder is still there when that is seen, and otherwise when the folder is back.
    folder.file("docs/two.txt", "A kite needs a steady wind.");
    let mut sum = [0; 3];
    while sum != [1, 0, 1] {
        let more = counts();
        sum = std::array::from_fn(|i| sum[i] + more[i]);
    }
    folder.file("docs/three.txt", "Glaciers grind rock to flour.");
    assert_eq!(counts(), [1, 0, 0]);
    fs::rename(folder.0.join("docs"), folder.0.join("elsewhere")).unwrap();
    folder.file("elsewhere/four.txt", "Tides follow the moon.");
    folder.file("docs/five.txt", "Hops make beer bitter.");
    let mut sum = [0; 3];
    while sum != [1, 0, 2] {
        let more = counts();
        sum = std::array::from_fn(|i| sum[i] + more[i]);
    }
    drop(watch);
    assert_eq!(list(&folder.0), ["docs/five.txt"]);
}
