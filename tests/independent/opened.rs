//! Opens what a media playlist lists as a player would, and wants the rules of encryption kept.
//!
//! Must not know: what the bytes should be, or where they come from.

use std::collections::{BTreeMap, BTreeSet};

use super::audit::{beside, tag_of};
use super::cipher::{Block, decrypt, expected_iv, expected_map_iv};
use super::playlist::{Listed, ListedMap, read_media};

/// A listed segment and the clear bytes behind it.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) listed: Listed,
    pub(crate) plain: Vec<u8>,
    /// The clear bytes of its initialisation section.
    pub(crate) map: Option<Vec<u8>>,
    /// Its key.
    pub(crate) key_uri: String,
}

/// Keys and files that a player can get.
pub(crate) struct Within<'a> {
    pub(crate) keys: &'a BTreeMap<String, Block>,
    pub(crate) file: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

/// Every segment of the playlist `text` of `rendition`, or what is wrong with one.
pub(crate) fn open(
    rendition: &str,
    text: &str,
    within: &Within<'_>,
) -> Result<Vec<Opened>, String> {
    let list = read_media(text)?;
    let mut used = BTreeSet::new();
    let mut found = Vec::new();
    for segment in list.segments.iter().filter(|segment| !segment.gap) {
        let opened = open_one(rendition, segment, within);
        let (opened, iv) = opened.map_err(|fault| format!("#{}: {fault}", segment.msn))?;
        if !used.insert((opened.key_uri.clone(), iv)) {
            return Err(format!("#{}: its key and IV are used before", segment.msn));
        }
        found.push(opened);
    }
    let least = match list.iframes_only {
        _ if !found.iter().any(|opened| opened.map.is_some()) => 2,
        true => 5,
        false => 6,
    };
    match list.version {
        Some(version) if version >= least => Ok(found),
        version => Err(format!("version {version:?}, and {least} is needed")),
    }
}

fn open_one(
    rendition: &str,
    segment: &Listed,
    within: &Within<'_>,
) -> Result<(Opened, Block), String> {
    let (key_uri, iv) = tag_of(segment.key.as_ref().ok_or("no KEY in scope")?)?;
    let key = within.keys.get(&key_uri).ok_or("its key is not served")?;
    if iv != expected_iv(key, rendition, segment.msn) {
        return Err("not the derived IV".to_owned());
    }
    let file = read(rendition, &segment.uri, within)?;
    let bytes = match segment.range {
        None => &file[..],
        Some((len, from)) if len % 16 == 0 => {
            let part = file.get(from as usize..(from + len) as usize);
            part.ok_or("a range past the end of its file")?
        }
        Some((len, _)) => return Err(format!("a range of {len} bytes")),
    };
    let plain = decrypt(key, &iv, bytes)?;
    let map = segment.map.as_ref();
    let map = map.map(|map| open_map(rendition, map, (&key_uri, iv), within));
    let opened = Opened {
        listed: segment.clone(),
        plain,
        map: map
            .transpose()
            .map_err(|fault| format!("its EXT-X-MAP: {fault}"))?,
        key_uri,
    };
    Ok((opened, iv))
}

/// A clear section is in no key's scope; another is whole, right under its own tag, and has the
/// key of its segments with an IV of its own.
fn open_map(
    rendition: &str,
    map: &ListedMap,
    (key_uri, segments_iv): (&str, Block),
    within: &Within<'_>,
) -> Result<Vec<u8>, String> {
    let file = read(rendition, &map.uri, within)?;
    if map.has_range {
        return Err("it is a range".to_owned());
    }
    let Some(tag) = &map.key else {
        return Ok(file);
    };
    let (own_uri, iv) = tag_of(tag)?;
    if !map.is_under_key {
        return Err("its KEY does not stand right above".to_owned());
    }
    if own_uri != key_uri || iv == segments_iv {
        return Err("another key than its segments', or their IV".to_owned());
    }
    let key = within.keys.get(&own_uri).ok_or("its key is not served")?;
    let plain = decrypt(key, &iv, &file)?;
    match iv == expected_map_iv(key, rendition, &plain) {
        true => Ok(plain),
        false => Err("not the derived IV".to_owned()),
    }
}

fn read(rendition: &str, uri: &str, within: &Within<'_>) -> Result<Vec<u8>, String> {
    let path = beside(rendition, uri);
    (within.file)(&path).ok_or_else(|| format!("{path} is listed and not there"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::independent::cipher::{encrypt, iv_text};

    const KEY: &Block = b"obviously-a-fake";
    const URI: &str = "https://localhost/v1/keys/1";
    const RENDITION: &str = "v0/i.m3u8";

    fn tag(iv: &Block) -> String {
        format!(
            "#EXT-X-KEY:METHOD=AES-128,URI=\"{URI}\",IV={}\n",
            iv_text(iv)
        )
    }

    /// A section, encrypted or clear, and two segments.
    fn good(is_encrypted: bool) -> (String, BTreeMap<String, Vec<u8>>) {
        let ivs = [0, 1].map(|msn| expected_iv(KEY, RENDITION, msn));
        let map_iv = expected_map_iv(KEY, RENDITION, b"moov");
        let mut files = BTreeMap::new();
        for (iv, name) in ivs.iter().zip(["v0/0.m4s", "v0/1.m4s"]) {
            files.insert(name.to_owned(), encrypt(KEY, iv, name.as_bytes()));
        }
        let (map, own) = match is_encrypted {
            true => (encrypt(KEY, &map_iv, b"moov"), tag(&map_iv)),
            false => (b"moov".to_vec(), String::new()),
        };
        files.insert("v0/init.mp4".to_owned(), map);
        let text = format!(
            "#EXTM3U\n#EXT-X-VERSION:6\n{own}#EXT-X-MAP:URI=\"init.mp4\"\n{}#EXTINF:1,\n0.m4s\n\
             {}#EXTINF:1,\n1.m4s\n",
            tag(&ivs[0]),
            tag(&ivs[1])
        );
        (text, files)
    }

    fn opened(text: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<Opened>, String> {
        let keys = BTreeMap::from([(URI.to_owned(), *KEY)]);
        let file = |path: &str| files.get(path).cloned();
        let within = Within {
            keys: &keys,
            file: &file,
        };
        open(RENDITION, text, &within)
    }

    #[test]
    fn what_is_right_opens_and_each_fault_is_seen() {
        for is_encrypted in [false, true] {
            let (text, files) = good(is_encrypted);
            let all = opened(&text, &files).unwrap();
            assert_eq!((all.len(), all[1].map.as_deref()), (2, Some(&b"moov"[..])));
            let faulty = |from: &str, to: &str| {
                let spoilt = text.replacen(from, to, 1);
                assert_ne!(spoilt, text);
                assert!(
                    opened(&spoilt, &files).is_err(),
                    "{is_encrypted} {from} {to}"
                );
            };
            faulty("VERSION:6", "VERSION:5");
            faulty("1.m4s", "0.m4s");
            faulty("\"init.mp4\"", "\"gone.mp4\"");
            faulty("\"init.mp4\"", "\"init.mp4\",BYTERANGE=\"4@0\"");
            faulty("#EXTINF:1,\n1", "#EXT-X-KEY:METHOD=NONE\n#EXTINF:1,\n1");
            faulty("#EXTINF:1,\n1", "#EXT-X-BYTERANGE:15@0\n#EXTINF:1,\n1");
        }
        let (other, _) = good(true);
        let (_, clear) = good(false);
        assert!(
            opened(&other, &clear).is_err(),
            "it is clear in a key's scope"
        );
        let (text, files) = good(true);
        let apart = text.replace("#EXT-X-MAP", "# between\n#EXT-X-MAP");
        assert!(opened(&apart, &files).unwrap_err().contains("right above"));
        let (text, mut files) = good(true);
        let own = iv_text(&expected_map_iv(KEY, RENDITION, b"moov"));
        let segments = expected_iv(KEY, RENDITION, 0);
        files.insert("v0/init.mp4".to_owned(), encrypt(KEY, &segments, b"moov"));
        let shared = text.replace(&own, &iv_text(&segments));
        assert!(opened(&shared, &files).unwrap_err().contains("their IV"));
    }
}
