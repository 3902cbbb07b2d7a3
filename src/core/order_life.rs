//! What people and other systems do to work orders: one at a time, checked as a whole, or refused with nothing changed.

use std::sync::Arc;

use super::asset::Asset;
use super::change::Actor;
use super::engine::Engine;
use super::order_command::{OrderAction, OrderCommand, OrderDraft, OrderEdit, OrderRefused};
use super::orders::order_number;
use super::work_order::edit::By;
use super::work_order::{OrderEvent, Status, WorkOrder};
use crate::time::Timestamp;

/// The longest text in one line, in characters: what the plant's tables take.
const LONGEST_LINE: usize = 255;
/// The longest text of many lines, in characters.
const LONGEST_TEXT: usize = 10_000;
/// How many notes people may put on an order.
const MOST_NOTES: usize = 1_000;
/// How many orders there may be before none is opened by hand any more.
const MOST_ORDERS: usize = 100_000;
/// More hours than this is no estimate.
const MOST_HOURS: f64 = 100_000.0;

impl Engine {
    /// Does what is asked, or refuses and changes nothing. Gives the order as it is then.
    pub(super) fn order(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        command: OrderCommand,
    ) -> Result<Arc<WorkOrder>, OrderRefused> {
        match command {
            OrderCommand::Create(draft) => self.create_order(now, actor, &draft),
            OrderCommand::Change { number, if_match, action, why } => {
                let known = self.state.work_orders.get(&number).cloned();
                let order = known.ok_or_else(|| OrderRefused::NotFound(Arc::clone(&number)))?;
                if let Some(expected) = if_match.filter(|expected| *expected != order.revision) {
                    return Err(OrderRefused::Stale { number, expected, found: order.revision });
                }
                check_text("why", &why, LONGEST_TEXT)?;
                let by = By { at: now, actor, why: &why };
                let mut changed = WorkOrder::clone(&order);
                act(&mut changed, by, &action)?;
                if changed == *order {
                    return Ok(order);
                }
                if changed.status.is_open() && !order.status.is_open() {
                    self.check_is_latest(&order)?;
                }
                Ok(self.put_order(now, changed))
            }
        }
    }

    /// Only the newest order of a key may be open again: so there is never more than one.
    fn check_is_latest(&self, order: &WorkOrder) -> Result<(), OrderRefused> {
        match self.state.latest_order(&order.key) {
            Some(latest) if latest.number != order.number => {
                Err(OrderRefused::Another { other: Arc::clone(&latest.number) })
            }
            _ => Ok(()),
        }
    }

    fn create_order(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        draft: &OrderDraft,
    ) -> Result<Arc<WorkOrder>, OrderRefused> {
        check_draft(draft)?;
        if self.state.work_orders.len() >= MOST_ORDERS {
            let problem = format!("there are {MOST_ORDERS} work orders");
            return Err(OrderRefused::Invalid { field: "number", problem, allowed: "no more".into() });
        }
        let asset = self.named_asset(&draft.asset_code)?;
        let (number, key) = self.name_by_hand(now, draft)?;
        let by = By { at: now, actor, why: "" };
        let mut order = WorkOrder::opened(number, key, now);
        order.kind = draft.kind;
        order.priority = draft.priority;
        order.title.clone_from(&draft.title);
        order.description.clone_from(&draft.description);
        order.parts = self.state.known_asset(&asset.code).map(|known| known.parts.clone()).unwrap_or_default();
        order.asset = asset;
        let due_after = self.state.policy.orders.due_after(draft.priority);
        order.due_at = draft.due_at.unwrap_or_else(|| now.after(due_after));
        (order.scheduled_start, order.scheduled_end) = (draft.scheduled_start, draft.scheduled_end);
        order.estimated_hours = draft.estimated_hours;
        let how = if matches!(actor, Actor::Mirror { .. }) { "taken over" } else { "opened by hand" };
        order.record(by, OrderEvent::Opened, how);
        if !draft.assignee.is_empty() {
            order.give_to(by, &draft.assignee);
            order.status = Status::Assigned;
        }
        order.note_missing_parts(By::clock(now));
        if !draft.note.is_empty() {
            order.note(by, &draft.note);
        }
        Ok(self.put_order(now, order))
    }

    /// The asset with this code. Where no assets are known any code will do.
    fn named_asset(&self, code: &str) -> Result<Asset, OrderRefused> {
        if let Some(known) = self.state.known_asset(code) {
            return Ok(known.asset.clone());
        }
        if !code.is_empty() && self.state.knows_assets() {
            let problem = format!("there is no asset {code:?}");
            return Err(OrderRefused::Invalid {
                field: "assetCode",
                problem,
                allowed: "the code of a known asset".into(),
            });
        }
        Ok(Asset { code: code.to_owned(), ..Asset::default() })
    }

    /// Number and key of an order that is opened by hand.
    fn name_by_hand(&self, now: Timestamp, draft: &OrderDraft) -> Result<(Arc<str>, Arc<str>), OrderRefused> {
        if !draft.number.is_empty() {
            if let Some(order) = self.state.work_orders.get(&*draft.number) {
                return Err(OrderRefused::Another { other: Arc::clone(&order.number) });
            }
            return Ok((Arc::from(draft.number.as_str()), Arc::from(format!("number:{}", draft.number))));
        }
        if draft.key.is_empty() {
            let number = order_number(&self.state, &format!("{}\0{}", draft.asset_code, draft.title), now);
            let key = Arc::from(format!("number:{number}"));
            return Ok((number, key));
        }
        let key: Arc<str> = Arc::from(format!("key:{}", draft.key));
        match self.state.latest_order(&key).filter(|latest| latest.status.is_open()) {
            Some(open) => Err(OrderRefused::Another { other: Arc::clone(&open.number) }),
            None => Ok((order_number(&self.state, &key, now), key)),
        }
    }
}

fn check_draft(draft: &OrderDraft) -> Result<(), OrderRefused> {
    check_title(&draft.title)?;
    check_text("description", &draft.description, LONGEST_TEXT)?;
    check_text("note", &draft.note, LONGEST_TEXT)?;
    check_line("key", &draft.key)?;
    check_line("number", &draft.number)?;
    check_line("assetCode", &draft.asset_code)?;
    check_line("assignee", &draft.assignee)?;
    check_hours("estimatedHours", draft.estimated_hours)?;
    check_span("scheduledEnd", draft.scheduled_start, draft.scheduled_end)
}

fn act(order: &mut WorkOrder, by: By<'_>, action: &OrderAction) -> Result<(), OrderRefused> {
    match action {
        OrderAction::Acknowledge => {
            require(order, order.status.is_open(), Status::Assigned)?;
            if order.acknowledged_at.is_none() {
                order.acknowledged_at = Some(by.at);
                order.record(by, OrderEvent::Acknowledged, "acknowledged");
            }
            Ok(())
        }
        OrderAction::Assign(assignee) => assign(order, by, assignee),
        OrderAction::Start => step(order, by, Status::InProgress),
        OrderAction::Hold => step(order, by, Status::OnHold),
        OrderAction::Complete => step(order, by, Status::Completed),
        OrderAction::Cancel => step(order, by, Status::Cancelled),
        OrderAction::Reopen => {
            require(order, !order.status.is_open(), Status::Open)?;
            step(order, by, Status::Open)
        }
        OrderAction::Note(text) => {
            if text.trim().is_empty() {
                return Err(invalid("note", "it is empty", "a text"));
            }
            add_note(order, by, text)
        }
        OrderAction::Edit(edit) => apply(order, by, edit),
        OrderAction::Link(system, name) => {
            check_line("system", system)?;
            check_line("name", name)?;
            if order.external.get(system) != Some(name) {
                order.external.insert(Arc::clone(system), Arc::clone(name));
                order.record(by, OrderEvent::Linked, format!("{system} calls it {name}"));
            }
            Ok(())
        }
    }
}

fn require(order: &WorkOrder, possible: bool, to: Status) -> Result<(), OrderRefused> {
    match possible {
        true => Ok(()),
        false => Err(OrderRefused::Impossible { number: Arc::clone(&order.number), from: order.status, to }),
    }
}

fn step(order: &mut WorkOrder, by: By<'_>, to: Status) -> Result<(), OrderRefused> {
    require(order, order.status.may_become(to), to)?;
    order.go(by, to);
    Ok(())
}

fn assign(order: &mut WorkOrder, by: By<'_>, assignee: &str) -> Result<(), OrderRefused> {
    check_line("assignee", assignee)?;
    require(order, order.status.is_open(), Status::Assigned)?;
    if order.assignee == assignee {
        return Ok(());
    }
    match (order.status, assignee.is_empty()) {
        (Status::Assigned, true) => order.go(by, Status::Open),
        (Status::Open, false) => {
            order.give_to(by, assignee);
            order.status = Status::Assigned;
        }
        _ => order.give_to(by, assignee),
    }
    Ok(())
}

fn add_note(order: &mut WorkOrder, by: By<'_>, text: &str) -> Result<(), OrderRefused> {
    check_text("note", text, LONGEST_TEXT)?;
    if order.notes.len() >= MOST_NOTES {
        let allowed = format!("at most {MOST_NOTES} notes");
        return Err(invalid("note", "the order has as many notes as it may have", &allowed));
    }
    order.note(by, text);
    order.record(by, OrderEvent::Noted, "a note was added");
    Ok(())
}

/// Changes fields; the status last, so that what follows from it is not overwritten, but for what is said outright.
fn apply(order: &mut WorkOrder, by: By<'_>, edit: &OrderEdit) -> Result<(), OrderRefused> {
    let mut changes = Changes(Vec::new());
    if let Some(title) = &edit.title {
        check_title(title)?;
        changes.set("title", &mut order.title, title.clone(), |title| title.clone());
    }
    if let Some(description) = &edit.description {
        check_text("description", description, LONGEST_TEXT)?;
        changes.set("description", &mut order.description, description.clone(), |_| "another text".into());
    }
    if let Some(kind) = edit.kind {
        changes.set("type", &mut order.kind, kind, |kind| kind.as_str().into());
    }
    if let Some(priority) = edit.priority {
        changes.set("priority", &mut order.priority, priority, |priority| priority.as_str().into());
    }
    if let Some(due_at) = edit.due_at {
        changes.set("due", &mut order.due_at, due_at, |at| at.to_string());
        if due_at > by.at {
            order.ladder.clear();
        }
    }
    for (name, field, new) in [
        ("scheduled start", &mut order.scheduled_start, edit.scheduled_start),
        ("scheduled end", &mut order.scheduled_end, edit.scheduled_end),
    ] {
        if let Some(new) = new {
            changes.set(name, field, new, |at| at.map_or("none".into(), |at| at.to_string()));
        }
    }
    for (name, field, new) in [
        ("estimatedHours", &mut order.estimated_hours, edit.estimated_hours),
        ("actualHours", &mut order.actual_hours, edit.actual_hours),
    ] {
        if let Some(new) = new {
            check_hours(name, new)?;
            changes.set(name, field, new, |hours| hours.map_or("none".into(), |hours| hours.to_string()));
        }
    }
    changes.record(order, by);
    apply_life(order, by, edit)
}

/// The part of an edit that the state machine knows of: status, assignee, when the work began and ended; and the note.
fn apply_life(order: &mut WorkOrder, by: By<'_>, edit: &OrderEdit) -> Result<(), OrderRefused> {
    if let Some(to) = edit.status.filter(|to| *to != order.status) {
        match by.actor {
            // What the plant's people say elsewhere holds: it is followed step by step.
            Actor::Mirror { .. } => order.status.way_to(to).into_iter().for_each(|step| order.go(by, step)),
            _ => step(order, by, to)?,
        }
    }
    if let Some(assignee) = edit.assignee.as_ref().filter(|assignee| **assignee != order.assignee) {
        check_line("assignee", assignee)?;
        match edit.status {
            // Both were given: neither follows from the other.
            Some(_) => order.give_to(by, assignee),
            None if matches!(by.actor, Actor::Mirror { .. }) => order.give_to(by, assignee),
            None => assign(order, by, assignee)?,
        }
    }
    let mut changes = Changes(Vec::new());
    for (name, field, new) in [
        ("actual start", &mut order.actual_start, edit.actual_start),
        ("actual end", &mut order.actual_end, edit.actual_end),
    ] {
        if let Some(new) = new {
            changes.set(name, field, new, |at| at.map_or("none".into(), |at| at.to_string()));
        }
    }
    changes.record(order, by);
    // What a mirror says of the plant's own table holds, even where it makes little sense.
    if !matches!(by.actor, Actor::Mirror { .. }) {
        check_span("scheduledEnd", order.scheduled_start, order.scheduled_end)?;
        check_span("actualEnd", order.actual_start, order.actual_end)?;
    }
    match edit.note.as_deref() {
        None | Some("") => Ok(()),
        Some(note) => add_note(order, by, note),
    }
}

/// What an edit changed, in words.
struct Changes(Vec<String>);

impl Changes {
    fn set<T: PartialEq>(&mut self, name: &str, field: &mut T, new: T, shown: impl Fn(&T) -> String) {
        if *field != new {
            let old = std::mem::replace(field, new);
            self.0.push(format!("{name}: {} to {}", shown(&old), shown(field)));
        }
    }

    fn record(self, order: &mut WorkOrder, by: By<'_>) {
        if !self.0.is_empty() {
            order.record(by, OrderEvent::Changed, self.0.join("; "));
        }
    }
}

fn invalid(field: &'static str, problem: &str, allowed: &str) -> OrderRefused {
    OrderRefused::Invalid { field, problem: problem.into(), allowed: allowed.into() }
}

fn check_title(title: &str) -> Result<(), OrderRefused> {
    if title.trim().is_empty() {
        return Err(invalid("title", "it is empty", "a text"));
    }
    check_line("title", title)
}

/// One line: short, and nothing in it that would end it.
fn check_line(field: &'static str, text: &str) -> Result<(), OrderRefused> {
    if text.chars().any(char::is_control) {
        return Err(invalid(field, "it has control characters", "text in one line"));
    }
    check_text(field, text, LONGEST_LINE)
}

fn check_text(field: &'static str, text: &str, longest: usize) -> Result<(), OrderRefused> {
    let length = text.chars().count();
    match length <= longest {
        true => Ok(()),
        false => Err(invalid(field, &format!("it has {length} characters"), &format!("at most {longest} characters"))),
    }
}

fn check_hours(field: &'static str, hours: Option<f64>) -> Result<(), OrderRefused> {
    match hours {
        Some(hours) if !(0.0..=MOST_HOURS).contains(&hours) => {
            Err(invalid(field, &format!("{hours} is no number of hours"), &format!("0 to {MOST_HOURS}")))
        }
        _ => Ok(()),
    }
}

fn check_span(field: &'static str, start: Option<Timestamp>, end: Option<Timestamp>) -> Result<(), OrderRefused> {
    match (start, end) {
        (Some(start), Some(end)) if end < start => Err(invalid(field, "it lies before the start", "a later time")),
        _ => Ok(()),
    }
}
