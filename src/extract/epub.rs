//! EPUB 2 and 3: the chapters in reading order, each through the HTML reader; contents where a chapter has no heading.

use std::collections::HashMap;

use super::archive::Archive;
use super::builder::Builder;
use super::markup::Markup;
use super::xml::{Node, attribute, walk};
use super::{Error, Limits, Parts, decode, html};

/// The text of a book.
pub fn extract(bytes: &[u8], limits: &Limits) -> Result<Parts, Error> {
    let mut archive = Archive::open(bytes, limits)?;
    let container = archive.require("META-INF/container.xml")?;
    let mut path = None;
    walk(&container, "META-INF/container.xml", limits, |node| {
        if let Node::Open("rootfile", start) = node {
            path = path.take().or_else(|| attribute(start, "full-path"));
        }
    })?;
    let path = path.ok_or_else(|| Error::Broken("no package is named".into()))?;
    let package = Package::read(&archive.require(&path)?, &path, limits)?;
    let contents = package.contents(&mut archive, limits)?;
    refuse_encrypted(&mut archive, &package, limits)?;

    let mut builder = Builder::new(limits.sections);
    let (mut missing, mut damaged) = (0, 0);
    for chapter in &package.spine {
        let bytes = match archive.read(chapter) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                missing += 1;
                continue;
            }
            Err(Error::Broken(_)) => {
                damaged += 1;
                continue;
            }
            Err(e) => return Err(e),
        };
        let text = decode::markup(&bytes)?.text;
        builder = html::walk(
            text,
            Markup::new(builder.chapter(contents.get(chapter))),
            true,
        )
        .builder
        .end_chapter();
    }
    let mut parts = builder.finish();
    if parts.text.is_empty() && damaged > 0 {
        return Err(Error::Broken("none of its chapters could be read".into()));
    }
    parts.title = package.title;
    let all = package.spine.len();
    if missing > 0 {
        parts.notes.push(format!(
            "{missing} of {all} chapters are missing in the file"
        ));
    }
    if damaged > 0 {
        parts
            .notes
            .push(format!("{damaged} of {all} chapters could not be read"));
    }
    Ok(parts)
}

/// What the package document lists.
struct Package {
    title: Option<String>,
    /// Paths of the chapters, in reading order.
    spine: Vec<String>,
    /// Path of the EPUB 3 navigation, then of the EPUB 2 one.
    navigation: Vec<String>,
}

impl Package {
    fn read(xml: &[u8], path: &str, limits: &Limits) -> Result<Self, Error> {
        let mut items: HashMap<String, String> = HashMap::new();
        let mut order = Vec::new();
        let mut navigation = Vec::new();
        let (mut in_title, mut title) = (false, String::new());
        walk(xml, path, limits, |node| match node {
            Node::Open("title", _) => in_title = title.is_empty(),
            Node::Open("item", start) => {
                let (Some(id), Some(href)) = (attribute(start, "id"), attribute(start, "href"))
                else {
                    return;
                };
                let file = resolve(path, &href);
                let kind = attribute(start, "media-type").unwrap_or_default();
                let properties = attribute(start, "properties").unwrap_or_default();
                if properties.split(' ').any(|p| p == "nav") {
                    navigation.insert(0, file.clone());
                } else if kind == "application/x-dtbncx+xml" {
                    navigation.push(file.clone());
                }
                items.insert(id, file);
            }
            Node::Open("itemref", start) => order.extend(attribute(start, "idref")),
            Node::Text(text) if in_title => title.push_str(text),
            Node::Close("title") => in_title = false,
            _ => {}
        })?;
        let spine: Vec<_> = order
            .iter()
            .filter_map(|id| items.get(id).cloned())
            .collect();
        if spine.is_empty() {
            return Err(Error::Broken(format!("{path}: no chapter is listed")));
        }
        Ok(Self {
            title: Some(title),
            spine,
            navigation,
        })
    }

    /// Titles of the chapters' files in the table of contents.
    fn contents(
        &self,
        archive: &mut Archive<'_>,
        limits: &Limits,
    ) -> Result<HashMap<String, String>, Error> {
        let mut titles = HashMap::new();
        for file in &self.navigation {
            // A damaged table of contents costs labels, not text.
            let Ok(Some(xml)) = archive.read(file) else {
                continue;
            };
            let mut label = String::new();
            let mut target = None;
            let mut inside = false;
            let _ = walk(&xml, file, limits, |node| match node {
                Node::Open("a", start) => {
                    inside = true;
                    label.clear();
                    target = attribute(start, "href");
                }
                Node::Open("text", _) => {
                    inside = true;
                    label.clear();
                }
                Node::Text(text) if inside => label.push_str(text),
                Node::Close("text") => inside = false,
                // In EPUB 2 the label comes before its target.
                Node::Open("content", start) => {
                    if let Some(href) = attribute(start, "src") {
                        titles
                            .entry(resolve(file, &href))
                            .or_insert_with(|| label.clone());
                    }
                }
                Node::Close("a") => {
                    inside = false;
                    if let Some(href) = target.take() {
                        titles
                            .entry(resolve(file, &href))
                            .or_insert_with(|| label.clone());
                    }
                }
                _ => {}
            });
            if !titles.is_empty() {
                break;
            }
        }
        Ok(titles)
    }
}

/// Books with digital rights management list their encrypted files; encrypted fonts alone do not matter.
fn refuse_encrypted(
    archive: &mut Archive<'_>,
    package: &Package,
    limits: &Limits,
) -> Result<(), Error> {
    let Some(xml) = archive.read("META-INF/encryption.xml")? else {
        return Ok(());
    };
    let mut encrypted = false;
    walk(&xml, "META-INF/encryption.xml", limits, |node| {
        if let Node::Open("CipherReference", start) = node {
            let file = attribute(start, "URI")
                .map(|uri| resolve("", &uri))
                .unwrap_or_default();
            encrypted |= package.spine.contains(&file);
        }
    })?;
    if encrypted {
        Err(Error::Encrypted)
    } else {
        Ok(())
    }
}

/// The archive's path of `href` as written in `base`: without fragment, unescaped, `..` resolved.
fn resolve(base: &str, href: &str) -> String {
    let href = href.split('#').next().unwrap_or("");
    let mut path: Vec<&str> = base.split('/').collect();
    path.pop();
    let unescaped = unescape(href);
    for part in unescaped.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path.join("/")
}

fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escaped = (bytes[i] == b'%')
            .then(|| {
                text.get(i + 1..i + 3)
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            })
            .flatten();
        out.push(escaped.unwrap_or(bytes[i]));
        i += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}
