//! Standard output and standard error. `print!` and `eprint!` panic where nobody reads,
//! and hide what is buffered when the process ends: nothing else may write there.

use std::io::{self, ErrorKind, Write};

/// Writes `text` to standard output. A reader that has what it wanted, such as `head`, is
/// no error; a full disk is.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    unless_closed(written.and_then(|()| stdout.flush()))
}

/// The result of a write, which succeeds where the reader is gone.
pub fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a line to standard error. There is nowhere to report a failure.
pub fn print_error(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
