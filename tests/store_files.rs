//! What the file store promises, on a real file system.

#![allow(clippy::unwrap_used)]

use gossamer::store::{Error, Files, Store};
use pollster::block_on;

fn folder(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("gossamer-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[test]
fn blocks_are_readable_before_the_swap_and_in_place_after_it() {
    let path = folder("in-place");
    block_on(async {
        let store = Files::create(&path).unwrap();
        store.put("1-0-aa", b"one").await.unwrap();
        assert_eq!(store.get("1-0-aa").await.unwrap().unwrap(), b"one");
        assert_eq!(store.list().await.unwrap(), ["1-0-aa"]);
        // Not committed: another process does not see it.
        assert!(
            Files::open(&path)
                .unwrap()
                .get("1-0-aa")
                .await
                .unwrap()
                .is_none()
        );
        store.swap(1, b"first").await.unwrap();
        let other = Files::open(&path).unwrap();
        assert_eq!(other.get("1-0-aa").await.unwrap().unwrap(), b"one");
        assert_eq!(other.manifests().await.unwrap(), [(1, b"first".to_vec())]);
        store.delete("1-0-aa").await.unwrap();
        store.delete("1-0-aa").await.unwrap();
        assert!(other.get("1-0-aa").await.unwrap().is_none());
    });
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn the_two_newest_manifests_are_kept_and_an_old_generation_is_refused() {
    let path = folder("manifests");
    block_on(async {
        let store = Files::create(&path).unwrap();
        for generation in [1, 2, 9] {
            store.swap(generation, &[generation as u8]).await.unwrap();
        }
        assert_eq!(
            store.manifests().await.unwrap(),
            [(9, vec![9]), (2, vec![2])]
        );
        assert!(matches!(
            store.swap(9, b"late").await,
            Err(Error::Locked { .. })
        ));
        assert_eq!(store.manifests().await.unwrap()[0], (9, vec![9]));
    });
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn one_writer_at_a_time_and_a_successor_clears_what_it_left() {
    let path = folder("lock");
    block_on(async {
        let (first, second) = (Files::create(&path).unwrap(), Files::create(&path).unwrap());
        first.lock().await.unwrap();
        first.put("1-0-aa", b"unfinished").await.unwrap();
        match second.lock().await {
            Err(Error::Locked { owner }) => assert!(owner.contains("process"), "{owner}"),
            other => panic!("{other:?}"),
        }
        drop(first);
        second.lock().await.unwrap();
        let left: Vec<_> = std::fs::read_dir(&path)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left, ["writer.lock"]);
        second.unlock();
        Files::open(&path).unwrap().lock().await.unwrap();
    });
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
#[cfg(unix)]
fn the_role_is_given_back_while_other_threads_start_processes() {
    let path = folder("spawn");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                std::process::Command::new("true").status().unwrap();
            }
        });
        let taken = (0..300).try_for_each(|i| {
            let store = Files::create(&path).unwrap();
            block_on(store.lock())?;
            // By word, or by its end.
            if i % 2 == 0 {
                store.unlock();
            }
            drop(store);
            Ok::<_, Error>(())
        });
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        taken.unwrap();
    });
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn a_name_that_would_leave_the_folder_is_refused() {
    let path = folder("names");
    block_on(async {
        let store = Files::create(&path).unwrap();
        for name in ["../x", "a/b", "", ".", "A", "a\0", &"a".repeat(101)] {
            assert!(store.put(name, b"").await.is_err(), "{name:?}");
            assert!(store.get(name).await.is_err(), "{name:?}");
        }
    });
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn opening_a_folder_that_is_not_there_is_an_error() {
    assert!(matches!(
        Files::open(folder("absent")),
        Err(Error::Io { .. })
    ));
}
