//! The page without a mouse: by Tab, Enter and what is typed.

use std::time::Duration;

use super::plant::Plant;
use super::{browser, nothing_went_wrong};
use crate::support::browser::{Browser, Look};
use crate::support::until;

#[test]
fn a_silence_is_made_by_keys_alone() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    for scripts in [true, false] {
        browser.look(Look { scripts, ..Look::DESKTOP });
        browser.go("/?filter=alertname%3D%22ServiceDown%22");
        browser.press("Tab");
        let skip =
            browser.eval("document.activeElement.className + ' ' + document.activeElement.getBoundingClientRect().top");
        let top = skip.as_str().and_then(|skip| skip.strip_prefix("skip ")).and_then(|top| top.parse::<f64>().ok());
        assert!(top.is_some_and(|top| top >= 0.0), "the first Tab shows the skip link: {skip}");
        browser.press("Enter");
        let focus = "document.activeElement.id";
        until(Duration::from_secs(5), "the skip link leads to the content", || {
            (browser.eval(focus) == "main").then_some(())
        });
        browser.press("Tab");
        assert_eq!(browser.eval(focus), "filter", "the links to other pages are skipped");
        browser.tab_to(".alert .actions a[href*='silences/new']");
        browser.enter();
        for (field, text) in [("#until", "3h"), ("#by", "ana"), ("#comment", "by keys")] {
            browser.tab_to(field);
            browser.write(text);
        }
        browser.tab_to("form.form button:not([formaction])");
        browser.enter();
        assert!(browser.text(".note.said").contains("The silence is stored"), "{}", browser.text("main"));
        let listed = browser.text(".silence");
        assert!(listed.contains("by keys") && listed.contains("by ana") && listed.contains("2 h 59 min"), "{listed}");
        browser.tab_to(".silence .danger");
        browser.enter();
        assert!(browser.text("main").contains("No silences here"), "{}", browser.text("main"));
    }
    nothing_went_wrong(&browser);
}

#[test]
fn the_focus_stays_where_it_was_when_the_page_is_made_anew() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    plant.until_dead_letters(2);
    browser.look(Look::DESKTOP);
    // What many rows have, what two links of a row lead to, and what leads nowhere.
    let row =
        "[...document.querySelectorAll('.alert')].filter(row => row.querySelector('.what a').href === window.row)[0]";
    for (number, place) in ["a[href$=run]", ".actions a[href*=alerts]", ".what a"].into_iter().enumerate() {
        browser.go("/");
        browser.until_text("#pulse", "live");
        browser.tab_to(&format!(".alert:not(:first-child) {place}, .group ~ .group ~ .group .alert {place}"));
        browser.eval("window.row = document.activeElement.closest('.alert').querySelector('.what a').href, 0");
        let summary = format!("new, {number}");
        plant.fire(&[("alertname", "Aaa"), ("severity", "critical"), ("number", &number.to_string())], &summary);
        browser.until_text("#live", &summary);
        let place = serde_json::json!(place);
        let stayed = format!("{row}?.querySelector({place}) === document.activeElement");
        assert_eq!(browser.eval(&stayed), true, "{place}: {}", focus(&mut browser));
    }
    for (team, place) in
        [("c", ".dead:nth-of-type(2) form[action$=replay] button"), ("d", ".dead:nth-of-type(2) summary")]
    {
        browser.go("/ui/deliveries");
        browser.until_text("#pulse", "live");
        browser.tab_to(place);
        let of = "document.activeElement.closest('.dead')?.getAttribute('aria-label') + document.activeElement.tagName";
        let before = browser.eval(of);
        plant.fire(&[("alertname", "Told"), ("channel", "gone"), ("team", team)], "told to a channel that is gone");
        browser.until_text("#live", &format!("team={team}"));
        assert_eq!(browser.eval(of), before, "{place}: {}", focus(&mut browser));
    }
    nothing_went_wrong(&browser);
}

fn focus(browser: &mut Browser) -> String {
    browser.eval("document.activeElement.outerHTML.slice(0, 300)").to_string()
}
