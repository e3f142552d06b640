//! Sharing work among the machine's cores.

use rayon::prelude::*;

/// How many threads there are.
pub(super) fn count() -> usize {
    rayon::current_num_threads()
}

/// Every item through `f`, in order; each thread makes its own state.
pub(in crate::model) fn map<T: Sync, S, R: Send>(
    items: &[T],
    state: impl Fn() -> S + Sync + Send,
    f: impl Fn(&mut S, &T) -> R + Sync + Send,
) -> Vec<R> {
    // One at a time: the items are few and long.
    items
        .par_iter()
        .with_max_len(1)
        .map_init(state, f)
        .collect()
}

/// Every item with its position, side by side.
pub(super) fn each<T: Send>(items: &mut [T], f: impl Fn(usize, &mut T) + Sync + Send) {
    items
        .par_iter_mut()
        .enumerate()
        .for_each(|(i, item)| f(i, item));
}
