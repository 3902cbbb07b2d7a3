//! Work orders in the plant's table: each order is a row with the same number.

use std::sync::Arc;
use std::time::Duration;

use super::columns::{self, Row};
use super::connection::{Connection, Kind, Trouble};
use super::orders::{self, Written};
use super::{SYSTEM, notes};
use crate::config::settings::PlantDatabase;
use crate::core::order_command::{OrderDraft, OrderEdit};
use crate::core::work_order::WorkOrder;
use crate::mirror::target::{Away, Candidate, Desk, Target};

/// How many rows are read at once.
const CHUNK: usize = 500;
/// How often a row is looked at again within one pass, while people change it.
const LOOKS: usize = 3;

/// The table.
pub(in crate::mirror) struct Table {
    connection: Connection,
    interval: Duration,
}

impl Table {
    pub(in crate::mirror) fn new(settings: &PlantDatabase) -> Self {
        Self { connection: Connection::new(settings.url.clone()), interval: settings.refresh_interval }
    }

    /// Takes over the plant's own orders that are overdue: an alert that names one finds it here.
    async fn adopt(&mut self, desk: &Desk) -> Result<(), Away> {
        let view = desk.view().await?;
        let known: Vec<Arc<str>> = view.work_orders.keys().cloned().collect();
        let overdue = self.connection.ask(async |connection| orders::overdue(connection, &known).await).await;
        for order in overdue.map_err(|trouble| Away(trouble.to_string()))? {
            let number = order.number.clone();
            let draft = OrderDraft {
                number: order.number,
                kind: order.kind,
                priority: order.priority,
                title: columns::one_line(&order.title),
                description: order.description,
                asset_code: order.asset_code,
                ..OrderDraft::default()
            };
            let without_asset = OrderDraft { asset_code: String::new(), ..draft.clone() };
            let mut adopted = desk.adopt(draft).await?;
            if adopted.is_err() {
                // An asset that Andon does not know must not keep the order from it.
                adopted = desk.adopt(without_asset).await?;
            }
            if let Err(reason) = adopted {
                tracing::warn!(number, %reason, "An overdue order of the plant's database cannot be taken over");
            }
        }
        Ok(())
    }

    async fn read(&mut self, orders: &[Candidate]) -> Result<std::collections::BTreeMap<String, Row>, Away> {
        let numbers: Vec<String> = orders.iter().map(|candidate| candidate.order.number.to_string()).collect();
        let rows = self.connection.ask(async |connection| orders::read(connection, &numbers).await).await;
        rows.map_err(|trouble| Away(trouble.to_string()))
    }

    /// One order and its row: takes over what people changed, then writes what Andon changed.
    async fn settle(&mut self, desk: &Desk, candidate: Candidate, mut row: Option<Row>) -> Result<(), Away> {
        let mut order = Arc::clone(&candidate.order);
        let mut outcome = Ok(Written::Changed);
        for _ in 0..LOOKS {
            outcome = match &row {
                // An order is closed by its status, not by deleting its row; what is over stays deleted.
                None if !order.status.is_open() && candidate.known.as_ref().is_some_and(|known| known.revision > 0) => {
                    Ok(Written::Yes { asset: true })
                }
                None => self.connection.ask(async |connection| orders::insert(connection, &order, SYSTEM).await).await,
                Some(row) => {
                    order = take_over(desk, order, row).await?;
                    if row.is_settled(&order) {
                        Ok(Written::Yes { asset: true })
                    } else {
                        self.connection
                            .ask(async |connection| orders::update(connection, &order, row, SYSTEM).await)
                            .await
                    }
                }
            };
            if outcome != Ok(Written::Changed) {
                break;
            }
            let again = Candidate { order: Arc::clone(&order), known: None };
            row = self.read(&[again]).await?.remove(&*order.number);
        }
        self.keep(desk, &candidate, &order, outcome).await
    }

    async fn keep(
        &mut self,
        desk: &Desk,
        candidate: &Candidate,
        order: &Arc<WorkOrder>,
        outcome: Result<Written, Trouble>,
    ) -> Result<(), Away> {
        let mut record = desk.record(candidate);
        match outcome {
            Ok(Written::Yes { asset }) => {
                if !asset {
                    note_missing_asset(desk, order).await?;
                }
                record.revision = order.revision;
                record.external_id = Arc::clone(&order.number);
                record.error.clear();
            }
            // People are at it: the next pass finds them done.
            Ok(Written::Changed) => return Ok(()),
            Err(trouble) if trouble.kind == Kind::Held => return Ok(()),
            Err(trouble) if trouble.kind == Kind::Row => {
                let (number, reason) = (&*order.number, trouble.to_string());
                if record.error != reason {
                    tracing::warn!(number, reason, "The plant's database does not take a work order");
                }
                record.error = reason;
            }
            Err(trouble) => return Err(Away(trouble.to_string())),
        }
        Ok(desk.keep(candidate.known.as_deref(), record).await?)
    }
}

/// Changes the order as people changed its row. What Andon refuses is left as it is in both.
async fn take_over(desk: &Desk, order: Arc<WorkOrder>, row: &Row) -> Result<Arc<WorkOrder>, Away> {
    let changed = row.changed_by_people(&columns::wanted(&order));
    let mut edit = columns::edit(&order, &changed);
    edit.note = notes::new_from_people(&order, &row.notes, SYSTEM);
    if edit == OrderEdit::default() {
        return Ok(order);
    }
    let without_note = OrderEdit { note: None, ..edit.clone() };
    let mut edited = desk.edit(&order, edit).await?;
    if edited.is_err() && without_note != OrderEdit::default() {
        // An order that has as many notes as it may have is changed all the same.
        edited = desk.edit(&order, without_note).await?;
    }
    match edited {
        Ok(order) => Ok(order),
        Err(reason) => {
            let number = &*order.number;
            tracing::warn!(number, %reason, "A change in the plant's database cannot be taken over");
            Ok(order)
        }
    }
}

/// Says once at the order that the table has no such asset.
async fn note_missing_asset(desk: &Desk, order: &WorkOrder) -> Result<(), Away> {
    let text = notes::missing_asset(&order.asset.code);
    if !order.asset.code.is_empty() && !order.notes.iter().any(|note| note.text == text) {
        let edit = OrderEdit { note: Some(text), ..OrderEdit::default() };
        // An order with too many notes says it without this one.
        let _ = desk.edit(order, edit).await?;
    }
    Ok(())
}

impl Target for Table {
    fn name(&self) -> &str {
        SYSTEM
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn pass(&mut self, desk: &Desk, orders: Vec<Candidate>, look: bool) -> Result<(), Away> {
        if look {
            self.adopt(desk).await?;
        }
        for chunk in orders.chunks(CHUNK) {
            let mut rows = self.read(chunk).await?;
            for candidate in chunk {
                let row = rows.remove(&*candidate.order.number);
                self.settle(desk, candidate.clone(), row).await?;
            }
        }
        Ok(())
    }

    async fn close(self) {
        self.connection.close().await;
    }
}
