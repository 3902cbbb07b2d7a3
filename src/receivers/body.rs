//! What a notification says, as JSON: the webhook's body is made of it.

use crate::core::notification::AlertData;
pub use crate::core::notification::Data;
use crate::json::{write_labels, write_string};

/// Appends the data as an open JSON object, from `{` up to and without the comma after `externalURL`: the webhook
/// adds its own keys and closes it.
pub fn write_open_object(data: &Data, out: &mut String) {
    out.push_str("{\"receiver\":");
    write_string(out, &data.receiver, true);
    out.push_str(",\"status\":");
    write_string(out, data.status, true);
    out.push_str(",\"alerts\":[");
    for (i, alert) in data.alerts.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_alert(alert, out);
    }
    out.push_str("],\"notification_reason\":");
    write_string(out, data.reason, true);
    let sets = [
        (",\"groupLabels\":", &data.group_labels),
        (",\"commonLabels\":", &data.common_labels),
        (",\"commonAnnotations\":", &data.common_annotations),
        (",\"routeLabels\":", &data.route_labels),
    ];
    for (key, labels) in sets {
        out.push_str(key);
        write_labels(out, labels, true);
    }
    out.push_str(",\"externalURL\":");
    write_string(out, &data.external_url, true);
}

fn write_alert(alert: &AlertData, out: &mut String) {
    out.push_str("{\"status\":");
    write_string(out, alert.status, true);
    out.push_str(",\"labels\":");
    write_labels(out, &alert.labels, true);
    out.push_str(",\"annotations\":");
    write_labels(out, &alert.annotations, true);
    out.push_str(",\"startsAt\":\"");
    alert.starts_at.write_nanos(out);
    out.push_str("\",\"endsAt\":\"");
    alert.ends_at.write_nanos(out);
    out.push_str("\",\"generatorURL\":");
    write_string(out, &alert.generator_url, true);
    out.push_str(",\"fingerprint\":\"");
    out.push_str(&alert.fingerprint.to_string());
    out.push_str("\"}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::test_support::{delivery, told};

    #[test]
    fn common_is_what_all_alerts_share_with_the_same_value() {
        let a = told(&[("alertname", "A"), ("x", "1"), ("y", "")], &[("s", ""), ("t", "1")], false);
        let b = told(&[("alertname", "A"), ("x", "2")], &[("s", "")], true);
        let (data, truncated) = Data::new(&delivery(vec![a, b]), &"http://x".into(), 0);
        assert_eq!(data.common_labels.to_string(), r#"{alertname="A"}"#);
        assert_eq!(data.common_annotations.to_string(), r#"{s=""}"#);
        assert_eq!((data.status, truncated), ("firing", 0));
    }

    #[test]
    fn max_alerts_cuts_before_status_and_common_are_computed() {
        let over = told(&[("alertname", "A"), ("x", "1")], &[], true);
        let fires = told(&[("alertname", "A"), ("x", "2")], &[], false);
        let row = delivery(vec![over, fires]);
        //          max_alerts  status      x shared  kept  truncated
        let rows = [
            (0, "firing", false, 2, 0),
            (1, "resolved", true, 1, 1),
            (2, "firing", false, 2, 0),
            (3, "firing", false, 2, 0),
            (u64::MAX, "firing", false, 2, 0),
        ];
        for (max_alerts, status, shared, kept, cut) in rows {
            let (data, truncated) = Data::new(&row, &"".into(), max_alerts);
            assert_eq!(data.status, status, "max_alerts {max_alerts}");
            assert_eq!(data.common_labels.get("x").is_some(), shared, "max_alerts {max_alerts}");
            assert_eq!((data.alerts.len(), truncated), (kept, cut), "max_alerts {max_alerts}");
        }
    }

    #[test]
    fn only_what_is_over_has_an_end() {
        let row = delivery(vec![told(&[("a", "1")], &[], false), told(&[("a", "2")], &[], true)]);
        let (data, _) = Data::new(&row, &"".into(), 0);
        let ends: Vec<_> = data.alerts.iter().map(|alert| alert.ends_at.is_zero()).collect();
        assert_eq!(ends, [true, false]);
    }
}
