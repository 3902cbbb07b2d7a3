//! Mails about work orders: what happened to one, with buttons and a calendar entry, or a digest of all.
//!
//! Each recipient gets a mail of its own, since the buttons in it act in that recipient's name. All mails of an order
//! stand in one thread: the one that tells of its opening has the order's own name as `Message-ID`, the others refer to
//! it and have names made of the order, the revision and the event. The texts are the shipped templates
//! `notify/order/…`, which a file of the same name replaces; one that fails costs its own text alone.

use lettre::Address;
use serde_json::{Value, json};

use super::calendar::{self, Entry};
use super::conversation::{HandedOver, Letter};
use super::message::{self, Frame, Texts};
use super::short::{self, Outline};
use super::{Email, SendError, builtin, note_cut};
use crate::core::notification::AlertData;
use crate::core::order_mail::{Digest, News, OrderNews};
use crate::core::outbox::{Delivery, ReceiverData};
use crate::core::work_order::{Condition, OrderEvent, Priority, Status, WorkOrder};
use crate::mail_link::{Action, Grant, LIFETIME};
use crate::receivers::Context;
use crate::receivers::notice::{Notice, Sent};
use crate::template;
use crate::time::Timestamp;

/// The annotations that say what to do.
const TODO: [&str; 3] = ["action", "runbook", "runbook_url"];
/// How many alerts a mail spells out.
const SPELLED_OUT: usize = 10;

impl Email {
    /// Sends the news to each recipient; who has them already is left out at the next attempt.
    pub(super) async fn tell(&self, delivery: &Delivery, news: &News, context: &Context) -> Result<Sent, SendError> {
        let (mut notice, _) = Notice::new(delivery, context, 0);
        let from = self.sender(&notice)?;
        let (to, unreadable) = self.recipients(&notice)?;
        for reason in unreadable {
            tracing::warn!(receiver = &*delivery.thread.receiver, reason, "A recipient of a mail was left out");
        }
        let id = delivery.notification_id();
        let has_it =
            |address: &Address| self.partly.lock().get(&id).is_some_and(|have| have.contains(&address.to_string()));
        let (mut result, mut cuts) = (Ok(()), Vec::new());
        for address in to.into_iter().filter(|address| !has_it(address)).collect::<Vec<_>>() {
            let (texts, frame, links) = self.write_news(delivery, news, context, &mut notice, (&from, &address));
            let letter =
                Letter { from: from.clone(), to: vec![address.clone()], message: message::write(&texts, &frame) };
            let note = notice.note();
            let outline = Outline {
                headers: &texts.headers,
                frame: &frame,
                note: note.as_deref(),
                left: "in a built-in text, without a calendar entry",
                text: &|most| short_text(news, &context.external_url, &links, most),
            };
            match self.converse(&letter, &outline).await {
                Ok(HandedOver { refused, shortened }) if refused.is_empty() => {
                    cuts.extend(shortened);
                    self.remember(&id, &[address]);
                }
                Ok(HandedOver { refused, .. }) => {
                    let trouble: Vec<_> = refused.iter().map(|(_, trouble)| trouble.text().to_owned()).collect();
                    result = Err(SendError::retry(format!("{address}: {}", trouble.join("; "))));
                }
                // The others get it all the same.
                Err(error) => result = Err(error),
            }
        }
        result?;
        self.partly.lock().remove(&id);
        // Only now: a mail to somebody else was whole.
        cuts.into_iter().for_each(|why| notice.cut(why));
        Ok(notice.sent(ReceiverData::new()))
    }

    /// What the mail says, what it is, and its links: what they do, and where they lead.
    fn write_news(
        &self,
        delivery: &Delivery,
        news: &News,
        context: &Context,
        notice: &mut Notice<'_>,
        (from, to): (&Address, &Address),
    ) -> (Texts, Frame, Vec<(String, String)>) {
        let domain = from.domain();
        let mut shown = notice.shown().clone();
        let (frame, name, entry) = match news {
            News::Order(news) => {
                shown.work_orders = vec![template::order::order(&news.order, &context.external_url, shown.now)];
                shown.order_mail = Some(order_mail(news, &shown, delivery.decided_at, context, to));
                (order_frame(news, domain), "notify/order/body", Some(self.entry(news, delivery, context, (from, to))))
            }
            News::Digest(digest) => {
                shown.digest = Some(template::order::digest(digest, &context.external_url));
                (digest_frame(digest, domain), "notify/order/digest", None)
            }
        };
        let subject = match news {
            News::Order(_) => "notify/order/subject",
            News::Digest(_) => "notify/order/digest_subject",
        };
        let subject = notice.own(subject, &shown, false, || plain_subject(news));
        note_cut("Subject", &subject, notice);
        let mut text = notice.own(name, &shown, false, || plain_text(news, &context.external_url));
        let mut html = notice.own(name, &shown, true, || builtin::page(&plain_text(news, &context.external_url)));
        if let Some(note) = notice.note() {
            builtin::add_note(&mut text, &mut html, &note);
        }
        let headers = [
            ("From", notice.required("from", &self.config.from).unwrap_or_else(|_| from.to_string())),
            ("To", to.to_string()),
            ("Subject", subject),
            ("List-Id", format!("Andon work orders <work-orders.andon.{domain}>")),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
        let date = jiff::fmt::rfc2822::to_string(&delivery.decided_at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC));
        let frame = Frame { date: date.unwrap_or_default(), ..frame };
        (Texts { headers, text, html, calendar: entry }, frame, links(shown.order_mail.as_ref()))
    }

    fn entry(
        &self,
        news: &OrderNews,
        delivery: &Delivery,
        context: &Context,
        (from, to): (&Address, &Address),
    ) -> Entry {
        let (organizer, attendee) = (from.to_string(), to.to_string());
        let between = calendar::Between { organizer: &organizer, attendee: &attendee, domain: from.domain() };
        let description = format!("{}\n{}", news.order.title, order_url(&context.external_url, &news.order));
        calendar::entry(&news.order, &between, &description, delivery.decided_at)
    }
}

/// What happened, in a word or two.
fn headline(event: OrderEvent) -> &'static str {
    match event {
        OrderEvent::Opened => "opened",
        OrderEvent::Reopened => "reopened",
        OrderEvent::Recovered => "recovered",
        OrderEvent::Recurred => "failed again",
        OrderEvent::Escalated => "escalated",
        OrderEvent::OverdueAssignee => "overdue",
        OrderEvent::OverdueSupervisor => "still overdue",
        OrderEvent::OverdueManager => "long overdue",
        OrderEvent::Completed => "completed",
        OrderEvent::Cancelled => "cancelled",
        _ => "changed",
    }
}

fn color(news: &OrderNews) -> &'static str {
    match (news.event, news.order.priority) {
        (OrderEvent::Recovered | OrderEvent::Completed, _) => "#2e7d32",
        (OrderEvent::Cancelled, _) => "#52606d",
        (_, Priority::Emergency) => "#c62828",
        (_, Priority::High) => "#b45309",
        _ => "#1565c0",
    }
}

/// What the templates of an order's mail see beside the order: `orderMail`.
fn order_mail(
    news: &OrderNews,
    shown: &template::Context,
    decided_at: Timestamp,
    context: &Context,
    to: &Address,
) -> Value {
    let order = &news.order;
    let said = |alert: &AlertData| {
        let summary = alert.annotations.get("summary").or_else(|| alert.labels.get("alertname")).unwrap_or("alert");
        let over = if alert.status == "resolved" { " (over)" } else { "" };
        match alert.annotations.get("description") {
            Some(description) => format!("{summary}{over}. {description}"),
            None => format!("{summary}{over}"),
        }
    };
    let mut wrong: Vec<String> = shown.data.alerts.iter().take(SPELLED_OUT).map(said).collect();
    if wrong.is_empty() {
        wrong.push(if order.description.is_empty() { order.title.clone() } else { order.description.clone() });
    }
    let annotations =
        shown.data.alerts.iter().flat_map(|alert| TODO.iter().filter_map(|name| alert.annotations.get(name)));
    let mut todo: Vec<&str> = Vec::new();
    for text in annotations {
        if !todo.contains(&text) && todo.len() < SPELLED_OUT {
            todo.push(text);
        }
    }
    let actions: Vec<Value> = possible(order)
        .into_iter()
        .map(|action| {
            let token = context.links.sign(&Grant::new(&order.number, action, to.to_string(), decided_at));
            let url = format!("{}/mail/{token}", context.external_url);
            json!({"label": action.label(), "url": url, "main": main_action(news) == action})
        })
        .collect();
    json!({
        "headline": headline(news.event),
        "color": color(news),
        "verify": order.status.is_open() && order.condition == Some(Condition::Cleared),
        "wrong": wrong,
        "todo": todo,
        "told": news.told.iter().map(|who| &**who).collect::<Vec<_>>(),
        "actions": actions,
        "expires": decided_at.after(LIFETIME).to_string(),
    })
}

/// The links of `orderMail`.
fn links(order_mail: Option<&Value>) -> Vec<(String, String)> {
    let actions = order_mail.and_then(|mail| mail["actions"].as_array()).into_iter().flatten();
    let text = |action: &Value, name: &str| action[name].as_str().unwrap_or_default().to_owned();
    actions.map(|action| (text(action, "label"), text(action, "url"))).collect()
}

/// What can be done to the order as it is.
fn possible(order: &WorkOrder) -> Vec<Action> {
    let can = |action: &Action| match action {
        Action::Acknowledge => order.status.is_open() && order.acknowledged_at.is_none(),
        Action::Assign => order.status.is_open(),
        Action::Start => order.status.may_become(Status::InProgress),
        Action::Complete => order.status.may_become(Status::Completed),
        Action::Cancel => order.status.may_become(Status::Cancelled),
    };
    Action::ALL.into_iter().filter(can).collect()
}

/// What most people will want to do.
fn main_action(news: &OrderNews) -> Action {
    match (news.order.condition, news.order.status) {
        (Some(Condition::Cleared), _) | (_, Status::InProgress) => Action::Complete,
        (_, Status::Open) if news.order.acknowledged_at.is_none() => Action::Acknowledge,
        _ => Action::Start,
    }
}

fn order_frame(news: &OrderNews, domain: &str) -> Frame {
    let order = &news.order;
    let root = format!("<{}@{domain}>", name_of(&order.number));
    let opening = news.event == OrderEvent::Opened;
    let message_id = match opening {
        true => root.clone(),
        false => format!("<{}.{}.{}@{domain}>", name_of(&order.number), order.revision, news.event.as_str()),
    };
    Frame { message_id, date: String::new(), answers: (!opening).then_some(root) }
}

fn digest_frame(digest: &Digest, domain: &str) -> Frame {
    let message_id = format!("<work-orders.{}@{domain}>", digest.at.secs());
    Frame { message_id, date: String::new(), answers: None }
}

/// The number as a part of a mail's name: one that was given elsewhere may hold anything.
fn name_of(number: &str) -> String {
    number.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' }).collect()
}

fn order_url(external_url: &str, order: &WorkOrder) -> String {
    let url = template::order::order(order, external_url, order.updated_at);
    url["url"].as_str().unwrap_or(external_url).to_owned()
}

/// What stands in the place of a text that failed.
fn plain_subject(news: &News) -> String {
    match news {
        News::Order(news) => format!("{} {}: {}", news.order.number, headline(news.event), news.order.title),
        News::Digest(digest) => format!("Work orders: {}", digest.orders.len()),
    }
}

fn plain_text(news: &News, external_url: &str) -> String {
    let mut text = plain_subject(news) + "\n\n";
    match news {
        News::Order(news) => text += &format!("{}\n{}\n", news.order.description, order_url(external_url, &news.order)),
        News::Digest(digest) => {
            digest.orders.iter().for_each(|line| text += &format!("{} {}\n", line.number, line.title));
        }
    }
    text
}

/// What a mail says that is too large for the server, with so much of what it is about.
fn short_text(news: &News, external_url: &str, links: &[(String, String)], most: usize) -> String {
    match news {
        News::Order(about) => {
            let order = &about.order;
            short::order(&plain_subject(news), &order.description, &order_url(external_url, order), links, most)
        }
        // The subject and the empty line below it, and then the orders.
        News::Digest(_) => short::lines(&plain_text(news, external_url), 2 + most),
    }
}
