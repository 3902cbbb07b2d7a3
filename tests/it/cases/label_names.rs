//! Which label names are valid.

use andon::core::label_name;

use super::{Played, flag, mode, play, same, text};

#[test]
fn label_names() {
    play("label_names.json", &[], |case| {
        let found = label_name::is_valid(mode(text(case, "mode")?)?, text(case, "name")?);
        same("the verdict", &found, &flag(case, "valid")?)?;
        Ok(Played::Agrees)
    });
}
