//! Matchers as text, each in all modes, alone and as a list.

use andon::core::matcher::{parse_matcher, parse_matchers};

use super::{Played, mode, play, same_matchers, text};

#[test]
fn matchers_all_modes() {
    play("matchers_all_modes.json", &[], |case| {
        let input = text(case, "input")?;
        for name in ["default", "classic", "utf8-strict"] {
            let (mode, expected) = (mode(name)?, &case[name]);
            let one = parse_matcher(mode, input).map(|matcher| vec![matcher]).map_err(|error| error.to_string());
            same_matchers(one, &expected["one"]).map_err(|message| format!("{name}, one: {message}"))?;
            let list = parse_matchers(mode, input).map(|(matchers, _)| matchers).map_err(|error| error.to_string());
            same_matchers(list, &expected["list"]).map_err(|message| format!("{name}, list: {message}"))?;
        }
        Ok(Played::Agrees)
    });
}
