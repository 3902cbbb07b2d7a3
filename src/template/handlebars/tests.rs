//! The shipped templates, and what the loader refuses.

use super::*;
use crate::template::{Engine, Templates};

fn with(files: &[(&str, &str)]) -> Result<HandlebarsTemplates, String> {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    HandlebarsTemplates::new(files).map_err(|error| error.to_string())
}

fn shipped() -> HandlebarsTemplates {
    with(&[]).unwrap_or_else(|error| panic!("{error}"))
}

fn sample() -> Context {
    sample::context(&check::Needs::default())
}

/// Renders a text of the configuration.
fn shown(text: &str, mode: Mode) -> String {
    shipped().render(text, mode, &sample()).unwrap_or_else(|error| error.to_string())
}

#[test]
fn shipped_texts() {
    for (name, expected) in [
        ("notify/email/subject", "[CRITICAL] Cooling water pump (PUMP-001): Critical asset PUMP-001 is offline"),
        ("notify/slack/title", "[CRITICAL] Cooling water pump (PUMP-001): Critical asset PUMP-001 is offline"),
        ("notify/pagerduty/summary", "Cooling water pump (PUMP-001): Critical asset PUMP-001 is offline"),
        ("work_order/title", "Cooling water pump: Critical asset PUMP-001 is offline"),
        (
            "notify/slack/text",
            "*Cooling water pump* (PUMP-001), line-1/station-2\n\
             :red_circle: Critical asset PUMP-001 is offline\n      PUMP-001 has been offline for 5 minutes\n\
             :large_green_circle: Critical asset PUMP-001 is offline (after 10 min)\n\
             Work order WO-2026-ABCDEFGH, emergency\n",
        ),
        (
            "notify/pagerduty/details",
            "Critical asset PUMP-001 is offline\nPUMP-001 has been offline for 5 minutes\n\
             Since 22 Nov 2026 15:48 CET\n  alertname: CriticalAssetOffline\n  asset_code: PUMP-001\n  component: business\n  \
             severity: critical\n  status: failed\nSource: http://prometheus.example:9090/graph?g0.expr=up\n\n\
             Work order: WO-2026-ABCDEFGH (emergency)\n",
        ),
    ] {
        assert_eq!(shown(&format!("{{{{> {name}}}}}"), Mode::Text), expected, "{name}");
    }
    for name in ["notify/email/body", "work_order/description"] {
        let text = shown(&format!("{{{{> {name}}}}}"), Mode::Text);
        for part in
            ["Cooling water pump", "Since 22 Nov 2026 15:48 CET", "over since 22 Nov 2026 15:58 CET (after 10 min)"]
        {
            assert!(text.contains(part), "{name} lacks {part:?}:\n{text}");
        }
    }
}

#[test]
fn labels_of_the_route_are_filled_in() {
    let mut context = sample();
    let labels = [("team", "{{upper commonLabels.severity}} team"), ("wrong", "{{nope}}")];
    context.data.route_labels = crate::core::label::LabelSet::new(labels).unwrap();
    let shown = shipped().render("to {{routeLabels.team}}", Mode::Text, &context);
    assert_eq!(shown.as_deref(), Ok("to CRITICAL team"));
    assert!(shipped().render("{{routeLabels.wrong}}", Mode::Text, &context).is_err());
}

#[test]
fn the_mail_escapes_what_labels_say() {
    let mut context = sample();
    let hostile = [("alertname", "<script>alert(1)</script>"), ("severity", "\" onload=\"x")];
    let labels = crate::core::label::LabelSet::new(hostile).unwrap_or_else(|error| panic!("{error}"));
    for alert in &mut context.data.alerts {
        alert.labels = labels.clone();
        alert.annotations = crate::core::label::LabelSet::empty();
        alert.generator_url = "javascript:alert(1)".into();
    }
    (context.data.common_labels, context.asset) = (labels, None);
    context.data.common_annotations = crate::core::label::LabelSet::empty();
    let mail = shipped().render("{{ template \"email.default.html\" . }}", Mode::Html, &context);
    let mail = mail.unwrap_or_else(|error| panic!("{error}"));
    for part in ["<script", "javascript:", "onload=\""] {
        assert!(!mail.contains(part), "{part} in {mail}");
    }
    assert!(mail.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{mail}");
}

#[test]
fn helpers_and_their_complaints() {
    for (template, expected) in [
        ("{{upper status}} {{lower \"ABC\"}}", "FIRING abc"),
        ("{{default commonLabels.nope annotations \"x\"}}", "x"),
        ("{{join groupLabels \"+\"}}", "CriticalAssetOffline+PUMP-001+business+critical+failed"),
        ("{{date now \"%H:%M %Z\" tz=\"Europe/Berlin\"}}", "15:53 CET"),
        ("{{truncate \"abcdef\" 4}}|{{replace \"a-b\" \"-\" \"\"}}|{{url_query \"a b&\"}}", "abc…|ab|a+b%26"),
        ("{{slack \"<!channel> & <http://x|y>\"}}", "&lt;!channel&gt; &amp; &lt;http://x|y&gt;"),
        ("{{ template \"__subject\" . }}", "[FIRING:1] CriticalAssetOffline PUMP-001 business critical failed "),
        ("{{ .Alerts.Firing | len }}", "1"),
        ("{{date now tz=\"No/Where\"}}", "1:1: date: \"No/Where\" is not a time zone"),
        ("{{#if commonLabels.nope}}x{{else}}y{{/if}}", "y"),
    ] {
        assert_eq!(shown(template, Mode::Text), expected, "{template}");
    }
}

#[test]
fn refused_when_loaded() {
    for (files, expected) in [
        (
            &[("a.hbs", "{{> b}}"), ("b.hbs", "{{> a}}")][..],
            "a.hbs: templates include each other in a circle: a -> b -> a",
        ),
        (&[("a.hbs", "{{> a}}")], "a.hbs: templates include each other in a circle: a -> a"),
        (
            &[("a.hbs", "x\n{{> (lookup this \"x\")}}")],
            "a.hbs:2:1: the name of a template must stand here as it is, it cannot be computed",
        ),
        (&[("a.hbs", "{{> nope}}")], "a.hbs: there is no template `nope`"),
        (&[("a.hbs", "\n {{#if status}}x")], "a.hbs:2:2: {{#if}} is not closed with {{/if}}"),
        (&[("a.hbs", "x{{/if}}")], "a.hbs:1:2: {{/if}} closes nothing"),
        (&[("a.hbs", "{{#if status}}x{{/each}}")], "a.hbs:1:16: {{/each}} stands where {{#if}} must be closed"),
        (&[("a.hbs", "{{ status")], "a.hbs:1:1: this tag is not closed with }}"),
        (&[("a.hbs", "{{nosuch status}}")], "a.hbs:1:1: there is no helper `nosuch`"),
        (
            &[("a.hbs", "{{statsu}}")],
            "a.hbs:1:1: there is no `statsu` here; where it may be absent, ask with {{#if statsu}} or {{default statsu \"-\"}}",
        ),
        (
            &[("a.html.hbs", "<b>{{{status}}}</b>")],
            "a.html.hbs:1:4: {{{ }}} would let a label write HTML; {{ }} prints it safely",
        ),
        (
            &[("a.hbs", "{{#*inline \"x\"}}y{{/inline}}")],
            "a.hbs:1:1: decorators and inline partials are not supported; make it a file",
        ),
        (&[("a.tmpl", "x")], "a.tmpl: a Handlebars file ends in .hbs"),
    ] {
        assert_eq!(with(files).err().as_deref(), Some(expected), "{files:?}");
    }
    assert!(with(&[("a.hbs", &"x".repeat(MAX_SOURCE + 1))]).is_err());
    assert!(with(&[("a.hbs", &"{{#if status}}".repeat(20_000))]).is_err());
    // A chain is nested as well, though it is written flat.
    let chain = |links| format!("{{{{#if status}}}}{}{{{{else}}}}x{{{{/if}}}}", "{{else if status}}".repeat(links));
    assert_eq!(with(&[("a.hbs", &chain(63))]).err(), None);
    assert!(with(&[("a.hbs", &chain(64))]).is_err_and(|error| error.contains("more than 64 deep")));
    assert_eq!(with(&[("a.hbs", &"{{#if status}}x{{else if status}}y{{/if}}".repeat(100))]).err(), None);
    assert!(
        with(&[("a.hbs", &format!("{{{{upper {}status{}}}}}", "(upper ".repeat(5_000), ")".repeat(5_000)))]).is_err()
    );
}

#[test]
fn hostile_templates_end() {
    let many: Vec<(String, String)> = (0..60)
        .map(|n| {
            (
                format!("p{n}.hbs"),
                if n == 0 { "x".to_owned() } else { "{{> p@}}{{> p@}}".replace('@', &(n - 1).to_string()) },
            )
        })
        .collect();
    assert!(HandlebarsTemplates::new(many).is_err());
    let bomb = "{{#each @root.commonLabels}}".repeat(20) + &"{{/each}}".repeat(20);
    let large = format!("{0}{1}{2}", "{{#each @root.commonLabels}}".repeat(6), "x".repeat(500), "{{/each}}".repeat(6));
    assert_eq!(
        shipped()
            .render(&bomb, Mode::Text, &sample())
            .map_err(|error| error.to_string().contains("goes round too often")),
        Err(true)
    );
    assert_eq!(
        shipped().render(&large, Mode::Text, &sample()).map_err(|error| error.to_string().contains("longer than")),
        Err(true)
    );
}

#[test]
fn own_files_replace_shipped_ones() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("templates/notify/slack");
    std::fs::create_dir_all(&path)?;
    std::fs::write(path.join("title.hbs"), "ours: {{commonLabels.line}}")?;
    let load = |patterns: &[&str]| {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        Templates::load(Engine::Handlebars, folder.path(), &patterns)
    };
    let templates = load(&["templates/*/*/*.hbs"])?;
    let error = templates.render_text("{{ template \"slack.default.title\" . }}", &sample());
    assert!(error.is_err_and(|error| error.to_string().contains("there is no `commonLabels.line` here")));
    std::fs::write(path.join("title.hbs"), "{{#if")?;
    assert!(load(&["templates/*/*/*.hbs"]).is_err());
    assert!(load(&[]).is_ok());
    Ok(())
}

/// Writes the sample mail where `ANDON_MAIL_SAMPLE` says, for a look at it in a browser.
#[test]
fn the_mail_can_be_looked_at() -> std::io::Result<()> {
    let mail = shown("{{ template \"email.default.html\" . }}", Mode::Html);
    assert!(mail.trim_start().starts_with("<!DOCTYPE html>"), "{mail}");
    std::env::var_os("ANDON_MAIL_SAMPLE").map_or(Ok(()), |path| std::fs::write(path, mail))
}
