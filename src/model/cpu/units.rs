//! Dealing texts out: units of whole texts, large enough to use each weight often, small enough for the cache.

/// Tokens of a unit at most, unless one text alone has more. Measured: below 128 the weights are read too often,
/// above 512 the activations leave the second-level cache.
const MOST: usize = 256;

/// Groups texts of the given lengths into units for `threads` threads; the longest texts come first, so that
/// the threads end together. Every text is in exactly one unit.
pub(super) fn plan(lengths: &[usize], threads: usize) -> Vec<Vec<usize>> {
    let total: usize = lengths.iter().sum();
    let most = if threads > 1 {
        total.div_ceil(2 * threads).clamp(MOST / 4, MOST)
    } else {
        MOST
    };
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(lengths[i]));
    let mut units: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for i in order {
        if lengths[i] > room || units.is_empty() {
            units.push(Vec::new());
            room = most;
        }
        if let Some(unit) = units.last_mut() {
            unit.push(i);
        }
        room = room.saturating_sub(lengths[i]);
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_text_is_in_exactly_one_unit_of_bounded_size(
            lengths in proptest::collection::vec(1usize..=512, 0..200),
            threads in 1usize..9,
        ) {
            let units = plan(&lengths, threads);
            let mut seen = vec![0; lengths.len()];
            for unit in &units {
                let tokens: usize = unit.iter().map(|&i| lengths[i]).sum();
                prop_assert!(unit.len() == 1 || tokens <= MOST);
                for &i in unit {
                    seen[i] += 1;
                }
            }
            prop_assert!(seen.iter().all(|&n| n == 1));
        }
    }
}
