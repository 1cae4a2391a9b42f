use serde_json::json;

use super::*;

#[derive(Debug, PartialEq)]
struct Sample {
    name: Text<1, 3>,
    note: Option<Text<0, 3>>,
    color: MaybeUndefined<Text<0, 3>>,
    open: Option<bool>,
    locked: Option<bool>,
}

request_bodies! {
    Sample {
        name: required, note: nullable, color: clearable, open: optional, locked: optional,
    } check check(open, locked);
}

fn check(open: Option<bool>, locked: Option<bool>) -> Result<(), (&'static str, &'static str)> {
    let is_both = open == Some(true) && locked == Some(true);
    (!is_both)
        .then_some(())
        .ok_or(("locked", "must not be set if it is open"))
}

fn read(body: Value) -> Result<Sample, Vec<FieldError>> {
    match body {
        Value::Object(object) => Fields::read(object),
        _ => unreachable!("an object"),
    }
}

fn text<const MIN: usize>(text: &str) -> Text<MIN, 3> {
    Text::parse(text).unwrap()
}

#[test]
fn absent_fields_null_fields_and_values_are_told_apart() {
    let absent = read(json!({"name": " a ", "unknown": 1}));
    let null = read(json!({"name": "a", "note": null, "color": null}));
    let values = read(json!({"name": "a", "note": "b", "color": "", "open": false}));

    let expected = |note, color, open| {
        let name = text("a");
        Ok(Sample {
            name,
            note,
            color,
            open,
            locked: None,
        })
    };
    assert_eq!(absent, expected(None, MaybeUndefined::Undefined, None));
    assert_eq!(null, expected(None, MaybeUndefined::Null, None));
    let color = MaybeUndefined::Value(text(""));
    assert_eq!(values, expected(Some(text("b")), color, Some(false)));
}

#[test]
fn every_invalid_field_is_reported() {
    let body = json!({"note": 1, "color": "a\u{0}", "open": null});

    let errors = read(body).unwrap_err();

    let errors: Vec<_> = errors.iter().map(|e| (&*e.field, &*e.message)).collect();
    let expected = [
        ("name", "is required"),
        ("note", "must be a string"),
        ("color", "must not contain the character U+0000"),
        ("open", "must be true or false"),
    ];
    assert_eq!(errors, expected);
}

#[test]
fn text_is_trimmed_only_if_it_must_not_be_empty() {
    assert_eq!(text::<1>(" a ").as_str(), "a");
    assert_eq!(text::<0>(" a ").as_str(), " a ");
    assert_eq!(text::<1>("ééé").to_json(), Some(json!("ééé")));
    assert_eq!(
        Text::parse_from_json(Some(json!(" a "))).unwrap(),
        text::<1>("a")
    );
    assert!(Text::<1, 3>::parse("   ").is_err());
    assert!(Text::<1, 3>::parse("abcd").is_err());
    assert!(Text::<0, 3>::parse("abcd").is_err());
}

#[test]
fn fields_are_compared_if_each_of_them_is_valid() {
    let names = |body: Value| {
        let errors = read(body).unwrap_err().into_iter();
        errors.map(|error| error.field).collect::<Vec<_>>()
    };

    assert_eq!(
        names(json!({"name": "a", "open": true, "locked": true})),
        ["locked"]
    );
    assert_eq!(
        names(json!({"name": "", "open": true, "locked": true})),
        ["name", "locked"]
    );
    assert_eq!(
        names(json!({"name": "a", "open": 1, "locked": true})),
        ["open"]
    );
    read(json!({"name": "a", "open": false, "locked": true})).unwrap();
}
