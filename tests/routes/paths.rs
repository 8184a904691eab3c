//! The templates of the matrix, and statuses that several rows share.
//!
//! Must not know: who asks.

pub(super) const KEY: &str = "/v1/keys/{kid}";
pub(super) const PLAY: &str = "/v1/play/{stream}/{file}.m3u8";
pub(super) const CURRENT: &str = "/v1/sessions/current";
pub(super) const LISTED: [u16; 6] = [401, 401, 401, 200, 403, 200];
pub(super) const UNKNOWN: [u16; 6] = [401, 401, 401, 404, 403, 404];
pub(super) const SESSIONLESS: [u16; 6] = [401, 401, 401, 404, 404, 404];
/// All that a packager may do.
pub(super) const PACKAGER: &str = "register,read,lease,rotate,progress";
pub(super) const KEYINFO: &str = "/v1/streams/{stream}/ffmpeg.keyinfo";
pub(super) const WOWZA: &str = "/v1/streams/{stream}/wowza.key";
pub(super) const SHAKA: &str = "/v1/streams/{stream}/shaka";
pub(super) const BENTO4: &str = "/v1/streams/{stream}/bento4";
pub(super) const NGINX_VOD: &str = "/v1/streams/{stream}/nginx-vod.json";
pub(super) const KEY_FILE: &str = "/v1/key-files/{file}";
pub(super) const CPIX: &str = "/v1/streams/{stream}/cpix";
pub(super) const GPAC: &str = "/v1/streams/{stream}/gpac.xml";
pub(super) const FLUSSONIC: &str = "/v1/streams/{stream}/flussonic.key";
pub(super) const GOOGLE: &str = "/v1/streams/{stream}/google.json";
pub(super) const RAW_KEY: &str = "/v1/streams/{stream}/key";
pub(super) const STREAMS: &str = "/v1/streams/{stream}";
pub(super) const ENTITLEMENT: &str = "/v1/entitlements/{viewer}";
pub(super) const HOOK: &str = "/v1/hooks/{hook}";
pub(super) const INVALIDATE: &str = "/v1/entitlements/invalidate";
pub(super) const CREDENTIALS: &str = "/v1/credentials";
pub(super) const CREDENTIAL: &str = "/v1/credentials/{name}";
pub(super) const PLAYER: &str = "/player/{file}";
