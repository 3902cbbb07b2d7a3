//! Templates in, texts out; compared with Alertmanager's own tool when they were written.

use super::*;
use crate::core::label::{Fingerprint, LabelSet};
use crate::core::notification::{AlertData, Data};
use crate::core::outbox::Reason;
use crate::time::Timestamp;

fn labels<const N: usize>(pairs: [(&str, &str); N]) -> LabelSet {
    LabelSet::new(pairs).unwrap_or_else(|error| panic!("{error}"))
}

/// One alert that fires and one that is over.
fn context() -> Context {
    let began = Timestamp::new(1_795_358_908, 986_649_230);
    let alert = |status, labels, annotations, ends_at, url: &str| AlertData {
        status,
        labels,
        annotations,
        starts_at: began,
        ends_at,
        generator_url: url.into(),
        fingerprint: Fingerprint(0xbcbc_34e1_b324_fef1),
    };
    let fires = alert(
        "firing",
        labels([("alertname", "A1"), ("team", "x"), ("zone", "<z>")]),
        labels([("summary", "s & t"), ("desc", "d")]),
        Timestamp::ZERO,
        "http://p/g?a=b&c=d",
    );
    let over = labels([("alertname", "A1"), ("team", "y")]);
    let over = alert("resolved", over, labels([]), Timestamp::new(1_795_362_508, 0), "");
    let data = Data {
        receiver: r"a\.b".to_owned(),
        status: "firing",
        alerts: vec![fires, over],
        reason: Reason::First.as_str(),
        group_labels: labels([("alertname", "A1")]),
        common_labels: labels([("alertname", "A1"), ("team", "x")]),
        common_annotations: labels([("e", ""), ("summary", "s")]),
        route_labels: labels([]),
        external_url: "http://host:9093".into(),
    };
    Context::new(data, began)
}

fn engine() -> Arc<GoTemplates> {
    Arc::new(GoTemplates::new().unwrap_or_else(|error| panic!("{error}")))
}

fn render(text: &str, mode: Mode) -> String {
    engine().render(text, mode, &context()).unwrap_or_else(|error| error.to_string())
}

#[test]
fn texts() {
    for (template, shown) in [
        (
            "{{ .Alerts }}",
            "[{firing alertname=A1, team=x, zone=<z> desc=d, summary=s & t 2026-11-22 14:48:28.98664923 +0000 UTC 0001-01-01 00:00:00 +0000 UTC http://p/g?a=b&c=d bcbc34e1b324fef1} {resolved alertname=A1, team=y  2026-11-22 14:48:28.98664923 +0000 UTC 2026-11-22 15:48:28 +0000 UTC  bcbc34e1b324fef1}]",
        ),
        ("{{ (index .Alerts 0).StartsAt }}", "2026-11-22 14:48:28.98664923 +0000 UTC"),
        (
            r#"{{ (index .Alerts 0).StartsAt.Format "15:04" }} {{ .CommonLabels.nope }} {{ index .CommonLabels "x" }}"#,
            "14:48  ",
        ),
        (
            r#"{{ .CommonLabels.SortedPairs }} {{ .CommonLabels }} {{ .CommonLabels.Names.Join "," }}"#,
            "alertname=A1, team=x alertname=A1, team=x alertname,team",
        ),
        (
            "{{ (index .Alerts 0).StartsAt.Unix }} {{ (index .Alerts 0).StartsAt.Month }} {{ (index .Alerts 1).EndsAt.Sub (index .Alerts 0).StartsAt }}",
            "1795358908 November 59m59.01335077s",
        ),
        (r#"{{ .CommonLabels.Remove (stringSlice "team") }}"#, "alertname=A1"),
        (
            r#"{{ .Alerts.Firing | len }} {{ len .CommonLabels }} {{ printf "%v %q %d" .CommonLabels .Status 3 }}"#,
            r#"1 2 alertname=A1, team=x "firing" 3"#,
        ),
        (
            "{{ range $k, $v := .CommonLabels }}{{$k}}={{$v}};{{end}} {{ range 3 }}{{.}}{{end}}",
            "alertname=A1;team=x; 012",
        ),
        (r#"{{ reReplaceAll "(a)(?P<x>b)" "$1-${x}-$1x-$$" "abab" }}"#, "a-b--$a-b--$"),
        (
            r#"{{ dict "a" .CommonLabels }} {{ list 1 "a" .CommonLabels (index .Alerts 0).StartsAt }}"#,
            "map[a:alertname=A1, team=x] [1 a alertname=A1, team=x 2026-11-22 14:48:28.98664923 +0000 UTC]",
        ),
        (
            "{{ .GroupLabels.Values | join \" \" }} {{ .CommonLabels.SortedPairs.Names }} {{ (.CommonLabels.SortedPairs).Values }} {{ index .CommonLabels.Values 0 }}",
            "A1 [alertname team] [A1 x] A1",
        ),
        (
            "{{ urlquery .CommonLabels }} {{ html .CommonLabels }} {{ toJson .CommonLabels.SortedPairs }}",
            r#"alertname%3DA1%2C+team%3Dx alertname=A1, team=x [{"Name":"alertname","Value":"A1"},{"Name":"team","Value":"x"}]"#,
        ),
        (
            r#"{{ toJson (index .Alerts 0).StartsAt }} {{ toJson "<&>" }}"#,
            r#""2026-11-22T14:48:28.98664923Z" "\u003c\u0026\u003e""#,
        ),
        (
            r#"{{ with .CommonAnnotations.nope }}y{{else}}n{{end}} {{ and .CommonLabels.nope "x" }}|{{ or .CommonLabels.nope "d" }} {{ not .CommonLabels }} {{ if .CommonLabels.x }}1{{else}}2{{end}}"#,
            "n |d false 2",
        ),
        (
            r#"{{ slice .Status 0 2 }} {{ print 1 2 "x" 3 4 }} {{ 1.5 }} {{ 1e30 }} {{ 1e-7 }}{{ .NotificationReason }}"#,
            "fi 1 2x3 4 1.5 1e+30 1e-07first notification",
        ),
        (
            r#"{{ tz "Europe/Berlin" (index .Alerts 0).StartsAt }} {{ now.Year }} {{ since (index .Alerts 0).StartsAt | humanizeDuration }}"#,
            "2026-11-22 15:48:28.98664923 +0100 CET 2026 0s",
        ),
        (
            r#"{{ $d := dict "a" 1 }}{{ $d.b }}{{ define "x" }}<{{ . }}>{{ end }}{{ template "x" $d.a }}{{ template "x" }}"#,
            "<no value><1><<no value>>",
        ),
        (
            "{{ .RouteLabels.SortedPairs }}|{{ len .RouteLabels.SortedPairs }}{{ range .RouteLabels.SortedPairs }}x{{ end }}",
            "|0",
        ),
        (
            "{{ 1e6 }} {{ 123456.0 }} {{ 2.5e7 }} {{ toJson 1e-7 }} {{ print 1e21 }} {{ print .Alerts.Firing 1 nil }}x",
            "1e+06 123456 2.5e+07 1e-7 1e+21 [{firing alertname=A1, team=x, zone=<z> desc=d, summary=s & t 2026-11-22 14:48:28.98664923 +0000 UTC 0001-01-01 00:00:00 +0000 UTC http://p/g?a=b&c=d bcbc34e1b324fef1}] 1 <nil>x",
        ),
        (
            r#"{{ with (index .Alerts 0).StartsAt }}{{ printf "%02d %d %s" .Month .Weekday .Month }} {{ .AddDate 0 2 9 }} {{ .Truncate 3600000000000 }} {{ (.Add 60000000000).Minute }} {{ .Location }}{{ end }}"#,
            "11 0 November 2027-01-31 14:48:28.98664923 +0000 UTC 2026-11-22 14:00:00 +0000 UTC 49 UTC",
        ),
        (
            "{{ with (index .Alerts 1).EndsAt.Sub (index .Alerts 0).StartsAt }}{{ gt . 5 }} {{ .Round 3600000000000 }} {{ .Truncate 60000000000 }}{{ end }}",
            "true 1h0m0s 59m0s",
        ),
        (
            r#"{{ eq (index .Alerts 0).StartsAt (index .Alerts 1).StartsAt }} {{ eq .CommonLabels.team nil }} {{ eq 'a' 97 }} {{ lt "a" "b" }} {{ ge 2.5 2.5 }}"#,
            "true false true true true",
        ),
        (
            r#"{{ match "\d|\w" "٣é" }} {{ match "[a&&b]x{,2}" "&x{,2}" }} {{ reReplaceAll "(?U)a(.*)b" "<$1>" "a1b2b" }} {{ reReplaceAll "a(.*?)b" "<$1>" "a1b2b" }}"#,
            "false true <1>2b <1>2b",
        ),
        (r#"{{ title "1st ǆ ß foo-bar" }} {{ toUpper "ßﬁé" }} {{ toLower "İΑΣ" }}"#, "1St ǅ Ss Foo-Bar ßﬁÉ iασ"),
        (
            r#"{{ html "a" 1 "<" }} {{ urlquery "a b" "&" }} {{ slice "abc" }} {{ slice "é" 0 1 }} {{ slice (list 1 2 3) 0 1 2 }}"#,
            "a1&lt; a+b%26 abc \u{fffd} [1]",
        ),
        ("{{ .Asset.name }}{{ .RouteLabels }}{{ if .WorkOrder }}w{{ end }}", ""),
    ] {
        assert_eq!(render(template, Mode::Text), shown, "{template}");
    }
}

#[test]
fn printf_is_gos() {
    for (call, shown) in [
        (
            r#""%s|%5s|%-5s|%05s|%.2s|%q|%x|% X" "a" "é" "é" "ab" "abc" "a\"b" "hi" "hi""#,
            r#"a|    é|é    |000ab|ab|"a\"b"|6869|68 69"#,
        ),
        (
            r#""%d|%5d|%-5d|%05d|%+d|%x|%#X|%o|%b|%c|%U|%q" 5 5 5 -5 5 255 255 8 5 233 233 65"#,
            "5|    5|5    |-0005|+5|ff|0XFF|10|101|é|U+00E9|'A'",
        ),
        (
            r#""%v|%.2f|%6.1f|%e|%g|%08.3f|%g|%f" 1.0 2.555 2.0 1500.0 1e21 -1.5 0.00001 1"#,
            "1|2.56|   2.0|1.500000e+03|1e+21|-001.500|1e-05|%!f(int=1)",
        ),
        (
            r#""%t|%v|%T|%T|%#v|%+q" true nil 1.5 .CommonLabels "a" "é""#,
            r#"true|<nil>|float64|template.KV|"a"|"\u00e9""#,
        ),
        (
            r#""%s|%q|%d|%v" .CommonLabels .CommonLabels.Names (list 1 "a") (dict "a" 1)"#,
            r#"alertname=A1, team=x|["alertname" "team"]|[1 %!d(string=a)]|map[a:1]"#,
        ),
        (r#""%+v" (index .CommonLabels.SortedPairs 0)"#, "{Name:alertname Value:A1}"),
        (r#""%d|%s|%s|%[2]*[1]v" 1.5 5 nil"#, "%!d(float64=1.5)|%!s(int=5)|%!s(<nil>)|  1.5"),
        (r#""%5.1f|%03d|%+v|%+v" 100 1.5 3 (dict "a" 1)"#, "%!f(int=  100)|%!d(float64=1.5)|3|map[a:1]"),
        (r#""%g" (index .Alerts 0).StartsAt.Month"#, "%!g(time.Month=11)"),
        (r#""%d" .CommonLabels"#, "map[%!d(string=alertname):%!d(string=A1) %!d(string=team):%!d(string=x)]"),
        (r#""%s" "a" "b""#, "a%!(EXTRA string=b)"),
        (r#""%d %""#, "%!d(MISSING) %!(NOVERB)"),
        (r#""%*d|%-*d|" 4 7 3 8"#, "   7|8  |"),
    ] {
        let template = format!("{{{{ printf {call} }}}}");
        assert_eq!(render(&template, Mode::Text), shown, "{template}");
    }
}

#[test]
fn html_is_escaped() {
    for (template, shown) in [
        ("{{ (index .Alerts 0).Labels.zone }}<!-- c -->", "&lt;z&gt;"),
        (
            r#"<a href="{{ .ExternalURL }}/?x={{ (index .Alerts 0).Labels.zone }}">{{ .CommonLabels }}</a>"#,
            r#"<a href="http://host:9093/?x=%3cz%3e">alertname=A1, team=x</a>"#,
        ),
        (r#"{{ safeHtml "<b>" }} <a href="{{ "javascript:x" }}">"#, r##"<b> <a href="#ZgotmplZ">"##),
    ] {
        assert_eq!(render(template, Mode::Html), shown, "{template}");
    }
}

#[test]
fn mistakes_are_found_when_parsing_in_gos_words() {
    for (template, error) in [
        ("{{ nofunc }}", r#"template: bad.tmpl:1: function "nofunc" not defined"#),
        ("\n{{ $x }}", r#"template: bad.tmpl:2: undefined variable "$x""#),
        ("{{ if .A }}x", "template: bad.tmpl:1: unexpected EOF"),
        ("a {{end}} b", "template: bad.tmpl:1: unexpected {{end}}"),
        ("{{ ", "template: bad.tmpl:1: unclosed action"),
        (
            r#"{{ define "a" }}x{{ end }}{{ define "a" }}y{{ end }}"#,
            r#"template: bad.tmpl:1: multiple definition of template "a""#,
        ),
        ("{{ __get . }}", r#"template: bad.tmpl:1: function "__get" not defined"#),
    ] {
        let found = GoTemplates { named: BTreeMap::new() }.add_file("bad.tmpl", template);
        assert_eq!(found.map_err(|error| error.to_string()), Err(error.to_owned()), "{template}");
    }
}

#[test]
fn failures_say_where() {
    for (template, error) in [
        (
            "{{ .Nope.x }}",
            r#"template: :1:8: executing "" at <.Nope.x>: can't evaluate field Nope in type *template.Data"#,
        ),
        (
            "{{ .Alerts.Foo }}",
            r#"template: :1:10: executing "" at <.Alerts.Foo>: can't evaluate field Foo in type template.Alerts"#,
        ),
        (
            "{{ .CommonLabels.a.b }}",
            r#"template: :1:16: executing "" at <.CommonLabels.a.b>: can't evaluate field b in type string"#,
        ),
        (
            r#"{{ $d := dict "a" 1 }}{{ $d.b }} {{ $d.b.c }}"#,
            r#"template: :1:38: executing "" at <$d.b.c>: nil pointer evaluating interface {}.c"#,
        ),
        (
            "{{ (index .Alerts 5).Status }}",
            r#"template: :1:4: executing "" at <index .Alerts 5>: error calling index: index out of range: 5"#,
        ),
        (
            r#"{{ "a" | toUpper "b" }}"#,
            r#"template: :1:9: executing "" at <toUpper>: wrong number of args for toUpper: want 1 got 2"#,
        ),
        (
            r#"{{ humanizeDuration .Status }}"#,
            r#"template: :1:3: executing "" at <humanizeDuration .Status>: error calling humanizeDuration: strconv.ParseFloat: parsing "firing": invalid syntax"#,
        ),
        (r#"{{ template "nope" . }}"#, r#"template: : template "nope" not defined"#),
        (
            "x\n{{ define \"d\" }}\n  {{ .Foo }}{{ end }}{{ template \"d\" . }}",
            r#"template: :3:5: executing "d" at <.Foo>: can't evaluate field Foo in type *template.Data"#,
        ),
    ] {
        assert_eq!(render(template, Mode::Text), error, "{template}");
    }
}

#[test]
fn hostile_templates_end() {
    let doubling = (1..60).fold("{{ define \"a0\" }}x{{ end }}".to_owned(), |all, n| {
        let below = n - 1;
        all + &format!("{{{{ define \"a{n}\" }}}}{{{{ $x := 1 }}}}{{{{ template \"a{below}\" }}}}{{{{ template \"a{below}\" }}}}{{{{ end }}}}")
    }) + "{{ template \"a59\" }}";
    let nested = format!("{}{}", "{{ if true }}".repeat(90), "{{ end }}".repeat(90));
    let parens = format!("{{{{ {}.Status{} }}}}", "(".repeat(90), ")".repeat(90));
    for template in [
        "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}",
        "{{ range 100000000000 }}{{ end }}",
        "{{ range 1000000 }}0123456789{{ end }}",
        "{{ $x := \"0123456789\" }}{{ range 100 }}{{ $x = printf \"%s%s\" $x $x }}{{ end }}",
        "{{ $x := list 1 }}{{ range 100000 }}{{ $x = list $x }}{{ end }}",
        "{{ $x := list 1 }}{{ range 100 }}{{ $x = list $x $x }}{{ end }}{{ $x }}",
        "{{ $x := list }}{{ range 1000000 }}{{ $x = append $x 1 }}{{ end }}",
        "{{ reReplaceAll \"\" (printf \"%1000s\" \"\") (printf \"%60000s\" \"\") }}",
        "{{ reReplaceAll \"(a{1000}){1000}\" \"\" \"\" }}",
        &"{{ if true }}".repeat(5_000),
        &"{{ (".repeat(5_000),
        &doubling,
    ] {
        assert!(engine().render(template, Mode::Text, &context()).is_err(), "{}", &template[..40.min(template.len())]);
    }
    for (template, shown) in [(nested, ""), (parens, "firing")] {
        assert_eq!(render(&template, Mode::Text), shown);
    }
}

#[test]
fn route_labels_are_templates() {
    let mut context = context();
    context.data.route_labels =
        labels([("a", "{{ .Status }}"), ("b", "<{{ routeLabels \"a\" }}>"), ("c", "{{ routeLabels \"c\" }}")]);
    let (rendered, failed) = engine().route_labels(&context);
    let expected: Pairs = [("a", "firing"), ("b", "<firing>")].map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    assert_eq!((rendered, failed.len()), (expected, 1));
    let shown = engine().render("{{ .RouteLabels.b }} {{ routeLabels \"b\" }}", Mode::Text, &context);
    assert_eq!(shown.as_deref(), Ok("<firing> <firing>"));
}

#[test]
fn default_names_can_be_redefined() {
    let mut templates = GoTemplates::new().unwrap_or_else(|error| panic!("{error}"));
    let file = "{{ define \"__subject\" }}mine: {{ .Status }}{{ end }}{{ define \"slack.default.title\" }} {{ end }}";
    templates.add_file("own.tmpl", file).unwrap_or_else(|error| panic!("{error}"));
    let shown = Arc::new(templates).render("{{ template \"slack.default.title\" . }}", Mode::Text, &context());
    assert_eq!(shown.as_deref(), Ok("mine: firing"), "and a body of white space redefines nothing");
}

/// Every default name that Alertmanager's files define, in text mode, over two notifications; where `ANDON_PEERS` names
/// the folder of Alertmanager's own `amtool`, and its default templates are installed.
#[test]
fn defaults_give_alertmanagers_text() {
    let defaults = std::path::Path::new("/usr/share/prometheus/alertmanager/default.tmpl");
    let Some(amtool) = std::env::var_os("ANDON_PEERS").map(|folder| std::path::Path::new(&folder).join("amtool"))
    else {
        eprintln!("skipped: ANDON_PEERS is not set");
        return;
    };
    let Ok(theirs) = std::fs::read_to_string(defaults) else {
        eprintln!("skipped: {} is not installed", defaults.display());
        return;
    };
    let mut over = context();
    over.data.alerts.remove(0);
    (over.data.status, over.data.group_labels) = ("resolved", labels([]));
    let mut severe = context();
    for (alert, severity) in severe.data.alerts.iter_mut().zip(["warning", "info"]) {
        alert.labels = labels([("alertname", "A1"), ("severity", severity)]);
    }
    severe.data.group_labels = severe.data.common_labels.clone();
    let file = tempfile::NamedTempFile::new().unwrap_or_else(|error| panic!("{error}"));
    let mut different = Vec::new();
    for context in [context(), over, severe] {
        let mut json = String::new();
        value::json(&value::dot(&context, &Pairs::new()), &mut json);
        std::fs::write(file.path(), &json).unwrap_or_else(|error| panic!("{error}"));
        for name in theirs.split("define \"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let dot = if name.contains("list") || name.ends_with("instances") { ".Alerts.Firing" } else { "." };
            let text = format!("{{{{ template \"{name}\" {dot} }}}}#");
            let output = std::process::Command::new(&amtool)
                .args(["template", "render", "--no-version-check", "--template.glob"])
                .arg(defaults)
                .args(["--template.text", &text, "--template.data"])
                .arg(file.path())
                .output()
                .unwrap_or_else(|error| panic!("{}: {error}", amtool.display()));
            let (ours, theirs) =
                (engine().render(&text, Mode::Text, &context), String::from_utf8_lossy(&output.stdout));
            if ours.as_deref() != Ok(theirs.trim_end_matches('\n')) {
                different.push(format!("{name}:\n  ours {ours:?}\ntheirs {theirs:?}"));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
