//! Work orders: a board by status, a list, and one order with what can be done to it.

use std::sync::Arc;

use serde::Serialize;

use super::Sight;
use super::link;
use super::parts::{Pager, paged};
use super::words::{When, count, short, thousands};
use crate::core::work_order::{Priority, Status, WorkOrder};

/// Orders in a column of the board, and on a page of the list.
const IN_COLUMN: usize = 12;
const PER_PAGE: usize = 50;

/// Which orders somebody wants to see.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// As a list instead of a board.
    pub list: bool,
    /// Where the work stands, or anywhere.
    pub status: Option<Status>,
    /// How urgent, or any.
    pub priority: Option<Priority>,
    /// A text in number, title, asset or assignee; or empty.
    pub text: String,
    /// Which page of the list, from 1.
    pub page: usize,
}

impl Wanted {
    fn href(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut other = self.clone();
        change(&mut other);
        let page = if other.page > 1 { other.page.to_string() } else { String::new() };
        let query = link::query(&[
            ("view", if other.list { "list" } else { "" }),
            ("status", other.status.map_or("", Status::as_str)),
            ("priority", other.priority.map_or("", Priority::as_str)),
            ("text", &other.text),
            ("page", &page),
        ]);
        format!("ui/work-orders{query}")
    }

    fn wants(&self, order: &WorkOrder) -> bool {
        let text = self.text.to_lowercase();
        let found = |field: &str| field.to_lowercase().contains(&text);
        self.status.is_none_or(|status| status == order.status)
            && self.priority.is_none_or(|priority| priority == order.priority)
            && (text.is_empty()
                || [&*order.number, &order.title, &order.asset.code, &order.asset.name, &order.assignee]
                    .into_iter()
                    .any(found))
    }
}

/// The board, or the list.
#[derive(Debug, Serialize)]
pub struct Orders {
    list: bool,
    text: String,
    priority: &'static str,
    status: &'static str,
    narrowed: bool,
    board_href: String,
    list_href: String,
    priorities: Vec<Choice>,
    statuses: Vec<Choice>,
    columns: Vec<Column>,
    rows: Vec<Card>,
    summary: String,
    pager: Pager,
}

#[derive(Debug, Serialize)]
struct Choice {
    word: &'static str,
    label: String,
    current: bool,
}

#[derive(Debug, Serialize)]
struct Column {
    word: &'static str,
    label: String,
    count: String,
    cards: Vec<Card>,
    more: usize,
    href: String,
}

/// An order in a column or a list.
#[derive(Debug, Serialize)]
struct Card {
    number: String,
    title: String,
    kind: &'static str,
    priority: &'static str,
    class: &'static str,
    status: String,
    condition: &'static str,
    asset: String,
    asset_about: String,
    assignee: String,
    due: When,
    open: bool,
    overdue: bool,
    firing: String,
}

/// Makes the board or the list, the most urgent and the first due first.
pub fn orders(sight: &Sight<'_>, wanted: &Wanted) -> Orders {
    let mut found: Vec<_> = sight.view.work_orders.values().filter(|order| wanted.wants(order)).collect();
    found.sort_by(|a, b| {
        let closed = |order: &WorkOrder| !order.status.is_open();
        let by = closed(a).cmp(&closed(b));
        let by = by.then_with(|| if closed(a) { b.updated_at.cmp(&a.updated_at) } else { a.priority.cmp(&b.priority) });
        by.then_with(|| a.due_at.cmp(&b.due_at)).then_with(|| a.number.cmp(&b.number))
    });
    let choice = |word: &'static str, current: bool| Choice { word, label: plain(word), current };
    let priorities = Priority::ALL.iter().map(|known| choice(known.as_str(), wanted.priority == Some(*known)));
    let statuses = Status::ALL.iter().map(|known| choice(known.as_str(), wanted.status == Some(*known)));
    let column = |status: &Status| {
        let here: Vec<_> = found.iter().filter(|order| order.status == *status).collect();
        Column {
            word: status.as_str(),
            label: plain(status.as_str()),
            count: thousands(here.len()),
            cards: here.iter().take(IN_COLUMN).map(|order| card(sight, order)).collect(),
            more: here.len().saturating_sub(IN_COLUMN),
            href: wanted.href(|other| (other.list, other.status, other.page) = (true, Some(*status), 1)),
        }
    };
    let columns = if wanted.list { Vec::new() } else { Status::ALL.iter().map(column).collect() };
    let summary = count(found.len(), "work order");
    let (shown, pager) = paged(found, PER_PAGE, wanted.page, |page| wanted.href(|other| other.page = page));
    let rows = if wanted.list { shown.into_iter().map(|order| card(sight, order)).collect() } else { Vec::new() };
    Orders {
        list: wanted.list,
        text: short(&wanted.text),
        priority: wanted.priority.map_or("", Priority::as_str),
        status: wanted.status.map_or("", Status::as_str),
        narrowed: wanted.status.is_some() || wanted.priority.is_some() || !wanted.text.is_empty(),
        board_href: wanted.href(|other| (other.list, other.page) = (false, 1)),
        list_href: wanted.href(|other| (other.list, other.page) = (true, 1)),
        priorities: priorities.collect(),
        statuses: statuses.collect(),
        columns,
        rows,
        summary,
        pager: if wanted.list { pager } else { Pager { page: 1, pages: 1, ..pager } },
    }
}

/// `in_progress` as `in progress`.
fn plain(word: &str) -> String {
    word.replace('_', " ")
}

fn class(priority: Priority) -> &'static str {
    match priority {
        Priority::Emergency => "critical",
        Priority::High => "warning",
        Priority::Medium => "info",
        Priority::Low => "none",
    }
}

fn card(sight: &Sight<'_>, order: &WorkOrder) -> Card {
    let firing = order.alerts.values().filter(|alert| alert.ended_at.is_none()).count();
    Card {
        number: order.number.to_string(),
        title: short(&order.title),
        kind: order.kind.as_str(),
        priority: order.priority.as_str(),
        class: class(order.priority),
        status: plain(order.status.as_str()),
        condition: order.condition.map_or("", |condition| condition.as_str()),
        asset: short(&order.asset.code),
        asset_about: about(order),
        assignee: short(&order.assignee),
        due: When::new(order.due_at, sight.now),
        open: order.status.is_open(),
        overdue: order.is_overdue(sight.now),
        firing: if firing > 0 { count(firing, "alert") } else { String::new() },
    }
}

fn about(order: &WorkOrder) -> String {
    let parts = [order.asset.name.clone(), order.asset.location()];
    short(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "))
}

/// One order.
#[derive(Debug, Serialize)]
pub struct OrderPage {
    card: Card,
    revision: u64,
    description: String,
    key: String,
    facts: Vec<Fact>,
    parts: Vec<Part>,
    alerts: Vec<Behind>,
    notes: Vec<Entry>,
    history: Vec<Entry>,
    /// What can be done to it now.
    actions: Vec<Action>,
    can_be_assigned: bool,
}

#[derive(Debug, Serialize)]
struct Fact {
    name: &'static str,
    value: String,
}

#[derive(Debug, Serialize)]
struct Part {
    name: String,
    needed: u32,
    in_stock: u32,
    enough: bool,
    place: String,
}

#[derive(Debug, Serialize)]
struct Behind {
    fingerprint: String,
    name: String,
    firing: bool,
    since: When,
    ended: Option<When>,
    known: bool,
}

#[derive(Debug, Serialize)]
struct Entry {
    at: When,
    who: String,
    event: String,
    text: String,
    why: String,
}

#[derive(Debug, Serialize)]
struct Action {
    word: &'static str,
    label: &'static str,
    class: &'static str,
}

/// The page of one order.
pub fn order(sight: &Sight<'_>, order: &Arc<WorkOrder>) -> OrderPage {
    let part = |part: &crate::core::asset::SparePart| Part {
        name: short(&format!("{} {}", part.number, part.name)),
        needed: part.needed,
        in_stock: part.in_stock,
        enough: part.is_in_stock(),
        place: short(&part.stock_location),
    };
    let behind = order.alerts.iter().map(|(fingerprint, alert)| Behind {
        fingerprint: fingerprint.to_string(),
        name: super::held::name(&alert.labels),
        firing: alert.ended_at.is_none(),
        since: When::new(alert.starts_at, sight.now),
        ended: alert.ended_at.map(|at| When::new(at, sight.now)),
        known: sight.view.alerts.get(*fingerprint).is_some(),
    });
    let notes = order.notes.iter().rev().map(|note| Entry {
        at: When::new(note.at, sight.now),
        who: short(&note.actor.to_string()),
        event: String::new(),
        text: note.text.clone(),
        why: String::new(),
    });
    let history = order.history.iter().rev().map(|entry| Entry {
        at: When::new(entry.at, sight.now),
        who: short(&entry.actor.to_string()),
        event: plain(entry.event.as_str()),
        text: short(&entry.text),
        why: short(&entry.why),
    });
    OrderPage {
        card: card(sight, order),
        revision: order.revision,
        description: order.description.clone(),
        key: short(&order.key),
        facts: facts(sight, order),
        parts: order.parts.iter().map(part).collect(),
        alerts: behind.collect(),
        notes: notes.collect(),
        history: history.collect(),
        actions: actions(order),
        can_be_assigned: order.status.is_open(),
    }
}

fn facts(sight: &Sight<'_>, order: &WorkOrder) -> Vec<Fact> {
    let times = [
        ("Opened", Some(order.opened_at)),
        ("Due", Some(order.due_at)),
        ("Failure began", order.malfunction_start),
        ("Failure ended", order.malfunction_end),
        ("Planned from", order.scheduled_start),
        ("Planned until", order.scheduled_end),
        ("Seen by somebody", order.acknowledged_at),
        ("Work began", order.actual_start),
        ("Work ended", order.actual_end),
        ("Closed", order.closed_at),
    ];
    let times = times.into_iter().filter_map(|(name, at)| Some((name, When::new(at?, sight.now).at)));
    let hours = [("Estimated", order.estimated_hours), ("Took", order.actual_hours)];
    let hours = hours.into_iter().filter_map(|(name, hours)| Some((name, format!("{} h", hours?))));
    let external = order.external.iter().map(|(system, name)| ("Known as", short(&format!("{name} in {system}"))));
    let all = times.chain(hours).chain(external);
    all.map(|(name, value)| Fact { name, value }).collect()
}

/// What leads on from here, the usual first.
fn actions(order: &WorkOrder) -> Vec<Action> {
    let next = order.status.next();
    let action = |word, label, class| Action { word, label, class };
    let seen = order.status.is_open() && order.acknowledged_at.is_none();
    let start = if order.status == Status::OnHold { "Take up again" } else { "Start" };
    let all = [
        (seen, action("acknowledge", "I have seen it", "plain")),
        (next.contains(&Status::InProgress), action("start", start, "main")),
        (next.contains(&Status::OnHold), action("hold", "Put on hold", "plain")),
        (next.contains(&Status::Completed), action("complete", "Complete", "main")),
        (next.contains(&Status::Cancelled), action("cancel", "Cancel", "danger")),
        (!order.status.is_open(), action("reopen", "Reopen", "main")),
    ];
    all.into_iter().filter(|(possible, _)| *possible).map(|(_, action)| action).collect()
}
