//! The same on one thread, for wasm32 without threads.

/// Maps every item, in order.
pub(crate) fn map<T, S, R>(
    items: &[T],
    state: impl Fn() -> S,
    f: impl Fn(&mut S, &T) -> R,
) -> Vec<R> {
    let mut state = state();
    items.iter().map(|item| f(&mut state, item)).collect()
}
