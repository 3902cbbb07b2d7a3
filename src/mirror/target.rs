//! The loop that keeps one other system the same as here: what is committed is passed on at once, what people changed
//! there is looked for at an interval, and a system that is away is asked ever less often, but at least twice a minute.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::core::change::Actor;
use crate::core::mirrored::Mirrored;
use crate::core::order_command::{OrderAction, OrderCommand, OrderDraft, OrderEdit, OrderRefused};
use crate::core::view::View;
use crate::core::work_order::WorkOrder;
use crate::driver::{Handle, Unavailable};
use crate::time::{Clock, Timestamp};

/// The first wait after a failure, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// For how long people may still change an order that is closed.
const WATCHED_AFTER_CLOSING: Duration = Duration::from_secs(7 * 24 * 3600);

/// Another system that work orders are passed on to.
pub(super) trait Target: Send + 'static {
    /// What it is called in metrics, histories and the API.
    fn name(&self) -> &str;

    /// How often it is looked at for what people changed there.
    fn interval(&self) -> Duration;

    /// Passes on what is behind of these orders; with `look`, takes over what people changed as well. What concerns one
    /// order only is noted at that order and keeps the others from nothing.
    fn pass(
        &mut self,
        desk: &Desk,
        orders: Vec<Candidate>,
        look: bool,
    ) -> impl Future<Output = Result<(), Away>> + Send;

    /// Says goodbye.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Why nothing can be done with a system for now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Away(pub String);

impl From<Unavailable> for Away {
    fn from(error: Unavailable) -> Self {
        Self(format!("Andon itself: {error}"))
    }
}

/// An order that a system may have to hear of, and what it has of it.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) order: Arc<WorkOrder>,
    pub(super) known: Option<Arc<Mirrored>>,
}

impl Candidate {
    /// Whether the system has an older revision, or none.
    pub(super) fn is_behind(&self) -> bool {
        self.known.as_ref().is_none_or(|known| known.revision < self.order.revision)
    }
}

/// Where a target reports to: the driver, under the target's name.
pub(super) struct Desk {
    driver: Handle,
    clock: Clock,
    system: Arc<str>,
}

impl Desk {
    /// Puts the target's name on the order's history, whoever it was there.
    fn actor(&self) -> Actor {
        Actor::Mirror { system: self.system.to_string(), person: String::new() }
    }

    /// All that is committed.
    pub(super) async fn view(&self) -> Result<Arc<View>, Unavailable> {
        self.driver.view().await
    }

    /// Changes an order as people changed it in the other system.
    pub(super) async fn edit(
        &self,
        order: &WorkOrder,
        edit: OrderEdit,
    ) -> Result<Result<Arc<WorkOrder>, OrderRefused>, Unavailable> {
        let action = OrderAction::Edit(Box::new(edit));
        let number = Arc::clone(&order.number);
        let command = OrderCommand::Change { number, if_match: None, action, why: String::new() };
        self.driver.order(self.actor(), command).await
    }

    /// Keeps with an order what the system calls it.
    pub(super) async fn link(
        &self,
        order: &WorkOrder,
        id: &str,
    ) -> Result<Result<Arc<WorkOrder>, OrderRefused>, Unavailable> {
        let action = OrderAction::Link(Arc::clone(&self.system), Arc::from(id));
        let number = Arc::clone(&order.number);
        let command = OrderCommand::Change { number, if_match: None, action, why: String::new() };
        self.driver.order(self.actor(), command).await
    }

    /// Takes over an order that the other system has and Andon has not.
    pub(super) async fn adopt(&self, draft: OrderDraft) -> Result<Result<Arc<WorkOrder>, OrderRefused>, Unavailable> {
        self.driver.order(self.actor(), OrderCommand::Create(Box::new(draft))).await
    }

    /// Keeps what the system has taken of an order; nothing is stored where nothing is new.
    pub(super) async fn keep(&self, before: Option<&Mirrored>, now: Mirrored) -> Result<(), Unavailable> {
        if before.is_some_and(|before| Mirrored { at: before.at, ..now.clone() } == *before) {
            return Ok(());
        }
        self.driver.mirrored(now).await
    }

    /// Keeps, before the system is asked to create an order, that it will have been asked.
    pub(super) async fn claim(&self, claim: Mirrored) -> Result<(), Unavailable> {
        self.driver.mirrored(claim).await
    }

    /// What is known of an order in the system, or the beginning of it.
    pub(super) fn record(&self, candidate: &Candidate) -> Mirrored {
        let at = self.clock.now();
        match &candidate.known {
            Some(known) => Mirrored { at, ..Mirrored::clone(known) },
            None => Mirrored {
                order: Arc::clone(&candidate.order.number),
                target: Arc::clone(&self.system),
                revision: 0,
                external_id: Arc::from(""),
                external_status: Arc::from(""),
                error: String::new(),
                at,
            },
        }
    }
}

/// Keeps a system the same as here, until `stop`.
pub(super) async fn keep(mut target: impl Target, shared: Arc<Shared>, stop: CancellationToken) {
    let system: Arc<str> = Arc::from(target.name());
    let desk = Desk { driver: shared.driver.clone(), clock: shared.clock, system: Arc::clone(&system) };
    let mut changed = shared.driver.orders_changed();
    let (mut failures, mut look_at) = (0_u32, tokio::time::Instant::now());
    loop {
        changed.borrow_and_update();
        let look = failures > 0 || look_at <= tokio::time::Instant::now();
        let passed = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            passed = pass(&mut target, &desk, look) => passed,
        };
        report(&shared, &system, &passed, failures);
        if look {
            look_at = tokio::time::Instant::now() + target.interval();
        }
        failures = if passed.is_ok() { 0 } else { failures.saturating_add(1) };
        let pause = wait_after(failures);
        let woken = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => tokio::select! {
                    () = tokio::time::sleep_until(look_at) => {}
                    // The driver ends after us.
                    changed = changed.changed() => drop(changed),
                },
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = woken => {}
        }
    }
    target.close().await;
}

/// After so many failures in a row.
fn wait_after(failures: u32) -> Option<Duration> {
    let doublings = failures.checked_sub(1)?;
    Some(FIRST_WAIT.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_WAIT))
}

async fn pass(target: &mut impl Target, desk: &Desk, look: bool) -> Result<(), Away> {
    let view = desk.view().await?;
    let orders = candidates(&view, &desk.system, desk.clock.now(), look);
    target.pass(desk, orders, look).await
}

/// The orders that are behind; with `look`, those as well that people may have changed there.
fn candidates(view: &View, system: &Arc<str>, now: Timestamp, look: bool) -> Vec<Candidate> {
    let candidate = |order: &Arc<WorkOrder>| {
        let known = view.mirrored.get(&(Arc::clone(&order.number), Arc::clone(system))).cloned();
        Candidate { order: Arc::clone(order), known }
    };
    let watched = |order: &WorkOrder| order.closed_at.is_none_or(|closed| closed.after(WATCHED_AFTER_CLOSING) > now);
    let candidates = view.work_orders.values().map(candidate);
    candidates.filter(|candidate| candidate.is_behind() || (look && watched(&candidate.order))).collect()
}

fn report(shared: &Shared, system: &str, passed: &Result<(), Away>, failures: u32) {
    shared.metrics.mirror_passed(system, passed.is_ok());
    match passed {
        Ok(()) if failures > 0 => tracing::info!(system, "Work orders are passed on again"),
        Err(reason) if failures == 0 => {
            tracing::warn!(system, %reason, "Work orders cannot be passed on; they wait");
        }
        _ => {}
    }
}
