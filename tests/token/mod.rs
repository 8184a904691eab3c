//! `hlskey token verify`: every published and generated vector, and every attack, one URL each.
//!
//! Must not know: the server.

mod attacks;
mod cat;
mod documented;
mod edgeauth;
mod explain;
mod groups;
mod hdnts;
mod in_path;
mod issuer;
mod jwks;
mod jwt;
mod lives;
mod mint;
mod ours;
mod peers;
mod pyjwt;
mod readings;
mod securetoken;
mod served;
mod spans;
mod teams;
mod urlparams;
mod uses;
mod verdict;
mod wmsauth;
