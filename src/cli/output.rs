//! Standard output.

use std::io::{self, Write};

use crate::app::error::StartError;

/// Writes `text`. A closed pipe is an error, where `print!` would panic.
pub fn print(text: &str) -> Result<(), StartError> {
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|error| StartError::Failed(format!("cannot print: {error}")))
}
