//! An XML document as a tree that loses nothing: what is not understood is written as it came.
//!
//! Must not know: how a text is read, or what an element means.

mod reading;

pub use reading::XmlError;

use std::sync::Arc;

use quick_xml::escape::unescape;

use crate::crypto::SecretText;

/// A document, whole.
pub struct Document {
    /// What stands before the root, as written.
    pub before: String,
    /// The root.
    pub root: Element,
    /// What stands behind it.
    pub after: String,
}

/// An element, its names as they were written.
pub struct Element {
    /// With its prefix.
    pub name: String,
    /// The namespace that it stands for.
    pub space: String,
    /// Values are escaped, as they were written.
    pub attributes: Vec<(String, String)>,
    /// The namespaces in force in it.
    pub scope: Arc<Scope>,
    /// What it holds.
    pub children: Vec<Node>,
}

/// What an element holds.
pub enum Node {
    /// An element.
    Element(Element),
    /// Text, comments and the like.
    Raw(String),
    /// A key, in base64.
    Secret(SecretText),
}

/// Prefixes and what they stand for, the innermost last; the default namespace has no prefix.
pub type Scope = Vec<(String, String)>;

impl Document {
    /// The text of it.
    pub fn text(&self) -> String {
        let mut out = self.before.clone();
        self.root.write(&mut out);
        out.push_str(&self.after);
        out
    }
}

impl Element {
    /// Whether it is this element, whatever its prefix.
    pub fn is(&self, space: &str, local: &str) -> bool {
        let own = self
            .name
            .split_once(':')
            .map_or(&*self.name, |(_, own)| own);
        self.space == space && own == local
    }

    /// The value of its attribute of no namespace.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| unescape(value).unwrap_or_default().into_owned())
    }

    /// Whether it holds neither attributes nor anything but white space.
    pub fn is_bare(&self) -> bool {
        self.attributes.is_empty() && self.is_empty()
    }

    /// Whether it holds nothing but white space.
    pub fn is_empty(&self) -> bool {
        self.children.iter().all(|child| match child {
            Node::Raw(raw) => raw.trim().is_empty(),
            Node::Element(_) | Node::Secret(_) => false,
        })
    }

    /// Its text, and whatever else stands between its elements, as written.
    pub fn raw_text(&self) -> String {
        let raw = self.children.iter().filter_map(|child| match child {
            Node::Raw(raw) => Some(raw.as_str()),
            Node::Element(_) | Node::Secret(_) => None,
        });
        raw.collect()
    }

    /// Its text as it is meant: without comments, entities read.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for child in &self.children {
            let Node::Raw(raw) = child else { continue };
            if let Some(rest) = raw.strip_prefix("<![CDATA[") {
                text.push_str(rest.trim_end_matches("]]>"));
            } else if !raw.starts_with('<') {
                text.push_str(&unescape(raw).unwrap_or_default());
            }
        }
        text
    }

    /// The elements in it.
    pub fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|child| match child {
            Node::Element(element) => Some(element),
            Node::Raw(_) | Node::Secret(_) => None,
        })
    }

    /// The same, to be changed.
    pub fn elements_mut(&mut self) -> impl Iterator<Item = &mut Self> {
        self.children.iter_mut().filter_map(|child| match child {
            Node::Element(element) => Some(element),
            Node::Raw(_) | Node::Secret(_) => None,
        })
    }

    /// The elements of this name in it.
    pub fn named(&self, space: &str, local: &str) -> impl Iterator<Item = &Self> {
        self.elements().filter(move |one| one.is(space, local))
    }

    /// The same, to be changed.
    pub fn named_mut(&mut self, space: &str, local: &str) -> impl Iterator<Item = &mut Self> {
        self.elements_mut().filter(move |one| one.is(space, local))
    }

    /// A new element that may stand in it; `prefix` is used where the namespace has none yet.
    pub fn inner(&self, (space, prefix): (&str, &str), local: &str) -> Self {
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
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an element.
    pub fn push(&mut self, element: Self) {
        self.children.push(Node::Element(element));
    }

    /// Replaces what it holds by a text that needs no escape, such as base64.
    pub fn set_text(&mut self, text: String) {
        self.children = vec![Node::Raw(text)];
    }

    /// The same with a secret.
    pub fn set_secret(&mut self, text: SecretText) {
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
