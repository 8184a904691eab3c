//! An `Application.xml`: what it says of keys, `SecureToken`, words in URLs and publishers.
//!
//! Wowza has had several spellings of its security properties; what counts is how a name ends. Must not
//! know: where the file lies, or what becomes of it.

use crate::crypto::SecretText;
use crate::xml::{Document, Element, XmlError};

/// What is read of an application.
#[derive(Default)]
pub(super) struct Application {
    /// `Streams/KeyDir`, as written; empty where it is not said.
    pub(super) key_dir: String,
    /// The file of publishers, as written, where it is said.
    pub(super) password_file: Option<String>,
    pub(super) token: Option<Token>,
    /// `secureurlparams.play` and `.publish`.
    pub(super) play: Option<SecretText>,
    pub(super) publish: Option<SecretText>,
    /// What is said that nothing here means.
    pub(super) left: Vec<String>,
}

/// Settings of `SecureToken`, version 2.
pub(super) struct Token {
    pub(super) secret: SecretText,
    pub(super) prefix: String,
    /// `sha256`, `sha384`, `sha512`.
    pub(super) hash: &'static str,
    pub(super) include_ip: bool,
}

const PREFIX: &str = "wowzatoken";

impl Application {
    pub(super) fn parse(text: &str) -> Result<Self, XmlError> {
        let document = Document::parse(text)?;
        let mut all = Vec::new();
        below(&document.root, &mut all);
        let mut read = Self {
            key_dir: first(&all, "KeyDir").unwrap_or_default(),
            ..Self::default()
        };
        let foreign = all.iter().filter(|one| one.name == "Class");
        let foreign = foreign.map(|class| class.text().trim().to_owned());
        let foreign = foreign.filter(|class| !class.starts_with("com.wowza.wms."));
        read.left
            .extend(foreign.map(|class| format!("the module {class}")));
        let properties: Vec<_> = all.iter().filter_map(|one| property(one)).collect();
        read.take(&properties);
        Ok(read)
    }

    fn take(&mut self, properties: &[(String, SecretText)]) {
        let mut token = Found::default();
        for (name, value) in properties {
            let lower = name.to_ascii_lowercase();
            let is_unset = matches!(value.expose(), "" | "0" | "false" | "*");
            if lower.contains("securetoken") && token.take(&lower, value) {
                continue;
            }
            match lower.as_str() {
                "secureurlparams.play" => self.play = some(value),
                "secureurlparams.publish" => self.publish = some(value),
                "securitypublishpasswordfile" | "rtmpauthenticatefile" => {
                    self.password_file = some(value).map(|text| text.expose().to_owned());
                }
                // A hook of ours asks for a user and a password anyway.
                "securitypublishrequirepasswordauthentication" => {}
                "cupertinoappendqueryparamstoencurl" if is_unset => {}
                _ if is_unset => {}
                _ if is_about_access(&lower) => self.left.push(format!("the property {name}")),
                _ => {}
            }
        }
        match token.whole() {
            Ok(token) => self.token = token,
            Err(why) => self.left.push(format!("SecureToken: {why}")),
        }
    }
}

/// Whether a property may keep somebody out.
fn is_about_access(lower: &str) -> bool {
    let begins = ["security", "secureurlparams.", "cupertinoappendquery"];
    begins.iter().any(|begin| lower.starts_with(begin)) || lower.contains("securetoken")
}

/// Settings of `SecureToken` as they come.
#[derive(Default)]
struct Found {
    version: Option<String>,
    secret: Option<SecretText>,
    prefix: Option<String>,
    hash: Option<String>,
    include_ip: bool,
}

impl Found {
    /// Whether it is one of them.
    fn take(&mut self, lower: &str, value: &SecretText) -> bool {
        let text = || Some(value.expose().to_owned()).filter(|text| !text.is_empty());
        let Some((_, setting)) = lower.rsplit_once("securetoken") else {
            return false;
        };
        match setting {
            "version" => self.version = text(),
            "sharedsecret" => self.secret = some(value),
            "queryparametersprefix" => self.prefix = text(),
            "hashalgorithm" => self.hash = text(),
            "includeclientipinhash" => self.include_ip = value.expose() == "true",
            // Of RTMP alone.
            "useteaforrtmp" => {}
            _ => return false,
        }
        true
    }

    fn whole(self) -> Result<Option<Token>, String> {
        match (self.version.as_deref(), self.secret) {
            (None | Some("2"), Some(secret)) => Ok(Some(Token {
                secret,
                prefix: self.prefix.unwrap_or_else(|| PREFIX.to_owned()),
                hash: algorithm(self.hash.as_deref())?,
                include_ip: self.include_ip,
            })),
            (None | Some("0"), _) => Ok(None),
            (Some("1"), _) => Err("version 1 is of RTMP alone".to_owned()),
            (Some("2"), None) => Err("it has no shared secret".to_owned()),
            (Some(version), _) => Err(format!("no version {version} is known")),
        }
    }
}

fn algorithm(text: Option<&str>) -> Result<&'static str, String> {
    let plain = text.unwrap_or("SHA-256").replace('-', "");
    match plain.to_ascii_lowercase().as_str() {
        "sha256" => Ok("sha256"),
        "sha384" => Ok("sha384"),
        "sha512" => Ok("sha512"),
        other => Err(format!("no hash {other} is known")),
    }
}

fn some(value: &SecretText) -> Option<SecretText> {
    let text = value.expose();
    (!text.is_empty()).then(|| SecretText::new(text.to_owned()))
}

fn below<'d>(element: &'d Element, all: &mut Vec<&'d Element>) {
    for child in element.elements() {
        all.push(child);
        below(child, all);
    }
}

fn first(all: &[&Element], name: &str) -> Option<String> {
    let found = all.iter().find(|one| one.name == name)?;
    Some(found.text().trim().to_owned())
}

/// `<Property><Name>…</Name><Value>…</Value></Property>`.
fn property(element: &Element) -> Option<(String, SecretText)> {
    if element.name != "Property" {
        return None;
    }
    let text = |name: &str| {
        let found = element.elements().find(|one| one.name == name)?;
        Some(found.text().trim().to_owned())
    };
    Some((text("Name")?, SecretText::new(text("Value")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn application(properties: &[(&str, &str)]) -> Application {
        let each = properties.iter().map(|(name, value)| {
            format!(
                "<Property><Name>{name}</Name><Value>{value}</Value><Type>String</Type></Property>"
            )
        });
        let properties: String = each.collect();
        Application::parse(&format!(
            "<?xml version=\"1.0\"?><Root version=\"1\"><Application><Name>live</Name><Streams>\
             <!-- keys --><KeyDir>${{com.wowza.wms.context.VHostConfigHome}}/keys</KeyDir></Streams>\
             <Properties>{properties}</Properties></Application></Root>"
        ))
        .unwrap()
    }

    #[test]
    fn secure_token_is_read_in_each_spelling() {
        for begin in ["security", "securityPlay", "securityPlayback", ""] {
            let name = |end: &str| format!("{begin}SecureToken{end}");
            let read = application(&[
                (&name("Version"), "2"),
                (&name("SharedSecret"), "obviously&amp;fake"),
                (&name("HashAlgorithm"), "SHA-512"),
                (&name("QueryParametersPrefix"), "mine"),
                (&name("IncludeClientIPInHash"), "true"),
            ]);
            let token = read.token.unwrap();
            assert_eq!(token.secret.expose(), "obviously&fake");
            assert_eq!((token.hash, token.prefix.as_str()), ("sha512", "mine"));
            assert!(token.include_ip && read.left.is_empty(), "{:?}", read.left);
        }
    }

    #[test]
    fn what_is_not_understood_is_told_by_its_name() {
        let left = |properties: &[(&str, &str)]| application(properties).left;
        let version = ("securitySecureTokenVersion", "1");
        assert_eq!(
            left(&[version]),
            ["SecureToken: version 1 is of RTMP alone"]
        );
        let hash = [
            ("securitySecureTokenSharedSecret", "obviously-fake"),
            ("securitySecureTokenHashAlgorithm", "MD5"),
        ];
        assert_eq!(left(&hash), ["SecureToken: no hash md5 is known"]);
        let others = [
            ("securityPlayIPWhiteList", "192.0.2.1"),
            ("securityPlayIPBlackList", ""),
            ("securityPublishBlockDuplicateStreamNames", "false"),
            ("secureurlparams.connect", "obviously-fake.doConnect"),
            ("securitySecureTokenOriginSharedSecret", "obviously-fake"),
            ("other", "x"),
        ];
        let told = left(&others);
        let names = [
            "the property securityPlayIPWhiteList",
            "the property secureurlparams.connect",
            "the property securitySecureTokenOriginSharedSecret",
        ];
        assert_eq!(told, names);
    }

    #[test]
    fn the_key_folder_is_read_and_a_document_type_is_not() {
        assert!(application(&[]).key_dir.ends_with("}/keys"));
        assert!(Application::parse("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>").is_err());
    }
}
