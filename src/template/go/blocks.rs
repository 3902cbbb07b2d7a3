//! Whether every block of a template is closed, and not too many are open at once.
//!
//! gotmpl takes the end of the text for the end of all blocks, and an `{{end}}` too many for the end of the text. Go
//! refuses both, and so does Andon: half a message is worse than a configuration that does not load.

/// How many blocks may be open at once; each `{{else}}` of an open block counts as one more, since `{{else if}}` is a
/// block within it. The engine limits the blocks alone, and goes one call deeper for each branch.
const MAX_OPEN: usize = 100;

/// How deeply `range` may be nested: in HTML the engine looks at the body of each twice, so the work doubles each time.
const MAX_RANGES: usize = 10;

/// Checks the blocks of a template.
///
/// # Errors
/// The line and Go's words for what is wrong.
pub(super) fn check(text: &str) -> Result<(), (usize, String)> {
    // The word and the branches of each open block, and all branches.
    let mut blocks: Vec<(&str, usize)> = Vec::new();
    let mut branches = 0;
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find("{{")) {
        let start = at + found + 2;
        let Some((word, next)) = action(text, start) else {
            // Not closed: the engine's lexer says so itself.
            return Ok(());
        };
        let line = || 1 + text.get(..start).unwrap_or("").matches('\n').count();
        match (word, blocks.last_mut()) {
            ("if" | "range" | "with" | "define" | "block", _) => {
                blocks.push((word, 1));
                branches += 1;
            }
            ("end" | "else", None) => return Err((line(), format!("unexpected {{{{{word}}}}}"))),
            ("else", Some(block)) => {
                block.1 += 1;
                branches += 1;
            }
            ("end", Some(_)) => branches -= blocks.pop().map_or(0, |block| block.1),
            _ => {}
        }
        if branches > MAX_OPEN {
            return Err((line(), format!("more than {MAX_OPEN} branches are open at once")));
        }
        if blocks.iter().filter(|block| block.0 == "range").count() > MAX_RANGES {
            return Err((line(), format!("{{{{range}}}} is nested more than {MAX_RANGES} deep")));
        }
        at = next;
    }
    if !blocks.is_empty() {
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

    #[test]
    fn nesting_is_limited_also_where_it_is_written_flat() {
        let of = |before: &str, again: &str, times: usize, after: &str| {
            format!("{before}{}{}", again.repeat(times), after.repeat(if before.is_empty() { times } else { 1 }))
        };
        for (text, expected) in [
            (of("{{if .A}}", "{{else if .A}}", MAX_OPEN - 1, "{{end}}"), Ok(())),
            (of("{{if .A}}", "{{else if .A}}", MAX_OPEN, "{{end}}"), Err("more than 100 branches are open at once")),
            (of("", "{{if .A}}{{else}}", MAX_OPEN / 2 + 1, "{{end}}"), Err("more than 100 branches are open at once")),
            (of("", "{{range .A}}", MAX_RANGES, "{{end}}"), Ok(())),
            (of("", "{{range .A}}", MAX_RANGES + 1, "{{end}}"), Err("{{range}} is nested more than 10 deep")),
            ("{{if .A}}{{else}}{{end}}".repeat(MAX_OPEN), Ok(())),
            ("{{range .A}}{{end}}".repeat(MAX_OPEN), Ok(())),
        ] {
            assert_eq!(check(&text), expected.map_err(|message| (1, message.to_owned())), "{text}");
        }
    }
}
