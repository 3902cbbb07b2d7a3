//! The page in a real Chromium: every page and every action, with scripts and without, as wide as a phone and as a desk.

mod looks;
mod plant;
mod stand_in;

use super::support::browser::{Browser, Look};
use plant::Plant;

/// A browser that is looked into at the end of each test: nothing may have gone wrong in any page.
fn browser(plant: &Plant) -> Option<Browser> {
    Browser::start(plant.andon.address())
}

fn nothing_went_wrong(browser: &Browser) {
    assert!(browser.wrong.is_empty(), "{:#?}", browser.wrong);
}

#[test]
fn silences_are_made_changed_ended_and_made_anew_with_scripts_and_without() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    for (scripts, look) in [(true, Look::DESKTOP), (false, Look::PHONE)] {
        browser.look(Look { scripts, ..look });
        browser.go("/?filter=alertname%3D%22ServiceDown%22");
        browser.click(".alert .actions a");
        assert!(browser.text("#preview").contains("It would mute 1 alert of"), "{}", browser.text("main"));
        if scripts {
            browser.fill("#matchers", "severity=\"critical\"");
            browser.until_text("#preview", "It would mute 2 alerts");
        } else {
            browser.fill("#matchers", "severity=\"critical\"");
            browser.click("button[formnovalidate]");
            assert!(browser.text("#preview").contains("It would mute 2 alerts"), "{}", browser.text("main"));
        }
        browser.fill("#by", "ana");
        browser.fill("#comment", "a <b>new</b> disk");
        browser.fill("#until", "3h");
        browser.click("form.form button[type=submit]");
        assert!(browser.text(".note.said").contains("The silence is stored"), "{}", browser.text("main"));
        let listed = browser.text(".silence");
        assert!(listed.contains("a <b>new</b> disk") && listed.contains("mutes 2 alerts now"), "{listed}");
        browser.go("/?state=silenced");
        assert!(browser.text("#live").contains("silenced by ana"), "{}", browser.text("main"));
        browser.go("/ui/silences");
        browser.click(".silence .actions a");
        browser.fill("#until", "6h");
        browser.click("form.form button[type=submit]");
        assert!(browser.text(".silence").contains("5 h 59 min more"), "{}", browser.text(".silence"));
        browser.click(".silence .danger");
        assert!(browser.text("main").contains("No silences here"), "{}", browser.text("main"));
        browser.go("/ui/silences?state=expired");
        browser.click(".silence .actions a");
        assert_eq!(browser.eval("document.querySelector('#by').value"), "ana", "the browser knows its user");
        browser.click("form.form button[type=submit]");
        assert!(browser.text(".silence").contains("mutes 2 alerts now"), "{}", browser.text("main"));
        browser.click(".silence .danger");
    }
    nothing_went_wrong(&browser);
}

#[test]
fn groups_are_taken_on_work_is_done_and_dead_letters_are_dealt_with() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    for scripts in [true, false] {
        browser.look(Look { scripts, ..Look::DESKTOP });
        browser.go("/?filter=alertname%3D%22ServiceDown%22");
        browser.click(".group header .actions a[href$=ack]");
        browser.fill("#who", "ben");
        browser.fill("#comment", "on my way");
        browser.click("form.form button[type=submit]");
        assert!(browser.text(".held").contains("acknowledged by ben: on my way"), "{}", browser.text("main"));
        browser.click(".group header .actions a[href$=ack]");
        browser.click("button.danger");
        assert!(browser.text(".note.said").contains("withdrawn"), "{}", browser.text("main"));
    }
    browser.look(Look { scripts: false, ..Look::PHONE });
    browser.go("/ui/work-orders");
    assert!(browser.text(".column.open").contains("PUMP-001"), "{}", browser.text("main"));
    browser.click(".column.open .order a");
    let number = browser.text("h1").split_whitespace().last().unwrap_or_default().to_owned();
    for (action, shows) in [
        ("acknowledge", "acknowledged"),
        ("start", "in progress"),
        ("hold", "on hold"),
        ("start", "in progress"),
        ("complete", "completed"),
        ("reopen", "open"),
        ("cancel", "cancelled"),
    ] {
        browser.fill("#why", "because of <i>it</i>");
        browser.click(&format!("button[formaction$='{number}/{action}']"));
        assert!(browser.text("main").contains(shows), "{action}: {}", browser.text("main"));
    }
    browser.fill("#why", "a note");
    browser.click("form button:not([formaction])");
    let order = browser.text("main");
    assert!(order.contains("a note") && order.contains("because of <i>it</i>"), "{order}");
    browser.go(&format!("/ui/work-orders?view=list&text={number}"));
    assert!(browser.text("#live").contains("1 work order"), "{}", browser.text("main"));

    plant.until_dead_letters(2);
    browser.look(Look::DESKTOP);
    browser.go("/ui/deliveries");
    let letter = browser.text(".dead");
    assert!(letter.contains("400") && browser.text("main").contains("2 dead letters"), "{letter}");
    assert_eq!(browser.eval("document.querySelector('.dead details') !== null"), true, "request and answer are shown");
    browser.click(".dead form[action$=replay] button");
    assert!(browser.text(".note.said").contains("sent again"), "{}", browser.text("main"));
    plant.until_dead_letters(2);
    browser.go("/ui/deliveries");
    browser.fill(".dead input[name=reason]", "the channel is gone");
    browser.click(".dead form[action$=discard] button");
    assert!(browser.text(".note.said").contains("put away"), "{}", browser.text("main"));
    nothing_went_wrong(&browser);
}

#[test]
fn a_page_follows_what_happens_and_understands_old_links() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    browser.look(Look::DESKTOP);
    browser.go("/");
    browser.until_text("#pulse", "live");
    plant.fire(&[("alertname", "CameLater"), ("severity", "critical")], "it came later");
    browser.until_text("#live", "it came later");
    // From another page, since a browser does not load a page anew for what stands behind the `#`.
    browser.go("/ui/status");
    browser.go("/#/alerts?receiver=refusing");
    browser.until_text("#live", "in 2 groups");
    assert_eq!(browser.eval("location.pathname + location.search"), "/?receiver=refusing");
    browser.go("/ui/routes");
    browser.fill("#labels", r#"alertname="CriticalAssetOffline", asset_code="PUMP-009""#);
    browser.click("form.search button");
    assert!(browser.text(".taken").contains("maintenance"), "{}", browser.text("main"));
    assert_eq!(browser.eval("document.querySelectorAll('.node.hit').length"), 1);
    assert!(browser.text(".taken + h3 + ul").contains("would be told at"), "{}", browser.text("main"));
    browser.go("/?filter=alertname%3D%22HighErrorRate%22");
    browser.click(".alert .actions a[href*=alerts]");
    let why = browser.text("#why");
    assert!(why.contains("ops by webhook[0]") && browser.text("#walk").contains("whole walk"), "{why}");
    browser.go("/ui/routes?labels=severity%3D%22info%22");
    assert!(browser.text(".node.missed .why").contains("but"), "{}", browser.text("main"));
    nothing_went_wrong(&browser);
}
