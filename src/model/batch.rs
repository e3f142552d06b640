//! Batches by length: texts of like length share a padded batch, in few distinct shapes.
//!
//! Padding is wasted work and every new shape may cost a GPU compile, so widths come from a short list and
//! batches are cut by a budget of padded tokens.

/// Padded widths in tokens. A GPU meets at most these shapes times the row counts of [`plan`].
const WIDTHS: [usize; 12] = [8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 256];

/// One padded batch: which texts, how wide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Positions of the texts in the caller's order.
    pub rows: Vec<usize>,
    /// Padded tokens per row.
    pub width: usize,
}

/// The padded width for a text of `tokens`.
fn width_for(tokens: usize) -> usize {
    WIDTHS
        .into_iter()
        .find(|&w| w >= tokens)
        .unwrap_or_else(|| tokens.next_multiple_of(64))
}

/// Groups texts of the given lengths into batches of at most `token_budget` padded tokens and `max_rows`
/// rows. Every text is in exactly one batch; the longest come first.
pub fn plan(lengths: &[usize], token_budget: usize, max_rows: usize) -> Vec<Batch> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(lengths[i]));
    let mut batches: Vec<Batch> = Vec::new();
    for i in order {
        let width = width_for(lengths[i]);
        match batches.last_mut() {
            Some(batch)
                if batch.width == width
                    && batch.rows.len() < max_rows
                    && (batch.rows.len() + 1) * width <= token_budget =>
            {
                batch.rows.push(i);
            }
            _ => batches.push(Batch {
                rows: vec![i],
                width,
            }),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_text_is_in_exactly_one_batch_that_fits(
            lengths in proptest::collection::vec(1usize..=512, 0..200),
            budget in 1usize..5000,
            max_rows in 1usize..64,
        ) {
            let batches = plan(&lengths, budget, max_rows);
            let mut seen = vec![0; lengths.len()];
            for batch in &batches {
                prop_assert!(batch.rows.len() <= max_rows);
                prop_assert!(batch.rows.len() == 1 || batch.rows.len() * batch.width <= budget);
                for &row in &batch.rows {
                    seen[row] += 1;
                    prop_assert!(lengths[row] <= batch.width);
                }
            }
            prop_assert!(seen.iter().all(|&n| n == 1));
        }
    }
}
