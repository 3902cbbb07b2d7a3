//! More than a commit may have: everybody is told all the same. With the store on disk and the one in memory.

use std::time::Duration;

use crate::core::ingest::Batch;
use crate::core::outbox::{Delivery, Outcome};
use crate::core::testing;
use crate::store::memory::Memory;
use crate::store::sled::{Options as Sled, SledStore};

use super::tests::{SECOND, Service, clock, sender, start_under};
use super::*;

/// What a commit may have.
const MOST: u64 = 1 << 20;

/// Each store by itself; what is in the folder goes with the test.
fn stores() -> [(Box<dyn Store>, Option<tempfile::TempDir>); 2] {
    let folder = tempfile::tempdir().unwrap();
    let sled = SledStore::open(folder.path(), Sled { most: MOST, ballast: 0, ..Sled::default() }).unwrap();
    [(Box::new(Memory::default().with_most(MOST)), None), (Box::new(sled), Some(folder))]
}

/// Nobody is sent to work: only what is told is looked at.
fn start(store: Box<dyn Store>, clock: Clock) -> Service {
    let mut policy = testing::policy();
    policy.receivers[0].work_orders.clear();
    start_under(policy, store, clock)
}

/// Alerts with these names and instances, and an annotation of so many bytes each.
async fn post(service: &Service, alerts: impl Iterator<Item = (String, String)>, bytes: usize, clock: Clock) {
    let (mut batch, text) = (Batch::default(), "x".repeat(bytes));
    for (name, instance) in alerts {
        let (now, ends_at) = (clock.now(), clock.now().after(36_000 * SECOND));
        let mut labels = vec![("alertname", name.as_str()), ("instance", instance.as_str())];
        batch.push(&mut labels, &mut vec![("log", text.as_str())], "", now, ends_at).unwrap();
    }
    service.handle.put_alerts(sender(), batch).await.unwrap();
}

/// All rows that are told within so many seconds; each is told.
async fn told(service: &mut Service, seconds: u32) -> Vec<Arc<Delivery>> {
    let (mut told, until) = (Vec::new(), tokio::time::Instant::now() + seconds * SECOND);
    while let Ok(Some(bundle)) = tokio::time::timeout_at(until, service.rows.recv()).await {
        for row in bundle {
            service.handle.settled(vec![row.id], Outcome::delivered(), 0.5).await.unwrap();
            told.push(row);
        }
    }
    told
}

#[tokio::test(start_paused = true)]
async fn groups_that_are_too_much_together_are_all_told() {
    for (store, _folder) in stores() {
        let clock = clock();
        let mut service = start(store, clock);
        for part in 0..6 {
            let names = (part * 100..(part + 1) * 100).map(|number| (format!("Alert{number}"), "a".to_owned()));
            post(&service, names, 8_000, clock).await;
        }
        let told = told(&mut service, 35).await;
        assert_eq!(told.len(), 600);
        assert!(told.iter().all(|row| row.alerts[0].alert.annotations.get("log").map(str::len) == Some(8_000)));
        assert!(service.handle.health().trouble.load().is_none(), "the store works");
        assert!(service.handle.view().await.unwrap().outbox.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_too_large_is_told_and_keeps_no_other_from_being_told() {
    for (store, _folder) in stores() {
        let clock = clock();
        let mut service = start(store, clock);
        for part in 0..5 {
            let large = (part * 20..(part + 1) * 20).map(|number| ("Large".to_owned(), number.to_string()));
            post(&service, large, 30_000, clock).await;
        }
        let others = (0..20).map(|number| (format!("Alert{number}"), "a".to_owned()));
        post(&service, others, 10, clock).await;
        let told = told(&mut service, 35).await;
        assert_eq!(told.len(), 21);
        let large = told.iter().find(|row| row.group_labels.get("alertname") == Some("Large")).unwrap();
        assert_eq!(large.alerts.len(), 100, "long annotations go before any alert does");
        assert!(large.alerts[0].alert.annotations.get("andon_cut").unwrap().contains("long annotations are cut"));
        let rest = told.iter().filter(|row| row.id != large.id);
        assert!(rest.flat_map(|row| row.alerts.iter()).all(|told| told.alert.annotations.get("andon_cut").is_none()));
        assert!(service.handle.health().trouble.load().is_none(), "the store works");
    }
}

/// A group of which not even one alert can be stored.
#[tokio::test(start_paused = true)]
async fn a_group_that_cannot_be_told_at_all_keeps_no_other_from_being_told() {
    let clock = clock();
    let store = Memory::default().with_most(20_000);
    let mut service = start(Box::new(store), clock);
    // The group's own label is stored with the alert once, and with the group, the ledger and the row again.
    let long = "x".repeat(8_000);
    post(&service, [(long.clone(), "a".to_owned())].into_iter(), 10, clock).await;
    let others = (0..20).map(|number| (format!("Alert{number}"), "a".to_owned()));
    post(&service, others, 10, clock).await;
    let told = told(&mut service, 35).await;
    assert_eq!(told.len(), 20);
    assert!(told.iter().all(|row| row.group_labels.get("alertname") != Some(&long)));
    assert!(service.handle.health().trouble.load().is_none(), "the store works");
}

#[tokio::test(start_paused = true)]
async fn what_was_reported_while_nothing_could_be_stored_is_stored_in_parts() {
    for (store, _folder) in stores() {
        let (clock, faults) = (clock(), crate::store::memory::Faults::default());
        let mut service = start(Box::new(crate::store::memory::Faulty::new(store, faults.clone())), clock);
        // Refused, each becomes a dead letter of its own size.
        for part in 0..3 {
            let names = (part * 40..(part + 1) * 40).map(|number| (format!("Alert{number}"), "a".to_owned()));
            post(&service, names, 20_000, clock).await;
        }
        let mut rows = Vec::new();
        while rows.len() < 120 {
            let next = tokio::time::timeout(60 * SECOND, service.rows.recv()).await;
            let handed_out = rows.len();
            rows.extend(next.unwrap_or_else(|_| panic!("only {handed_out} of 120 rows go out to be told")).unwrap());
        }
        faults.fail_all(true);
        for row in rows {
            let refused = Outcome::Refused { error: "400".into(), exchange: Default::default() };
            let settled = service.handle.settled(vec![row.id], refused, 0.5);
            tokio::time::timeout(60 * SECOND, settled)
                .await
                .expect("a report is taken, whatever the store does")
                .unwrap();
        }
        tokio::time::sleep(5 * SECOND).await;
        assert!(service.handle.health().trouble.load().is_some());
        faults.fail_all(false);
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let view = service.handle.view().await.unwrap();
        assert_eq!((view.dead_letters.len(), view.outbox.len()), (120, 0));
        assert!(service.handle.health().trouble.load().is_none());
    }
}
