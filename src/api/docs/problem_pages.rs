//! The pages behind the `type` of a problem, for the developer of a client.

use std::fmt::Write;

use crate::api::{
    rest::problem::{Documented, ProblemType, Row},
    spec,
};

/// The list of all types. `up` leads from the page to the folder of `/problems`.
pub fn list(up: &str) -> String {
    let mut rows = String::new();
    for row in ProblemType::ALL.iter().map(|kind| kind.row()) {
        let Row {
            status,
            slug,
            title,
            ..
        } = row;
        // Writing to a String cannot fail.
        let _ = writeln!(
            rows,
            "<tr><td>{status}</td><td><a href=\"{up}problems/{slug}\">{title}</a></td></tr>"
        );
    }
    let body = format!(
        "<p>The body of every response of status 400 and above is one of these (RFC 9457). \
         <code>type</code> is stable: branch on it.</p>\n<table>\n{rows}</table>"
    );
    page("Problems", &body, up)
}

/// The page of one type. `up` leads from the page to the folder of `/problems`.
pub fn one(kind: ProblemType, up: &str) -> String {
    let row = kind.row();
    let mut body = format!(
        "<p>Status {}.</p>\n<p>{}</p>",
        row.status,
        html(row.description)
    );
    if !row.headers.is_empty() {
        body.push_str("\n<h2>Headers</h2>\n<table>");
        for header in row.headers {
            let description = html(header.description);
            let _ = write!(
                body,
                "<tr><td><code>{}</code></td><td>{description}</td></tr>",
                header.name
            );
        }
        body.push_str("</table>");
    }
    let example = format!("{:#}", spec::example(kind));
    let _ = write!(body, "\n<h2>Example</h2>\n<pre>{}</pre>", escaped(&example));
    if row.documented == Documented::Nowhere {
        body.push_str("\n<p>It belongs to no operation, so the document does not list it.</p>");
    }
    let _ = write!(body, "\n<p><a href=\"{up}problems\">All problems</a></p>");
    page(row.title, &body, up)
}

fn page(title: &str, body: &str, up: &str) -> String {
    format!(
        r#"<!DOCTYPE html>
<html lang="en" class="text">
<meta charset="UTF-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Tasks API</title>
<link rel="stylesheet" href="{up}docs/docs.css">
<link rel="icon" type="image/png" href="{up}docs/favicon-32x32.png" sizes="32x32">
<h1>{title}</h1>
{body}
<p><a href="{up}docs">The documentation</a></p>
</html>
"#
    )
}

/// Text of the document, in which backquotes mark code, as HTML.
fn html(text: &str) -> String {
    let mut parts = escaped(text)
        .split('`')
        .map(str::to_owned)
        .collect::<Vec<_>>();
    for code in parts.iter_mut().skip(1).step_by(2) {
        *code = format!("<code>{code}</code>");
    }
    parts.concat()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_the_document_becomes_html() {
        assert_eq!(html("`a<b` & c"), "<code>a&lt;b</code> &amp; c");
        for kind in ProblemType::ALL {
            let backquotes = kind.row().description.matches('`').count();
            assert_eq!(backquotes % 2, 0, "{kind:?}");
        }
    }
}
