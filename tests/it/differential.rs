//! The same configuration and the same alerts for Andon and for a real Alertmanager: what the receivers are sent must be
//! the same, byte for byte.
//!
//! `ANDON_PEER` is the path of an alertmanager, 0.33 or 0.34. What 0.34 changed is allowed for: see [`as_of_0_33`].

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::support::process::{Andon, Place};
use crate::support::until;
use crate::support::webhook::Webhook;

const LIMIT: Duration = Duration::from_secs(30);
const EXTERNAL_URL: &str = "--web.external-url=http://h.example:9093/pre";

/// `PEER` is the receiver's address; each integration has a path of its own.
const CONFIG: &str = r##"
templates: ["*.tmpl"]
route: {receiver: 'a.b+c', group_by: [alertname, zone], group_wait: 3s, group_interval: 1s, repeat_interval: 4h}
receivers:
- name: 'a.b+c'
  webhook_configs:
  - {url: 'http://PEER/webhook/standard', max_alerts: 1}
  - {url: 'http://PEER/webhook/{{ .Status }}/{{ .GroupLabels.zone | urlquery }}', send_resolved: false}
  - url: 'http://PEER/webhook/payload'
    payload:
      text: '{{ template "own.line" . }}'
      count: '{{ .Alerts | len }}'
      '{{ .Status }}': [yes, 'yes', 1.50, '{{ .CommonLabels.absent }}', {deep: '[1, {a: b}]'}]
      all: '{{ .Alerts | toJson }}'
      functions:
      - '{{ .CommonLabels.SortedPairs }} {{ 2.5e7 }} {{ printf "%05.1f|% x|%q|%T" 2.25 "hi" .CommonLabels.Names .CommonLabels }}'
      - '{{ with (index .Alerts 0).StartsAt }}{{ printf "%02d" .Month }} {{ .AddDate 0 1 0 }} {{ .Truncate 3600000000000 }}{{ end }}'
      - '{{ match "\\d|\\w" "٣é" }} {{ reReplaceAll "a(.*?)b" "<$1>" "a1b2b" }} {{ title "1st ß" }} {{ print 1 2 "x" nil }}'
  pagerduty_configs:
  - {url: 'http://PEER/pagerduty/default', routing_key: rk}
  - url: 'http://PEER/pagerduty/full'
    routing_key: '{{ .GroupLabels.zone }}'
    client: 'C {{ .Status }}'
    client_url: '{{ .ExternalURL }}'
    description: '{{ range .Alerts }}{{ .Annotations.long }}{{ end }}'
    severity: '{{ with .CommonLabels.severity }}{{ . }}{{ end }}'
    class: '{{ .CommonLabels.class }}'
    component: '{{ .CommonLabels.component }}'
    group: '{{ .GroupLabels.alertname }}'
    details:
      firing: '{{ template "pagerduty.default.instances" .Alerts.Firing }}'
      nested: {list: ['{{ .Status }}', '{{ .Alerts | len }}'], flag: 'no', '{{ .Status }}': key}
    images: [{src: '{{ .CommonAnnotations.image }}', alt: 'a & b'}, {src: 'http://i/', href: 'http://h/'}]
    links: [{href: 'http://l/?a=1&b=2', text: '<t>'}, {text: 'no link'}]
  slack_configs:
  - {api_url: 'http://PEER/slack/default', send_resolved: true}
  - api_url: 'http://PEER/slack/full'
    send_resolved: true
    channel: '#{{ .GroupLabels.zone }}'
    username: '{{ .Receiver }}'
    icon_emoji: ':x:'
    icon_url: 'http://i/{{ .Status }}'
    title: '{{ range .Alerts }}{{ .Annotations.long }}{{ end }}'
    title_link: '{{ (index .Alerts 0).GeneratorURL }}'
    pretext: '{{ .CommonAnnotations.SortedPairs.Values }}'
    text: '{{ range .Alerts }}{{ template "own.line" $ }}{{ .StartsAt.UTC }} {{ .Fingerprint }}{{ "\n" }}{{ end }}'
    fallback: '{{ .NotificationReason }}'
    callback_id: 'id'
    footer: '{{ .CommonLabels }}'
    image_url: 'http://i/?a=1&b=2'
    thumb_url: 'http://t/'
    link_names: true
    short_fields: true
    mrkdwn_in: [text, pretext]
    fields:
    - {title: t, value: '{{ .Alerts.Firing | len }}'}
    - {title: '{{ .Status }}', value: v, short: false}
    actions:
    - {type: button, text: 'Go', url: 'http://g/', style: primary, name: dropped}
    - {type: button, text: 'Ask', name: n, value: '{{ .Status }}', confirm: {text: 'sure?', title: t, ok_text: y, dismiss_text: n}}
  - {api_url: 'http://PEER/slack/text', message_text: '{{ template "own.line" . }}', color: '', username: ''}
"##;

const TEMPLATES: &str = r#"{{ define "own.line" }}{{ .Status | toUpper }} {{ .CommonLabels.SortedPairs.Names | join "," }}
{{- with .CommonAnnotations.summary }} {{ . }}{{ end }}; {{ end }}"#;

/// How many requests each path gets: told firing, then told resolved.
const PATHS: [(&str, usize); 8] = [
    ("/webhook/standard", 2),
    ("/webhook/firing/line+1", 1),
    ("/webhook/payload", 2),
    ("/pagerduty/default", 2),
    ("/pagerduty/full", 2),
    ("/slack/default", 2),
    ("/slack/full", 2),
    ("/slack/text", 1),
];

/// Two alerts that fire since `start`, or that did so for half a second.
fn alerts(start: Timestamp, over: bool) -> String {
    // An offset and all digits, since both are kept.
    let shown = |at: Timestamp| {
        at.to_zoned(TimeZone::fixed(jiff::tz::offset(5))).strftime("%Y-%m-%dT%H:%M:%S.%N%:z").to_string()
    };
    let ends = over.then(|| shown(start + Duration::from_millis(500)));
    let alert = |instance: &str, summary: &str| {
        let ends = ends.as_ref().map(|at| format!(r#","endsAt":"{at}""#)).unwrap_or_default();
        format!(
            concat!(
                r#"{{"labels":{{"alertname":"R1","zone":"line 1","instance":"{0}","severity":"warning","g":"é\u0001"}},"#,
                r#""annotations":{{"summary":"{1}","long":"{2}","u":"\"\\\t☃"}},"#,
                r#""startsAt":"{4}","generatorURL":"http://p/g?a={0}"{3}}}"#
            ),
            instance,
            summary,
            "äx".repeat(400),
            ends,
            shown(start)
        )
    };
    format!("[{},{}]", alert("i2", "two of it"), alert("i1", "one of it"))
}

/// Path to bodies, in the order in which they came.
type Told = BTreeMap<String, Vec<String>>;

fn told(receiver: &Webhook) -> Told {
    let mut told = Told::new();
    for message in receiver.told() {
        let path = message.first_line.split(' ').nth(1).unwrap_or_default().to_owned();
        told.entry(path).or_default().push(message.body);
    }
    told
}

/// Lets a service tell of two alerts that fire and then are over.
fn play(service: &Andon, receiver: &Webhook, start: Timestamp) -> Told {
    let so_far = |round: usize| {
        let told = told(receiver);
        let enough = |(path, all): &(&str, usize)| told.get(*path).map_or(0, Vec::len) >= round.min(*all);
        PATHS.iter().all(enough).then_some(told)
    };
    for (round, over) in [(1, false), (2, true)] {
        let answer = service.request("POST", "/pre/api/v2/alerts", &alerts(start, over));
        assert_eq!(answer.status(), 200, "{answer:?}");
        let deadline = std::time::Instant::now() + LIMIT;
        while so_far(round).is_none() {
            assert!(std::time::Instant::now() < deadline, "{:?}\n{}", told(receiver).keys(), service.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    until(LIMIT, "all is told", || so_far(2))
}

/// What 0.34 added, taken out again: `routeLabels`. That 0.33 reads the leaves of details as YAML once more does not show
/// with these alerts: none of their values is a number or empty.
fn as_of_0_33(told: Told) -> Told {
    let older = |body: String| body.replace(r#","routeLabels":{}"#, "");
    told.into_iter().map(|(path, bodies)| (path, bodies.into_iter().map(older).collect())).collect()
}

/// Both from a little before they differ.
fn difference(our: &str, their: &str) -> String {
    let same = our.chars().zip(their.chars()).take_while(|(our, their)| our == their).count();
    let piece = |text: &str| text.chars().skip(same.saturating_sub(60)).take(240).collect::<String>();
    format!("Andon:        …{}\nAlertmanager: …{}", piece(our), piece(their))
}

#[test]
fn receivers_are_sent_what_alertmanager_sends() {
    let Some(peer) = std::env::var_os("ANDON_PEER").filter(|path| !path.is_empty()) else {
        let skipped = "SKIPPED: no peer; set ANDON_PEER to the path of an alertmanager\n";
        // Past the capture of the test's output: a skip must be seen.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), skipped.as_bytes());
        return;
    };
    let place = |receiver: &Webhook| {
        let place = Place::with_config(&CONFIG.replace("PEER", &receiver.address()));
        std::fs::write(place.path().join("own.tmpl"), TEMPLATES).expect("the templates are written");
        place
    };
    let (ours, theirs) = (Webhook::start(), Webhook::start());
    let (our_place, their_place) = (place(&ours), place(&theirs));
    let andon = our_place.start(&[EXTERNAL_URL]);
    let mut command = Command::new(peer);
    command.current_dir(their_place.path()).args(["--config.file=routes.yaml", "--storage.path=data", EXTERNAL_URL]);
    command.args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="]);
    let alertmanager = Andon::start(command);

    // At the same time: who learns of an alert that is older than group_wait tells it at once.
    let start = andon::time::Clock::System.now().to_jiff();
    let (ours, theirs) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| play(&alertmanager, &theirs, start));
        (play(&andon, &ours, start), theirs.join().expect("the other player ends"))
    });
    let (ours, theirs) = (as_of_0_33(ours), as_of_0_33(theirs));
    let mut wrong = Vec::new();
    for path in ours.keys().chain(theirs.keys()).collect::<std::collections::BTreeSet<_>>() {
        let of = |told: &Told| told.get(path).cloned().unwrap_or_default();
        let (our, their) = (of(&ours), of(&theirs));
        if our.len() != their.len() {
            wrong.push(format!("{path}: Andon sends {}, Alertmanager {}", our.len(), their.len()));
        }
        let pairs = our.iter().zip(&their).enumerate().filter(|(_, (our, their))| our != their);
        wrong.extend(pairs.map(|(i, (our, their))| format!("{path} {i}\n{}", difference(our, their))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
