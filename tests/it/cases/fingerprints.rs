//! The fingerprints of label sets, and how label sets read.

use super::{Played, labels, play, same, text};

#[test]
fn fingerprints() {
    play("fingerprints.json", &[], |case| {
        let labels = labels(&case["labels"])?;
        same("the fingerprint", &labels.fingerprint().to_string().as_str(), &text(case, "fingerprint")?)?;
        same("the text", &labels.to_string().as_str(), &text(case, "string")?)?;
        Ok(Played::Agrees)
    });
}
