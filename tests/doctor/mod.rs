//! `hlskey doctor`: a stream without a fault has none, and every fault that it knows is found.
//!
//! Must not know: how it looks.

mod documented;
mod healthy;
mod keys;
mod playlists;
mod row;
mod segments;
mod servers;
mod site;
