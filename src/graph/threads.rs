//! Work spread over the processor's cores.

use rayon::prelude::*;

/// Maps every item, in order, with one `state` per worker.
pub(crate) fn map<T, S, R>(
    items: &[T],
    state: impl Fn() -> S + Sync + Send,
    f: impl Fn(&mut S, &T) -> R + Sync + Send,
) -> Vec<R>
where
    T: Sync,
    R: Send,
{
    let share = items
        .len()
        .div_ceil(rayon::current_num_threads() * 4)
        .max(1);
    items
        .par_chunks(share)
        .map(|part| {
            let mut state = state();
            part.iter()
                .map(|item| f(&mut state, item))
                .collect::<Vec<_>>()
        })
        .collect::<Vec<_>>()
        .into_iter()
        .flatten()
        .collect()
}
