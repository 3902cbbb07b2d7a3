//! The page in a real Chromium: every page and every action, with scripts and without, as wide as a phone and as a desk.

mod keys;
mod looks;
mod plant;
mod stand_in;

use std::time::Duration;

use super::support::browser::{Browser, Look};
use super::support::until;
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
fn groups_are_taken_on_and_given_back_with_scripts_and_without() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    for look in [Look::DESKTOP, Look { scripts: false, ..Look::PHONE }] {
        browser.look(look);
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
    browser.go("/ui/history?kind=acknowledgement");
    assert!(browser.text("main").contains("ben has taken"), "{}", browser.text("main"));
    nothing_went_wrong(&browser);
}

#[test]
fn work_is_done_with_scripts_and_without() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    let life = ["start", "hold", "start", "complete", "reopen", "cancel", "reopen"];
    let shows = ["in progress", "on hold", "in progress", "completed", "open", "cancelled", "open"];
    for (look, seen) in [(Look::DESKTOP, true), (Look { scripts: false, ..Look::PHONE }, false)] {
        browser.look(look);
        browser.go("/ui/work-orders");
        assert!(browser.text(".column.open").contains("PUMP-001"), "{}", browser.text("main"));
        browser.click(".column.open .order a");
        let number = browser.text("h1").split_whitespace().last().unwrap_or_default().to_owned();
        let mut act = |action: &str, shows: &str| {
            browser.fill("#why", "because of <i>it</i>");
            browser.click(&format!("button[formaction$='{number}/{action}']"));
            assert!(browser.text("main").contains(shows), "{action}: {}", browser.text("main"));
        };
        if seen {
            act("acknowledge", "acknowledged");
        }
        life.iter().zip(shows).for_each(|(action, shows)| act(action, shows));
        browser.fill("#assignee", "cem");
        browser.click(&format!("button[formaction$='{number}/assign']"));
        assert!(browser.text(".one").contains("cem has it"), "{}", browser.text("main"));
        browser.fill("#why", "a note");
        browser.click("form button:not([formaction])");
        let order = browser.text("main");
        assert!(order.contains("a note") && order.contains("because of <i>it</i>"), "{order}");
        browser.go(&format!("/ui/work-orders?view=list&text={number}"));
        assert!(browser.text("#live").contains("1 work order"), "{}", browser.text("main"));
        // It is open for the next look, and somebody has it.
        browser.go(&format!("/ui/work-orders/{number}"));
        browser.fill("#assignee", "");
        browser.click(&format!("button[formaction$='{number}/assign']"));
        assert!(browser.text(".one").contains("nobody has it"), "{}", browser.text("main"));
    }
    nothing_went_wrong(&browser);
}

#[test]
fn dead_letters_are_dealt_with_with_scripts_and_without() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    for (look, next) in [(Look::DESKTOP, "c"), (Look { scripts: false, ..Look::PHONE }, "d")] {
        plant.until_dead_letters(2);
        browser.look(look);
        browser.go("/ui/deliveries");
        let letter = browser.text(".dead");
        assert!(letter.contains("400") && browser.text("main").contains("2 dead letters"), "{letter}");
        browser.eval("document.querySelector('.dead details').open = true");
        let said = browser.text(".dead details");
        assert!(said.contains("POST http://127.0.0.1/…") && said.contains("this channel is gone"), "{said}");
        browser.click(".dead form[action$=replay] button");
        assert!(browser.text(".note.said").contains("sent again"), "{}", browser.text("main"));
        plant.until_dead_letters(2);
        browser.go("/ui/deliveries");
        browser.fill(".dead input[name=reason]", "the channel is gone");
        browser.click(".dead form[action$=discard] button");
        assert!(browser.text(".note.said").contains("put away"), "{}", browser.text("main"));
        plant.fire(&[("alertname", "Told"), ("channel", "gone"), ("team", next)], "told to a channel that is gone");
    }
    browser.go("/ui/history?kind=dead_letter");
    assert!(browser.text("main").contains("put away: the channel is gone"), "{}", browser.text("main"));
    nothing_went_wrong(&browser);
}

#[test]
fn deliveries_say_how_each_receiver_fares_with_its_last_attempts_and_no_secret() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    // One a minute: enough for all that is looked at here.
    for team in ["a", "b", "c", "d", "e", "f"] {
        for channel in ["down", "slow"] {
            plant.fire(&[("alertname", "Told"), ("channel", channel), ("team", team)], "told where it is hard");
        }
    }
    plant.fire(&[("alertname", "Told"), ("team", "nobody")], "told to nobody yet");
    for look in [Look::DESKTOP, Look { scripts: false, ..Look::PHONE }] {
        browser.look(look);
        for (receiver, shows) in [
            ("down", "failing"),
            ("slow", "limited"),
            ("unset", "not configured"),
            ("refusing", "refuses"),
            ("ops", "healthy"),
        ] {
            let card = format!("section[aria-label='Receiver {receiver}']");
            browser.until_page("/ui/deliveries", &card, shows);
        }
        let down = browser.text("section[aria-label='Receiver down']");
        assert!(down.contains("since") && down.contains("waiting"), "{down}");
        assert!(browser.text("section[aria-label='Receiver unset']").contains("ANDON_TEST_UNSET"));
        browser.eval("document.querySelector(\"section[aria-label='Receiver ops'] .tries details\").open = true");
        let tries = browser.text("section[aria-label='Receiver ops'] .tries");
        assert!(tries.contains("told") && tries.contains("Sent") && tries.contains("\"status\":\"firing\""), "{tries}");
        assert!(tries.contains("authorization: <redacted>") && tries.contains("Answered"), "{tries}");
        let page = browser.eval("document.documentElement.outerHTML");
        assert!(!page.as_str().unwrap_or_default().contains("s3same"), "a secret is shown");
    }
    let attempts = plant.andon.get("/api/andon/v1/receivers/ops/attempts");
    let first = attempts.json()[0].clone();
    assert_eq!((first["end"].as_str(), first["attempt"].as_u64()), (Some("delivered"), Some(1)), "{first}");
    assert!(first["answer"].as_str().is_some_and(|answer| answer.starts_with("200")), "{first}");
    assert!(!attempts.body.contains("s3same"));
    assert_eq!(plant.andon.get("/api/andon/v1/receivers/none/attempts").status(), 404);
    nothing_went_wrong(&browser);
}

#[test]
fn what_fires_leads_to_order_graph_and_run_book_and_a_filter_stands_in_the_address() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    for look in [Look::DESKTOP, Look { scripts: false, ..Look::PHONE }] {
        browser.look(look);
        browser.go("/");
        browser.fill("#filter", "alertname=~\"Critical.*\"");
        browser.click("form.search button[type=submit]");
        assert_eq!(browser.eval("new URLSearchParams(location.search).get('filter')"), "alertname=~\"Critical.*\"");
        assert_eq!(browser.eval("document.querySelectorAll('.alert').length"), 1);
        let leads = |to: &str| format!("document.querySelector(\".alert .actions a[href='{to}']\").rel");
        for to in ["http://prometheus.example:9090/graph?g0.expr=up", "https://wiki.example/run"] {
            assert_eq!(browser.eval(&leads(to)), "noreferrer", "{to}");
        }
        browser.click(".alert .actions a[href*=work-orders]");
        assert!(browser.text("main").contains("PUMP-001"), "{}", browser.text("main"));
        browser.go("/?filter=alertname%3D%22HighErrorRate%22");
        assert!(browser.text(".alert .held").contains("inhibited"), "{}", browser.text("main"));
        browser.click(".alert .actions a[href*=alerts]");
        let why = browser.text("#why");
        assert!(why.contains("ops by webhook[0]") && browser.text("#walk").contains("whole walk"), "{why}");
    }
    nothing_went_wrong(&browser);
}

#[test]
fn routes_and_status_say_what_was_and_what_is() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    for look in [Look::DESKTOP, Look { scripts: false, ..Look::PHONE }] {
        browser.look(look);
        browser.go("/ui/routes");
        let route = |receiver: &str| {
            format!(
                "[...document.querySelectorAll('.node')].filter(node => \
                 node.querySelector('a').textContent === '{receiver}')[0].querySelector('.counts').textContent"
            )
        };
        for (receiver, shows) in [("maintenance", "1 in a day"), ("refusing", "2 in a day"), ("unset", "none in a day")]
        {
            let counts = browser.eval(&route(receiver));
            assert!(counts.as_str().is_some_and(|counts| counts.contains(shows)), "{receiver}: {counts}");
        }
        browser.go("/ui/status");
        let status = browser.text("main");
        for shows in [env!("CARGO_PKG_VERSION"), "Up since", "SHA-256", "loaded", "commits", "Alerts received"] {
            assert!(status.contains(shows), "{shows}: {status}");
        }
        assert!(!status.contains("s3same") && status.contains("<secret>"), "{status}");
        assert_eq!(browser.eval("document.querySelectorAll('figure.plot').length"), 4);
    }
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
    browser.go("/ui/routes?labels=severity%3D%22info%22");
    assert!(browser.text(".node.missed .why").contains("but"), "{}", browser.text("main"));
    nothing_went_wrong(&browser);
}

#[test]
fn a_page_that_could_not_be_fetched_anew_is_not_called_live() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    browser.look(Look::DESKTOP);
    browser.go("/");
    browser.until_text("#pulse", "live");
    browser.eval("window.asked = window.fetch, 0");
    // What fails, and what is a page of somebody else: of a proxy that wants a name, say.
    for (number, (status, says)) in [(503, "answered 503"), (200, "another page")].into_iter().enumerate() {
        browser.eval(&format!("window.fetch = async () => new Response('<p>who are you?', {{status: {status}}}), 0"));
        plant.fire(&[("alertname", "Unseen"), ("number", &number.to_string())], "it is not seen");
        browser.until_text("#pulse", says);
        assert!(browser.text("#pulse").starts_with("not live"), "{}", browser.text("#pulse"));
        browser.eval("window.fetch = window.asked, 0");
        plant.fire(&[("alertname", "Seen"), ("number", &number.to_string())], &format!("it is seen, {number}"));
        browser.until_text("#live", &format!("it is seen, {number}"));
        browser.until_text("#pulse", "live");
        assert_eq!(browser.text("#pulse"), "live");
    }
    nothing_went_wrong(&browser);
}

#[test]
fn a_hidden_page_listens_to_nothing_and_is_fetched_anew_when_it_is_shown() {
    let plant = Plant::start();
    let Some(mut browser) = browser(&plant) else { return };
    browser.look(Look::DESKTOP);
    browser.go("/");
    browser.until_text("#pulse", "live");
    // The script once more, with streams that are written down.
    browser.eval(
        "window.streams = []; \
         window.EventSource = class extends EventSource { constructor(url) { super(url); window.streams.push(this); } }; \
         const again = document.createElement('script'); \
         again.src = document.querySelector('script').src; \
         document.head.append(again), 0",
    );
    let are = |browser: &mut Browser, expected: &str| {
        let streams = "window.streams.map(stream => stream.readyState).join(' ')";
        until(Duration::from_secs(10), expected, || (browser.eval(streams) == expected).then_some(()));
    };
    let hide = |browser: &mut Browser, hidden: bool| {
        browser.eval(&format!(
            "Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}}); \
             document.dispatchEvent(new Event('visibilitychange'))"
        ));
    };
    are(&mut browser, "1");
    hide(&mut browser, true);
    are(&mut browser, "2");
    plant.fire(&[("alertname", "Meanwhile")], "it came while nobody looked");
    hide(&mut browser, false);
    // The page's own script listens again as well.
    are(&mut browser, "2 1 1");
    browser.until_text("#live", "it came while nobody looked");
    browser.until_text("#pulse", "live");
    nothing_went_wrong(&browser);
}
