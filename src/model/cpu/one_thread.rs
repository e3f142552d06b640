//! The same as `threads.rs` where there is one thread.

/// How many threads there are.
pub(super) fn count() -> usize {
    1
}

/// Every item through `f`, in order.
pub(in crate::model) fn map<T, S, R>(
    items: &[T],
    state: impl Fn() -> S,
    f: impl Fn(&mut S, &T) -> R,
) -> Vec<R> {
    let mut state = state();
    items.iter().map(|item| f(&mut state, item)).collect()
}

/// Every item with its position.
pub(super) fn each<T>(items: &mut [T], f: impl Fn(usize, &mut T)) {
    for (i, item) in items.iter_mut().enumerate() {
        f(i, item);
    }
}
