//! Every variable is named where an operator looks for it. A new row of the table
//! fails here until these files name it.

use std::{fs, path::Path};

use super::*;

/// A file of the repository.
fn repository_file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(path).unwrap()
}

/// Whether a word of the file starts with `marker`, in a comment or not.
fn mentions(text: &str, marker: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start_matches(['#', ' ']);
        let mut words = line.split(' ');
        words.any(|word| {
            let word = word.strip_prefix("Environment=").unwrap_or(word);
            word.starts_with(marker)
        })
    })
}

#[test]
fn the_reference_page_has_the_row_of_every_variable() {
    let page = repository_file("docs/configuration.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("|---"));
    let rows: Vec<_> = rows
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .collect();

    let table: Vec<_> = VARIABLES
        .iter()
        .map(|variable| {
            let default = match variable.default {
                Unset => "none".to_owned(),
                Fixed(text) => format!("`{text}`"),
                PerEnvironment {
                    development,
                    deployed,
                } => format!("`{deployed}`; in development `{development}`"),
            };
            format!("| `{}` | {default} | {} |", variable.name, variable.meaning)
        })
        .collect();
    for row in &table {
        let is_there = rows.contains(&row.as_str());
        assert!(is_there, "docs/configuration.md wants the row\n{row}");
    }
    assert_eq!(rows, table, "the page has another row, or another order");
}

#[test]
fn every_variable_is_in_the_env_example_and_the_deploy_files() {
    let env_example = repository_file(".env.example");
    let compose = repository_file("deploy/compose.yaml");
    let kubernetes = repository_file("deploy/kubernetes.yaml");
    let unit = repository_file("deploy/tasks-api.service");

    let mut missing = Vec::new();
    for Variable { name, .. } in VARIABLES {
        let (assignment, key) = (format!("{name}="), format!("{name}: "));
        // Compose passes on only what it lists, so that a comment is not enough.
        let is_passed_on = compose.lines().any(|l| l.trim_start().starts_with(&key));
        for (file, is_named) in [
            (".env.example", mentions(&env_example, &assignment)),
            ("deploy/compose.yaml", is_passed_on),
            ("deploy/kubernetes.yaml", mentions(&kubernetes, key.trim())),
            ("deploy/tasks-api.service", mentions(&unit, &assignment)),
        ] {
            if !is_named {
                missing.push(format!("{file}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "not named in {missing:#?}");
}

#[test]
fn the_env_example_sets_known_variables_to_their_defaults() {
    for line in repository_file(".env.example").lines() {
        let (is_set, line) = match line.strip_prefix('#') {
            Some(comment) => (false, comment),
            None => (true, line),
        };
        // A space follows the `#` of a comment that is prose.
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with(' ')) else {
            continue;
        };
        let variable = VARIABLES.iter().find(|variable| variable.name == name);
        let variable = variable.unwrap_or_else(|| panic!("{name} is not a variable"));
        if is_set {
            let default = variable.default_in(Environment::Development);
            assert_eq!(default, Some(value), "{name}");
        }
    }
}
