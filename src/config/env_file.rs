//! `.env` in the working directory, read as Next.js reads it: the same file serves both.
//!
//! Next.js uses the npm packages dotenv 16.3 and dotenv-expand. Their documentation leaves
//! much open, so that expressions and steps here are theirs; a test compares the results.

use std::{
    collections::HashMap,
    env::{self, VarError},
    fs,
    io::ErrorKind,
};

use regex_lite::{Captures, Regex};

use super::reader::{ConfigError, ConfigErrors};

/// One assignment; white space includes the byte order mark, as in JavaScript.
const ASSIGNMENT: &str = concat!(
    r"(?m)^[\s\u{feff}]*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)",
    r#"(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$"#
);
/// A reference at the start of a text: `$NAME`, `${NAME}` or `${NAME:-default}`.
const REFERENCE: &str = r"^\$\{?(\w+)(?::-([^}\\]*))?\}?";
/// Maximum number of references that one value is expanded through, and of its bytes: a
/// variable may refer to itself.
const MAX_EXPANSION: (usize, usize) = (1000, 64 * 1024);

/// Looks a variable up in the environment, then in `.env`. The error completes "NAME: ".
pub(super) fn environment_and_file()
-> Result<impl Fn(&str) -> Result<Option<String>, String>, ConfigErrors> {
    let variable = ".env";
    let file = read().map_err(|message| ConfigErrors(vec![ConfigError { variable, message }]))?;
    Ok(move |name: &str| match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(file.get(name).cloned()),
        Err(VarError::NotUnicode(_)) => Err("got bytes that are not UTF-8, wants UTF-8".to_owned()),
    })
}

/// The variables of `.env`; none without such a file. No error repeats the line, which may
/// hold a secret.
fn read() -> Result<HashMap<String, String>, String> {
    let bytes = match fs::read(".env") {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(_) => return Err("cannot be read".to_owned()),
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.split(|byte| *byte == b'\n').count();
        format!("line {line} is not UTF-8")
    })?;
    parse(&text, |name| env::var(name).ok())
}

/// The variables of a file, expanded with each other and with those of `environment`.
fn parse(
    text: &str,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<HashMap<String, String>, String> {
    let (assignment, reference) = (regex(ASSIGNMENT)?, regex(REFERENCE)?);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut names, mut values, mut end) = (Vec::new(), HashMap::new(), 0);
    for found in assignment.captures_iter(&text) {
        let name = &found[1];
        let start = found.get(0).map_or(end, |whole| whole.start());
        check_ignored(&text, end, start)?;
        end = start + found[0].len();
        if values.insert(name.to_owned(), value(&found)).is_none() {
            names.push(name.to_owned());
        }
    }
    check_ignored(&text, end, text.len())?;
    for name in names {
        let value = expand(&values[&name], &reference, |name, default| {
            let set = environment(name).filter(|value| !value.is_empty());
            let default = default.filter(|value| !value.is_empty()).map(str::to_owned);
            set.or(default).or_else(|| values.get(name).cloned())
        });
        let value = value.ok_or_else(|| format!("{name} refers to itself; write \\$ for a $"))?;
        values.insert(name, value);
    }
    Ok(values)
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| error.to_string())
}

/// Between assignments Next.js skips everything; only comments and blank lines are right.
fn check_ignored(text: &str, start: usize, end: usize) -> Result<(), String> {
    let first = 1 + text[..start].matches('\n').count();
    let is_ignored = |line: &str| {
        let line = line.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        line.is_empty() || line.starts_with('#')
    };
    let mut lines = (first..).zip(text[start..end].split('\n'));
    match lines.find(|(_, line)| !is_ignored(line)) {
        None => Ok(()),
        Some((n, _)) => Err(format!(
            "line {n} is not of the form NAME=value; a value of several lines wants quotes \
             around it"
        )),
    }
}

/// The value without its quotes. Only double quotes have escapes: `\n` and `\r`.
fn value(assignment: &Captures<'_>) -> String {
    let text = assignment.get(2).map_or("", |text| text.as_str()).trim();
    let inner = ['\'', '"', '`'].into_iter().find_map(|quote| {
        let rest = text.strip_prefix(quote)?;
        rest.strip_suffix(quote)
    });
    let value = inner.unwrap_or(text);
    if text.starts_with('"') {
        value.replace("\\n", "\n").replace("\\r", "\r")
    } else {
        value.to_owned()
    }
}

/// Replaces references, the last one first, until none is left. `None` if that has no end.
fn expand(
    value: &str,
    reference: &Regex,
    lookup: impl Fn(&str, Option<&str>) -> Option<String>,
) -> Option<String> {
    let mut value = value.to_owned();
    let (max_references, max_length) = MAX_EXPANSION;
    for _ in 0..max_references {
        let mut dollars = value.rmatch_indices('$').map(|(at, _)| at);
        let last = dollars.find(|at| !value[..*at].ends_with('\\'));
        let Some(found) = last.and_then(|at| reference.captures(&value[at..])) else {
            return Some(value.replace("\\$", "$"));
        };
        let default = found.get(2).map(|default| default.as_str());
        let replacement = lookup(&found[1], default).unwrap_or_default();
        // JavaScript's `replace`: the first occurrence, and `$$` stands for `$`.
        value = value.replacen(&found[0], &replacement.replace("$$", "$"), 1);
        if value.len() > max_length {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests;
