//! Which characters are white space and which are visible: one definition for the
//! service and for the patterns of the document.

use std::{fmt::Write, sync::LazyLock};

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};

/// Symbols without ink. Unicode has no property for them: the blank of Braille, the
/// filler of the small Khitan script, the null notehead of music.
const BLANK_SYMBOLS: [char; 3] = ['\u{2800}', '\u{16FE4}', '\u{1D159}'];

/// The property `White_Space` of Unicode, and U+FEFF, which is white space in
/// JavaScript.
#[must_use]
pub fn is_white_space(character: char) -> bool {
    character.is_whitespace() || character == '\u{FEFF}'
}

/// Whether a reader can see the character: it is no white space, no format character
/// (general category Cf), not to be ignored in rendering
/// (`Default_Ignorable_Code_Point`) and no blank symbol. Control characters count as
/// visible, since 1.0.0 accepts titles of them.
#[must_use]
pub fn is_visible(character: char) -> bool {
    // Most titles begin with such a character, and need no table.
    if character.is_ascii_graphic() {
        return true;
    }
    let format = || CodePointMapData::<GeneralCategory>::new().get(character);
    let ignorable = || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character);
    !(is_white_space(character)
        || BLANK_SYMBOLS.contains(&character)
        || format() == GeneralCategory::Format
        || ignorable())
}

/// The pattern of a text with a visible character and without U+0000. Matching takes
/// linear time also in engines that backtrack, because no character fits both of the
/// first two parts.
///
/// It covers the invisible characters up to U+FFFF. Those above have no form that all
/// dialects read: JavaScript wants surrogates, which others reject, and Python and
/// Rust want `\U000E0001`, which JavaScript reads as letters.
pub static VISIBLE_PATTERN: LazyLock<String> = LazyLock::new(|| {
    let invisible = ranges(|character| !is_visible(character));
    format!(r"^[{invisible}]*[^\u0000{invisible}][^\u0000]*$")
});

/// The pattern of a text with a character that is no white space, and without U+0000. It
/// takes linear time for the same reason.
pub static SPACED_PATTERN: LazyLock<String> = LazyLock::new(|| {
    let space = ranges(is_white_space);
    format!(r"^[{space}]*[^\u0000{space}][^\u0000]*$")
});

/// The pattern of at most so many words, each of at most so many characters, without U+0000.
#[must_use]
pub fn words_pattern(words: usize, characters: usize) -> String {
    let space = ranges(is_white_space);
    format!(r"^[{space}]*([^\u0000{space}]{{1,{characters}}}([{space}]+|$)){{0,{words}}}$")
}

/// The pattern of a text without U+0000.
pub const PATTERN: &str = r"^[^\u0000]*$";

/// Such characters up to U+FFFF, as the inside of a character class.
fn ranges(is_such: impl Fn(char) -> bool) -> String {
    let is_such = |code: u32| char::from_u32(code).is_some_and(&is_such);
    let mut ranges = String::new();
    let mut code = 0;
    while code <= 0xFFFF {
        if is_such(code) {
            let end = (code..=0xFFFF).take_while(|code| is_such(*code)).last();
            let end = end.unwrap_or(code);
            // Writing to a String cannot fail.
            let _ = write!(ranges, r"\u{code:04x}");
            if end > code {
                let _ = write!(ranges, r"-\u{end:04x}");
            }
            code = end;
        }
        code += 1;
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_that_of_unicode_and_the_byte_order_mark() {
        let space: String = ('\0'..=char::MAX).filter(|c| is_white_space(*c)).collect();

        let expected = "\t\n\u{b}\u{c}\r \u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\
            \u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\
            \u{feff}";
        assert_eq!(space, expected);
    }

    #[test]
    fn format_characters_fillers_and_blanks_are_invisible() {
        for range in [
            ' '..=' ',
            '\u{AD}'..='\u{AD}',
            '\u{34F}'..='\u{34F}',
            '\u{600}'..='\u{605}',
            '\u{61C}'..='\u{61C}',
            '\u{115F}'..='\u{1160}',
            '\u{17B4}'..='\u{17B5}',
            '\u{180B}'..='\u{180F}',
            '\u{200B}'..='\u{200F}',
            '\u{202A}'..='\u{202E}',
            '\u{2060}'..='\u{206F}',
            '\u{2800}'..='\u{2800}',
            '\u{3164}'..='\u{3164}',
            '\u{FE00}'..='\u{FE0F}',
            '\u{FEFF}'..='\u{FEFF}',
            '\u{FFA0}'..='\u{FFA0}',
            '\u{FFF9}'..='\u{FFFB}',
            '\u{1BCA0}'..='\u{1BCA3}',
            '\u{1D159}'..='\u{1D159}',
            '\u{1D173}'..='\u{1D17A}',
            '\u{E0001}'..='\u{E0001}',
            '\u{E0020}'..='\u{E007F}',
            '\u{E0100}'..='\u{E01EF}',
        ] {
            let visible: Vec<_> = range.filter(|c| is_visible(*c)).collect();
            assert!(visible.is_empty(), "{visible:?}");
        }
    }

    #[test]
    fn letters_marks_symbols_and_control_characters_are_visible() {
        // An accent has a dotted circle, an unassigned or private character a box.
        for character in
            "a1.é東ß😀\u{301}\u{20E3}\u{2801}\u{E000}\u{378}\u{1}\u{7F}\u{10FFFF}".chars()
        {
            assert!(is_visible(character), "{character:?}");
        }
    }

    #[test]
    fn the_pattern_and_the_service_agree_on_every_character_up_to_u_ffff() {
        let pattern = regex_lite::Regex::new(&VISIBLE_PATTERN).unwrap();

        for character in '\0'..='\u{FFFF}' {
            let accepted = character != '\0' && is_visible(character);
            let text = character.to_string();
            assert_eq!(pattern.is_match(&text), accepted, "{character:?}");
            assert_eq!(pattern.is_match(&format!("{text}a")), character != '\0');
        }
    }
}
