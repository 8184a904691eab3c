//! Entitlement as viewers, operators and a customer's service meet it.
//!
//! Must not know: how the product remembers an answer.

mod documented;
mod free;
mod http;
mod push;
mod question;
mod scene;
mod sessions;
mod several;
mod sql;
mod storm;
mod table;
