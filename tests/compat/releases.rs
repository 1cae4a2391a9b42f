//! The current document against every released one.

use std::{fs, path::PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tasks_api::api::spec::{API_VERSION, DOCUMENT};

use crate::compare::{Change, Class, compare};

pub type Version = (u64, u64, u64);

fn version(text: &str) -> Version {
    let mut parts = text.split('.').map(|part| part.parse().expect("a number"));
    let mut next = || parts.next().expect("three numbers");
    (next(), next(), next())
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/released"))
}

/// All released documents, oldest first.
pub fn released() -> Vec<(Version, Value)> {
    let names = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let versions = names.filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned));
    let mut released: Vec<_> = versions
        .map(|name| {
            let text = fs::read_to_string(folder().join(format!("{name}.yaml"))).unwrap();
            let document: Value = yaml_serde::from_str(&text).unwrap();
            assert_eq!(
                document["info"]["version"],
                name.as_str(),
                "the file's name is its version"
            );
            (version(&name), document)
        })
        .collect();
    released.sort_by_key(|(version, _)| *version);
    released
}

/// The changes, one entry per shared schema: that of problems is used in 40 places.
fn list(changes: &[Change], least: Class) -> String {
    let mut places: Vec<((Class, &str), Vec<&str>)> = Vec::new();
    for Change { class, place, what } in changes.iter().filter(|change| change.class >= least) {
        let change = (*class, what.as_str());
        match places.iter_mut().find(|(known, _)| *known == change) {
            Some((_, places)) => places.push(place),
            None => places.push((change, vec![place])),
        }
    }
    let lines = places.iter().map(|((class, what), places)| {
        let more = match places.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} places more)"),
        };
        format!("- {class:?}: {}{more}: {what}", places[0])
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The lowest version that may follow `last` with a change of this class.
fn least(last: Version, class: Option<Class>) -> Version {
    match class {
        None => last,
        Some(Class::Documentation) => (last.0, last.1, last.2 + 1),
        Some(Class::Compatible) => (last.0, last.1 + 1, 0),
        Some(Class::Breaking) => (last.0 + 1, 0, 0),
    }
}

#[test]
fn the_version_matches_the_change() {
    let released = released();
    let (last, old) = released.last().expect("a release");

    let changes = compare(old, &DOCUMENT);

    let class = changes.iter().map(|change| change.class).max();
    let (major, minor, patch) = least(*last, class);
    assert!(
        version(API_VERSION) >= (major, minor, patch),
        "The API is {API_VERSION}, but since the release {}.{}.{} it changed in a way that wants at \
         least {major}.{minor}.{patch}:\n{}\nTake the change back, or set API_VERSION in \
         src/api/spec.rs to {major}.{minor}.{patch} and run `just openapi client`.",
        last.0,
        last.1,
        last.2,
        list(&changes, class.unwrap_or(Class::Documentation))
    );
}

#[test]
fn every_release_of_this_major_still_works() {
    let major = version(API_VERSION).0;

    for (version, old) in released().iter().filter(|(version, _)| version.0 == major) {
        let changes = compare(old, &DOCUMENT);
        let broken = list(&changes, Class::Breaking);
        assert!(
            broken.is_empty(),
            "Clients of the release {}.{}.{} would break:\n{broken}\nTake the change back, or set \
             API_VERSION in src/api/spec.rs to {}.0.0.",
            version.0,
            version.1,
            version.2,
            major + 1
        );
    }
}

#[test]
fn a_released_document_never_changes() {
    let sums = fs::read_to_string(folder().join("SHA256SUMS")).unwrap();

    for (version, _) in released() {
        let name = format!("{}.{}.{}.yaml", version.0, version.1, version.2);
        let sum = hex::encode(Sha256::digest(fs::read(folder().join(&name)).unwrap()));
        assert!(
            sums.lines().any(|line| line == format!("{sum}  {name}")),
            "{name} is not what was released. Restore it; a new release is a new file, and its \
             line in SHA256SUMS is made by `just release-openapi`."
        );
    }
    for name in sums
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
    {
        assert!(
            folder().join(name).exists(),
            "{name} was released. Restore it."
        );
    }
}
