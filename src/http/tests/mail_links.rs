//! `/mail/{token}`: links in mails about work orders.

use std::sync::Arc;
use std::time::Duration;

use super::{Service, epoch, run};
use crate::core::change::Actor;
use crate::core::order_command::{OrderAction, OrderCommand, OrderDraft};
use crate::core::work_order::{Status, WorkOrder};
use crate::mail_link::{Action, Grant, LIFETIME, LinkKey};

async fn opened(service: &Service) -> Arc<WorkOrder> {
    let draft = OrderDraft { title: "Look <b>at</b> it".into(), ..OrderDraft::default() };
    let asked = service.state.driver.order(Actor::Clock, OrderCommand::Create(Box::new(draft)));
    asked.await.unwrap().unwrap()
}

async fn now(service: &Service, order: &WorkOrder) -> Arc<WorkOrder> {
    let view = service.state.driver.view().await.unwrap();
    Arc::clone(&view.work_orders[&order.number])
}

fn link(key: &LinkKey, order: &str, action: Action, lasts: i64) -> String {
    let expires = crate::time::Timestamp::new(epoch().secs() + lasts, 0);
    let recipient = "ana@plant.example".into();
    format!("/mail/{}", key.sign(&Grant { order: order.into(), action, recipient, expires }))
}

#[test]
fn a_get_asks_and_a_post_acts_in_the_name_of_the_recipient() {
    run(async || {
        let service = Service::start();
        let order = opened(&service).await;
        let uri = link(&service.state.links, &order.number, Action::Assign, 60);
        for _ in 0..2 {
            let asked = service.get(&uri).await;
            assert_eq!(asked.status, 200);
            assert!(asked.body.contains("to ana@plant.example?") && asked.body.contains("<form method=\"post\">"));
            assert!(asked.body.contains("Look &lt;b&gt;at&lt;/b&gt; it"), "{}", asked.body);
            assert_eq!((asked.header("cache-control"), asked.header("referrer-policy")), ("no-store", "no-referrer"));
        }
        assert_eq!(*now(&service, &order).await, *order, "a GET changes nothing");
        let form = ["content-type: application/x-www-form-urlencoded"];
        let done = service.ask("POST", &uri, &form, "why=I+am+near").await;
        assert!(done.status == 200 && done.body.contains("Done"), "{}", done.body);
        let after = now(&service, &order).await;
        assert_eq!((after.status, &*after.assignee), (Status::Assigned, "ana@plant.example"));
        let entry = after.history.last().unwrap();
        assert_eq!((&entry.actor, &*entry.why), (&Actor::MailLink("ana@plant.example".into()), "I am near"));
        let uri = link(&service.state.links, &order.number, Action::Cancel, 60);
        assert_eq!(service.ask("POST", &uri, &form, "").await.status, 200);
        let uri = link(&service.state.links, &order.number, Action::Start, 60);
        let late = service.ask("POST", &uri, &form, "").await;
        assert!(late.status == 409 && late.body.contains("cannot become in_progress"), "{}", late.body);
    });
}

#[test]
fn a_link_may_be_pressed_again_until_the_order_begins_another_life() {
    run(async || {
        let service = Service::start();
        let order = opened(&service).await;
        let lasts = i64::try_from(LIFETIME.as_secs()).unwrap();
        let uri = |action| link(&service.state.links, &order.number, action, lasts);
        let post = async |uri: String| service.ask("POST", &uri, &[], axum::body::Body::empty()).await;
        for action in [Action::Acknowledge, Action::Assign, Action::Start, Action::Complete] {
            let first = post(uri(action)).await;
            assert!(first.status == 200 && first.body.contains("<h1>Done</h1>"), "{action:?}: {}", first.body);
            let after = now(&service, &order).await;
            // Twice, by a second click or by whoever it was forwarded to.
            for method in ["POST", "GET"] {
                let again = service.ask(method, &uri(action), &[], axum::body::Body::empty()).await;
                assert!(again.status == 200 && again.body.contains("Already done"), "{action:?}: {}", again.body);
                assert!(!again.body.contains("<form"), "{}", again.body);
            }
            assert_eq!(*now(&service, &order).await, *after, "{action:?} again changes nothing");
        }
        // What was sent before the order was reopened is about what was.
        tokio::time::advance(Duration::from_secs(2)).await;
        let reopen = OrderAction::Reopen;
        let number = Arc::clone(&order.number);
        let command = OrderCommand::Change { number, if_match: None, action: reopen, why: String::new() };
        service.state.driver.order(Actor::Clock, command).await.unwrap().unwrap();
        let reopened = now(&service, &order).await;
        for action in Action::ALL {
            for method in ["GET", "POST"] {
                let old = service.ask(method, &uri(action), &[], axum::body::Body::empty()).await;
                assert!(old.status == 410 && old.body.contains("opened again since"), "{action:?}: {}", old.body);
            }
        }
        assert_eq!(*now(&service, &order).await, *reopened);
        let new = link(&service.state.links, &order.number, Action::Start, lasts + 2);
        assert_eq!(post(new).await.status, 200);
        assert_eq!(now(&service, &order).await.status, Status::InProgress);
    });
}

#[test]
fn what_was_not_signed_here_or_has_expired_does_nothing() {
    run(async || {
        let service = Service::start();
        let order = opened(&service).await;
        let (ours, other) = (&service.state.links, LinkKey::random());
        let token = link(ours, &order.number, Action::Complete, 60);
        let (body, _) = token.split_once('.').unwrap();
        let another = link(ours, "WO-2026-AAAAAAAA", Action::Complete, 60);
        let rows = [
            (link(&other, &order.number, Action::Complete, 60), 403),
            (link(ours, &order.number, Action::Complete, 0), 410),
            (format!("{body}.{}", another.split_once('.').unwrap().1), 403),
            ("/mail/x".to_owned(), 403),
            ("/mail/".to_owned(), 403),
            (another, 404),
        ];
        for (uri, status) in rows {
            for method in ["GET", "POST"] {
                let answer = service.ask(method, &uri, &[], axum::body::Body::empty()).await;
                assert_eq!(answer.status, status, "{method} {uri}: {}", answer.body);
                assert!(!answer.body.contains("<form"), "{}", answer.body);
            }
        }
        assert_eq!(service.ask("DELETE", &token, &[], axum::body::Body::empty()).await.status, 405);
        assert_eq!(*now(&service, &order).await, *order);
    });
}
