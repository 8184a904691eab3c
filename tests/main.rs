//! The one integration binary; each module is a topic.
//!
//! `layering` and `tidy` read the repository; the others run the built binary, its path in
//! `HLSKEY_BIN` or else `target/release/hlskey`, as people and players meet it.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod channels;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod config;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod define;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod dialects;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod encrypt;
#[cfg(test)]
mod entitlement;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod import;
#[cfg(test)]
mod independent;
#[cfg(test)]
mod keystore;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod layering;
#[cfg(test)]
mod leap;
#[cfg(test)]
mod lease;
#[cfg(test)]
mod live;
#[cfg(test)]
mod lowlatency;
#[cfg(test)]
mod media;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod pipelines;
#[cfg(test)]
mod players;
#[cfg(test)]
mod points;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod pull;
#[cfg(test)]
mod push;
#[cfg(test)]
mod quickstart;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod rotate;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod schemes;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod service;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod shipping;
#[cfg(test)]
mod sinks;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod speke;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod token;
#[cfg(test)]
mod viewers;
#[cfg(test)]
mod vod;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod windows;
