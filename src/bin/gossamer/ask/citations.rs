//! Numbered citations: `[2]` or `[1, 3]` in an answer names passages that the question was answered from.

use std::collections::BTreeSet;

/// The numbers cited in an answer.
pub fn cited(answer: &str) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let pieces = answer.split('[').skip(1);
    for inside in pieces
        .filter_map(|piece| piece.split_once(']'))
        .map(|(inside, _)| inside)
    {
        let numbers: Result<Vec<usize>, _> =
            inside.split([',', ';']).map(|n| n.trim().parse()).collect();
        found.extend(numbers.unwrap_or_default());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_brackets_are_citations_and_nothing_else_is() {
        let found = |answer| cited(answer).into_iter().collect::<Vec<_>>();
        assert_eq!(found("Fed daily [2]. It rises [1, 3][2]."), [1, 2, 3]);
        assert_eq!(found("[note] a[i] = 7, [4"), [] as [usize; 0]);
        assert_eq!(found("[[5]] [see 6]"), [5]);
    }
}
