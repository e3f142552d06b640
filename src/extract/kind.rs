//! What a file is: by its first bytes where they tell, by its name where they do not.

use super::Error;
use super::archive::{is_zip, member_names};
use super::decode::looks_binary;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Kind {
    Pdf,
    Docx,
    Epub,
    Html,
    Markdown,
    Text,
    Csv,
    Json,
    Code,
}

impl Kind {
    /// The word that metadata and filters use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Epub => "epub",
            Self::Html => "html",
            Self::Markdown => "markdown",
            Self::Text => "text",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Code => "code",
        }
    }
}

const CODE: &[&str] = &[
    "asm", "awk", "bash", "bat", "c", "cc", "clj", "cmake", "cpp", "cs", "css", "cu", "cxx",
    "dart", "diff", "el", "elm", "erl", "ex", "exs", "f90", "fish", "fs", "glsl", "go", "gradle",
    "graphql", "groovy", "h", "hcl", "hpp", "hs", "ini", "java", "jl", "js", "jsx", "kt", "kts",
    "less", "lisp", "lua", "m", "mjs", "cjs", "ml", "mm", "mod", "nim", "nix", "pas", "patch",
    "php", "pl", "pm", "proto", "ps1", "py", "pyi", "r", "rb", "rs", "s", "sass", "scala", "scss",
    "sh", "sol", "sql", "svelte", "svg", "swift", "tcl", "tex", "tf", "toml", "ts", "tsx", "v",
    "vb", "vue", "wgsl", "xml", "xsd", "xsl", "yaml", "yml", "zig", "zsh",
];
const CODE_NAMES: &[&str] = &[
    "cmakelists.txt",
    "dockerfile",
    "gemfile",
    "justfile",
    "makefile",
    "rakefile",
];

/// Tells what a file is; `name` may be a path.
///
/// # Errors
/// [`Error::Unsupported`] for what is not read, [`Error::Encrypted`] for an encrypted Office document,
/// [`Error::Broken`] for an archive whose directory cannot be read.
pub fn recognise(name: &str, bytes: &[u8]) -> Result<Kind, Error> {
    let base = name
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or(name)
        .to_lowercase();
    let extension = base.rsplit_once('.').map_or("", |(_, e)| e);
    let head = &bytes[..bytes.len().min(1024)];
    if head.windows(5).any(|w| w == b"%PDF-") {
        return Ok(Kind::Pdf);
    }
    if is_zip(bytes) {
        return zipped(bytes, extension);
    }
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]) {
        // An encrypted Office document is a compound file with this stream, named in UTF-16.
        let marker: Vec<u8> = "EncryptedPackage".bytes().flat_map(|b| [b, 0]).collect();
        if bytes.windows(marker.len()).any(|w| w == marker) {
            return Err(Error::Encrypted);
        }
        return Err(unsupported("an older Office format; save it as DOCX"));
    }
    if bytes.starts_with(b"{\\rtf") {
        return Err(unsupported("rich text (RTF); save it as DOCX"));
    }
    match extension {
        "pdf" => {
            return Err(Error::Broken(
                "not a PDF: it does not start with %PDF".into(),
            ));
        }
        "docx" | "epub" => {
            return Err(Error::Broken(
                "not a ZIP archive, which this format is".into(),
            ));
        }
        _ => {}
    }
    if looks_binary(bytes) {
        return Err(unsupported("binary data"));
    }
    Ok(match extension {
        "md" | "markdown" | "mdx" => Kind::Markdown,
        "html" | "htm" | "xhtml" => Kind::Html,
        "csv" | "tsv" => Kind::Csv,
        "json" | "jsonl" | "ndjson" | "geojson" => Kind::Json,
        "txt" | "text" | "log" if !CODE_NAMES.contains(&base.as_str()) => Kind::Text,
        e if CODE.contains(&e) || CODE_NAMES.contains(&base.as_str()) => Kind::Code,
        _ => by_content(head),
    })
}

fn by_content(head: &[u8]) -> Kind {
    let start = String::from_utf8_lossy(head)
        .trim_start_matches('\u{feff}')
        .trim_start()
        .to_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        Kind::Html
    } else if start.starts_with("#!") {
        Kind::Code
    } else {
        Kind::Text
    }
}

fn zipped(bytes: &[u8], extension: &str) -> Result<Kind, Error> {
    let names = member_names(bytes)?;
    let has = |name: &str| names.iter().any(|n| n == name);
    let below = |prefix: &str| names.iter().any(|n| n.starts_with(prefix));
    if has("word/document.xml") || (extension == "docx" && has("[Content_Types].xml")) {
        return Ok(Kind::Docx);
    }
    if has("META-INF/container.xml") || extension == "epub" {
        return Ok(Kind::Epub);
    }
    Err(unsupported(if below("xl/") {
        "a spreadsheet; save it as CSV"
    } else if below("ppt/") {
        "a presentation; save it as PDF"
    } else if has("content.xml") {
        "OpenDocument; save it as DOCX"
    } else {
        "an archive; unpack it first"
    }))
}

fn unsupported(what: &str) -> Error {
    Error::Unsupported(what.to_owned())
}
