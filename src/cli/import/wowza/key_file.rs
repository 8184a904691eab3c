//! A `.key` file: `name: value`, one a line; 32 hexadecimal digits are the key.
//!
//! Must not know: whose key it is, or where the file lies.

use crate::crypto::{ContentKey, SecretText};

/// What a file says, as far as it is carried over.
pub(super) struct KeyFile {
    pub(super) key: ContentKey,
    /// The URL that stands in Wowza's playlists, without its query and its user.
    pub(super) url: Option<String>,
    /// Properties that are not carried over.
    pub(super) left: Vec<String>,
}

/// Why a file's key is not taken. No variant holds a part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyFileFault {
    #[error("it has no cupertinostreaming-aes128-key")]
    NoKey,
    #[error("cupertinostreaming-aes128-key is not 32 hexadecimal digits")]
    Key,
    #[error("cupertinostreaming-aes128-method is not AES-128: {0}")]
    Method(String),
    #[error("cupertinostreaming-aes128-key-format is not identity: {0}")]
    Format(String),
}

const OURS: &str = "cupertinostreaming-aes128-";

impl KeyFile {
    pub(super) fn parse(text: &str) -> Result<Self, KeyFileFault> {
        let mut key = None;
        let (mut url, mut left) = (None, Vec::new());
        for (name, value) in properties(text) {
            match name.strip_prefix(OURS) {
                Some("key") => key = Some(content_key(value).ok_or(KeyFileFault::Key)?),
                Some("method") if !value.eq_ignore_ascii_case("AES-128") => {
                    return Err(KeyFileFault::Method(value.to_owned()));
                }
                Some("key-format") if !value.eq_ignore_ascii_case("identity") => {
                    return Err(KeyFileFault::Format(value.to_owned()));
                }
                Some("url") => url = Some(without_secrets(value)),
                Some("method" | "key-format" | "key-format-version") => {}
                _ => left.push(name.to_owned()),
            }
        }
        Ok(Self {
            key: key.ok_or(KeyFileFault::NoKey)?,
            url,
            left,
        })
    }
}

fn properties(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.trim_start_matches('\u{feff}').lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.trim(), value.trim()))
}

fn content_key(text: &str) -> Option<ContentKey> {
    let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hex)?;
    ContentKey::from_slice(&number.to_be_bytes())
}

/// A query may be a credential, and what stands before the host is one.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// A line of the publishers' file: a user, a space, a password.
pub(super) fn publishers(text: &str) -> impl Iterator<Item = Option<(String, SecretText)>> {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let (user, password) = line.split_once(char::is_whitespace)?;
        let password = SecretText::new(password.trim().to_owned());
        Some((user.to_owned(), password))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "cupertinostreaming-aes128-key: 000102030405060708090A0B0C0D0E0F";

    #[test]
    fn a_key_is_32_digits_and_the_rest_is_told() {
        let text = format!(
            "\u{feff}# by genkey\r\ncupertinostreaming-aes128-method: AES-128\r\n{KEY}\r\n\
             cupertinostreaming-aes128-url: https://user:hush@k.example/a@b.php?secret=x\r\n\
             cupertinostreaming-aes128-iv: 00\r\nmpegdashstreaming-cenc-key-id: 1\r\n"
        );
        let file = KeyFile::parse(&text).ok().unwrap();
        assert_eq!(file.key.expose()[15], 15);
        assert_eq!(file.url.as_deref(), Some("https://k.example/a@b.php"));
        let left = [
            "cupertinostreaming-aes128-iv",
            "mpegdashstreaming-cenc-key-id",
        ];
        assert_eq!(file.left, left);
    }

    #[test]
    fn another_method_is_not_taken_for_aes_128() {
        let fault = |text: &str| KeyFile::parse(text).err();
        assert_eq!(fault(""), Some(KeyFileFault::NoKey));
        assert_eq!(fault(&KEY[..KEY.len() - 1]), Some(KeyFileFault::Key));
        assert_eq!(fault(&KEY.replace("00", "+0")), Some(KeyFileFault::Key));
        let method = format!("{KEY}\ncupertinostreaming-aes128-method: SAMPLE-AES");
        assert!(matches!(fault(&method), Some(KeyFileFault::Method(_))));
        let format = format!("{KEY}\ncupertinostreaming-aes128-key-format: com.example");
        assert!(matches!(fault(&format), Some(KeyFileFault::Format(_))));
    }

    #[test]
    fn publishers_stand_one_a_line() {
        let text = "# user password\r\nUser1 obviously fake\r\n\r\nalone\n";
        let found: Vec<_> = publishers(text).collect();
        assert_eq!(found.len(), 2);
        let (user, password) = found[0].as_ref().unwrap();
        assert_eq!(
            (user.as_str(), password.expose()),
            ("User1", "obviously fake")
        );
        assert!(found[1].is_none());
    }
}
