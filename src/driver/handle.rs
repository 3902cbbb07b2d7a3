//! The way to the driver: what others may ask of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::past::Reading;
use crate::core::ack::{Ack, AckDraft, AckRefused};
use crate::core::asset::Assets;
use crate::core::change::Actor;
use crate::core::dead_letters::{DeadLetterCommand, DeadLetterDone, DeadLetterRefused};
use crate::core::engine::{Input, Output};
use crate::core::ingest::{Batch, Rejected};
use crate::core::mirrored::Mirrored;
use crate::core::order_command::{OrderCommand, OrderRefused};
use crate::core::outbox::{DeliveryId, Outcome};
use crate::core::policy::Policy;
use crate::core::silence::{SilenceDraft, SilenceId, SilenceRefused};
use crate::core::together::Bundle;
use crate::core::view::View;
use crate::core::work_order::WorkOrder;

/// The store cannot be written now, a limit is reached, or the service is stopping: nothing of the request was kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not stored, try again: {0}")]
pub struct Unavailable(pub String);

pub(super) type Answer<T> = oneshot::Sender<Result<T, Unavailable>>;

/// The acknowledgement that was made, changed or withdrawn, or why not.
pub type AckResult = Result<Arc<Ack>, AckRefused>;

/// What somebody wants of the engine.
pub(crate) enum Request {
    Alerts {
        actor: Actor,
        batch: Batch,
        done: Answer<Vec<Rejected>>,
    },
    /// Anything else that somebody asks of the engine and waits for.
    Command {
        input: Input,
        done: Answer<Output>,
    },
    /// Of one attempt: kept whole, so that no commit divides what was told in one message.
    Settled {
        deliveries: Vec<DeliveryId>,
        outcome: Outcome,
        jitter: f64,
    },
    Parked {
        delivery: DeliveryId,
    },
    Claim {
        deliveries: Vec<DeliveryId>,
        done: oneshot::Sender<Bundle>,
    },
    View {
        done: oneshot::Sender<Arc<View>>,
    },
}

impl Request {
    /// Whether it is decided in no time.
    pub(super) fn is_quick(&self) -> bool {
        match self {
            Self::Alerts { batch, .. } => batch.len() <= super::FEW_ALERTS,
            Self::Settled { deliveries, .. } | Self::Claim { deliveries, .. } => deliveries.len() <= super::FEW,
            Self::Parked { .. } | Self::View { .. } => true,
            Self::Command { .. } => false,
        }
    }
}

/// How the driver fares, for metrics and readiness.
#[derive(Debug, Default)]
pub struct Health {
    /// Commits made.
    pub commits: AtomicU64,
    /// Nanoseconds spent in them.
    pub commit_nanos: AtomicU64,
    /// Commits that failed.
    pub commit_failures: AtomicU64,
    /// Changes stored.
    pub changes: AtomicU64,
    /// Bytes of the store on disk; looked at with a commit, at most once a second.
    pub store_bytes: AtomicU64,
    /// Rises whenever a work order was changed and that is stored.
    pub orders: watch::Sender<u64>,
    /// What is wrong with the store now, if something is.
    pub trouble: ArcSwapOption<String>,
    /// Checkpoints that could not be written.
    pub checkpoint_failures: AtomicU64,
    /// Why the last one could not, if it could not.
    pub checkpoint_trouble: ArcSwapOption<String>,
}

/// Lets the driver sleep until so many requests wait, rather than wake for each.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// 0 while nobody gathers.
    wanted: AtomicUsize,
    enough: Notify,
}

impl Gathering {
    /// Waits until so many requests wait in the inbox, at most for a time.
    pub(super) async fn wait(&self, inbox: &mpsc::Receiver<Request>, wanted: usize, most: Duration) {
        self.wanted.store(wanted, Ordering::SeqCst);
        if inbox.len() < wanted {
            // Whether it was enough or too long, what is there is taken.
            let _ = tokio::time::timeout(most, self.enough.notified()).await;
        }
        self.wanted.store(0, Ordering::SeqCst);
    }

    /// A request was put into the inbox.
    fn came(&self, inbox: &mpsc::Sender<Request>) {
        let wanted = self.wanted.load(Ordering::SeqCst);
        if wanted > 0 && inbox.max_capacity() - inbox.capacity() >= wanted {
            self.enough.notify_one();
        }
    }
}

/// The way to the driver; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) inbox: mpsc::Sender<Request>,
    pub(super) health: Arc<Health>,
    pub(super) reading: Reading,
    pub(super) gathering: Arc<Gathering>,
}

impl Handle {
    /// A way to a test that plays the driver.
    #[cfg(test)]
    pub(crate) fn to(inbox: mpsc::Sender<Request>) -> Self {
        use crate::store::Store as _;
        let reading = Reading::new(crate::store::memory::Memory::default().past());
        Self { inbox, health: Arc::default(), reading, gathering: Arc::default() }
    }

    /// Takes in alerts. What is not rejected is durable when this returns.
    ///
    /// # Errors
    /// [`Unavailable`] if nothing could be stored.
    pub async fn put_alerts(&self, actor: Actor, batch: Batch) -> Result<Vec<Rejected>, Unavailable> {
        self.ask(|done| Request::Alerts { actor, batch, done }).await?
    }

    /// Makes or changes a silence.
    ///
    /// # Errors
    /// [`Unavailable`] if it could not be stored; within, why it was refused.
    pub async fn put_silence(
        &self,
        actor: Actor,
        draft: SilenceDraft,
    ) -> Result<Result<SilenceId, SilenceRefused>, Unavailable> {
        match self.command(Input::Silence(actor, draft)).await? {
            Output::Silence(result) => Ok(result),
            other => Err(unexpected(&other)),
        }
    }

    /// Ends a silence; one that has ended stays so.
    ///
    /// # Errors
    /// [`Unavailable`] if it could not be stored; within, [`SilenceRefused::NotFound`].
    pub async fn expire_silence(
        &self,
        actor: Actor,
        id: SilenceId,
    ) -> Result<Result<SilenceId, SilenceRefused>, Unavailable> {
        match self.command(Input::ExpireSilence(actor, id)).await? {
            Output::Silence(result) => Ok(result),
            other => Err(unexpected(&other)),
        }
    }

    /// Opens or changes a work order.
    ///
    /// # Errors
    /// [`Unavailable`] if it could not be stored; within, why it was refused.
    pub async fn order(
        &self,
        actor: Actor,
        command: OrderCommand,
    ) -> Result<Result<Arc<WorkOrder>, OrderRefused>, Unavailable> {
        match self.command(Input::Order(actor, command)).await? {
            Output::Order(result) => Ok(result),
            other => Err(unexpected(&other)),
        }
    }

    /// Says what another system has taken of a work order.
    ///
    /// # Errors
    /// [`Unavailable`] if it could not be stored.
    pub async fn mirrored(&self, mirrored: Mirrored) -> Result<(), Unavailable> {
        self.command(Input::Mirrored(Box::new(mirrored))).await.map(drop)
    }

    /// Tells whenever work orders were changed.
    pub fn orders_changed(&self) -> watch::Receiver<u64> {
        self.health.orders.subscribe()
    }

    /// Says what another system knows of the plant's assets, in place of what it said before.
    ///
    /// # Errors
    /// [`Unavailable`] when the service is stopping.
    pub async fn assets(&self, assets: Arc<Assets>) -> Result<(), Unavailable> {
        self.command(Input::Assets(assets)).await.map(drop)
    }

    /// Acknowledges a group, or changes its acknowledgement.
    ///
    /// # Errors
    /// [`Unavailable`] if it could not be stored; within, why it was refused.
    pub async fn ack(&self, actor: Actor, draft: AckDraft) -> Result<AckResult, Unavailable> {
        match self.command(Input::Ack(actor, draft)).await? {
            Output::Ack(result) => Ok(result),
            other => Err(unexpected(&other)),
        }
    }

    /// Withdraws the acknowledgement of the group with this key.
    ///
    /// # Errors
    /// [`Unavailable`] if that could not be stored; within, [`AckRefused::NotAcknowledged`].
    pub async fn withdraw_ack(&self, actor: Actor, group_key: Arc<str>) -> Result<AckResult, Unavailable> {
        match self.command(Input::WithdrawAck(actor, group_key)).await? {
            Output::Ack(result) => Ok(result),
            other => Err(unexpected(&other)),
        }
    }

    /// Puts other rules in force: SHA-256 of the file, and its text without secrets, go into the journal.
    ///
    /// # Errors
    /// [`Unavailable`] if that could not be stored; the old rules stay.
    pub async fn reload(
        &self,
        actor: Actor,
        policy: Arc<Policy>,
        hash: String,
        text: String,
    ) -> Result<(), Unavailable> {
        self.command(Input::Reload(actor, policy, hash, text)).await.map(drop)
    }

    /// Sends a dead letter again, or puts it away.
    ///
    /// # Errors
    /// [`Unavailable`] if it could not be stored; within, why it was refused.
    pub async fn dead_letter(
        &self,
        actor: Actor,
        id: DeliveryId,
        command: DeadLetterCommand,
    ) -> Result<Result<DeadLetterDone, DeadLetterRefused>, Unavailable> {
        match self.command(Input::DeadLetter(actor, id, command)).await? {
            Output::DeadLetter(result) => Ok(result),
            other => Err(unexpected(&other)),
        }
    }

    /// The committed state of this moment.
    ///
    /// # Errors
    /// [`Unavailable`] when the service is stopping.
    pub async fn view(&self) -> Result<Arc<View>, Unavailable> {
        self.ask(|done| Request::View { done }).await
    }

    /// Reports how an attempt to send a row ended, or all that were in one message. `jitter` is a random number from 0 to 1
    /// for the next attempt's time.
    ///
    /// # Errors
    /// [`Unavailable`] when the service is stopping; the rows stay as they were.
    pub async fn settled(&self, deliveries: Vec<DeliveryId>, outcome: Outcome, jitter: f64) -> Result<(), Unavailable> {
        self.inbox.send(Request::Settled { deliveries, outcome, jitter }).await.map_err(|_| stopping())
    }

    /// Says that a row is not sent yet, so that a newer one may take its place; [`Handle::claim`] comes before sending it.
    ///
    /// # Errors
    /// [`Unavailable`] when the service is stopping.
    pub async fn parked(&self, delivery: DeliveryId) -> Result<(), Unavailable> {
        self.inbox.send(Request::Parked { delivery }).await.map_err(|_| stopping())
    }

    /// The parked rows, to be sent now, but for those whose place a newer one took. Of several it is stored first that
    /// they are told in one message; what cannot be, comes to the worker by itself.
    ///
    /// # Errors
    /// [`Unavailable`] when the service is stopping.
    pub async fn claim(&self, deliveries: Vec<DeliveryId>) -> Result<Bundle, Unavailable> {
        self.ask(|done| Request::Claim { deliveries, done }).await
    }

    /// How the driver fares.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Hands an input to the engine and waits until what it led to is stored.
    async fn command(&self, input: Input) -> Result<Output, Unavailable> {
        self.ask(|done| Request::Command { input, done }).await?
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Unavailable> {
        let (done, answer) = oneshot::channel();
        self.inbox.send(request(done)).await.map_err(|_| stopping())?;
        self.gathering.came(&self.inbox);
        answer.await.map_err(|_| stopping())
    }
}

/// Only a defect leads here: each input has one kind of output.
fn unexpected(output: &Output) -> Unavailable {
    Unavailable(format!("internal error: {output:?} does not answer the question"))
}

fn stopping() -> Unavailable {
    Unavailable("the service is stopping".into())
}
