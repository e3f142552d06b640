//! Parsers kept from the rest of the program: in a thread of their own, under a time limit, their panics caught.
//!
//! Damaged files make the PDF parser panic, and hostile ones can keep any of them busy for long: a tag with a million
//! attributes takes the HTML tokenizer quadratic time.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Once, mpsc};
use std::thread;

use super::{Error, Limits, Parts};

/// Enough for the recursion that the budgets allow.
const STACK: usize = 64 << 20;
const THREAD: &str = "gossamer-extract";

/// Calls `read` and waits for it. A thread that is given up cannot be stopped: it runs on until `read` returns.
pub fn run(
    bytes: &[u8],
    limits: &Limits,
    read: impl FnOnce(&[u8], &Limits) -> Result<Parts, Error> + Send + 'static,
) -> Result<Parts, Error> {
    keep_quiet();
    let (send, receive) = mpsc::channel();
    let (owned, own_limits) = (bytes.to_vec(), limits.clone());
    thread::Builder::new()
        .name(THREAD.into())
        .stack_size(STACK)
        .spawn(move || {
            let read = catch_unwind(AssertUnwindSafe(|| read(&owned, &own_limits)));
            let gave_up = |_| Err(Error::Broken("its reader gave up on it".into()));
            // Nobody waits any more if time is up.
            let _ = send.send(read.unwrap_or_else(gave_up));
        })
        .map_err(|e| Error::Broken(format!("no thread to read it in: {e}")))?;
    receive
        .recv_timeout(limits.time)
        .unwrap_or(Err(Error::Timeout(limits.time.as_secs())))
}

/// What a parser panics about is reported as an error or a note, not to the terminal.
fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() != Some(THREAD) {
                before(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_reader_that_never_ends_is_given_up() {
        let (hold, held) = mpsc::channel::<()>();
        let limits = Limits {
            time: Duration::from_millis(1),
            ..Limits::default()
        };
        let found = run(b"", &limits, move |_, _| {
            let _ = held.recv();
            Ok(Parts::default())
        });
        assert_eq!(found.err(), Some(Error::Timeout(0)));
        drop(hold);
    }

    #[test]
    fn a_reader_that_panics_makes_the_file_a_broken_one() {
        let found = run(b"", &Limits::default(), |_, _| panic!("on purpose"));
        assert!(matches!(found, Err(Error::Broken(_))));
    }
}
