//! Small rules for tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::matcher::{Matcher, Op};
use super::policy::{GroupBy, InhibitRule, Integration, Policy, Receiver, ReceiverIdx, Route, RouteIdx, WorkOrderRule};
use super::work_order::{Kind, Priority};

pub const SECOND: Duration = Duration::from_secs(1);

pub fn matcher(name: &str, op: Op, value: &str) -> Matcher {
    Matcher::new(name, op, value).unwrap()
}

pub fn receiver(name: &str, kind: &'static str, send_resolved: bool) -> Receiver {
    let says_both = kind != "pagerduty";
    let integrations = vec![Integration { kind, index: 0, send_resolved, says_both, digest: says_both }];
    Receiver {
        name: Arc::from(name),
        labels: BTreeMap::new(),
        integrations,
        work_orders: vec![],
        rules: Default::default(),
    }
}

pub fn route(matchers: Vec<Matcher>, receiver: u32, group_by: &[&str]) -> Route {
    let labels = group_by.iter().map(|name| Arc::from(*name)).collect();
    let key = format!("{{}}/{}", matchers.len());
    Route {
        parent: Some(RouteIdx(0)),
        children: vec![],
        matchers,
        receiver: ReceiverIdx(receiver),
        group_by: GroupBy::Labels(labels),
        group_wait: 30 * SECOND,
        group_interval: 300 * SECOND,
        repeat_interval: 4 * 3600 * SECOND,
        continues: false,
        mute_time_intervals: vec![],
        active_time_intervals: vec![],
        labels: BTreeMap::new(),
        key: Arc::from(key.as_str()),
        id: Arc::from(key.as_str()),
    }
}

/// One route, by alertname, to one webhook named `hook`; critical inhibits warning of the same instance; work orders
/// for `CriticalAssetOffline`.
pub fn policy() -> Policy {
    let mut root = route(vec![], 0, &["alertname"]);
    (root.parent, root.key, root.id) = (None, Arc::from("{}"), Arc::from("{}"));
    let rule = InhibitRule {
        name: Arc::from("severity"),
        source_matchers: vec![matcher("severity", Op::Equal, "critical")],
        target_matchers: vec![matcher("severity", Op::Equal, "warning")],
        equal: vec![Arc::from("instance")],
    };
    let mut hook = receiver("hook", "webhook", true);
    hook.work_orders = vec![WorkOrderRule {
        key_labels: vec![Arc::from("alertname"), Arc::from("asset_code")],
        kind: Kind::Corrective,
        priority: Priority::Emergency,
        priority_from: vec![],
        due_after: None,
        title: None,
        description: None,
    }];
    Policy {
        routes: vec![root],
        inhibit_rules: vec![rule],
        intervals: BTreeMap::new(),
        receivers: vec![hook],
        resolve_timeout: 300 * SECOND,
        orders: Default::default(),
        assets: BTreeMap::new(),
        own: Default::default(),
        order_texts: None,
    }
}
