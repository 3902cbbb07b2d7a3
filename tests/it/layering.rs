//! Dependencies point one way: every `crate::x` in `src/` is compared with what its module may name.

use std::fs;
use std::path::{Path, PathBuf};

/// What a module may name besides itself and [`FOR_ALL`]; `core` has only `time` of these.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("json", &["core"]),
    ("core", &[]),
    ("explain", &["core"]),
    ("metrics", &["core", "driver"]),
    ("log", &[]),
    ("failpoint", &[]),
    ("config", &["core"]),
    ("store", &["core"]),
    ("template", &["core", "config"]),
    ("receivers", &["core", "config", "template", "mail_link"]),
    ("driver", &["core", "config", "store"]),
    ("delivery", &["core", "config", "store", "driver", "receivers"]),
    ("mirror", &["core", "config", "driver", "receivers", "template"]),
    ("ui", &["core", "config", "explain"]),
    ("mail_link", &[]),
    ("flags", &[]),
    ("http", &["mail_link", "core", "config", "driver", "template", "receivers", "delivery", "explain", "ui"]),
];

/// They put the others together: each may name all of those above, and of these the ones before it. Nothing else names them.
const ON_TOP: &[&str] = &["reload", "app", "demo", "cli", "lib", "main"];

/// They name nothing that decides or does.
const FOR_ALL: &[&str] = &["time", "metrics", "json", "failpoint"];

/// `core` decides with nothing but what it is given, so some crates have no place in it.
const NOT_IN_CORE: &[&str] = &["std::fs", "std::net", "SystemTime", "tokio::", "serde", "async ", "metrics", "rand::"];

#[test]
fn modules_name_only_what_they_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for file in rust_files(&src) {
        let within = file.strip_prefix(&src).expect("it was found there");
        if is_test(within) {
            continue;
        }
        let module = module_of(within);
        let text = fs::read_to_string(&file).expect("a source is readable");
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for named in names_in(code).into_iter().filter(|named| !allowed(&module, named)) {
                wrong.push(format!("{}:{}: {module} names {named}", within.display(), number + 1));
            }
            for word in NOT_IN_CORE.iter().filter(|word| module == "core" && code.contains(**word)) {
                wrong.push(format!("{}:{}: core uses {word}", within.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn allowed(module: &str, named: &str) -> bool {
    let row = MAY_NAME.iter().find(|(name, _)| *name == module);
    let storey = |name: &str| ON_TOP.iter().position(|top| *top == name);
    named == module
        || storey(module).is_some_and(|own| storey(named).is_none_or(|other| other < own))
        || (FOR_ALL.contains(&named) && (module != "core" || named == "time"))
        || row.is_some_and(|(_, may)| may.contains(&named))
}

/// Tests in files of their own may stand on whatever they like.
fn is_test(within: &Path) -> bool {
    within.components().any(|part| part.as_os_str() == "tests") || within.ends_with("tests.rs")
}

fn module_of(within: &Path) -> String {
    let first = within.components().next().expect("a file has a name").as_os_str();
    first.to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The modules after each `crate::` of a line, those in braces among them.
fn names_in(code: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut names = Vec::new();
    for after in code.split("crate::").skip(1) {
        let list = after.strip_prefix('{').map_or([after].to_vec(), |list| list.split(", ").collect());
        for path in list {
            let name = path.split(|c: char| !is_name(c)).next().unwrap_or_default();
            if name.starts_with(|c: char| c.is_ascii_lowercase()) {
                names.push(name);
            }
        }
    }
    names
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("src can be listed") {
        let path = entry.expect("src can be listed").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_test_sees_what_it_should() {
    assert_eq!(names_in("use crate::core::label; crate::http::x()"), ["core", "http"]);
    assert_eq!(names_in("use crate::{core, time::Timestamp};"), ["core", "time"]);
    assert!(!allowed("core", "config") && !allowed("store", "driver") && !allowed("config", "cli"));
    assert!(allowed("core", "time") && allowed("http", "driver") && allowed("app", "http"));
    assert!(allowed("cli", "demo") && allowed("demo", "app") && !allowed("app", "demo") && !allowed("demo", "cli"));
}
