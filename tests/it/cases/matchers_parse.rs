//! Matchers as text, in the mode of the case.

use andon::core::matcher::{parse_matcher, parse_matchers};

use super::{Played, mode, play, same_matchers, text};

#[test]
fn matchers_parse() {
    play("matchers_parse.json", &[], |case| {
        let (mode, input) = (mode(text(case, "mode")?)?, text(case, "input")?);
        let found = match text(case, "parser")? {
            "one" => parse_matcher(mode, input).map(|matcher| vec![matcher]),
            _ => parse_matchers(mode, input).map(|(matchers, _)| matchers),
        };
        // Some cases call a parser that the product calls only after a check of its own; the product counts.
        let expected = case.get("in_product").unwrap_or(case);
        same_matchers(found.map_err(|error| error.to_string()), expected)?;
        Ok(Played::Agrees)
    });
}
