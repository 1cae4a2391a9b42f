//! The corrected pattern of titles, and the proof of what it changed.
//!
//! The pattern of 1.0.0 takes quadratic time in engines that backtrack, and its `\s` is
//! another set of characters in each language. The corrected one takes linear time and
//! spells the set out. The set also has the invisible characters: 1.0.0 accepted titles of
//! nothing else, which was a fault. The proof shows that no other title is affected.

/// The pattern of titles in the release 1.0.0.
pub const TITLE_OF_1_0_0: &str = r"^[^\u0000]*[^\u0000\s][^\u0000]*$";

/// White space and invisible characters up to U+FFFF.
macro_rules! invisible {
    () => {
        concat!(
            r"\u0009-\u000d\u0020\u0085\u00a0\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f",
            r"\u0890-\u0891\u08e2\u115f-\u1160\u1680\u17b4-\u17b5\u180b-\u180f\u2000-\u200f",
            r"\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb",
        )
    };
}

/// The corrected pattern.
pub const TITLE: &str = concat!(
    "^[",
    invisible!(),
    r"]*[^\u0000",
    invisible!(),
    r"][^\u0000]*$"
);

mod tests {
    use std::iter::once;

    use jsonschema::Validator;
    use serde_json::{Value, json};
    use tasks_api::api::tasks::Title;

    use super::*;

    fn compiled(pattern: &str) -> Validator {
        jsonschema::validator_for(&json!({"pattern": pattern})).unwrap()
    }

    fn accepts(pattern: &Validator, text: impl Into<String>) -> bool {
        pattern.is_valid(&Value::String(text.into()))
    }

    /// `\s` of ECMA-262, section 22.2.2.9: `WhiteSpace` and `LineTerminator`.
    fn is_ecma_space(character: char) -> bool {
        character != '\u{85}' && (character.is_whitespace() || character == '\u{feff}')
    }

    /// The classes of characters that the two patterns tell apart.
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        Nul,
        Space,
        /// Not `\s` of the old pattern, but in the set of the new one.
        Invisible,
        Visible,
    }
    use Kind::{Invisible, Nul, Space, Visible};

    fn kind(character: char) -> Kind {
        match character {
            '\0' => Nul,
            space if is_ecma_space(space) => Space,
            // Above U+FFFF, the new pattern takes every character for visible.
            '\u{10000}'.. => Visible,
            other if Title::parse(other.encode_utf8(&mut [0; 4])).is_err() => Invisible,
            _ => Visible,
        }
    }

    /// Both patterns are sequences of character classes, so what they accept depends on the
    /// kinds of the characters alone: this test. And each has an automaton of three
    /// states (nothing visible so far, something visible, a U+0000), so two that differ do so
    /// in a text of at most five characters: the next test.
    #[test]
    fn each_pattern_treats_all_characters_of_a_kind_alike() {
        let (old, new) = (compiled(TITLE_OF_1_0_0), compiled(TITLE));

        for character in '\0'..=char::MAX {
            let kind = kind(character);
            let old_accepts = matches!(kind, Invisible | Visible);
            assert_eq!(accepts(&old, character), old_accepts, "{character:?}");
            assert_eq!(accepts(&new, character), kind == Visible, "{character:?}");
        }
    }

    #[test]
    fn the_corrected_pattern_rejects_texts_without_a_visible_character_and_no_others() {
        let (old, new) = (compiled(TITLE_OF_1_0_0), compiled(TITLE));
        let letters = ['\0', ' ', '\u{200b}', 'a'];
        let mut texts = vec![String::new()];

        for _ in 0..5 {
            let longer = texts.iter().flat_map(|text| {
                let appended = letters.iter().map(move |letter| format!("{text}{letter}"));
                once(text.clone()).chain(appended)
            });
            texts = longer.collect();
            texts.sort();
            texts.dedup();
        }

        assert_eq!(texts.len(), 1 + 4 + 16 + 64 + 256 + 1024);
        for text in texts {
            let has = |expected| text.chars().any(|character| kind(character) == expected);
            let old_accepts = !has(Nul) && (has(Invisible) || has(Visible));
            assert_eq!(accepts(&old, &*text), old_accepts, "{text:?}");
            let new_accepts = old_accepts && has(Visible);
            assert_eq!(accepts(&new, &*text), new_accepts, "{text:?}");
        }
    }

    #[test]
    fn the_service_rejects_all_that_the_corrected_pattern_rejects() {
        let new = compiled(TITLE);

        // It accepts every character above.
        for character in ('\0'..='\u{ffff}').filter(|c| !accepts(&new, *c)) {
            let twice = format!("{character}{character}");
            assert!(Title::parse(&twice).is_err(), "{character:?}");
        }
    }
}
