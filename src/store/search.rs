//! The words of a search: each must occur in the title or the description, ignoring case.
//!
//! Databases differ in what they know of case, and by their collation. So they look for ASCII
//! letters alone, which finds some tasks too many, and the exact check is here: simple case
//! folding of Unicode (statuses C and S of `CaseFolding.txt`), character by character.

use icu_casemap::CaseMapper;

use crate::api::tasks;

/// Words that are folded.
#[derive(Debug, Clone, Default)]
pub struct Words(Vec<String>);

impl Words {
    /// The words of a request.
    pub fn of(words: &tasks::Words) -> Self {
        Self(words.as_slice().iter().map(|word| fold(word)).collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether each word is in one of the texts.
    pub fn are_in(&self, texts: [&str; 2]) -> bool {
        if self.is_empty() {
            return true;
        }
        let texts = texts.map(fold);
        let is_in_one = |word: &String| texts.iter().any(|text| text.contains(word.as_str()));
        self.0.iter().all(is_in_one)
    }

    /// The longest text that one of two texts has which have all words, once its ASCII letters
    /// are lower case; nothing where nothing can be said.
    ///
    /// Only `k` and `s` are what other characters than ASCII fold to: the Kelvin sign and
    /// the long s.
    pub fn ascii(&self) -> Option<&str> {
        let is_other = |c: char| !c.is_ascii() || matches!(c, 'k' | 's');
        let runs = self.0.iter().flat_map(|word| word.split(is_other));
        runs.max_by_key(|run| run.len())
            .filter(|run| !run.is_empty())
    }
}

fn fold(text: &str) -> String {
    let mapper = CaseMapper::new();
    let fold = |c: char| {
        if c.is_ascii() {
            c.to_ascii_lowercase()
        } else {
            mapper.simple_fold(c)
        }
    };
    text.chars().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::rest::query::QueryValue;

    fn words(text: &str) -> Words {
        Words::of(&tasks::Words::parse(text).unwrap())
    }

    #[test]
    fn case_is_folded_character_by_character() {
        for (word, text) in [
            ("MILK", "Buy milk"),
            ("ÄRGER", "ärger"),
            ("straẞe", "Straße"),
            ("ΣΑΣ", "σας"),
            ("\u{212a}g", "kG"),
            ("kg", "\u{212a}G"),
            ("su", "\u{17f}U"),
            ("東京", "東京へ"),
            ("100%_", "100%_\\"),
            ("ᏸ", "Ᏸ"),
        ] {
            assert!(words(word).are_in([text, ""]), "{word} in {text}");
            assert!(words(word).are_in(["", text]), "{word} in {text}");
        }
        for (word, text) in [
            ("strasse", "straße"),
            ("i", "İ"),
            ("ı", "i"),
            ("a", "ä"),
            ("100%", "1000"),
            ("a_c", "abc"),
        ] {
            assert!(!words(word).are_in([text, ""]), "{word} in {text}");
        }
    }

    #[test]
    fn each_word_may_be_in_another_text() {
        assert!(words("b a").are_in(["xA", "Bx"]));
        assert!(!words("ab").are_in(["a", "b"]));
        assert!(!words("a c").are_in(["a", "b"]));
        assert!(words("").are_in(["", ""]));
    }

    #[test]
    fn what_the_database_looks_for_is_in_every_text_that_has_the_words() {
        assert_eq!(words("Desk ümlauts").ascii(), Some("mlaut"));
        assert_eq!(words("Kiss").ascii(), Some("i"));
        for none in ["", "東京", "KSks", "\u{212a}ß"] {
            assert_eq!(words(none).ascii(), None, "{none}");
        }
        // No other character folds to one of ASCII than the two that are left out.
        for c in ('\u{80}'..=char::MAX).filter(|c| fold(&c.to_string()).is_ascii()) {
            assert!(matches!(c, '\u{212a}' | '\u{17f}'), "{c:?}");
        }
    }
}
