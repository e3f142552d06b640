//! Which headings of a Markdown text a place is under.

/// Headings above `position` (a byte offset), outermost first. Lines that begin with one to six `#` and a
/// space count, outside fenced code. Linear in `position`.
pub(super) fn path(text: &str, position: usize) -> Vec<&str> {
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut fence: Option<&str> = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        // A passage that begins with its heading is under it.
        if offset > position {
            break;
        }
        offset += line.len();
        let line = line.trim();
        let mark = ["```", "~~~"].into_iter().find(|m| line.starts_with(m));
        if mark.is_some() && (fence.is_none() || fence == mark) {
            fence = if fence.is_some() { None } else { mark };
            continue;
        }
        let level = line.bytes().take_while(|&b| b == b'#').count();
        let title = line.get(level..).unwrap_or_default();
        if fence.is_none() && (1..=6).contains(&level) && title.starts_with([' ', '\t']) {
            path.retain(|&(above, _)| above < level);
            path.push((level, title.trim().trim_end_matches('#').trim_end()));
        }
    }
    path.into_iter().map(|(_, title)| title).collect()
}
