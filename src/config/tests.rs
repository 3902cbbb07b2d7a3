//! What is accepted and what is refused, row by row.

use std::path::Path;

use super::settings::IntegrationConfig;
use super::{Config, ConfigErrors, Options};
use crate::core::policy::GroupBy;

fn load(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(text, "f", Path::new(""), &Options::default())
}

/// A configuration that is good but for what the row says.
fn with(row: &str) -> String {
    let has = |key: &str| row.lines().any(|line| line.starts_with(key));
    let mut text = row.to_owned();
    if !has("route:") {
        text += "\nroute: {receiver: r}";
    }
    if !has("receivers:") {
        text += "\nreceivers: [{name: r}]";
    }
    text
}

#[test]
fn refusals() {
    let deep = format!("a: {}", "[".repeat(100_000));
    let nested = format!("route: {}{}", "{routes: [".repeat(33), "]}".repeat(33));
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned()
        + &(b'b'..=b'j')
            .map(|c| {
                let (name, before) = (char::from(c), char::from(c - 1));
                format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(", "))
            })
            .collect::<String>();
    let large = format!("#{}", "x".repeat(super::yaml::MAX_BYTES));
    #[rustfmt::skip]
    let rows = [
        // the document
        ("", "no route provided in config"),
        ("# nothing", "no route provided in config"),
        ("~", "no route provided in config"),
        ("{}", "no routes provided"),
        ("route:\nreceivers: [{name: r}]", "no routes provided"),
        ("BAD", "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `BAD` into config.plain"),
        ("[1]", "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into config.plain"),
        ("route: {receiver: r}\n bad", "yaml: line 2: "),
        (&deep, "yaml: line 1: "),
        (&nested, "yaml: line 1: nested deeper than 64 levels"),
        (&bomb, "document contains excessive aliasing"),
        (&large, "yaml: line 1: the file has 4194305 bytes, 4194304 (4 MiB) are allowed"),
        ("a: &a [*a]", "yaml: line 1: an anchor's value contains itself"),
        ("a: *b", "yaml: line 1: "),
        ("route: {receiver: r, <<: 5}", "yaml: line 1: map merge requires map or sequence of maps as the value"),
        // keys
        (&with("bogus: 1"), "yaml: unmarshal errors:\n  line 1: field bogus not found in type config.plain"),
        (&with("route: {receiver: r}\nroute: {receiver: r}"), "yaml: unmarshal errors:\n  line 2: field route already set in type config.plain"),
        (&with("route: {receiver: r, bogus: 1, routes: [{wrong: 2}]}"), "yaml: unmarshal errors:\n  line 1: field bogus not found in type config.plain\n  line 1: field wrong not found in type config.plain"),
        (&with("route: {receiver: r, routes: [{match: {a: b, a: c}}]}"), "yaml: unmarshal errors:\n  line 1: key \"a\" already set in map"),
        (&with("include: [a.yaml]"), "yaml: unmarshal errors:\n  line 1: field include not found in type config.plain"),
        (&with("receivers: [{name: r, fallback: r}]"), "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `r` into andon.Fallback"),
        // the route
        (&with("route: {group_by: [a]}"), "root route must specify a default receiver"),
        (&with("route: {receiver: ~}"), "root route must specify a default receiver"),
        (&with("route: {receiver: r, routes: [{match: {~: a}}]}"), "invalid label name \"\""),
        (&with("~: x"), "yaml: unmarshal errors:\n  line 1: field  not found in type config.plain"),
        (&with("route: {receiver: ''}"), "root route must specify a default receiver"),
        (&with("route: {receiver: r, match: {a: b}}"), "root route must not have any matchers"),
        (&with("route: {receiver: r, matchers: [a=b]}"), "root route must not have any matchers"),
        (&with("route: {receiver: r, mute_time_intervals: [a]}"), "root route must not have any mute time intervals"),
        (&with("route: {receiver: r, active_time_intervals: [a]}"), "root route must not have any active time intervals"),
        (&with("route: {receiver: r, continue: on}"), "cannot have continue in root route"),
        (&with("route: {receiver: r, continue: maybe}"), "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `maybe` into bool"),
        (&with("route: {receiver: r, continue: 'true'}"), "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `true` into bool"),
        (&with("route: {receiver: x, routes: [{receiver: y, routes: [{receiver: z}]}]}"), "undefined receiver \"z\" used in route"),
        (&with("route: {receiver: r, routes: [{mute_time_intervals: [x]}]}"), "undefined time interval \"x\" used in route"),
        (&with("route: {receiver: r, routes: [{active_time_intervals: [x]}]}"), "undefined time interval \"x\" used in route"),
        (&with("route: {receiver: r, routes: [~]}"), "missing route"),
        (&with("route: {receiver: r, group_by: a}"), "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `a` into []string"),
        (&with("route: {receiver: r, group_by: [a, a]}"), "duplicated label \"a\" in group_by"),
        (&with("route: {receiver: r, group_by: ['']}"), "invalid label name \"\" in group_by list"),
        (&with("route: {receiver: r, group_by: [..., a]}"), "cannot have wildcard group_by (`...`) and other labels at the same time"),
        (&with("route: {receiver: r, group_interval: 0s}"), "group_interval cannot be zero"),
        (&with("route: {receiver: r, repeat_interval: 0}"), "repeat_interval cannot be zero"),
        (&with("route: {receiver: r, group_wait: 5}"), "not a valid duration string: \"5\""),
        (&with("route: {receiver: r, group_wait: 1.5h}"), "unknown unit \".\" in duration \"1.5h\""),
        (&with("route: {receiver: r, group_wait: ''}"), "empty duration string"),
        (&with("route: {receiver: r, group_wait: 300y}"), "duration out of range"),
        (&with("route: {receiver: r, labels: {'': x}}"), "invalid label name \"\" in route labels"),
        (&with("route: {receiver: r, routes: [{match: {a-b: c}}]}"), "invalid label name \"a-b\""),
        (&with("route: {receiver: r, routes: [{match_re: {a-b: c}}]}"), "invalid label name \"a-b\""),
        (&with("route: {receiver: r, routes: [{match_re: {a: }}]}"), "invalid regexp value for \"a\""),
        (&with("route: {receiver: r, routes: [{match_re: {a: '('}}]}"), "error parsing regexp: missing closing ): `^(?:()$`"),
        (&with("route: {receiver: r, routes: [{matchers: ['a']}]}"), "bad matcher format: a"),
        // receivers
        (&with("receivers: [{}]"), "missing name in receiver"),
        (&with("receivers: [{name: r}, {name: r}]"), "notification config name \"r\" is not unique"),
        (&with("receivers: [{name: r, labels: {name: x}}]"), "receiver label \"name\" must match receiver name \"r\", got \"x\""),
        (&with("receivers: [{name: r, webhook_configs: [~]}]"), "missing webhook config"),
        (&with("receivers: [{name: r, opsgenie_configs: [{api_key: k}]}]"), "receiver \"r\" used in route has opsgenie_configs, which Andon cannot send to"),
        (&with("receivers: [{name: r, work_order_configs: [~]}]"), "missing work_order config"),
        (&with("receivers: [{name: r, work_order_configs: [{key_labels: []}]}]"), "work_order_configs needs at least one key label"),
        (&with("receivers: [{name: r, work_order_configs: [{key_labels: ['']}]}]"), "invalid label name \"\" in key_labels"),
        (&with("receivers: [{name: r, work_order_configs: [{type: big}]}]"), "unknown work order type \"big\""),
        (&with("receivers: [{name: r, work_order_configs: [{priority: P1}]}]"), "unknown work order priority \"P1\""),
        (&with("receivers: [{name: r, work_order_configs: [{due: 0s}]}]"), "due cannot be zero"),
        (&with("receivers: [{name: r, work_order_configs: [{priority_from: ['']}]}]"), "invalid label name \"\" in priority_from"),
        (&with("work_orders: {due: {urgent: 1h}}"), "field urgent not found in type andon.Due"),
        (&with("work_orders: {due: {high: 0s}}"), "due cannot be zero"),
        (&with("work_orders: {fleeting: soon}"), "not a valid duration string: \"soon\""),
        (&with("work_orders: {escalation: {high: {manager: 1h, supervisor: 2h}}}"), "a ladder is climbed from the assignee to the manager"),
        (&with("work_orders: {failure_probability: {high: 80}}"), "not a probability"),
        (&with("work_orders: {retention: 0s}"), "retention cannot be zero"),
        (&with("work_orders: {colour: red}"), "field colour not found in type andon.WorkOrders"),
        (&with("receivers: [{name: r, work_order_configs: [{due: soon}]}]"), "not a valid duration string: \"soon\""),
        (&with("receivers: [{name: r, work_order_configs: [{owner: me}]}]"), "yaml: unmarshal errors:\n  line 1: field owner not found in type andon.WorkOrderConfig"),
        (&with("receivers: [{name: r, fallback: {}}]"), "fallback needs a receiver"),
        (&with("receivers: [{name: r, fallback: {receiver: x}}]"), "undefined receiver \"x\""),
        (&with("receivers: [{name: r, fallback: {receiver: r}}]"), "fallbacks go round in a circle: r → r"),
        (&with("receivers: [{name: r, fallback: {receiver: s}}, {name: s, fallback: {receiver: t}}, {name: t, fallback: {receiver: s}}]"), "fallbacks go round in a circle: s → t → s"),
        (&with("receivers: [{name: r, fallback: {receiver: s, after: soon}}, {name: s}]"), "not a valid duration string: \"soon\""),
        (&with("receivers: [{name: r, fallback: {receiver: s, within: 1m}}, {name: s}]"), "yaml: unmarshal errors:\n  line 1: field within not found in type andon.Fallback"),
        (&with("receivers: [{name: r, fallback: {receiver: s}}, {name: s, sns_configs: [{topic_arn: x, sigv4: {}}]}]"), "receiver \"s\" used in route has sns_configs, which Andon cannot send to"),
        (&with("receivers: [{name: r, give_up_after: 0s}]"), "give_up_after cannot be zero"),
        (&with("receivers: [{name: r, digest: often}]"), "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `often` into bool"),
        (&with("receivers: [{name: r, was: r}]"), "receiver \"r\" says it was \"r\", which still is one"),
        (&with("receivers: [{name: r, was: [s]}, {name: s}]"), "receiver \"r\" says it was \"s\", which still is one"),
        (&with("receivers: [{name: r, was: q}, {name: s, was: [p, q]}]"), "two receivers say that they were \"q\""),
        (&with("receivers: [{name: r, was: ''}]"), "was cannot be empty"),
        (&with("watchdog: {}"), "watchdog needs matchers"),
        (&with("watchdog: {receiver: r}"), "watchdog needs matchers"),
        (&with("watchdog: {matchers: [a=b]}"), "watchdog needs a receiver"),
        (&with("watchdog: {receiver: x, matchers: [a=b]}"), "undefined receiver \"x\""),
        (&with("watchdog: [{receiver: r, matchers: [a=b], after: 0s}]"), "after cannot be zero"),
        (&with("receivers: [{name: r, rate_limit: {}}]"), "rate_limit needs per_second or per_minute"),
        (&with("receivers: [{name: r, rate_limit: {burst: 5}}]"), "rate_limit needs per_second or per_minute"),
        (&with("receivers: [{name: r, rate_limit: {per_second: 1, per_minute: 60}}]"), "at most one of per_second & per_minute must be configured"),
        (&with("receivers: [{name: r, rate_limit: {per_second: 0}}]"), "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!int `0` into uint32"),
        (&with("receivers: [{name: r, rate_limit: {per_minute: -1}}]"), "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!int `-1` into uint32"),
        (&with("receivers: [{name: r, rate_limit: {per_minute: 1000001}}]"), "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!int `1000001` into uint32"),
        (&with("receivers: [{name: r, rate_limit: {per_minute: fast}}]"), "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `fast` into uint32"),
        (&with("receivers: [{name: r, rate_limit: {per_minute: 1, burst: 0}}]"), "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!int `0` into uint32"),
        (&with("receivers: [{name: r, rate_limit: {per_minute: 1, per_hour: 2}}]"), "yaml: unmarshal errors:\n  line 1: field per_hour not found in type andon.RateLimit"),
        (&with("receivers: [{name: r, rate_limit: 5}]"), "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!int `5` into andon.RateLimit"),
        // inhibition
        (&with("inhibit_rules: [{source_match: {a-b: c}}]"), "invalid label name \"a-b\""),
        (&with("inhibit_rules: [{target_match_re: {a: }}]"), "invalid regexp value for \"a\""),
        (&with("inhibit_rules: [{equal: ['']}]"), "invalid label name \"\" in equal list"),
        (&with("inhibit_rules: [{equals: [a]}]"), "yaml: unmarshal errors:\n  line 1: field equals not found in type common.plain"),
        (&with("severity_inhibition: {equal: [a]}"), "severity_inhibition needs an order"),
        (&with("severity_inhibition: {order: [a], equal: [a]}"), "severity_inhibition needs an order"),
        (&with("severity_inhibition: {order: [a, a], equal: [a]}"), "severity_inhibition needs an order"),
        (&with("severity_inhibition: {order: [a, b]}"), "severity_inhibition needs labels that must be equal"),
        (&with("severity_inhibition: {order: [a, b], equal: [[]]}"), "severity_inhibition needs labels that must be equal"),
        (&with("severity_inhibition: {order: [a, b], equal: [['']]}"), "invalid label name \"\" in severity_inhibition"),
        (&with("severity_inhibition: {order: [a, b], equal: [[a, b, c], [d, e, f], [g, h, i], j]}"), "severity_inhibition would expand to more than 512 rules"),
        // time intervals
        (&with("time_intervals: [{time_intervals: []}]"), "missing name in time interval"),
        (&with("mute_time_intervals: [{time_intervals: []}]"), "missing name in mute time interval"),
        (&with("time_intervals: [{name: a}, {name: a}]"), "time interval \"a\" is not unique"),
        (&with("mute_time_intervals: [{name: a}, {name: a}]"), "mute time interval \"a\" is not unique"),
        (&with("mute_time_intervals: [{name: a}]\ntime_intervals: [{name: a}]"), "time interval \"a\" is not unique"),
        (&with("time_intervals: [{name: a, time_intervals: [{weekdays: [mon]}]}]"), "mon is not a valid weekday"),
        (&with("time_intervals: [{name: a, time_intervals: [{times: [{start_time: '9:00', end_time: '10:00'}]}]}]"), "couldn't parse timestamp 9:00, invalid format"),
        (&with("time_intervals: [{name: a, time_intervals: [{location: Mars/X}]}]"), "unknown time zone Mars/X"),
        // global and the rest
        (&with("global: {resolve_timeout: x}"), "not a valid duration string: \"x\""),
        (&with("global: {smtp_auth_password: a, smtp_auth_password_file: b}"), "at most one of smtp_auth_password & smtp_auth_password_file must be configured"),
        (&with("template_engine: jinja"), "unknown template engine \"jinja\""),
        (&with("assets: /nowhere/assets.yaml"), "assets: open /nowhere/assets.yaml: "),
        (&with("tracing: {}"), "tracing endpoint must be set"),
        (&with("tracing: {endpoint: e, client_type: carrier pigeon}"), "expected tracing client type to be to be http or grpc, but got carrier pigeon"),
        (&with("event_recorder: {outputs: []}"), "yaml: unmarshal errors:\n  line 1: field outputs not found in type eventrecorder.Config"),
        (&with("templates: a"), "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `a` into []string"),
    ];
    for (text, expected) in rows {
        let shown: String = text.chars().take(120).collect();
        match load(text) {
            Ok(_) => panic!("{shown}: is accepted"),
            Err(errors) => assert!(
                errors.sentence().starts_with(expected) || errors.sentence().ends_with(expected),
                "{shown}: {}",
                errors.sentence()
            ),
        }
    }
}

#[test]
fn acceptances() {
    #[rustfmt::skip]
    let rows = [
        "route: {receiver: 5}\nreceivers: [{name: '5'}]",
        "route: {receiver: r, routes: [{continue: yes}, {continue: Off}]}",
        "route: {receiver: r, group_by: }",
        "route: {receiver: r, group_wait: 0}",
        "route: {receiver: r, labels: {a: '{{ .x }}'}}",
        "route: {receiver: r}\nreceivers: [{name: r}]\n---\nnonsense: {",
        "inhibit_rules: [{}, {name: a}, {name: a}]",
        "receivers: [{name: r}, {name: unreached, opsgenie_configs: [{api_key: k}]}]",
        "receivers: [{name: r, work_order_configs: [{}]}]",
        "receivers: [{name: r, rate_limit: {per_minute: 1000000}}]",
        "receivers: [{name: r, rate_limit: ~}]",
        "global:",
        "global: {}",
        "templates: [a/*.tmpl]",
        "template_engine: handlebars",
        "time_intervals: [{name: a, time_intervals: [{}, {times: []}]}]",
        "tracing: {endpoint: e, sampling_fraction: 0.5}",
    ];
    for row in rows {
        if let Err(errors) = load(&with(row)) {
            panic!("{row}: {errors}");
        }
    }
}

#[test]
fn merges_and_aliases() {
    let config = load(
        "route:\n  receiver: a\n  routes:\n  - &x {receiver: b, group_wait: 1m}\n  - {receiver: a, <<: *x}\n  - {<<: *x, receiver: a}\n\
         receivers: [{name: a}, {name: b}]",
    )
    .unwrap();
    let told: Vec<_> =
        config.policy.routes.iter().map(|route| (route.receiver.0, route.group_wait.as_secs())).collect();
    assert_eq!(told, [(0, 30), (1, 60), (1, 60), (0, 60)]);
}

#[test]
fn routes_inherit_what_alertmanager_inherits() {
    let config = load(
        "route:\n  receiver: a\n  group_by: [z, b]\n  group_wait: 1s\n  labels: {x: '1', y: '2'}\n  routes:\n\
         \x20 - matchers: [t=\"1\"]\n    match_re: {m: v.*}\n    labels: {y: '3'}\n    mute_time_intervals: [night]\n    continue: true\n\
         \x20   routes: [{group_by: [...]}, {group_by: []}]\n  - {receiver: b, repeat_interval: 1d}\n\
         receivers: [{name: a}, {name: b}]\ntime_intervals: [{name: night}]",
    )
    .unwrap();
    let routes = &config.policy.routes;
    let parents: Vec<_> = routes.iter().map(|route| route.parent.map(|parent| parent.0)).collect();
    assert_eq!(parents, [None, Some(0), Some(1), Some(1), Some(0)]);
    assert_eq!(routes[0].children.iter().map(|child| child.0).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(&*routes[2].key, r#"{}/{m=~"^(?:v.*)$",t="1"}/{}"#);
    assert_eq!(&*routes[3].id, r#"{}/{m=~"^(?:v.*)$",t="1"}/0/{}/1"#);
    assert_eq!(routes[1].group_by, GroupBy::Labels(vec!["b".into(), "z".into()]));
    assert_eq!((&routes[2].group_by, &routes[3].group_by), (&GroupBy::All, &GroupBy::Labels(Vec::new())));
    assert_eq!((routes[1].mute_time_intervals.len(), routes[2].mute_time_intervals.len()), (1, 0));
    assert_eq!((routes[1].continues, routes[2].continues), (true, false));
    assert_eq!((&*routes[2].labels["x"], &*routes[2].labels["y"]), ("1", "3"));
    assert_eq!(
        (routes[4].receiver.0, routes[4].repeat_interval.as_secs(), routes[4].group_wait.as_secs()),
        (1, 86400, 1)
    );
}

#[test]
fn severity_inhibition_expands_to_rules_that_one_pump_survives() {
    let config =
        load(&with("severity_inhibition: {order: [critical, warning, info], equal: [asset_code, [job, instance]]}"))
            .unwrap();
    let shown: Vec<String> = config
        .policy
        .inhibit_rules
        .iter()
        .map(|rule| {
            let list = crate::core::matcher::list_string;
            format!("{} > {} by {}", list(&rule.source_matchers), list(&rule.target_matchers), rule.equal.join(","))
        })
        .collect();
    assert_eq!(
        shown,
        [
            r#"{asset_code!="",severity="critical"} > {asset_code!="",severity=~"warning|info"} by asset_code"#,
            r#"{asset_code="",instance!="",job!="",severity="critical"} > {asset_code="",instance!="",job!="",severity=~"warning|info"} by instance,job"#,
            r#"{asset_code!="",severity="warning"} > {asset_code!="",severity=~"info"} by asset_code"#,
            r#"{asset_code="",instance!="",job!="",severity="warning"} > {asset_code="",instance!="",job!="",severity=~"info"} by instance,job"#,
        ]
    );
    assert!(
        !config.original.contains("severity_inhibition:\n") && config.original.contains("- name: 'severity_inhibition")
    );
    assert!(config.redacted.contains("severity_inhibition:\n  label: severity\n"));
}

#[test]
fn what_is_shown_loads_again_and_holds_no_secret() {
    let config = load(
        "global: {slack_api_url: 'http://h/mysecret', http_config: {basic_auth: {username: u, password: mysecret}}}\n\
         template_engine: handlebars\ntemplates: [t/*.hbs]\nroute: {receiver: r}\nreceivers:\n- name: r\n  webhook_configs: [{url: 'http://h/mysecret'}]\n\
         \x20 work_order_configs: [{priority: high}]\n  rate_limit: {per_minute: 60, burst: 10}\ninhibit_rules: [{name: a, equal: [b]}]",
    )
    .unwrap();
    for text in [&config.original, &config.redacted, &format!("{config:?}")] {
        assert!(!text.contains("mysecret"), "{text}");
    }
    assert!(config.original.contains("templates: []") && !config.original.contains("work_order"));
    assert!(!config.original.contains("rate_limit"));
    assert!(config.redacted.contains("  rate_limit:\n    per_minute: 60\n    burst: 10\n"), "{}", config.redacted);
    assert!(config.redacted.contains("  work_order_configs:\n  - key_labels:\n    - alertname\n    - asset_code\n    type: corrective\n    priority: high\n"));
    for text in [&config.original, &config.redacted] {
        let again = load(text).unwrap();
        assert_eq!(
            (&again.original, &again.redacted),
            (&config.original, if text == &config.original { &again.redacted } else { &config.redacted })
        );
    }
}

#[test]
fn secrets_do_not_show_in_mistakes() {
    let error = load(&with("receivers: [{name: r, webhook_configs: [{url: 'ftp://mysecret'}]}]")).unwrap_err();
    assert!(!error.to_string().contains("mysecret"), "{error}");
}

#[test]
fn all_mistakes_come_at_once_the_first_being_alertmanagers() {
    let error = load("route:\n  receiver: r\n  bogus: 1\n  routes:\n  - {group_wait: x}\n  - {receiver: q}\nreceivers: [{name: r}, {}]\n").unwrap_err();
    let expected = "not a valid duration string: \"x\"\n  \
        f:5:18 route.routes[0].group_wait: found \"x\"; allowed: a duration such as 30s, 5m, 1h30m or 2d; units in order: y, w, d, h, m, s, ms\n\
        missing name in receiver\n  f:7:24 receivers[1]: found a mapping of 0\n\
        field bogus not found in type config.plain\n  f:3:3 route.bogus: found an unknown field; allowed: active_time_intervals, continue, group_by, \
        group_interval, group_wait, labels, match, match_re, matchers, mute_time_intervals, receiver, repeat_interval, routes\n\
        undefined receiver \"q\" used in route\n  f:6:16 route.routes[1].receiver: found \"q\"; allowed: r";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn the_shipped_file_is_good() {
    let config = load(include_str!("../../routes.yaml")).unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.policy.inhibit_rules.len(), 2 + 4);
    assert_eq!(config.used.len(), config.receivers.len());
    assert_eq!(config.assets.len(), 7);
    // Nothing in it is a secret, and it starts where nothing is set.
    let waits = |receiver: &str| {
        let receiver = config.receivers.iter().find(|config| config.name == receiver).unwrap();
        receiver.integrations.iter().flat_map(IntegrationConfig::unset_variables).collect::<Vec<_>>()
    };
    let mail = ["ANDON_SMTP_SMARTHOST", "ANDON_SMTP_FROM", "ANDON_SUPERVISOR_EMAIL"];
    assert_eq!(waits("maintenance-overdue"), mail);
    assert_eq!(waits("on-call"), Vec::<&str>::new());
}

#[test]
fn addresses_may_come_from_the_environment() {
    // Cargo sets CARGO_PKG_NAME for every test, and CARGO_PKG_VERSION_MAJOR.
    let text = with(
        "global: {smtp_smarthost: '${env:ANDON_TEST_UNSET:-mail.example:25}', smtp_from: '${env:CARGO_PKG_NAME}',\n  \
        smtp_auth_username: '${env:ANDON_TEST_UNSET:-}', smtp_auth_password: '${env:ANDON_TEST_UNSET}',\n  \
        pagerduty_url: '${env:ANDON_TEST_UNSET:-https://events.example/v2}'}\n\
        receivers: [{name: r, email_configs: [{to: '${env:ANDON_TEST_UNSET}'}], pagerduty_configs: [{routing_key: k}]}]",
    );
    let config = load(&text).unwrap();
    let [IntegrationConfig::Email(mail), IntegrationConfig::Pagerduty(page)] = &config.receivers[0].integrations[..]
    else {
        panic!("{:?}", config.receivers)
    };
    assert_eq!(mail.smarthost, ("mail.example".to_owned(), "25".to_owned()));
    assert_eq!((mail.from.as_str(), mail.headers["From"].as_str()), ("andon", "andon"));
    assert_eq!((mail.auth_username.as_str(), &mail.auth_password), ("", &None));
    assert_eq!(page.url, "https://events.example/v2");
    let waits: Vec<_> = config.receivers[0].integrations.iter().map(IntegrationConfig::unset_variables).collect();
    assert_eq!(waits, [vec!["ANDON_TEST_UNSET"], vec![]]);
    // What is shown loads in tools that know no references.
    assert!(config.original.contains("smarthost: mail.example:25"), "{}", config.original);
    let error = load(&text.replace("mail.example:25", "mail.example")).unwrap_err().to_string();
    assert!(error.contains("address mail.example: missing port in address"), "{error}");
}

#[test]
fn a_malformed_address_is_named_once_and_keeps_a_service_from_nothing_else() {
    // Cargo sets CARGO_PKG_NAME to `andon`, which has no port.
    let text = with(
        "global: {smtp_smarthost: '${env:CARGO_PKG_NAME}', smtp_from: a@b}\n\
        receivers: [{name: r, email_configs: [{to: a@b}, {to: c@d}], webhook_configs: [{url: http://h/}]}]",
    );
    let errors = load(&text).unwrap_err();
    assert_eq!(errors.to_string().lines().next(), Some("address andon: missing port in address"));
    assert_eq!(errors.list.len(), 1, "{errors}");
    let serving = Options { forgiving: true, ..Options::default() };
    let config = Config::parse(&text, "f", Path::new(""), &serving).unwrap();
    let missing: Vec<_> = config.receivers[0].integrations.iter().map(IntegrationConfig::missing).collect();
    let said = Some("the environment variable CARGO_PKG_NAME is not host:port".to_owned());
    assert_eq!(missing, [None, said.clone(), said]);
    assert!(config.original.contains("smarthost: ${env:CARGO_PKG_NAME}"), "{}", config.original);
    // What the file itself says has to be good, whoever reads it.
    let own = text.replace("${env:CARGO_PKG_NAME}", "andon");
    assert_eq!(Config::parse(&own, "f", Path::new(""), &serving).unwrap_err().list.len(), 1);
}

#[test]
fn warnings_have_a_place() {
    let config = load(&with("route:\n  receiver: r\n  repeat_interval: 1m")).unwrap();
    let expected =
        "f:2:3 route: repeat_interval 1m is less than group_interval 5m: nothing is told more often than that";
    assert_eq!(config.warnings, [expected]);
}
