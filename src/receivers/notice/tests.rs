use super::*;
use crate::receivers::test_support::{context, delivery, labels, told};

fn row() -> Delivery {
    let mut row = delivery(vec![told(&[("alertname", "A"), ("b", "<x>")], &[("s", "1 & 2")], false)]);
    row.group_labels = labels(&[("alertname", "A")]);
    row
}

#[test]
fn a_template_that_fails_costs_its_own_text_alone() {
    let context = context();
    let (mut notice, _) = Notice::new(&row(), &context, 0);
    assert_eq!(notice.text("title", "{{ .Status }}", subject), "firing");
    assert_eq!(notice.note(), None);
    assert_eq!(notice.text("title", "{{ .Nope.Nope }}", subject), "[FIRING:1] A (<x>)");
    assert_eq!(notice.plain("color", "{{ template \"nope\" . }}"), "");
    assert_eq!(notice.value("details", &serde_json::json!({"a": ["{{ nope }}"]})), None);
    let note = notice.note().unwrap();
    assert!(note.contains("title: template: ") && note.ends_with("(and 2 more)"), "{note}");
    assert!(notice.required("url", "{{ nope }}").unwrap_err().to_string().starts_with("url: "));
    let sent = notice.sent(ReceiverData::new());
    assert_eq!(sent.failed.len(), 3, "{:?}", sent.failed);
}

#[test]
fn what_was_cut_stands_in_the_note_once_and_is_not_long() {
    let context = context();
    let (mut notice, _) = Notice::new(&row(), &context, 0);
    for what in ["the title, to 9 characters", "the text, to 8 characters", "the title, to 9 characters"] {
        notice.cut(what);
    }
    let expected = "Andon: made to fit: the title, to 9 characters; the text, to 8 characters";
    assert_eq!(notice.note().as_deref(), Some(expected));
    notice.plain("color", "{{ template \"nope\" . }}");
    let note = notice.note().unwrap();
    assert!(note.starts_with("Andon: a template failed, ") && note.ends_with(&format!("\n{expected}")), "{note}");
    notice.cut("x".repeat(1000));
    assert!(notice.note().unwrap().ends_with("xxx…") && notice.note().unwrap().chars().count() < 800);
}

#[test]
fn the_built_in_subject_is_alertmanagers() {
    let context = context();
    for resolved in [false, true] {
        let mut row = row();
        row.alerts = vec![told(&[("alertname", "A"), ("z", "9"), ("b", "<x>")], &[], resolved)].into();
        let (mut notice, _) = Notice::new(&row, &context, 0);
        let theirs = notice.text("title", "{{ template \"__subject\" . }}", |_| String::new());
        assert_eq!(subject(notice.data()), theirs);
    }
}

#[test]
fn escaped_values_are_for_people_alone() {
    let context = context();
    let (mut notice, _) = Notice::new(&row(), &context, 0);
    notice.escape(|text| text.replace('<', "&lt;"));
    let template = "{{ .CommonLabels.b }}{{ (index .Alerts 0).Labels.b }}";
    assert_eq!(notice.text("text", template, subject), "&lt;x>&lt;x>");
    assert_eq!(notice.plain("url", template), "<x><x>");
}

#[test]
fn templates_name_the_order_behind_the_alerts() {
    let context = context();
    let mut order = crate::store::record::samples::work_order();
    order.title = "<!channel>".into();
    let mut row = row();
    row.orders.0 = vec![std::sync::Arc::new(order)];
    let (mut notice, _) = Notice::new(&row, &context, 0);
    notice.escape(|text| text.replace('<', "&lt;"));
    let template = "{{ .WorkOrder.number }} {{ .WorkOrder.priority }} {{ .WorkOrder.title }}";
    assert_eq!(notice.text("text", template, subject), "WO-2026-ABCDEFGH high &lt;!channel>");
    assert_eq!(notice.shown().work_orders[0]["url"], "http://host:9093/ui/work-orders/WO-2026-ABCDEFGH");
    assert_eq!(notice.note(), None);
}

#[test]
fn texts_are_shortened_by_characters() {
    for (text, limit, expected, cut) in
        [("äöü", 3, "äöü", false), ("äöüß", 3, "äö…", true), ("", 3, "", false), ("ab", 1, "…", true)]
    {
        let mut shortened = text.to_owned();
        assert_eq!((shorten(&mut shortened, limit), shortened.as_str()), (cut, expected));
    }
}
