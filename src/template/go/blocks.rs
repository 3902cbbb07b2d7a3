//! Whether every block of a template is closed.
//!
//! gotmpl takes the end of the text for the end of all blocks, and an `{{end}}` too many for the end of the text. Go
//! refuses both, and so does Andon: half a message is worse than a configuration that does not load.

/// Checks the blocks of a template.
///
/// # Errors
/// The line and Go's words for what is wrong.
pub(super) fn check(text: &str) -> Result<(), (usize, String)> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find("{{")) {
        let start = at + found + 2;
        let Some((word, next)) = action(text, start) else {
            // Not closed: the engine's lexer says so itself.
            return Ok(());
        };
        let line = || 1 + text.get(..start).unwrap_or("").matches('\n').count();
        match word {
            "if" | "range" | "with" | "define" | "block" => depth += 1,
            "end" if depth == 0 => return Err((line(), "unexpected {{end}}".to_owned())),
            "else" if depth == 0 => return Err((line(), "unexpected {{else}}".to_owned())),
            "end" => depth -= 1,
            _ => {}
        }
        at = next;
    }
    if depth > 0 {
        return Err((1 + text.matches('\n').count(), "unexpected EOF".to_owned()));
    }
    Ok(())
}

/// The first word of the action that begins here, and where the action ends.
fn action(text: &str, start: usize) -> Option<(&str, usize)> {
    let rest = text.get(start..)?;
    let body = rest.strip_prefix("- ").or_else(|| rest.strip_prefix("-\n")).unwrap_or(rest).trim_start();
    let begin = start + (rest.len() - body.len());
    if body.starts_with("/*") {
        let end = body.find("*/")?;
        let close = text.get(begin + end..)?.find("}}")?;
        return Some(("", begin + end + close + 2));
    }
    let word = body.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
    Some((word, end_of_action(text, begin)?))
}

fn end_of_action(text: &str, begin: usize) -> Option<usize> {
    let mut quote: Option<char> = None;
    let mut rest = text.get(begin..)?.char_indices();
    while let Some((place, c)) = rest.next() {
        match (quote, c) {
            (Some('"' | '\''), '\\') => {
                rest.next();
            }
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '}') if text.get(begin + place..)?.starts_with("}}") => return Some(begin + place + 2),
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_or_not() {
        for (text, expected) in [
            ("plain", Ok(())),
            ("{{if .A}}{{range .B}}x{{else}}y{{end}}{{else if .C}}z{{end}}", Ok(())),
            ("{{- /* {{end}} */ -}}{{ \"}}{{end}}\" }}{{ `{{if` }}", Ok(())),
            ("{{- define \"x\" -}}\n{{end -}}", Ok(())),
            ("{{if .A}}x", Err((1, "unexpected EOF"))),
            ("a\n{{end}} b", Err((2, "unexpected {{end}}"))),
            ("{{else}}", Err((1, "unexpected {{else}}"))),
            ("{{ endless }}{{ .if }}{{ $end }}", Ok(())),
        ] {
            assert_eq!(check(text), expected.map_err(|(line, text)| (line, text.to_owned())), "{text}");
        }
    }
}
