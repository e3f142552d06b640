//! Pages reduced to what matters for text: fonts, places and strings.
//!
//! The parser takes pictures for drawings, follows forms into themselves and gives up on unknown colours. So each page
//! is rewritten first: one stream of checked text operators, forms put in their place, every font under one name.

use std::collections::HashSet;

use pdf_extract::content::{Content, Operation};
use pdf_extract::{Dictionary, Document, Object, ObjectId, Stream};

/// Deepest nesting of forms.
const DEPTH: usize = 12;
/// Most operators of a page, forms counted as often as they are drawn.
const OPERATORS: usize = 2_000_000;

/// A rewritten page.
pub struct Flat {
    /// Text operators only.
    pub operations: Vec<Operation>,
    /// The fonts that they name.
    pub fonts: Dictionary,
}

/// Rewrites a page. `unusable` are fonts that the parser cannot read: what they show is left out.
pub fn page(document: &Document, page: ObjectId, unusable: &HashSet<ObjectId>) -> Option<Flat> {
    let dictionary = document.get_dictionary(page).ok()?;
    let resources = inherited(document, dictionary, b"Resources");
    let mut flattener = Flattener {
        document,
        unusable,
        flat: Flat {
            operations: Vec::new(),
            fonts: Dictionary::new(),
        },
        open: Vec::new(),
        usable: Vec::new(),
    };
    let content = contents(document, dictionary);
    flattener.stream(&content, resources.as_ref());
    Some(flattener.flat)
}

/// The content streams of a page, one after the other.
fn contents(document: &Document, page: &Dictionary) -> Vec<u8> {
    let streams = match page.get(b"Contents").map(|o| follow(document, o)) {
        Ok(Object::Array(streams)) => streams.iter().map(|o| follow(document, o)).collect(),
        Ok(one) => vec![one],
        Err(_) => Vec::new(),
    };
    let mut content = Vec::new();
    for stream in streams.into_iter().filter_map(|o| o.as_stream().ok()) {
        content.extend(stream.decompressed_content().unwrap_or_default());
        content.push(b'\n');
    }
    content
}

/// What an object refers to.
pub fn follow<'a>(document: &'a Document, object: &'a Object) -> &'a Object {
    document
        .dereference(object)
        .map_or(object, |(_, found)| found)
}

fn inherited(document: &Document, page: &Dictionary, key: &[u8]) -> Option<Dictionary> {
    let mut node = page;
    // Deeper trees than this are loops.
    for _ in 0..64 {
        if let Ok(found) = node.get(key) {
            return follow(document, found).as_dict().ok().cloned();
        }
        node = follow(document, node.get(b"Parent").ok()?).as_dict().ok()?;
    }
    None
}

struct Flattener<'a> {
    document: &'a Document,
    unusable: &'a HashSet<ObjectId>,
    flat: Flat,
    /// Forms that are being drawn.
    open: Vec<ObjectId>,
    /// Whether the current font can be used, for each saved state and now.
    usable: Vec<bool>,
}

impl Flattener<'_> {
    fn stream(&mut self, content: &[u8], resources: Option<&Dictionary>) {
        let Ok(content) = Content::decode(content) else {
            return;
        };
        let floor = self.usable.len();
        self.usable.push(false);
        for operation in content.operations {
            if self.flat.operations.len() >= OPERATORS {
                break;
            }
            self.operation(operation, resources, floor);
        }
        // States that were saved and not restored end with the stream.
        while self.usable.len() > floor + 1 {
            self.restore(floor);
        }
        self.usable.truncate(floor);
    }

    fn operation(&mut self, operation: Operation, resources: Option<&Dictionary>, floor: usize) {
        let Operation { operator, operands } = operation;
        let numbers = |count: usize| operands.len() == count && operands.iter().all(is_number);
        match operator.as_str() {
            "BT" | "ET" | "T*" => self.emit(&operator, Vec::new()),
            "q" => {
                let usable = self.usable.last().copied().unwrap_or(false);
                self.usable.push(usable);
                self.emit("q", operands);
            }
            "Q" if self.usable.len() > floor + 1 => self.restore(floor),
            "cm" | "Tm" if numbers(6) => self.emit(&operator, operands),
            "Td" | "TD" if numbers(2) => self.emit(&operator, operands),
            "Tc" | "Tw" | "Tz" | "TL" | "Ts" if numbers(1) => self.emit(&operator, operands),
            "Tf" => self.font(&operands, resources),
            "Tj" => self.show(operands.into_iter().next()),
            "'" => {
                self.emit("T*", Vec::new());
                self.show(operands.into_iter().next());
            }
            "\"" if operands.len() == 3 => {
                self.emit("T*", Vec::new());
                self.show(operands.into_iter().nth(2));
            }
            "TJ" if self.can_show() && matches!(operands.first(), Some(Object::Array(_))) => {
                self.emit("TJ", operands);
            }
            "Do" => self.form(&operands, resources),
            _ => {}
        }
    }

    fn restore(&mut self, floor: usize) {
        debug_assert!(self.usable.len() > floor + 1);
        self.usable.pop();
        self.emit("Q", Vec::new());
    }

    fn can_show(&self) -> bool {
        self.usable.last().copied().unwrap_or(false)
    }

    fn show(&mut self, string: Option<Object>) {
        if let Some(string @ Object::String(..)) = string
            && self.can_show()
        {
            self.emit("Tj", vec![string]);
        }
    }

    fn font(&mut self, operands: &[Object], resources: Option<&Dictionary>) {
        let found = match operands {
            [Object::Name(name), size] if is_number(size) => self
                .resource(resources, b"Font", name)
                .filter(|(id, _)| id.is_some_and(|id| !self.unusable.contains(&id)))
                .map(|(id, _)| (id, size)),
            _ => None,
        };
        if let Some(last) = self.usable.last_mut() {
            *last = found.is_some();
        }
        if let Some((Some(id), size)) = found {
            let name = format!("F{}-{}", id.0, id.1).into_bytes();
            self.flat.fonts.set(name.clone(), Object::Reference(id));
            self.emit("Tf", vec![Object::Name(name), size.clone()]);
        }
    }

    fn form(&mut self, operands: &[Object], resources: Option<&Dictionary>) {
        let Some(Object::Name(name)) = operands.first() else {
            return;
        };
        let Some((id, Object::Stream(form))) = self.resource(resources, b"XObject", name) else {
            return;
        };
        let is_form = form
            .dict
            .get(b"Subtype")
            .and_then(Object::as_name)
            .is_ok_and(|s| s == b"Form");
        let again = id.is_some_and(|id| self.open.contains(&id));
        if !is_form || again || self.open.len() >= DEPTH {
            return;
        }
        let own = form
            .dict
            .get(b"Resources")
            .map(|o| follow(self.document, o));
        let own = own.and_then(Object::as_dict).ok().cloned();
        self.open.push(id.unwrap_or_default());
        self.emit("q", Vec::new());
        if let Ok(Object::Array(matrix)) =
            form.dict.get(b"Matrix").map(|o| follow(self.document, o))
            && matrix.len() == 6
            && matrix.iter().all(is_number)
        {
            self.emit("cm", matrix.clone());
        }
        let content = form.decompressed_content().unwrap_or_default();
        self.stream(&content, own.as_ref().or(resources));
        self.emit("Q", Vec::new());
        self.open.pop();
    }

    /// A resource by category and name, with the number of its object.
    fn resource(
        &self,
        resources: Option<&Dictionary>,
        category: &[u8],
        name: &[u8],
    ) -> Option<(Option<ObjectId>, Object)> {
        let category = follow(self.document, resources?.get(category).ok()?);
        let entry = category.as_dict().ok()?.get(name).ok()?;
        let (id, found) = self.document.dereference(entry).ok()?;
        Some((id, found.clone()))
    }

    fn emit(&mut self, operator: &str, operands: Vec<Object>) {
        self.flat
            .operations
            .push(Operation::new(operator, operands));
    }
}

fn is_number(object: &Object) -> bool {
    matches!(object, Object::Integer(_) | Object::Real(_))
}

/// The one page of a document that is rewritten again and again.
pub struct Stage {
    page: ObjectId,
    content: ObjectId,
}

impl Stage {
    /// Makes the stage the document's only page; the other pages stay reachable by their numbers.
    pub fn new(document: &mut Document) -> Option<Self> {
        let (page, content, pages) = (
            document.new_object_id(),
            document.new_object_id(),
            document.new_object_id(),
        );
        let mut tree = Dictionary::new();
        tree.set("Type", "Pages");
        tree.set("Kids", vec![Object::Reference(page)]);
        tree.set("Count", 1);
        document.objects.insert(pages, Object::Dictionary(tree));
        document
            .catalog_mut()
            .ok()?
            .set("Pages", Object::Reference(pages));
        let mut dictionary = Dictionary::new();
        dictionary.set("Type", "Page");
        dictionary.set("Parent", Object::Reference(pages));
        dictionary.set(
            "MediaBox",
            vec![0.into(), 0.into(), 612.into(), Object::Integer(792)],
        );
        dictionary.set("Contents", Object::Reference(content));
        document
            .objects
            .insert(page, Object::Dictionary(dictionary));
        Some(Self { page, content })
    }

    /// Puts a rewritten page on it.
    pub fn set(&self, document: &mut Document, flat: Flat) -> Option<()> {
        let content = Content {
            operations: flat.operations,
        };
        let content = Stream::new(Dictionary::new(), content.encode().ok()?);
        document
            .objects
            .insert(self.content, Object::Stream(content));
        let mut resources = Dictionary::new();
        resources.set("Font", Object::Dictionary(flat.fonts));
        document
            .get_dictionary_mut(self.page)
            .ok()?
            .set("Resources", Object::Dictionary(resources));
        Some(())
    }
}
