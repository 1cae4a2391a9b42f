//! `next_env.json` has what `processEnv` of @next/env 16.4.6 returns for each file: its
//! variables, but for those that the environment sets.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Case {
    file: String,
    environment: HashMap<String, String>,
    expected: HashMap<String, String>,
}

#[test]
fn a_file_is_read_as_next_js_reads_it() {
    let table: Vec<Case> = serde_json::from_str(include_str!("next_env.json")).unwrap();
    assert!(table.len() > 90, "{}", table.len());

    for case in table {
        let variables = parse(&case.file, |name| case.environment.get(name).cloned());
        let mut variables = variables.unwrap_or_else(|error| panic!("{:?}: {error}", case.file));
        variables.retain(|name, _| !case.environment.contains_key(name));
        assert_eq!(variables, case.expected, "{:?}", case.file);
    }
}

#[test]
fn a_line_that_next_js_would_skip_is_an_error_with_its_number() {
    for (file, line) in [
        ("open sesame", 1),
        ("A=1\nopen sesame\nB=2\n", 2),
        ("\u{feff}A=1\r\n\r\n# comment\r\nopen sesame\r\n", 4),
        ("A=\"1\n2\"\nsesame\n", 3),
        ("A=sesame\nsesame: \n=sesame\n", 3),
        ("A=-----BEGIN KEY-----\nsesame\n-----END KEY-----\n", 2),
        ("A=\"open\nsesame\n", 2),
        ("export A\n", 1),
        ("A B=sesame\n", 1),
    ] {
        let error = parse(file, |_| None).unwrap_err();
        assert!(
            error.starts_with(&format!("line {line} ")),
            "{file:?}: {error}"
        );
        assert!(
            error.contains("quotes") && !error.contains("sesame"),
            "{error}"
        );
    }
}

#[test]
fn a_variable_that_refers_to_itself_is_an_error() {
    for file in [
        "A=$A",
        "A=x$A",
        "A=$B\nB=$A",
        "A=$B$B\nB=$A$A",
        "A=${A}${A}x",
    ] {
        let error = parse(file, |_| None).unwrap_err();
        assert!(error.contains("refers to itself"), "{file:?}: {error}");
    }
}
