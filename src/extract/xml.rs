//! XML of the office formats: elements and text as they come, entities resolved, namespaces ignored.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

use super::{Error, Limits, decode};

/// What an XML document consists of.
pub enum Node<'a> {
    /// An element starts; its name is local.
    Open(&'a str, &'a BytesStart<'a>),
    /// Text between tags.
    Text(&'a str),
    /// An element ends.
    Close(&'a str),
}

/// Calls `visit` for each element and text. `what` names the document in errors.
pub fn walk(
    bytes: &[u8],
    what: &str,
    limits: &Limits,
    mut visit: impl FnMut(Node<'_>),
) -> Result<(), Error> {
    let broken = |why: String| Error::Broken(format!("{what}: {why}"));
    let text = decode::markup(bytes)?.text;
    let mut reader = Reader::from_str(&text);
    let mut depth = 0;
    loop {
        match reader.read_event().map_err(|e| broken(e.to_string()))? {
            Event::Start(start) => {
                depth += 1;
                if depth > limits.depth {
                    return Err(Error::TooBig {
                        what: "the nesting of elements",
                        limit: limits.depth as u64,
                    });
                }
                visit(Node::Open(&local(start.local_name().as_ref()), &start));
            }
            Event::Empty(start) => {
                let name = local(start.local_name().as_ref());
                visit(Node::Open(&name, &start));
                visit(Node::Close(&name));
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                visit(Node::Close(&local(end.local_name().as_ref())));
            }
            Event::Text(piece) => visit(Node::Text(&String::from_utf8_lossy(&piece))),
            Event::CData(piece) => visit(Node::Text(&String::from_utf8_lossy(&piece))),
            Event::GeneralRef(entity) => {
                if let Ok(Some(c)) = entity.resolve_char_ref() {
                    visit(Node::Text(c.encode_utf8(&mut [0; 4])));
                } else if let Some(text) = resolve_xml_entity(&String::from_utf8_lossy(&entity)) {
                    visit(Node::Text(text));
                }
            }
            Event::Eof if depth > 0 => return Err(broken("ends in the middle".into())),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// An attribute by its local name.
pub fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = start
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|a| a.key.local_name().as_ref() == name.as_bytes())?;
    found.unescape_value().ok().map(Into::into)
}

fn local(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
