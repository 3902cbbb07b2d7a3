//! A maintenance system over HTTP, described by its requests.
//!
//! ```text
//! order ──► claim (stored) ──► find by number ──► create ──► id (stored) ──► read, update, change status
//!              ▲                   │ found: its id              │
//!              └── answer lost ◄───┴────────────────────────────┘
//! ```
//!
//! The claim is stored before the order is created there. While a claim stands, the order is looked for before it is
//! created, and not created again before what was asked last has had time to show up in a search: a create that
//! succeeded, and whose answer was lost, is found and not repeated.

mod calls;
mod context;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use self::calls::{Answered, Calls, Failure, Kind};
use super::target::{Away, Candidate, Desk, Target};
use crate::config::settings::{Cmms, CmmsRequest};
use crate::core::mirrored::Mirrored;
use crate::core::order_command::OrderEdit;
use crate::core::work_order::{Status, WorkOrder};

/// What stands in the place of the other system's status while an order is being created there.
const CLAIMED: &str = "(being created)";

/// One system.
pub(super) struct System {
    settings: Cmms,
    calls: Calls,
    /// The assets' ids there, by code: they do not change.
    assets: BTreeMap<String, Value>,
}

/// How it went with one order.
type Step<T> = Result<T, Failure>;

impl System {
    pub(super) fn new(settings: &Cmms) -> Self {
        Self { calls: Calls::new(settings), settings: settings.clone(), assets: BTreeMap::new() }
    }

    /// Brings one order and what the system has of it together.
    async fn settle(&mut self, desk: &Desk, candidate: &Candidate, look: bool) -> Result<(), Away> {
        let mut record = desk.record(candidate);
        let mut order = Arc::clone(&candidate.order);
        let done = self.bring_together(desk, candidate, &mut order, &mut record, look).await?;
        match done {
            Ok(()) => record.error.clear(),
            Err(failure) => {
                let (system, number) = (&*self.settings.name, &*order.number);
                if record.error != failure.reason {
                    tracing::warn!(system, number, reason = failure.reason, "A work order cannot be passed on");
                }
                if failure.kind == Kind::Away {
                    desk.keep(candidate.known.as_deref(), record).await?;
                    return Err(Away(failure.reason));
                }
                record.error = failure.reason;
            }
        }
        Ok(desk.keep(candidate.known.as_deref(), record).await?)
    }

    async fn bring_together(
        &mut self,
        desk: &Desk,
        candidate: &Candidate,
        order: &mut Arc<WorkOrder>,
        record: &mut Mirrored,
        look: bool,
    ) -> Result<Step<()>, Away> {
        if record.external_id.is_empty() {
            if let Err(failure) = self.find_or_create(desk, candidate, order, record).await? {
                return Ok(Err(failure));
            }
            if record.external_id.is_empty() {
                return Ok(Ok(()));
            }
            link(desk, order, record).await?;
        } else if look || candidate.is_behind() {
            match self.take_over(desk, order, record).await? {
                Ok(newer) => *order = newer,
                Err(failure) => return Ok(Err(failure)),
            }
        }
        if record.revision >= order.revision {
            return Ok(Ok(()));
        }
        Ok(self.pass_on(order, record).await)
    }

    /// The id of the order there; none yet while a search may still miss it.
    async fn find_or_create(
        &mut self,
        desk: &Desk,
        candidate: &Candidate,
        order: &WorkOrder,
        record: &mut Mirrored,
    ) -> Result<Step<()>, Away> {
        let context = match self.context(order, "").await {
            Ok(context) => context,
            Err(failure) => return Ok(Err(failure)),
        };
        let found = match self.calls.make("find", &self.settings.find, &context).await {
            Ok(found) => found,
            Err(failure) => return Ok(Err(failure)),
        };
        if !found.id.is_empty() {
            know(record, found);
            return Ok(Ok(()));
        }
        let claimed = candidate.known.as_ref().filter(|known| &*known.external_status == CLAIMED);
        if claimed
            .is_some_and(|claimed| claimed.at.after(self.settings.settle_time + self.settings.timeout) > record.at)
        {
            // What was asked last may still be going on there.
            *record = claimed.map_or_else(|| record.clone(), |claimed| Mirrored::clone(claimed));
            return Ok(Ok(()));
        }
        record.external_status = Arc::from(CLAIMED);
        desk.claim(record.clone()).await?;
        match self.calls.make("create", &self.settings.create, &context).await {
            Ok(created) if created.id.is_empty() => {
                let reason = "create: the answer names no id; the order is looked for".to_owned();
                Ok(Err(Failure { reason, kind: Kind::Unclear }))
            }
            Ok(created) => {
                know(record, created);
                record.revision = order.revision;
                Ok(Ok(()))
            }
            Err(failure) => {
                if failure.kind == Kind::Refused {
                    record.external_status = Arc::from("");
                }
                Ok(Err(failure))
            }
        }
    }

    /// Looks at the order there, and changes ours as people changed it.
    async fn take_over(
        &mut self,
        desk: &Desk,
        order: &Arc<WorkOrder>,
        record: &mut Mirrored,
    ) -> Result<Step<Arc<WorkOrder>>, Away> {
        let Some(read) = self.settings.read.clone() else { return Ok(Ok(Arc::clone(order))) };
        let answered = match self.request("read", &read, order, &record.external_id).await {
            Ok(answered) => answered,
            Err(failure) => return Ok(Err(failure)),
        };
        let mut edit = OrderEdit::default();
        if !answered.status.is_empty() && *answered.status != *record.external_status {
            edit.status = self.our_status(&answered.status).filter(|_| self.word(order.status) != answered.status);
            record.external_status = Arc::from(answered.status.as_str());
        }
        if let Some(assignee) = answered.assignee.filter(|assignee| !assignee.is_empty() && *assignee != order.assignee)
        {
            edit.assignee = Some(assignee.chars().filter(|c| !c.is_control()).take(255).collect());
        }
        if edit == OrderEdit::default() {
            return Ok(Ok(Arc::clone(order)));
        }
        match desk.edit(order, edit).await? {
            Ok(newer) => Ok(Ok(newer)),
            Err(reason) => {
                let (system, number) = (&*self.settings.name, &*order.number);
                tracing::warn!(system, number, %reason, "A change in the maintenance system cannot be taken over");
                Ok(Ok(Arc::clone(order)))
            }
        }
    }

    /// Says there what changed here.
    async fn pass_on(&mut self, order: &WorkOrder, record: &mut Mirrored) -> Step<()> {
        let id = Arc::clone(&record.external_id);
        if let Some(update) = self.settings.update.clone() {
            let updated = self.request("update", &update, order, &id).await?;
            note_status(record, updated);
        }
        let status = self.word(order.status);
        if let Some(change) = self.settings.change_status.clone().filter(|_| *status != *record.external_status) {
            let changed = self.request("change_status", &change, order, &id).await?;
            record.external_status = Arc::from(status);
            note_status(record, changed);
        }
        record.revision = order.revision;
        Ok(())
    }

    async fn request(&mut self, name: &str, request: &CmmsRequest, order: &WorkOrder, id: &str) -> Step<Answered> {
        let context = self.context(order, id).await?;
        self.calls.make(name, request, &context).await
    }

    async fn context(&mut self, order: &WorkOrder, id: &str) -> Step<Value> {
        let asset_id = self.asset_id(order).await?;
        Ok(context::of(&self.settings, order, id, &asset_id))
    }

    /// What the system calls the order's asset; null where it has no such asset.
    async fn asset_id(&mut self, order: &WorkOrder) -> Step<Value> {
        let code = &order.asset.code;
        let Some(request) = self.settings.asset.as_ref().filter(|_| !code.is_empty()) else { return Ok(Value::Null) };
        if let Some(id) = self.assets.get(code) {
            return Ok(id.clone());
        }
        let context = context::of(&self.settings, order, "", &Value::Null);
        let found = match self.calls.make("asset", request, &context).await {
            // The licence may not allow to look for assets: the order is worth more than its asset.
            Err(failure) if failure.kind == Kind::Refused => return Ok(Value::Null),
            found => found?,
        };
        let id = match found.id.parse::<u64>() {
            Ok(number) => Value::from(number),
            Err(_) if found.id.is_empty() => return Ok(Value::Null),
            Err(_) => Value::from(found.id),
        };
        self.assets.insert(code.clone(), id.clone());
        Ok(id)
    }

    /// Its word for a status of ours.
    fn word(&self, status: Status) -> String {
        let word = self.settings.statuses.get(status.as_str());
        word.cloned().unwrap_or_else(|| status.as_str().to_owned())
    }

    /// Our status for its word: the first in the order of work that has it.
    fn our_status(&self, word: &str) -> Option<Status> {
        Status::ALL.iter().copied().find(|status| self.word(*status) == word)
    }
}

/// Keeps with the order what the system calls it. Beyond that nothing is new to the system.
async fn link(desk: &Desk, order: &mut Arc<WorkOrder>, record: &mut Mirrored) -> Result<(), Away> {
    // An id that an order does not take is kept beside it all the same.
    if let Ok(linked) = desk.link(order, &record.external_id).await? {
        if record.revision == order.revision && linked.revision == order.revision.saturating_add(1) {
            record.revision = linked.revision;
        }
        *order = linked;
    }
    Ok(())
}

fn know(record: &mut Mirrored, answered: Answered) {
    record.external_id = Arc::from(answered.id);
    record.external_status = Arc::from(answered.status);
}

fn note_status(record: &mut Mirrored, answered: Answered) {
    if !answered.status.is_empty() {
        record.external_status = Arc::from(answered.status);
    }
}

impl Target for System {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn interval(&self) -> Duration {
        self.settings.poll_interval
    }

    async fn pass(&mut self, desk: &Desk, orders: Vec<Candidate>, look: bool) -> Result<(), Away> {
        for candidate in &orders {
            self.settle(desk, candidate, look).await?;
        }
        Ok(())
    }

    async fn close(self) {}
}
