//! The dependencies keep to `deny.toml`, checked with nothing but cargo, so that no tool must be built for it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn dependencies_keep_to_deny_toml() {
    let policy = Policy::read();
    let mut wrong = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().expect("a package has a name");
        let license = package["license"].as_str().unwrap_or("none");
        if policy.banned.iter().any(|banned| banned == name) {
            wrong.push(format!("{name} is banned"));
        }
        if !policy.allows(license) {
            wrong.push(format!("{name} has the license {license}"));
        }
        if let Some(source) = package["source"].as_str().filter(|source| !source.starts_with("registry+")) {
            wrong.push(format!("{name} comes from {source}"));
        }
    }
    assert!(wrong.is_empty(), "against deny.toml:\n{}", wrong.join("\n"));
}

/// All packages that are built here, as cargo tells; needs no network, since they are there.
fn packages() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc says what it is");
    let rustc = String::from_utf8_lossy(&rustc.stdout).into_owned();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let args = ["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host];
    let output = Command::new(cargo).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let listed = metadata["packages"].as_array().expect("a list of packages");
    assert!(listed.len() > 100, "{} packages cannot be all", listed.len());
    listed.clone()
}

struct Policy {
    licenses: Vec<String>,
    banned: Vec<String>,
}

impl Policy {
    /// Reads the two lists, each of which has one entry a line in `deny.toml`.
    fn read() -> Self {
        let text =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml")).expect("deny.toml is there");
        let list = |begin: &str| -> Vec<String> {
            let lines = text.lines().skip_while(|line| *line != begin).skip(1).take_while(|line| *line != "]");
            lines.filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
        };
        let policy = Self { licenses: list("allow = ["), banned: list("deny = [") };
        assert!(policy.licenses.len() > 3 && policy.banned.len() > 3, "the lists of deny.toml were not found");
        policy
    }

    /// `(A OR B) AND C`: each part of an AND needs one of its alternatives. `A/B` is an old way to say OR.
    fn allows(&self, license: &str) -> bool {
        let alternatives = |part: &str| -> Vec<String> {
            let bare = part.replace(['(', ')'], "").replace('/', " OR ");
            bare.split(" OR ").map(|one| one.trim().to_owned()).collect()
        };
        license.split(" AND ").all(|part| alternatives(part).iter().any(|one| self.licenses.contains(one)))
    }
}

#[test]
fn licenses_are_read_right() {
    let policy = Policy { licenses: vec!["MIT".into(), "Unicode-3.0".into()], banned: Vec::new() };
    for (license, allowed) in [
        ("MIT", true),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("GPL-3.0", false),
        ("none", false),
    ] {
        assert_eq!(policy.allows(license), allowed, "{license}");
    }
}
