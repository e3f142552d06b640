//! Markdown: the file's own text; its headings are the sections.

use super::builder::collapse;
use super::{Limits, Parts, Section};

/// Headings outside code blocks, and the title of the front matter or the first heading of level 1.
pub fn extract(text: String, limits: &Limits) -> Parts {
    let mut found = Headings::default();
    let mut fence: Option<(char, usize)> = None;
    let mut previous: Option<(usize, &str)> = None;
    let mut start = 0;
    let front = front_matter(&text);
    for raw in text.split_inclusive('\n') {
        let at = start;
        start += raw.len();
        if at < front {
            continue;
        }
        let line = raw.trim_end();
        let indent = line.len() - line.trim_start_matches(' ').len();
        let body = &line[indent..];
        if let Some((mark, length)) = fence {
            let closing = run(body, mark);
            if closing >= length && body[closing..].trim().is_empty() {
                fence = None;
            }
            continue;
        }
        if indent < 4 {
            if let Some(mark) = body.chars().next().filter(|c| matches!(c, '`' | '~'))
                && run(body, mark) >= 3
            {
                fence = Some((mark, run(body, mark)));
                previous = None;
                continue;
            }
            let level = run(body, '#');
            if (1..=6).contains(&level)
                && body[level..]
                    .chars()
                    .next()
                    .is_none_or(|c| c == ' ' || c == '\t')
            {
                found.add(level, at, body[level..].trim().trim_end_matches('#'));
                previous = None;
                continue;
            }
            // A line of text underlined with = or -.
            if let Some((above, heading)) = previous
                && let Some(mark @ ('=' | '-')) = body.chars().next()
                && run(body, mark) == body.len()
            {
                found.add(if mark == '=' { 1 } else { 2 }, above, heading);
                previous = None;
                continue;
            }
        }
        let plain =
            indent < 4 && !body.is_empty() && !body.starts_with(['>', '-', '*', '+', '|', '<']);
        previous = plain.then_some((at, body));
    }
    let title = front_title(&text[..front]).or(found.title);
    found.sections.truncate(limits.sections);
    Parts {
        title,
        sections: found.sections,
        text,
        notes: Vec::new(),
    }
}

#[derive(Default)]
struct Headings {
    path: Vec<(usize, String)>,
    sections: Vec<Section>,
    title: Option<String>,
}

impl Headings {
    fn add(&mut self, level: usize, start: usize, text: &str) {
        let label: String = collapse(&plain(text)).chars().take(80).collect();
        if label.is_empty() {
            return;
        }
        if level == 1 && self.title.is_none() {
            self.title = Some(label.clone());
        }
        self.path.retain(|(above, _)| *above < level);
        self.path.push((level, label));
        let path: Vec<_> = self.path.iter().map(|(_, l)| l.as_str()).collect();
        self.sections.push(Section {
            start,
            label: path.join(" › "),
        });
    }
}

fn run(text: &str, mark: char) -> usize {
    text.len() - text.trim_start_matches(mark).len()
}

/// A heading without its mark-up: emphasis, code and the address of links.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['*', '`', '[', ']', '\\']) {
        out.push_str(&rest[..at]);
        let mark = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        if mark == b']' && rest.starts_with('(') {
            rest = rest.find(')').map_or("", |end| &rest[end + 1..]);
        }
    }
    out + rest
}

/// Length of a leading YAML block between lines of `---`.
fn front_matter(text: &str) -> usize {
    let Some(first) = text
        .strip_prefix("---\n")
        .or_else(|| text.strip_prefix("---\r\n"))
    else {
        return 0;
    };
    let mut at = text.len() - first.len();
    for line in first.split_inclusive('\n') {
        at += line.len();
        if matches!(line.trim_end(), "---" | "...") {
            return at;
        }
    }
    0
}

fn front_title(front: &str) -> Option<String> {
    let line = front.lines().find_map(|l| l.strip_prefix("title:"))?;
    let title = line.trim().trim_matches(['"', '\'']);
    (!title.is_empty()).then(|| title.to_owned())
}
