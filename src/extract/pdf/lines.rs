//! Letters of a page to lines: where words end, where lines end, and right-to-left text back in reading order.

use pdf_extract::{MediaBox, OutputDev, OutputError, Transform};
use unicode_normalization::UnicodeNormalization;

use super::reflow::{Line, is_right_to_left};

/// A gap of this share of the letters' size is a space. Formulas have spaces of a sixth, and pairs of letters are
/// rarely moved apart by more than a tenth.
const SPACE: f64 = 0.15;

struct Letter {
    text: String,
    left: f64,
    right: f64,
}

/// Collects the lines of one page.
#[derive(Default)]
pub struct Lines {
    lines: Vec<Line>,
    letters: Vec<Letter>,
    y: f64,
    size: f64,
}

impl Lines {
    /// The lines in the order in which they were drawn.
    pub fn finish(mut self) -> Vec<Line> {
        self.end();
        self.lines
    }

    fn end(&mut self) {
        let letters = std::mem::take(&mut self.letters);
        let line = Line {
            left: letters.iter().map(|l| l.left).fold(f64::INFINITY, f64::min),
            right: letters
                .iter()
                .map(|l| l.right)
                .fold(f64::NEG_INFINITY, f64::max),
            text: read(letters, self.size),
            y: self.y,
            size: self.size,
        };
        if !line.text.trim().is_empty() {
            self.lines.push(line);
        }
    }

    fn add(&mut self, x: f64, y: f64, width: f64, size: f64, text: &str) {
        let right_to_left = text.contains(is_right_to_left);
        if let Some(last) = self.letters.last() {
            let moved = (y - self.y).abs() > 0.6 * self.size.max(size);
            // Leftwards is a new line or column, but the usual way of right-to-left text.
            let back = x < last.left - 2.0 * size
                && !right_to_left
                && !last.text.contains(is_right_to_left);
            if moved || back {
                self.end();
            }
        }
        if self.letters.is_empty() {
            (self.y, self.size) = (y, size);
        }
        // A raised or lowered sign belongs to its line, whose size and place stay those of the larger letters.
        if size > self.size {
            (self.y, self.size) = (y, size);
        }
        self.letters.push(Letter {
            text: text.nfkc().filter(|c| !c.is_control()).collect(),
            left: x,
            right: x + width,
        });
    }
}

/// The letters of a line as text.
fn read(mut letters: Vec<Letter>, size: f64) -> String {
    let count = |wanted: fn(char) -> bool| {
        letters
            .iter()
            .flat_map(|l| l.text.chars())
            .filter(|c| wanted(*c))
            .count()
    };
    let right_to_left = count(is_right_to_left);
    if right_to_left > 0 && right_to_left * 2 > count(char::is_alphabetic) {
        letters.sort_by(|a, b| b.left.total_cmp(&a.left));
        restore(&mut letters);
    }
    let mut text = String::new();
    let mut last: Option<&Letter> = None;
    for letter in &letters {
        if let Some(last) = last {
            let gap = (letter.left - last.right).max(last.left - letter.right);
            if gap > SPACE * size && !text.ends_with(' ') {
                text.push(' ');
            }
        }
        text.push_str(&letter.text);
        last = Some(letter);
    }
    text
}

/// Sorted from the right, numbers and words of other scripts are backwards: turns each run of them around.
fn restore(letters: &mut [Letter]) {
    let forward = |l: &Letter| {
        let mark = |c: char| matches!(c, '.' | ',' | ':' | '/' | '-' | '%');
        !l.text.contains(is_right_to_left) && l.text.chars().any(|c| c.is_alphanumeric() || mark(c))
    };
    let mut start = 0;
    while start < letters.len() {
        let end = start + letters[start..].iter().take_while(|l| forward(l)).count();
        letters[start..end].reverse();
        start = end.max(start + 1);
    }
}

impl OutputDev for Lines {
    fn begin_page(
        &mut self,
        _page: u32,
        _media: &MediaBox,
        _art: Option<(f64, f64, f64, f64)>,
    ) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn output_character(
        &mut self,
        at: &Transform,
        width: f64,
        _spacing: f64,
        font_size: f64,
        text: &str,
    ) -> Result<(), OutputError> {
        let size = font_size.abs() * at.m21.hypot(at.m22);
        let width = width * font_size.abs() * at.m11.hypot(at.m12);
        // Text that is turned by a quarter runs along y: read it as if the page were turned.
        let (x, y) = if at.m12.abs() > at.m11.abs() {
            (at.m32, -at.m31)
        } else {
            (at.m31, at.m32)
        };
        if x.is_finite() && y.is_finite() && size.is_finite() && width.is_finite() {
            self.add(x, y, width, size, text);
        }
        Ok(())
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
}
