//! Entity tags (RFC 9110, section 8.8.3): which state of a resource a client has.

/// The tags of a precondition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`: any state of a resource that exists.
    Any,
    /// These states.
    Of(Vec<EntityTag>),
}

/// An entity tag, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag {
    is_weak: bool,
    opaque: String,
}

/// What Apache adds to the tag of a response that it compresses; it sends the tag on as it
/// comes back.
const SUFFIXES: [&str; 3] = ["-gzip", "-br", "-deflate"];

impl EntityTags {
    /// Reads the lines of a header; nothing where they are no list of tags.
    #[must_use]
    pub fn parse(lines: &[&[u8]]) -> Option<Self> {
        let mut tags = Vec::new();
        for line in lines {
            if line.trim_ascii() == b"*" {
                return (lines.len() == 1).then_some(Self::Any);
            }
            let mut rest = *line;
            loop {
                rest = rest.trim_ascii_start();
                // A list may have empty members (RFC 9110, section 5.6.1.2).
                while let Some(after) = rest.strip_prefix(b",") {
                    rest = after.trim_ascii_start();
                }
                if rest.is_empty() {
                    break;
                }
                let (tag, after) = EntityTag::read(rest)?;
                tags.push(tag);
                rest = after.trim_ascii_start();
                if !(rest.is_empty() || rest.starts_with(b",")) {
                    return None;
                }
            }
        }
        (!tags.is_empty()).then_some(Self::Of(tags))
    }

    /// Whether the client has the state of this tag, by the weak comparison. A suffix that
    /// a proxy added is ignored.
    #[must_use]
    pub fn has(&self, tag: &str) -> bool {
        let Self::Of(tags) = self else { return true };
        tags.iter().any(|known| {
            let suffix = known.opaque.strip_prefix(tag);
            suffix.is_some_and(|suffix| suffix.is_empty() || SUFFIXES.contains(&suffix))
        })
    }

    /// The tags that a write may be for, by the strong comparison: a weak tag never
    /// matches. Nothing: any.
    #[must_use]
    pub fn strong(&self) -> Option<Vec<&str>> {
        let Self::Of(tags) = self else { return None };
        let strong = tags.iter().filter(|tag| !tag.is_weak);
        Some(strong.map(|tag| tag.opaque.as_str()).collect())
    }
}

impl EntityTag {
    /// Reads the tag at the start, and returns what is behind it.
    fn read(text: &[u8]) -> Option<(Self, &[u8])> {
        let (is_weak, text) = match text.strip_prefix(b"W/") {
            Some(text) => (true, text),
            None => (false, text),
        };
        let text = text.strip_prefix(b"\"")?;
        let end = text.iter().position(|byte| *byte == b'"')?;
        let (opaque, rest) = (&text[..end], &text[end + 1..]);
        let is_allowed = |byte: &u8| *byte == 0x21 || (0x23..=0x7e).contains(byte) || *byte >= 0x80;
        let opaque = opaque.iter().all(is_allowed).then_some(opaque)?;
        let opaque = String::from_utf8_lossy(opaque).into_owned();
        Some((Self { is_weak, opaque }, rest))
    }
}

/// The value of the header `ETag` for a tag.
#[must_use]
pub fn quoted(tag: &str) -> String {
    format!("\"{tag}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&str]) -> Option<EntityTags> {
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        EntityTags::parse(&lines)
    }

    #[test]
    fn a_client_has_a_state_by_lists_weak_forms_and_suffixes() {
        for lines in [
            &["*"][..],
            &[r#""58""#],
            &[r#"W/"58""#],
            &[r#""58-gzip""#],
            &[r#"W/"58-br""#],
            &[r#""1", "58""#],
            &[r#"  "1",W/"2" ,, "58" ,"#],
            &[r#""1""#, r#""58""#],
            &[r#""a,b", "58""#],
        ] {
            assert!(parse(lines).unwrap().has("58"), "{lines:?}");
        }
        for lines in [r#""580""#, r#""5""#, r#""58-x""#, r#""""#, r#""a58""#] {
            assert!(!parse(&[lines]).unwrap().has("58"), "{lines}");
        }
    }

    #[test]
    fn a_write_is_for_strong_tags_alone() {
        let strong = |line: &str| {
            let list = parse(&[line]).unwrap();
            list.strong().map(|tags| tags.join(" "))
        };

        assert_eq!(strong("*"), None);
        assert_eq!(strong(r#""58", W/"59", "60""#).unwrap(), "58 60");
        assert_eq!(strong(r#"W/"58""#).unwrap(), "");
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for line in [
            "",
            " ",
            ",",
            "58",
            r#""58"#,
            r#"58""#,
            r#"w/"58""#,
            r#""58" "59""#,
            r#""5 8""#,
            r#"*, "58""#,
            r#""58", *"#,
            "W/",
            "**",
        ] {
            assert_eq!(parse(&[line]), None, "{line}");
        }
        assert_eq!(parse(&["*", "*"]), None);
        assert_eq!(parse(&[]), None);
    }
}
