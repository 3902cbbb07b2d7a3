//! Changes for tests: one of each kind, and arbitrary ones.

use std::sync::Arc;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use crate::core::ack::{Ack, AckEnd};
use crate::core::alert::Alert;
use crate::core::asset::{Asset, SparePart};
use crate::core::change::{Actor, Change, GroupId, StoredGroup};
use crate::core::dedup::NoNews;
use crate::core::flush::HeldBack;
use crate::core::label::{Fingerprint, LabelSet};
use crate::core::matcher::{Matcher, Op};
use crate::core::mirrored::Mirrored;
use crate::core::note::{AttemptEnd, Attempted, FlushVerdict, Flushed, Held, Note as Noted, Notified};
use crate::core::order_mail::{Digest, DigestLine, News, OrderNews};
use crate::core::outbox::{DeadLetter, Delivery, DeliveryId, Exchange, Reason, ReceiverData, Thread, Told, ToldAlert};
use crate::core::silence::{Silence, SilenceId};
use crate::core::work_order::{
    AlertOnOrder, Condition, HistoryEntry, Kind, LadderStep, Note, OrderEvent, Priority, Status, WorkOrder,
};
use crate::time::Timestamp;

/// Seconds after a fixed moment of the year 2026.
pub(crate) fn second(number: i64) -> Timestamp {
    Timestamp::new(1_795_359_600 + number, 0)
}

/// A label set of these pairs.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    LabelSet::new(pairs.iter().copied()).expect("short")
}

/// An alert that is about 300 bytes when stored, the `number`-th of its kind.
pub(crate) fn alert(number: u64) -> Arc<Alert> {
    let number = number.to_string();
    Arc::new(Alert {
        labels: labels(&[
            ("alertname", "PumpVibrationHigh"),
            ("asset_code", &format!("PUMP-{number}")),
            ("instance", "10.0.0.17:9100"),
            ("job", "plant-floor"),
            ("severity", "critical"),
        ]),
        annotations: labels(&[
            ("description", "The vibration of the pump has been above 7.1 mm/s for five minutes."),
            ("summary", "Vibration too high"),
        ]),
        generator_url: "http://prometheus.example:9090/graph?g0.expr=vibration".into(),
        starts_at: second(1),
        ends_at: Timestamp::new(1_795_359_840, 250_000_000),
        updated_at: second(2).with_offset_minutes(60),
        timeout: false,
    })
}

/// One change of every kind, always the same: what the fixture of the format holds.
pub(crate) fn one_of_each() -> Vec<Change> {
    let id = GroupId { route_id: "{}/{team=\"x\"}/0".into(), labels: labels(&[("alertname", "A")]) };
    let thread = Thread { group_key: "{}:{}".into(), receiver: "ops".into(), kind: "webhook".into(), index: 1 };
    let delivery = Delivery {
        id: DeliveryId(300),
        thread: thread.clone(),
        episode: second(3),
        sequence: 2,
        reason: Reason::SomeResolved,
        decided_at: second(4),
        group_labels: labels(&[("alertname", "A")]),
        route_labels: LabelSet::empty(),
        alerts: vec![ToldAlert { alert: alert(1), resolved: true }, ToldAlert { alert: alert(2), resolved: false }]
            .into(),
        new: [Fingerprint(9)].into(),
        attempts: 7,
        due_at: second(5),
        tried_since: second(4),
        last_error: "connection refused".into(),
        receiver_data: [("ts".into(), "1503435956.000247".into())].into(),
        acknowledged: Some(Arc::new(ack())),
        undelivered_since: second(4),
        news: Some(News::Order(Arc::new(OrderNews {
            order: Arc::new(work_order()),
            event: OrderEvent::Recovered,
            told: vec!["on-call (pagerduty)".into()],
        }))),
        orders: Default::default(),
        told_with: Some(DeliveryId(299)),
        named_after: None,
    };
    let standing = delivery.standing();
    let told = Told {
        episode: second(3),
        next_sequence: 3,
        at: second(4),
        firing: [Fingerprint(1), Fingerprint(u64::MAX)].into(),
        resolved: [Fingerprint(2)].into(),
        open: [].into(),
        group_labels: labels(&[("alertname", "A")]),
        route_labels: LabelSet::empty(),
        receiver_data: [("ts".into(), "1503435956.000247".into()), ("channel".into(), "C123".into())].into(),
    };
    vec![
        Change::By(Actor::User { name: "ann".into(), address: "10.0.0.1".into() }),
        Change::Alert(alert(1)),
        Change::Refreshed { fingerprint: Fingerprint(9), ends_at: Timestamp::MAX, updated_at: Timestamp::ZERO },
        Change::AlertGone(Fingerprint(9)),
        Change::Group(Arc::new(StoredGroup {
            id: id.clone(),
            created_at: second(0),
            next_flush: second(30),
            last_flush: Timestamp::ZERO,
            muted_by: vec!["weekends".into()],
        })),
        Change::GroupTimer { id: id.clone(), next_flush: second(60), last_flush: second(30) },
        Change::GroupGone(id),
        Change::Silence(Arc::new(silence())),
        Change::SilenceGone(SilenceId(Uuid::from_u128(5))),
        Change::Told(thread.clone(), Some(Arc::new(told))),
        Change::Told(thread, None),
        Change::Outbox(Arc::new(delivery.clone())),
        Change::OutboxGone(DeliveryId(300)),
        Change::Dead(Arc::new(DeadLetter {
            delivery,
            at: second(9),
            error: "410 Gone".into(),
            exchange: Exchange { request: "POST".into(), answer: "410".into() },
        })),
        Change::DeadGone(DeliveryId(u64::MAX)),
        Change::DeadDiscarded { id: DeliveryId(7), reason: "told by phone".into() },
        Change::WorkOrder(Arc::new(work_order())),
        Change::WorkOrderGone("WO-2026-ABCDEFGH".into()),
        Change::Noted(Noted::Changed(Fingerprint(5))),
        Change::Noted(Noted::Flushed(flushed())),
        Change::Noted(Noted::Attempted(attempted())),
        Change::Ack(Arc::new(ack())),
        Change::AckGone("{}:{}".into(), AckEnd::Worsened),
        Change::Mirrored(Arc::new(Mirrored {
            order: "WO-2026-ABCDEFGH".into(),
            target: "atlas".into(),
            revision: 3,
            external_id: "4711".into(),
            external_status: "IN_PROGRESS".into(),
            error: "403 Forbidden".into(),
            at: second(10),
        })),
        Change::Digested(second(12)),
        Change::Config { hash: "ab".repeat(32), text: "route:\n  receiver: ops\n".into() },
        Change::Standing(DeliveryId(300), standing),
    ]
}

fn ack() -> Ack {
    Ack {
        group_key: "{}:{alertname=\"A\"}".into(),
        group_labels: labels(&[("alertname", "A")]),
        who: "ann".into(),
        comment: "on my way".into(),
        at: second(4),
        until: second(7_200),
        known: [Fingerprint(1), Fingerprint(7)].into(),
    }
}

fn notified() -> Notified {
    let thread = Thread { group_key: "{}:{}".into(), receiver: "ops".into(), kind: "webhook".into(), index: 0 };
    let (group_labels, alerts) = (labels(&[("alertname", "A")]), vec![labels(&[("alertname", "A"), ("i", "1")])]);
    Notified { id: DeliveryId(300), thread, group_labels, reason: Reason::First, alerts }
}

fn attempted() -> Attempted {
    Attempted { of: notified(), number: 3, end: AttemptEnd::Retry, answer: "503 Service Unavailable".into() }
}

fn flushed() -> Flushed {
    let verdict = |told, withheld| FlushVerdict { kind: "webhook".into(), index: 1, told, withheld };
    let (alert, name, who) = (labels(&[("alertname", "A")]), "nights".into(), "ann".into());
    Flushed {
        group_key: "{}:{}".into(),
        group_labels: LabelSet::empty(),
        receiver: "ops".into(),
        verdicts: vec![verdict(Some(Reason::Repeat), None), verdict(None, Some(NoNews::HeldBack))],
        held: vec![Held { alert, by: HeldBack::MuteTimeInterval, name, who }],
        released: vec![labels(&[("alertname", "B")])],
    }
}

fn noted() -> impl Strategy<Value = Noted> {
    let ids = || any::<u64>().prop_map(DeliveryId);
    let of = || {
        (ids(), threads(), label_sets(), vec(label_sets(), 0..3))
            .prop_map(|(id, thread, group_labels, alerts)| Notified { id, thread, group_labels, alerts, ..notified() })
    };
    prop_oneof![
        any::<u64>().prop_map(|alert| Noted::Changed(Fingerprint(alert))),
        vec(label_sets(), 0..3).prop_map(Noted::RanOut),
        ids().prop_map(Noted::Enqueued),
        (of(), ids()).prop_map(|(of, by)| Noted::Superseded(of, by)),
        (of(), any::<u32>(), texts()).prop_map(|(of, number, answer)| Noted::Attempted(Attempted {
            of,
            number,
            answer,
            ..attempted()
        })),
        of().prop_map(Noted::RateLimited),
        (texts(), label_sets()).prop_map(|(key, alert)| Noted::Flushed(Flushed {
            group_key: key.into(),
            released: vec![alert],
            ..flushed()
        })),
        texts().prop_map(Noted::ConfigChanged),
    ]
}

fn acks() -> impl Strategy<Value = Arc<Ack>> {
    (texts(), label_sets(), texts(), times(), btree_set(any::<u64>().prop_map(Fingerprint), 0..4)).prop_map(
        |(text, group_labels, comment, until, known)| {
            Arc::new(Ack { group_key: text.as_str().into(), group_labels, who: text, comment, until, known, ..ack() })
        },
    )
}

fn silence() -> Silence {
    Silence {
        id: SilenceId(Uuid::from_u128(4)),
        matchers: vec![Matcher::new("team", Op::NotRegex, "a|b").expect("the pattern is one")],
        starts_at: second(0),
        ends_at: second(3_600),
        updated_at: second(0),
        created_by: "ann".into(),
        comment: "nul \0 and ünïcode".into(),
        annotations: LabelSet::empty(),
    }
}

/// A work order with something in every field.
pub(crate) fn work_order() -> WorkOrder {
    let person = Actor::MailLink("ann@plant.example".into());
    WorkOrder {
        number: "WO-2026-ABCDEFGH".into(),
        key: "ops/alertname=A".into(),
        revision: 2,
        receiver: "ops".into(),
        kind: Kind::Corrective,
        priority: Priority::High,
        status: Status::Assigned,
        condition: Some(Condition::Cleared),
        title: "Pump".into(),
        description: "It shakes".into(),
        asset: Asset {
            code: "PUMP-1".into(),
            name: "Cooling water pump".into(),
            kind: "pump".into(),
            location_line: "line-1".into(),
            location_station: "station-2".into(),
            criticality: "critical".into(),
        },
        parts: vec![SparePart {
            number: "SP-7".into(),
            name: "Bearing".into(),
            needed: 2,
            in_stock: 1,
            stock_location: "A3".into(),
            lead_time_days: Some(14),
        }],
        opened_at: second(1),
        updated_at: second(2),
        due_at: second(3),
        malfunction_start: Some(second(0)),
        malfunction_end: Some(second(4)),
        scheduled_start: Some(second(5)),
        scheduled_end: None,
        acknowledged_at: Some(second(2)),
        actual_start: None,
        actual_end: None,
        closed_at: None,
        assignee: "ann".into(),
        estimated_hours: Some(1.5),
        actual_hours: None,
        alerts: [(
            Fingerprint(8),
            AlertOnOrder {
                labels: labels(&[("a", "b")]),
                annotations: labels(&[("summary", "It shakes")]),
                generator_url: "http://prometheus.example".into(),
                starts_at: second(0),
                ended_at: None,
                escalates: false,
            },
        )]
        .into(),
        notes: vec![Note { at: second(2), actor: person.clone(), text: "on my way".into() }],
        history: vec![HistoryEntry {
            revision: 2,
            at: second(2),
            actor: person,
            event: OrderEvent::Assigned,
            text: "assignee: nobody to ann".into(),
            why: "she is near".into(),
        }],
        ladder: [LadderStep::Assignee].into(),
        external: [("postgres".into(), "7".into())].into(),
        kept_back: [(Fingerprint(9), second(1))].into(),
    }
}

fn times() -> impl Strategy<Value = Timestamp> {
    (Timestamp::ZERO.secs()..=Timestamp::MAX.secs(), 0..1_000_000_000_u32, any::<i16>())
        .prop_map(|(secs, nanos, offset)| Timestamp::new(secs, nanos).with_offset_minutes(offset))
}

fn texts() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..20).prop_map(|chars| chars.into_iter().collect())
}

fn label_sets() -> impl Strategy<Value = LabelSet> {
    btree_map(texts(), texts(), 0..4)
        .prop_map(|pairs| LabelSet::new(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))).expect("short"))
}

fn alerts() -> impl Strategy<Value = Arc<Alert>> {
    (label_sets(), label_sets(), texts(), times(), times(), times(), any::<bool>()).prop_map(
        |(labels, annotations, url, starts_at, ends_at, updated_at, timeout)| {
            let generator_url = url.into();
            Arc::new(Alert { labels, annotations, generator_url, starts_at, ends_at, updated_at, timeout })
        },
    )
}

fn group_ids() -> impl Strategy<Value = GroupId> {
    (texts(), label_sets()).prop_map(|(route_id, labels)| GroupId { route_id: route_id.into(), labels })
}

fn threads() -> impl Strategy<Value = Thread> {
    (texts(), texts(), texts(), any::<u32>()).prop_map(|(group_key, receiver, kind, index)| Thread {
        group_key: group_key.into(),
        receiver: receiver.into(),
        kind: kind.into(),
        index,
    })
}

fn actors() -> impl Strategy<Value = Actor> {
    prop_oneof![
        texts().prop_map(Actor::Sender),
        (texts(), texts()).prop_map(|(name, address)| Actor::User { name, address }),
        Just(Actor::Clock),
        Just(Actor::Worker),
        texts().prop_map(Actor::Reload),
        texts().prop_map(Actor::MailLink),
        (texts(), texts()).prop_map(|(system, person)| Actor::Mirror { system, person }),
    ]
}

fn deliveries() -> impl Strategy<Value = Delivery> {
    let told = (alerts(), any::<bool>()).prop_map(|(alert, resolved)| ToldAlert { alert, resolved });
    let when = (times(), times(), times(), times(), any::<u32>(), any::<u32>());
    let what = (label_sets(), label_sets(), vec(told, 0..3), texts(), proptest::sample::select(Reason::ALL.to_vec()));
    let new = btree_set(any::<u64>().prop_map(Fingerprint), 0..4);
    (any::<u64>(), threads(), when, what, new, receiver_data(), option::of(acks())).prop_map(
        |(id, thread, when, what, new, receiver_data, acknowledged)| {
            let (episode, decided_at, due_at, undelivered_since, sequence, attempts) = when;
            let tried_since = decided_at;
            let (group_labels, route_labels, alerts, last_error, reason) = what;
            let (id, alerts) = (DeliveryId(id), alerts.into());
            Delivery {
                id,
                thread,
                episode,
                sequence,
                reason,
                decided_at,
                group_labels,
                route_labels,
                alerts,
                new,
                attempts,
                due_at,
                tried_since,
                last_error,
                receiver_data,
                acknowledged,
                undelivered_since,
                news: (attempts % 2 == 1).then(|| News::Digest(Arc::new(digest(due_at)))),
                orders: Default::default(),
                told_with: (sequence % 2 == 1).then_some(DeliveryId(7)),
                named_after: (attempts % 3 == 1).then(|| "was".into()),
            }
        },
    )
}

fn digest(at: Timestamp) -> Digest {
    Digest { at, since: second(1), orders: vec![DigestLine::of(&work_order())], more: 3 }
}

fn receiver_data() -> impl Strategy<Value = ReceiverData> {
    let text = || texts().prop_map(Arc::from);
    btree_map(text(), text(), 0..3)
}

fn told() -> impl Strategy<Value = Arc<Told>> {
    let prints = || btree_set(any::<u64>().prop_map(Fingerprint), 0..4);
    let sets = (prints(), prints(), prints(), label_sets(), label_sets(), receiver_data());
    (times(), any::<u32>(), times(), sets).prop_map(|(episode, next_sequence, at, sets)| {
        let (firing, resolved, open, group_labels, route_labels, receiver_data) = sets;
        Arc::new(Told { episode, next_sequence, at, firing, resolved, open, group_labels, route_labels, receiver_data })
    })
}

fn work_orders() -> impl Strategy<Value = Change> {
    let notes = vec((times(), actors(), texts()).prop_map(|(at, actor, text)| Note { at, actor, text }), 0..3);
    let select = proptest::sample::select::<OrderEvent>;
    let history = (any::<u64>(), times(), actors(), select(OrderEvent::ALL.to_vec()), texts(), texts())
        .prop_map(|(revision, at, actor, event, text, why)| HistoryEntry { revision, at, actor, event, text, why });
    let codes = (0..Kind::ALL.len(), 0..Priority::ALL.len(), 0..Status::ALL.len(), 0..Condition::ALL.len());
    let hours = option::of((0..4_000_u32).prop_map(|quarters| f64::from(quarters) / 4.0));
    (texts(), times(), option::of(times()), notes, codes, vec(history, 0..3), hours).prop_map(
        |(text, at, ended_at, notes, codes, history, hours)| {
            let mut order = work_order();
            (order.title, order.due_at, order.malfunction_end, order.notes) = (text, at, ended_at, notes);
            (order.kind, order.priority) = (Kind::ALL[codes.0], Priority::ALL[codes.1]);
            (order.status, order.condition) = (Status::ALL[codes.2], Condition::ALL.get(codes.3).copied());
            (order.history, order.actual_hours) = (history, hours);
            order.alerts.values_mut().for_each(|alert| alert.ended_at = ended_at);
            Change::WorkOrder(Arc::new(order))
        },
    )
}

fn silences() -> impl Strategy<Value = Change> {
    (any::<u128>(), texts(), times(), label_sets()).prop_map(|(id, comment, ends_at, annotations)| {
        let id = SilenceId(Uuid::from_u128(id));
        Change::Silence(Arc::new(Silence { id, comment, ends_at, annotations, ..silence() }))
    })
}

fn mirrored() -> impl Strategy<Value = Change> {
    (texts(), any::<u64>(), texts(), times()).prop_map(|(text, revision, error, at)| {
        let text: Arc<str> = Arc::from(text);
        let (target, external_id) = (Arc::clone(&text), Arc::clone(&text));
        let (order, external_status) = (Arc::clone(&text), text);
        Change::Mirrored(Arc::new(Mirrored { order, target, revision, external_id, external_status, error, at }))
    })
}

/// Any change.
pub(crate) fn changes() -> impl Strategy<Value = Change> {
    let fingerprints = || any::<u64>().prop_map(Fingerprint);
    let groups = (group_ids(), times(), times(), times(), vec(texts().prop_map(Arc::from), 0..3)).prop_map(
        |(id, created_at, next_flush, last_flush, muted_by)| {
            Change::Group(Arc::new(StoredGroup { id, created_at, next_flush, last_flush, muted_by }))
        },
    );
    prop_oneof![
        actors().prop_map(Change::By),
        alerts().prop_map(Change::Alert),
        (fingerprints(), times(), times()).prop_map(|(fingerprint, ends_at, updated_at)| Change::Refreshed {
            fingerprint,
            ends_at,
            updated_at
        }),
        fingerprints().prop_map(Change::AlertGone),
        groups,
        (group_ids(), times(), times()).prop_map(|(id, next_flush, last_flush)| Change::GroupTimer {
            id,
            next_flush,
            last_flush
        }),
        group_ids().prop_map(Change::GroupGone),
        silences(),
        any::<u128>().prop_map(|id| Change::SilenceGone(SilenceId(Uuid::from_u128(id)))),
        (threads(), option::of(told())).prop_map(|(thread, told)| Change::Told(thread, told)),
        deliveries().prop_map(|delivery| Change::Standing(delivery.id, delivery.standing())),
        deliveries().prop_map(|delivery| Change::Outbox(Arc::new(delivery))),
        any::<u64>().prop_map(|id| Change::OutboxGone(DeliveryId(id))),
        (deliveries(), times(), texts(), texts(), texts()).prop_map(|(delivery, at, error, request, answer)| {
            Change::Dead(Arc::new(DeadLetter { delivery, at, error, exchange: Exchange { request, answer } }))
        }),
        (any::<u64>(), texts()).prop_map(|(id, reason)| Change::DeadDiscarded { id: DeliveryId(id), reason }),
        any::<u64>().prop_map(|id| Change::DeadGone(DeliveryId(id))),
        work_orders(),
        texts().prop_map(|number| Change::WorkOrderGone(number.into())),
        noted().prop_map(Change::Noted),
        acks().prop_map(Change::Ack),
        (texts(), proptest::sample::select(AckEnd::ALL.to_vec()))
            .prop_map(|(key, why)| Change::AckGone(key.into(), why)),
        mirrored(),
        times().prop_map(Change::Digested),
        (texts(), texts()).prop_map(|(hash, text)| Change::Config { hash, text }),
    ]
}
