//! An XML document as a tree that loses nothing: what is not understood is written as it came.
//!
//! Bounded in depth and number; no document types, no entities but the five that XML has itself.
//! Must not know: what an element means.

use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use crate::crypto::SecretText;

/// How deep elements may stand in each other; CPIX needs eight.
const DEEPEST: usize = 24;
/// Elements of a document at most.
const MOST_ELEMENTS: usize = 4096;
/// Attributes of an element, and namespaces in force at one place, at most.
const MOST_ATTRIBUTES: usize = 32;

/// Why a text is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum XmlError {
    #[error("the body is not well-formed XML, at byte {0}")]
    Malformed(usize),
    #[error("a document type is not accepted")]
    Doctype,
    #[error("no entity is accepted but lt, gt, amp, apos and quot")]
    Entity,
    #[error("elements stand at most {DEEPEST} deep")]
    TooDeep,
    #[error("a document has at most {MOST_ELEMENTS} elements, each with {MOST_ATTRIBUTES} attributes")]
    TooMany,
    #[error("an element's prefix stands for no namespace, at byte {0}")]
    Namespace(usize),
}

/// A document, whole.
pub(super) struct Document {
    before: String,
    pub(super) root: Element,
    after: String,
}

/// An element, its names as they were written.
pub(super) struct Element {
    name: String,
    space: String,
    /// Values are escaped, as they were written.
    attributes: Vec<(String, String)>,
    scope: Arc<Scope>,
    children: Vec<Node>,
}

enum Node {
    Element(Element),
    /// Text, comments and the like.
    Raw(String),
    /// A key, in base64.
    Secret(SecretText),
}

/// Prefixes and what they stand for, the innermost last; the default namespace has no prefix.
type Scope = Vec<(String, String)>;

impl Document {
    /// Reads the whole text.
    pub(super) fn parse(text: &str) -> Result<Self, XmlError> {
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

    /// The text of it.
    pub(super) fn text(&self) -> String {
        let mut out = self.before.clone();
        self.root.write(&mut out);
        out.push_str(&self.after);
        out
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
        self.open.push(element(start, outer.unwrap_or_default(), at)?);
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

impl Element {
    /// Whether it is this element, whatever its prefix.
    pub(super) fn is(&self, space: &str, local: &str) -> bool {
        let own = self.name.split_once(':').map_or(&*self.name, |(_, own)| own);
        self.space == space && own == local
    }

    /// The value of its attribute of no namespace.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| unescape(value).unwrap_or_default().into_owned())
    }

    /// Whether it holds neither attributes nor anything but white space.
    pub(super) fn is_bare(&self) -> bool {
        self.attributes.is_empty() && self.is_empty()
    }

    /// Whether it holds nothing but white space.
    pub(super) fn is_empty(&self) -> bool {
        self.children.iter().all(|child| match child {
            Node::Raw(raw) => raw.trim().is_empty(),
            Node::Element(_) | Node::Secret(_) => false,
        })
    }

    /// Its text, and whatever else stands between its elements, as written.
    pub(super) fn raw_text(&self) -> String {
        let raw = self.children.iter().filter_map(|child| match child {
            Node::Raw(raw) => Some(raw.as_str()),
            Node::Element(_) | Node::Secret(_) => None,
        });
        raw.collect()
    }

    /// The elements in it.
    pub(super) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|child| match child {
            Node::Element(element) => Some(element),
            Node::Raw(_) | Node::Secret(_) => None,
        })
    }

    /// The same, to be changed.
    pub(super) fn elements_mut(&mut self) -> impl Iterator<Item = &mut Self> {
        self.children.iter_mut().filter_map(|child| match child {
            Node::Element(element) => Some(element),
            Node::Raw(_) | Node::Secret(_) => None,
        })
    }

    /// The elements of this name in it.
    pub(super) fn named(&self, space: &str, local: &str) -> impl Iterator<Item = &Self> {
        self.elements().filter(move |one| one.is(space, local))
    }

    /// The same, to be changed.
    pub(super) fn named_mut(&mut self, space: &str, local: &str) -> impl Iterator<Item = &mut Self> {
        self.elements_mut().filter(move |one| one.is(space, local))
    }

    /// A new element that may stand in it; `prefix` is used where the namespace has none yet.
    pub(super) fn inner(&self, (space, prefix): (&str, &str), local: &str) -> Self {
        let known = self.scope.iter().rev().find(|(_, known)| known == space);
        let (attributes, scope, prefix) = match known {
            Some((known, _)) => (Vec::new(), Arc::clone(&self.scope), known.as_str()),
            None => {
                let declared = vec![(format!("xmlns:{prefix}"), space.to_owned())];
                let mut scope = Scope::clone(&self.scope);
                scope.retain(|(known, _)| known != prefix);
                scope.push((prefix.to_owned(), space.to_owned()));
                (declared, Arc::new(scope), prefix)
            }
        };
        Self {
            name: match prefix {
                "" => local.to_owned(),
                prefix => format!("{prefix}:{local}"),
            },
            space: space.to_owned(),
            attributes,
            scope,
            children: Vec::new(),
        }
    }

    /// The same with an attribute, whose value needs no escape.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an element.
    pub(super) fn push(&mut self, element: Self) {
        self.children.push(Node::Element(element));
    }

    /// Replaces what it holds by a text that needs no escape, such as base64.
    pub(super) fn set_text(&mut self, text: String) {
        self.children = vec![Node::Raw(text)];
    }

    /// The same with a secret.
    pub(super) fn set_secret(&mut self, text: SecretText) {
        self.children = vec![Node::Secret(text)];
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            let quote = if value.contains('"') { '\'' } else { '"' };
            out.push(' ');
            out.push_str(name);
            out.push('=');
            out.push(quote);
            out.push_str(value);
            out.push(quote);
        }
        if self.children.is_empty() {
            return out.push_str("/>");
        }
        out.push('>');
        for child in &self.children {
            match child {
                Node::Element(element) => element.write(out),
                Node::Raw(raw) => out.push_str(raw),
                Node::Secret(secret) => out.push_str(secret.expose()),
            }
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
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
        let text = "<p:a xmlns:p=\"u\"><q:b xmlns:q=\"u\"/><b xmlns=\"u\"/><p:b xmlns:p=\"v\"/></p:a>";
        let document = Document::parse(text).unwrap();
        assert_eq!(document.root.named("u", "b").count(), 2);
        assert_eq!(document.root.inner(("u", "z"), "c").name, "p:c");
        assert_eq!(document.root.inner(("w", "z"), "c").name, "z:c");
        assert!(matches!(Document::parse("<p:a/>"), Err(XmlError::Namespace(0))));
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
        for text in ["", "x", "<a>", "<a></b>", "<a/><b/>", "<a/>x", "<a b=1/>", "<a b=\"\" b=\"\"/>"] {
            assert!(Document::parse(text).is_err(), "{text}");
        }
    }
}
