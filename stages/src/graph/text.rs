//! Names as text for drawings: whatever they hold, they are shown, and end no label.

/// Within a quoted label of DOT.
pub(super) fn dot(name: &str) -> String {
    escaped(name, "\\n", |char| match char {
        '\\' => Some("\\\\".to_owned()),
        '"' => Some("\\\"".to_owned()),
        // Otherwise `&lt;` would be shown as `<`.
        '&' => Some("&amp;".to_owned()),
        _ => None,
    })
}

/// Within a quoted label of Mermaid, which knows entities by name or number, and also shapes, HTML, Markdown and directives.
pub(super) fn mermaid(name: &str) -> String {
    escaped(name, "<br/>", |char| match char {
        '"' => Some("#quot;".to_owned()),
        '<' => Some("#lt;".to_owned()),
        '#' | '&' | '>' | '\\' | '`' | '%' | '[' | ']' | '{' | '}' | '|' => Some(format!("#{};", u32::from(char))),
        _ => None,
    })
}

/// A line end of any kind is a line break; of other control characters the place is shown.
fn escaped(name: &str, line_break: &str, escape: impl Fn(char) -> Option<String>) -> String {
    if name.is_empty() {
        // A label without text ends the drawing in some readers.
        return "(empty)".to_owned();
    }
    let mut text = String::with_capacity(name.len());
    let mut chars = name.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => text.push_str(line_break),
            char if char.is_control() || turns_text(char) => text.push('\u{fffd}'),
            char => match escape(char) {
                Some(escaped) => text.push_str(&escaped),
                None => text.push(char),
            },
        }
    }
    text
}

/// Whether it changes the direction of what follows, beyond the name.
const fn turns_text(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_is_escaped_and_all_else_stays() {
        for (name, in_dot, in_mermaid) in [
            ("plain (1/2), ünï-ço_dé", "plain (1/2), ünï-ço_dé", "plain (1/2), ünï-ço_dé"),
            ("a\nb\r\nc\rd", r"a\nb\nc\nd", "a<br/>b<br/>c<br/>d"),
            (r#"say "a""#, r#"say \"a\""#, "say #quot;a#quot;"),
            (r"C:\new\", r"C:\\new\\", "C:#92;new#92;"),
            (r#"x"]; y"#, r#"x\"]; y"#, "x#quot;#93;; y"),
            ("<b>&lt;</b>", "<b>&amp;lt;</b>", "#lt;b#62;#38;lt;#lt;/b#62;"),
            ("#35;`*`", "#35;`*`", "#35;35;#96;*#96;"),
            ("%%{init: {}}%%", "%%{init: {}}%%", "#37;#37;#123;init: #123;#125;#125;#37;#37;"),
            ("\0\u{1b}", "\u{fffd}\u{fffd}", "\u{fffd}\u{fffd}"),
            ("a|b", "a|b", "a#124;b"),
            ("", "(empty)", "(empty)"),
            ("a\u{202e}b", "a\u{fffd}b", "a\u{fffd}b"),
        ] {
            assert_eq!(dot(name), in_dot, "{name:?}");
            assert_eq!(mermaid(name), in_mermaid, "{name:?}");
        }
    }
}
