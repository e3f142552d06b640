//! HTML: the standard's tokenizer, without a tree.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::builder::Builder;
use super::markup::Markup;
use super::{Error, Limits, Parts, decode};

/// The text of a page.
pub fn extract(bytes: &[u8], limits: &Limits) -> Result<Parts, Error> {
    let decoded = decode::markup(bytes)?;
    let markup = walk(
        decoded.text,
        Markup::new(Builder::new(limits.sections)),
        false,
    );
    let title = markup.title;
    let mut parts = markup.builder.finish();
    parts.title = Some(title);
    parts.notes.extend(decoded.note);
    Ok(parts)
}

/// Feeds a document's tags and text to `markup`. In XHTML any element may close itself.
pub fn walk(text: String, markup: Markup, xhtml: bool) -> Markup {
    let sink = Sink {
        markup: RefCell::new(markup),
        xhtml,
    };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(text));
    // The sink never asks for a script to be run, so the input is consumed at once.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.markup.into_inner()
}

struct Sink {
    markup: RefCell<Markup>,
    xhtml: bool,
}

impl Sink {
    fn tag(&self, tag: &Tag) -> TokenSinkResult<()> {
        let mut markup = self.markup.borrow_mut();
        let name: &str = &tag.name;
        let name = name.rsplit_once(':').map_or(name, |(_, local)| local);
        if tag.kind == TagKind::EndTag {
            markup.close(name);
            return TokenSinkResult::Continue;
        }
        markup.open(name, |wanted| {
            let found = tag.attrs.iter().find(|a| &*a.name.local == wanted)?;
            Some(found.value.to_string())
        });
        if tag.self_closing && (self.xhtml || name == "svg") {
            markup.close(name);
            return TokenSinkResult::Continue;
        }
        match name {
            "script" if self.xhtml => TokenSinkResult::Continue,
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "iframe" | "noembed" | "noframes" | "xmp" if !self.xhtml => {
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            "title" | "textarea" if !self.xhtml => TokenSinkResult::RawData(RawKind::Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) => return self.tag(&tag),
            Token::CharacterTokens(text) => self.markup.borrow_mut().text(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.xhtml
    }
}
