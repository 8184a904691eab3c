//! The demo's page and its player, built into the program.
//!
//! Must not know: where the page is served, what it is told.

use crate::server::player_files;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file: its path below the page's folder, its media type, its bytes. The page itself has the
/// empty path.
pub(super) type File = (&'static str, &'static str, &'static [u8]);

/// The program has no player in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("built without the page's player: run `make build`")]
pub(super) struct MissingPlayer;

macro_rules! page {
    ($name:literal) => {
        include_bytes!(concat!("../../../web/page/", $name))
    };
}

static PAGE: [File; 7] = [
    ("", HTML, page!("index.html")),
    ("page.css", CSS, page!("page.css")),
    ("page.js", SCRIPT, page!("page.js")),
    ("player.js", SCRIPT, page!("player.js")),
    ("view.js", SCRIPT, page!("view.js")),
    ("grid.js", SCRIPT, page!("grid.js")),
    ("icon.svg", "image/svg+xml", page!("icon.svg")),
];

/// Every file that the page needs, except `demo.json`, which tells it what to play.
pub(super) fn files() -> Result<Vec<File>, MissingPlayer> {
    let player = player_files().ok_or(MissingPlayer)?;
    Ok(PAGE.into_iter().chain(player).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> &'static str {
        let file = PAGE.iter().find(|(path, _, _)| *path == name);
        std::str::from_utf8(file.unwrap().2).unwrap()
    }

    #[test]
    fn everything_that_the_page_names_is_there() {
        let player = ["hls.min.js", "hls.js.LICENSE.txt"];
        let here = |name: &str| PAGE.iter().any(|file| file.0 == name) || player.contains(&name);
        for attribute in ["src=\"", "href=\""] {
            for rest in text("").split(attribute).skip(1) {
                let name = rest.split('"').next().unwrap();
                assert!(
                    here(name) || name.starts_with("https://github.com/"),
                    "{name}"
                );
            }
        }
        for script in ["page.js", "player.js", "view.js", "grid.js"] {
            for rest in text(script).split("from \"./").skip(1) {
                let name = rest.split('"').next().unwrap();
                assert!(here(name), "{script}: {name}");
            }
        }
    }

    #[test]
    fn it_is_whole_or_says_what_to_do() {
        match files() {
            Ok(files) => assert!(files.iter().any(|file| file.0 == "hls.min.js")),
            Err(missing) => assert!(missing.to_string().contains("make build")),
        }
    }

    #[test]
    fn the_page_needs_no_exception_from_its_content_policy() {
        let page = text("");
        for inline in ["<style", " style=", " onclick=", "<script>", "javascript:"] {
            assert!(!page.contains(inline), "{inline}");
        }
    }
}
