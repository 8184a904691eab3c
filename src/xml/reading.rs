//! Reads an XML text into its tree.
//!
//! Bounded in depth and number; no document types, no entities but the five that XML has itself.
//! Must not know: what an element means.

use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use super::{Document, Element, Node, Scope};

/// How deep elements may stand in each other; CPIX needs eight.
const DEEPEST: usize = 24;
/// Elements of a document at most.
const MOST_ELEMENTS: usize = 4096;
/// Attributes of an element, and namespaces in force at one place, at most.
const MOST_ATTRIBUTES: usize = 32;

/// Why a text is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// It is none.
    #[error("the body is not well-formed XML, at byte {0}")]
    Malformed(usize),
    /// `<!DOCTYPE`.
    #[error("a document type is not accepted")]
    Doctype,
    /// `&name;` of a document type's.
    #[error("no entity is accepted but lt, gt, amp, apos and quot")]
    Entity,
    /// Too many elements in each other.
    #[error("elements stand at most {DEEPEST} deep")]
    TooDeep,
    /// Too many elements, or attributes of one.
    #[error(
        "a document has at most {MOST_ELEMENTS} elements, each with {MOST_ATTRIBUTES} attributes"
    )]
    TooMany,
    /// An unknown prefix.
    #[error("an element's prefix stands for no namespace, at byte {0}")]
    Namespace(usize),
}

impl Document {
    /// Reads the whole text, whose length the caller bounds.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut builder = Builder::default();
        let mut reader = Reader::from_str(text);
        loop {
            let from = position(&reader);
            let malformed = |_| XmlError::Malformed(from);
            let event = reader.read_event().map_err(malformed)?;
            let raw = &text[from..position(&reader)];
            match event {
                Event::Start(start) => builder.open(&start, from)?,
                Event::Empty(start) => {
                    builder.open(&start, from)?;
                    builder.close(from)?;
                }
                Event::End(_) => builder.close(from)?,
                Event::DocType(_) => return Err(XmlError::Doctype),
                Event::GeneralRef(_) => builder.raw(checked(raw)?, from)?,
                Event::Text(_) => builder.raw(checked(raw)?, from)?,
                Event::CData(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {
                    builder.raw(raw, from)?;
                }
                Event::Eof => return builder.whole(from),
            }
        }
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// The text, if it refers to no entity that a document type would have to declare.
fn checked(raw: &str) -> Result<&str, XmlError> {
    unescape(raw).map(|_| raw).map_err(|_| XmlError::Entity)
}

#[derive(Default)]
struct Builder {
    before: String,
    open: Vec<Element>,
    root: Option<Element>,
    after: String,
    count: usize,
}

impl Builder {
    fn open(&mut self, start: &BytesStart<'_>, at: usize) -> Result<(), XmlError> {
        self.count += 1;
        if self.open.len() == DEEPEST {
            return Err(XmlError::TooDeep);
        }
        if self.count > MOST_ELEMENTS {
            return Err(XmlError::TooMany);
        }
        if self.root.is_some() {
            return Err(XmlError::Malformed(at));
        }
        let outer = self.open.last().map(|parent| Arc::clone(&parent.scope));
        self.open
            .push(element(start, outer.unwrap_or_default(), at)?);
        Ok(())
    }

    fn close(&mut self, at: usize) -> Result<(), XmlError> {
        let done = self.open.pop().ok_or(XmlError::Malformed(at))?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(done)),
            None => self.root = Some(done),
        }
        Ok(())
    }

    fn raw(&mut self, raw: &str, at: usize) -> Result<(), XmlError> {
        let is_outside = self.open.is_empty() && !raw.starts_with("<");
        if is_outside && !raw.trim_start_matches('\u{feff}').trim().is_empty() {
            return Err(XmlError::Malformed(at));
        }
        match (self.open.last_mut(), &self.root) {
            (Some(open), _) => open.children.push(Node::Raw(raw.to_owned())),
            (None, None) => self.before.push_str(raw),
            (None, Some(_)) => self.after.push_str(raw),
        }
        Ok(())
    }

    fn whole(self, at: usize) -> Result<Document, XmlError> {
        match (self.root, self.open.is_empty()) {
            (Some(root), true) => Ok(Document {
                before: self.before,
                root,
                after: self.after,
            }),
            _ => Err(XmlError::Malformed(at)),
        }
    }
}

fn element(start: &BytesStart<'_>, outer: Arc<Scope>, at: usize) -> Result<Element, XmlError> {
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(XmlError::Malformed(at)),
    };
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| XmlError::Malformed(at))?;
        let value = text(&attribute.value)?;
        checked(&value)?;
        attributes.push((text(attribute.key.as_ref())?, value));
        if attributes.len() > MOST_ATTRIBUTES {
            return Err(XmlError::TooMany);
        }
    }
    let scope = widened(outer, &attributes)?;
    let name = text(start.name().as_ref())?;
    let prefix = name.split_once(':').map_or("", |(prefix, _)| prefix);
    let space = match (bound(&scope, prefix), prefix) {
        (Some(space), _) => space.to_owned(),
        (None, "") => String::new(),
        (None, _) => return Err(XmlError::Namespace(at)),
    };
    Ok(Element {
        name,
        space,
        attributes,
        scope,
        children: Vec::new(),
    })
}

/// The namespaces in force within an element with these attributes.
fn widened(outer: Arc<Scope>, attributes: &[(String, String)]) -> Result<Arc<Scope>, XmlError> {
    let declared = attributes.iter().filter_map(|(name, value)| {
        let prefix = match name.strip_prefix("xmlns")? {
            "" => "",
            rest => rest.strip_prefix(':')?,
        };
        let value = unescape(value).unwrap_or_default();
        Some((prefix.to_owned(), value.into_owned()))
    });
    let declared: Vec<_> = declared.collect();
    if declared.is_empty() {
        return Ok(outer);
    }
    let mut scope = Scope::clone(&outer);
    scope.retain(|(prefix, _)| !declared.iter().any(|(new, _)| new == prefix));
    scope.extend(declared);
    match scope.len() > MOST_ATTRIBUTES {
        true => Err(XmlError::TooMany),
        false => Ok(Arc::new(scope)),
    }
}

fn bound<'s>(scope: &'s Scope, prefix: &str) -> Option<&'s str> {
    let found = scope.iter().find(|(known, _)| known == prefix);
    found.map(|(_, space)| space.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_comes_back_as_it_was() {
        for text in [
            "<a/>",
            "<?xml version=\"1.0\"?>\n<!-- one --><a b='\"x\"' c=\"&lt;\">t&amp;&#65;<![CDATA[<]]><d:e xmlns:d=\"u\"><?p i?></d:e></a>\n",
        ] {
            assert_eq!(Document::parse(text).unwrap().text(), text);
        }
    }

    #[test]
    fn a_namespace_counts_and_not_its_prefix() {
        let text =
            "<p:a xmlns:p=\"u\"><q:b xmlns:q=\"u\"/><b xmlns=\"u\"/><p:b xmlns:p=\"v\"/></p:a>";
        let document = Document::parse(text).unwrap();
        assert_eq!(document.root.named("u", "b").count(), 2);
        assert_eq!(document.root.inner(("u", "z"), "c").name, "p:c");
        assert_eq!(document.root.inner(("w", "z"), "c").name, "z:c");
        assert!(matches!(
            Document::parse("<p:a/>"),
            Err(XmlError::Namespace(0))
        ));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(Document::parse(&deep(DEEPEST)).is_ok());
        let many = format!("<a>{}</a>", "<b/>".repeat(MOST_ELEMENTS));
        for (text, error) in [
            (deep(DEEPEST + 1), XmlError::TooDeep),
            (many, XmlError::TooMany),
            ("<!DOCTYPE a><a/>".to_owned(), XmlError::Doctype),
            ("<a>&lol;</a>".to_owned(), XmlError::Entity),
            ("<a b=\"&lol;\"/>".to_owned(), XmlError::Entity),
        ] {
            assert_eq!(Document::parse(&text).err(), Some(error), "{text:.40}");
        }
        for text in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<a b=1/>",
            "<a b=\"\" b=\"\"/>",
        ] {
            assert!(Document::parse(text).is_err(), "{text}");
        }
    }
}
