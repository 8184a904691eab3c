//! Every fault that the doctor knows: its stable code, how bad it is, and what to change.
//!
//! Must not know: how a fault is found.

use serde::Serialize;

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// Somebody does not play, or somebody plays who should not.
    Error,
    /// It plays here and now; with other players, or under load, it may not.
    Warning,
}

/// A kind of fault. Codes are stable: scripts may rely on them.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Code {
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    pub(super) change: &'static str,
}

macro_rules! codes {
    ($($name:ident $severity:ident $code:literal $change:literal)*) => {
        $(pub(super) const $name: Code = Code {
            code: $code,
            severity: Severity::$severity,
            change: $change,
        };)*
        /// All of them.
        pub(super) const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    KEY_OPEN Error "key-open"
        "Refuse the key with 401 unless the request shows a credential: whoever has the playlist can decrypt the stream."
    STREAM_CLEAR Error "stream-clear"
        "Nothing is encrypted: publish the encryptor's output, and take the clear playlists off the origin."
    RENDITION_CLEAR Error "rendition-clear"
        "Encrypt this rendition as the others are, or take it out of the multivariant playlist: it is the same film in the clear."
    SEGMENT_CLEAR Error "segment-clear"
        "Put an EXT-X-KEY before the first segment and encrypt it. What is meant to be clear stands under METHOD=NONE."
    KEY_TAG_LOST Error "key-tag-lost"
        "Keep the EXT-X-KEY in the playlist while a listed segment needs it; one tag before each segment never slides out."
    KEY_IN_CLEAR Error "key-in-clear"
        "Give the key an https:// URI: over http:// everybody on the way reads it."
    PLAYLIST_HTTP Warning "playlist-http"
        "Serve playlists by HTTPS: on the way somebody can change the key URIs and read tokens in queries."
    KEY_REFUSED Error "key-refused"
        "The credential was shown and refused: look the request up in the key server's log, for its life, stream and scheme."
    TOKEN_NOT_ON_KEY Error "token-not-on-key"
        "A query does not go on from playlist to key. Let the key URI carry it: `rewrite` (/v1/play) for every player, `define` (EXT-X-DEFINE:QUERYPARAM) for AVPlayer, hls.js, Shaka and media3, `cookie` where page, playlist and key share a site, `header` for apps and hls.js."
    KEY_MISSING Error "key-missing"
        "Keep every key until no playlist lists it: players seek back and come back from a pause."
    KEY_UNAVAILABLE Error "key-unavailable"
        "The key server could not answer; FFmpeg and VLC do not ask again. Look at its readiness and at what it depends on."
    KEY_NEWLINE Error "key-newline"
        "Serve exactly 16 bytes: the file has a line end behind the key."
    KEY_TEXT Error "key-text"
        "Serve the 16 bytes themselves, not their hexadecimal or base64 text."
    KEY_PAGE Error "key-page"
        "Answer refusals and errors with 4xx or 5xx: a page with status 200 is taken for a key."
    KEY_LENGTH Error "key-length"
        "Serve exactly 16 bytes: AES-128 has no other keys."
    KEY_TYPE Warning "key-type"
        "Serve keys as application/octet-stream, so that nothing on the way converts or compresses them."
    KEY_SHARED_CACHE Error "key-shared-cache"
        "Say `Cache-Control: private, max-age=N` on keys: a shared cache would give them to viewers that were never asked."
    KEY_UNCACHED Warning "key-uncached"
        "Say `Cache-Control: private, max-age=N` on keys: players without a key cache (video.js) ask again for each segment."
    KEY_COMPRESSED Error "key-compressed"
        "Serve keys without Content-Encoding."
    KEY_RANGE Error "key-range"
        "Ignore Range on keys, or answer 206 with what was asked: FFmpeg sends `bytes=0-` with each key request."
    KEY_QUERY Error "key-query"
        "Ignore query parameters that are not known: players add CMCD and others of their own."
    KEY_HEAD Warning "key-head"
        "Answer HEAD as GET, without the body."
    REDIRECT Warning "redirect"
        "Name the last URL in the playlist: media requests must not be redirected (Apple's authoring rules 8.18)."
    PLAYLIST_REFUSED Error "playlist-refused"
        "Serve the playlist to this client with 200, or take it out of the multivariant playlist."
    PLAYLIST_BROKEN Error "playlist-broken"
        "Write a playlist by RFC 8216: strict players refuse it as a whole."
    PLAYLIST_TYPE Warning "playlist-type"
        "Serve playlists as application/vnd.apple.mpegurl."
    PLAYLIST_PLAIN Warning "playlist-plain"
        "Compress playlists with gzip for whoever takes it (Apple's authoring rules 10.1)."
    PLAYLIST_CACHED Error "playlist-cached"
        "Let caches keep a live playlist at most half a target duration: an older one leads to a stall, and to keys too late."
    UNREACHABLE Error "unreachable"
        "Make the server reachable for players, and name it in the playlist as they reach it."
    IV_MISSING Warning "iv-missing"
        "Write an IV at each EXT-X-KEY: Chromecast fails without, and sequence numbers over 32 bits break players."
    IV_FORM Error "iv-form"
        "Write the IV as 0x and exactly 32 hex digits: Shaka refuses others, GStreamer ignores them."
    IV_REUSED Warning "iv-reused"
        "Give each segment an IV of its own: under one key, one IV for several segments shows which begin alike."
    METHOD_UNKNOWN Error "method-unknown"
        "Use METHOD=AES-128, which every player knows; what the draft does not name plays nowhere but in a few."
    KEYFORMAT_ORDER Error "keyformat-order"
        "Write one EXT-X-KEY for each segment, or the identity one last: FFmpeg and media3 go by the last."
    KEYFORMAT_FOREIGN Error "keyformat-foreign"
        "Write an EXT-X-KEY of the format identity: players without that DRM must not play what has none."
    KEY_URI_TRAP Error "key-uri-trap"
        "Keep IV=, METHOD=, KEYFORMAT=, quotes, commas and `{$` out of key URIs: media3 finds attributes inside them."
    VERSION_LOW Warning "version-low"
        "Raise EXT-X-VERSION to what the tags need (RFC 8216bis §8)."
    MAP_RANGE Error "map-range"
        "Put an encrypted EXT-X-MAP into a file of its own: with BYTERANGE, FFmpeg and hls.js count its bytes differently."
    MAP_WITHOUT_IV Error "map-without-iv"
        "Write the IV at the EXT-X-KEY of an encrypted EXT-X-MAP: it is required, and media3 refuses the playlist without."
    DEFINE_WITHOUT_VALUE Error "define-without-value"
        "Name the child with the parameter in its URI: a variable without a value fails the playlist (RFC 8216bis §4.4.2.3)."
    SEGMENT_REFUSED Error "segment-refused"
        "Serve every listed segment with 200 until it left the playlist, and for as long again as the playlist is."
    SEGMENT_COMPRESSED Error "segment-compressed"
        "Serve encrypted media without Content-Encoding."
    SEGMENT_RANGE Error "segment-range"
        "Answer Range on segments with the bytes that were asked (206) or with all (200)."
    SEGMENT_LENGTH Error "segment-length"
        "Publish whole files: what AES-CBC makes is a multiple of 16 bytes; it was cut off, or is not encrypted."
    SEGMENT_PADDING Error "segment-padding"
        "Pad every segment by PKCS#7, also where its length is a multiple of 16: media3 refuses others."
    IV_WRONG Error "iv-wrong"
        "The key is right and the IV is not: write the one that the segment was encrypted with."
    KEY_WRONG Error "key-wrong"
        "The key behind the URI is not the segment's. Never change the bytes behind a key URI: a new key needs a new URI."
    SEGMENT_FORM Error "segment-form"
        "It opens, and is no media that players know: look at what the packager gave the encryptor."
    CORS_MISSING Error "cors-missing"
        "Send Access-Control-Allow-Origin with the page's origin on playlists, keys and segments."
    CORS_CREDENTIALS Error "cors-credentials"
        "For cookies, name the page's origin (not *) and send Access-Control-Allow-Credentials: true."
    CORS_PREFLIGHT Error "cors-preflight"
        "Answer OPTIONS with 2xx and Access-Control-Allow-Headers: authorization, without asking for a credential."
    CORS_ON_REFUSAL Warning "cors-on-refusal"
        "Send the CORS headers on refusals too: without them a page sees a network error in place of the status."
    CORS_VARY Warning "cors-vary"
        "Send Vary: Origin where the answer names one origin: a cache would give it to pages of another."
    COOKIE_SCOPE Error "cookie-scope"
        "Scope the cookie so that it fits the multivariant playlist's URL and the key's: one host, or a shared Domain, and Path=/. AVPlayer sends no other."
    COOKIE_SITE Error "cookie-site"
        "Put the key server on the page's site, or set the cookie with SameSite=None; Secure."
    ADDRESS_BOUND Error "address-bound"
        "Do not bind credentials to the viewer's address: AirPlay and Chromecast ask from another."
    CLIENT_NOT_SERVED Error "client-not-served"
        "Offer a transport that this client can use: see the table of transports."
    CLOCK_SKEW Warning "clock-skew"
        "Set the server's clock by NTP: lives of tokens and caches go by it."
    DATE_SKEW Warning "date-skew"
        "Set the packager's clock: EXT-X-PROGRAM-DATE-TIME of the last segment is not about now, and rotation goes by it."
    LIVE_STALLED Error "live-stalled"
        "The playlist does not go on: look whether the source runs, and what the encryptor waits for."
    LIVE_BACK Error "live-back"
        "Never let EXT-X-MEDIA-SEQUENCE go back: number on after a restart, with a discontinuity."
    LIVE_CHANGED Error "live-changed"
        "Never change URI, key URI or IV of a segment that is published."
    TLS_REFUSED Error "tls-refused"
        "Offer TLS 1.2 or 1.3 with forward secrecy (ECDHE): Apple's transport security takes nothing else."
    CERT_UNTRUSTED Error "cert-untrusted"
        "Install a certificate of a public authority with its intermediates; `--ca` trusts one of your own."
    CERT_EXPIRED Error "cert-expired"
        "Renew the certificate."
    CERT_SOON Warning "cert-soon"
        "Renew the certificate before it ends."
    CERT_NAME Error "cert-name"
        "Use a certificate that has this host among its subject alternative names."
    CERT_KEY_WEAK Error "cert-key-weak"
        "Use RSA of 2048 bits or more, or an elliptic curve of 256 or more."
    CERT_SIGNATURE_WEAK Error "cert-signature-weak"
        "Have every certificate of the chain signed with SHA-256 or better."
}
