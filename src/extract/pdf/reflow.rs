//! Lines of a printed page back to paragraphs.
//!
//! A line is joined to the one before unless something says that a new one was meant: a wider gap, another size of
//! letters, an indent after a full stop, a bullet, or room that was left for the next word.

use crate::extract::builder::Builder;

/// A line of a page. Units are the page's, `y` grows upwards.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// What it says, in reading order.
    pub text: String,
    /// Left edge.
    pub left: f64,
    /// Right edge.
    pub right: f64,
    /// Baseline.
    pub y: f64,
    /// Size of the letters.
    pub size: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    Nothing,
    Space,
    Line,
    Paragraph,
}

/// Writes lines, in reading order, into a builder.
pub fn reflow(lines: &[Line], builder: &mut Builder) {
    let pitch = pitch(lines);
    let mut block: Option<(f64, f64)> = None;
    let mut divided = false;
    for (i, line) in lines.iter().enumerate() {
        if i > 0
            && let Some(edges) = block
        {
            let join = if divided {
                Join::Nothing
            } else {
                between(&lines[i - 1], line, pitch, edges)
            };
            match join {
                Join::Nothing => {}
                Join::Space => builder.space(),
                Join::Line => builder.line(),
                Join::Paragraph => {
                    builder.paragraph();
                    block = None;
                }
            }
        }
        let edges = block.map_or((line.left, line.right), |(left, right)| {
            (left.min(line.left), right.max(line.right))
        });
        block = Some(edges);
        let mut text = line.text.trim();
        // A word that was divided is put together again.
        divided = lines.get(i + 1).is_some_and(|next| {
            let stem = text
                .strip_suffix('-')
                .is_some_and(|stem| stem.ends_with(char::is_lowercase));
            stem && next.text.trim().starts_with(char::is_lowercase)
                && matches!(between(line, next, pitch, edges), Join::Space | Join::Line)
        });
        if divided {
            text = &text[..text.len() - 1];
        }
        builder.text(text);
    }
}

fn between(before: &Line, line: &Line, pitch: f64, (left, right): (f64, f64)) -> Join {
    let step = before.y - line.y;
    let (size, larger) = (before.size.min(line.size), before.size.max(line.size));
    if step.abs() < 0.4 * size {
        return Join::Space;
    }
    let usual = if pitch > 0.0 { pitch } else { 1.2 * size };
    if larger > 1.15 * size || step > 1.35 * usual {
        return Join::Paragraph;
    }
    let (end, text) = (before.text.trim(), line.text.trim());
    if is_bullet(text) {
        return Join::Line;
    }
    if step > 0.0 && line.left > left + 0.8 * size && is_stopped(end) {
        return Join::Paragraph;
    }
    let dense = end.ends_with(is_dense) && text.starts_with(is_dense);
    // Upwards is the next column, perhaps in the middle of a sentence.
    if !dense && !text.contains(is_right_to_left) && step > 0.0 {
        let word = text.split_whitespace().next().unwrap_or("").chars().count() + 1;
        let width = (line.right - line.left) * word as f64 / text.chars().count().max(1) as f64;
        if before.right + width < right.max(line.right) {
            return Join::Line;
        }
    }
    if dense { Join::Nothing } else { Join::Space }
}

/// The usual distance of two lines: the median of those that are not gaps.
fn pitch(lines: &[Line]) -> f64 {
    let mut steps: Vec<f64> = lines
        .windows(2)
        .map(|pair| (pair[0].y - pair[1].y, 3.0 * pair[0].size))
        .filter(|(step, most)| *step > 0.0 && step < most)
        .map(|(step, _)| step)
        .collect();
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len() / 2).copied().unwrap_or(0.0)
}

/// Letters that are written without spaces between words.
fn is_dense(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}')
}

/// Letters of Hebrew, Arabic and their relatives.
pub fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fefc}')
}

fn is_bullet(text: &str) -> bool {
    let Some((mark, _)) = text.split_once(char::is_whitespace) else {
        return false;
    };
    if matches!(
        mark,
        "•" | "▪" | "◦" | "●" | "‣" | "∙" | "·" | "*" | "–" | "-"
    ) {
        return true;
    }
    let inner = mark.strip_prefix('(').unwrap_or(mark);
    inner.strip_suffix(['.', ')']).is_some_and(|n| {
        let number = (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit());
        number || (n.len() == 1 && n.as_bytes()[0].is_ascii_lowercase())
    })
}

fn is_stopped(text: &str) -> bool {
    text.trim_end_matches(['"', '\'', '”', '’', '»', ')', ']'])
        .ends_with(['.', '!', '?', ':', ';', '…', '。', '！', '？'])
}
