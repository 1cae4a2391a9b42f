//! The mechanism below the contract: bodies, fields, parameters and problems. It
//! knows no resource of the contract.

pub mod asset;
pub mod body;
pub mod characters;
pub mod conditional;
pub mod entity_tag;
pub mod event_stream;
pub mod fields;
pub mod header;
pub mod json;
pub mod json_array;
mod object;
pub mod path;
pub mod problem;
pub mod query;
pub mod service;
pub mod time;
