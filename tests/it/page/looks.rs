//! How pages look and read: no sideways scrolling, no serious fault that axe-core finds, hostile texts as texts, fast.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

use super::plant::Plant;
use super::stand_in::HOSTILE;
use super::{browser, nothing_went_wrong};
use crate::support::browser::{Browser, Look};
use crate::support::{program, skip, until};

/// The version of axe-core that is asked.
const AXE: &str = "axe-core@4.10.3";

/// All pages of a plant, by a name for pictures.
fn pages(plant: &Plant) -> Vec<(&'static str, String)> {
    let alerts = plant.andon.get("/api/v2/alerts?filter=alertname%3DServiceDown").json();
    let fingerprint = alerts[0]["fingerprint"].as_str().expect("the alert fires").to_owned();
    let orders = plant.andon.get("/api/andon/v1/work-orders").json();
    let orders = orders.as_array().or_else(|| orders["workOrders"].as_array()).expect("there are work orders").clone();
    let number = orders[0]["number"].as_str().expect("it has a number").to_owned();
    let page = plant.andon.get("/").body;
    let hash = page.split("ui/groups/").nth(1).and_then(|rest| rest.split('/').next()).expect("a group").to_owned();
    vec![
        ("now", "/".into()),
        ("alert", format!("/ui/alerts/{fingerprint}")),
        ("group", format!("/?group={hash}")),
        ("ack", format!("/ui/groups/{hash}/ack")),
        ("silences", "/ui/silences".into()),
        ("silence", format!("/ui/silences/new?alert={fingerprint}")),
        ("orders", "/ui/work-orders".into()),
        ("list", "/ui/work-orders?view=list".into()),
        ("order", format!("/ui/work-orders/{number}")),
        ("history", "/ui/history".into()),
        ("deliveries", "/ui/deliveries".into()),
        ("routes", "/ui/routes?labels=severity%3D%22info%22".into()),
        ("status", "/ui/status".into()),
        ("missing", "/ui/nothing".into()),
    ]
}

#[test]
fn every_page_fits_reads_without_scripts_and_has_no_serious_fault() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    let silence = json!({
        "matchers": [{"name": "alertname", "value": "Told", "isRegex": false}], "createdBy": "ana", "comment": "known",
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2999-01-01T00:00:00Z",
    });
    assert_eq!(plant.andon.request("POST", "/api/v2/silences", &silence.to_string()).status(), 200);
    plant.until_dead_letters(2);
    let axe = axe();
    let pages = pages(&plant);
    for look in
        [Look::PHONE, Look { dark: true, ..Look::DESKTOP }, Look { scripts: false, ..Look::PHONE }, Look::DESKTOP]
    {
        browser.look(look);
        for (name, path) in &pages {
            browser.go(path);
            let wide = browser.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(wide, 0, "{name} scrolls sideways at {look:?}");
            assert!(!browser.text("h1").is_empty() && !browser.text("main").is_empty(), "{name} at {look:?}");
            if let (true, Some(axe)) = (look.scripts, &axe) {
                assert_eq!(faults(&mut browser, axe), Vec::<String>::new(), "{name} at {look:?}");
            }
            keep_picture(&mut browser, name, look);
        }
    }
    nothing_went_wrong(&browser);
}

/// axe-core's source; nothing where npm is not there.
fn axe() -> Option<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm");
    let file = folder.join("node_modules/axe-core/axe.min.js");
    if !file.is_file() {
        let npm = program("npm", "ANDON_NPM", "npm")?;
        std::fs::create_dir_all(&folder).expect("a folder for it");
        let install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"];
        let done = Command::new(npm).args(install).arg(&folder).arg(AXE).output().expect("npm starts");
        if !done.status.success() {
            skip(&format!("npm could not install {AXE}: {}", String::from_utf8_lossy(&done.stderr)));
            return None;
        }
    }
    Some(std::fs::read_to_string(file).expect("it was installed"))
}

/// What axe-core calls serious or critical.
fn faults(browser: &mut Browser, axe: &str) -> Vec<String> {
    browser.eval(&format!("{axe};0"));
    let found = browser.eval("axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)");
    let serious = |fault: &&Value| matches!(fault["impact"].as_str(), Some("serious" | "critical"));
    let faults = found.as_array().expect("a list").iter().filter(serious);
    faults.map(|fault| format!("{}: {} at {}", fault["id"], fault["help"], fault["nodes"][0]["html"])).collect()
}

/// Pictures are for people: they lie beside the build.
fn keep_picture(browser: &mut Browser, name: &str, look: Look) {
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    let kind = [
        if look.width < 600 { "phone" } else { "desktop" },
        if look.dark { "-dark" } else { "" },
        if look.scripts { "" } else { "-plain" },
    ];
    let picture = base64::prelude::BASE64_STANDARD.decode(browser.picture(2_400)).expect("it is base64");
    std::fs::write(folder.join(format!("{name}-{}.png", kind.concat())), picture).expect("the picture is written");
}

#[test]
fn hostile_labels_are_texts() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    let hostile = [
        ("script", "<script>document.title = 'broken'</script>"),
        ("image", "<img src=x onerror=\"document.title = 'broken'\">"),
        ("quotes", "\"'`>\\ </a></li></main>"),
        ("mustache", "{{frame.token}} {{#each}}"),
        ("direction", "abc \u{202e}txt.exe\u{2066} \u{200f}x"),
        ("control", "a\u{0}b\nc\td\u{7f}"),
    ];
    let long = "x".repeat(10_000);
    for (name, value) in hostile.iter().copied().chain([("long", &*long)]) {
        plant.post(&json!([{
            "labels": {"alertname": name, "asset_code": value, "instance": value, "severity": value, "v": value},
            "annotations": {"summary": value, "runbook_url": format!("javascript:{value}")},
            "generatorURL": "javascript:alert(1)",
        }]));
    }
    for look in [Look::PHONE, Look { scripts: false, ..Look::DESKTOP }] {
        browser.look(look);
        for (name, value) in hostile.iter().copied().chain([("long", &*long)]) {
            browser.go(&format!("/?filter=alertname%3D%22{name}%22"));
            let shown =
                browser.eval("[...document.querySelectorAll('.alert .what bdi')].map(e => e.textContent).join()");
            let shown = shown.as_str().unwrap_or_default();
            let start: String = value.chars().take(200).collect();
            // HTML itself knows no zero byte.
            assert!(shown.contains(start.split('\u{0}').next_back().unwrap_or_default()), "{name}: {shown:?}");
            for link in [".alert .what a", ".alert .actions a", ".group header .actions a[href*=history]"] {
                browser.click(link);
                is_harmless(&mut browser, &format!("{link} of {name}"));
                browser.go(&format!("/?filter=alertname%3D%22{name}%22"));
            }
            browser.click(".group header .actions a[href$=ack]");
            is_harmless(&mut browser, &format!("acknowledging {name}"));
            browser.fill("#who", value);
            browser.fill("#comment", value);
            browser.click("form.form button[type=submit]");
            is_harmless(&mut browser, &format!("{name} acknowledged, or refused"));
            browser.go(&format!("/ui/history?filter=alertname%3D%22{name}%22"));
            is_harmless(&mut browser, &format!("the history of {name}"));
            browser.go("/ui/routes");
            browser.fill("#labels", &format!("alertname=\"{name}\", instance={}", json!(value)));
            browser.click("form.search button");
            is_harmless(&mut browser, &format!("the routes of {name}"));
        }
        let taken = "/ui/history?kind=acknowledgement&filter=alertname%3D%22script%22";
        for path in ["/ui/status", "/ui/work-orders", "/ui/deliveries", "/ui/history", taken] {
            browser.go(path);
            is_harmless(&mut browser, path);
        }
        assert!(browser.text("main").contains(hostile[0].1), "{}", browser.text("main"));
    }
    nothing_went_wrong(&browser);
}

/// Whether a page is what it is without hostile texts: with its title, no wider, and with no element out of them.
fn is_harmless(browser: &mut Browser, what: &str) {
    let title = browser.eval("document.title");
    assert!(title.as_str().is_some_and(|title| title.ends_with("· Andon")), "{what}: {title}");
    let wide = browser.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(wide, 0, "{what} scrolls sideways");
    let inside = browser.eval("document.querySelectorAll('main img, main script, main iframe, main main').length");
    assert_eq!(inside, 0, "{what}");
    assert_eq!(browser.eval("document.querySelectorAll('body > footer').length"), 1, "{what}");
}

#[test]
fn hostile_and_long_answers_of_receivers_are_texts() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    for team in ["hostile", "long"] {
        plant.fire(&[("alertname", "Told"), ("channel", "gone"), ("team", team)], "told to a channel that is gone");
    }
    plant.until_dead_letters(4);
    for look in [Look::PHONE, Look { scripts: false, ..Look::DESKTOP }] {
        browser.look(look);
        let answers = "[...document.querySelectorAll('.dead pre, .tries pre')].map(one => one.textContent)";
        for part in [HOSTILE.to_owned(), "y".repeat(800)] {
            let count = format!("{answers}.filter(text => text.includes({})).length", json!(part));
            // As a dead letter and as an attempt, which may be noted a moment later.
            until(Duration::from_secs(10), &format!("{part:.50} is shown twice"), || {
                browser.go("/ui/deliveries");
                (browser.eval(&count) == 2).then_some(())
            });
        }
        browser.eval("document.querySelectorAll('details').forEach(one => one.open = true)");
        is_harmless(&mut browser, "what receivers answered");
        let errors = browser.eval("[...document.querySelectorAll('.dead .error')].map(one => one.textContent).join()");
        assert!(errors.as_str().is_some_and(|errors| errors.contains(HOSTILE)), "{errors}");
        browser.go("/ui/history?kind=dead_letter");
        is_harmless(&mut browser, "the history of what receivers answered");
    }
    nothing_went_wrong(&browser);
}

/// How long a page may take: in a release build a second.
fn page_limit() -> Duration {
    Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 })
}

/// Silences that must be tried on each alert, since no label has a text that they demand.
fn regex_silence(number: usize) -> Value {
    json!({
        "matchers": [{"name": "instance", "value": format!(".*t-9{number}(1|2)?"), "isRegex": true}],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2999-01-01T00:00:00Z", "createdBy": "ana", "comment": "many",
    })
}

#[test]
fn ten_thousand_alerts_are_shown_within_a_second() {
    let plant = Plant::start();
    let alert = |n: usize| {
        json!({
            "labels": {"alertname": format!("Many{}", n % 700), "instance": format!("host-{n}"), "severity": "warning", "team": "a"},
            "annotations": {"summary": format!("number {n}")},
        })
    };
    for number in 0..40 {
        let answer = plant.andon.request("POST", "/api/v2/silences", &regex_silence(number).to_string());
        assert_eq!(answer.status(), 200, "{}", answer.body);
    }
    for chunk in 0..10 {
        plant.post(&(chunk * 1_000..(chunk + 1) * 1_000).map(alert).collect::<Vec<_>>().into());
    }
    let all = "/ui/silences/new?filter=severity%3D%22warning%22";
    let pages = ["/", "/?page=50", "/?filter=instance%3D~%22host-77.*%22", "/?state=active&page=9999", all];
    let one = plant.andon.get("/api/v2/alerts?filter=instance%3Dhost-77").json();
    let one = one[0]["fingerprint"].as_str().expect("it fires").to_owned();
    let page = plant.andon.get("/?filter=instance%3D%22host-77%22").body;
    let hash = page.split("ui/groups/").nth(1).and_then(|rest| rest.split('/').next()).expect("it is in a group");
    let of_one = [
        &*format!("/ui/alerts/{one}"),
        &*format!("/ui/groups/{hash}/ack"),
        "/ui/work-orders",
        "/api/andon/v1/explain?filter=instance%3D%22host-77%22",
    ];
    let others = ["/ui/silences", "/ui/deliveries", "/ui/routes", "/ui/history", "/ui/status"];
    for path in pages.into_iter().chain(of_one).chain(others) {
        // The first look also pays for what others do on the machine.
        let took = (0..5).map(|_| {
            let began = Instant::now();
            let page = plant.andon.get(path);
            assert_eq!(page.status(), 200, "{path}");
            assert!(page.body.contains("number ") || !path.starts_with("/?"), "{path}");
            assert!(page.body.len() < 1_000_000, "{path}: {} bytes", page.body.len());
            began.elapsed()
        });
        let best = took.min().unwrap_or_default();
        assert!(best < page_limit(), "{path}: {best:?}");
        eprintln!("{path}: {best:?}");
    }
    assert!(plant.andon.get(all).body.contains("It would mute 10"), "the preview counts all of them");
}
