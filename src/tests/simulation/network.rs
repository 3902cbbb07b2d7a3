//! The network and the receivers behind it: slow, down, forgetful, all by one sequence of random numbers; and the book of
//! what each receiver was told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::super::random::Random;
use crate::core::outbox::{Delivery, Reason, ToldAlert};
use crate::metrics::FailureReason;
use crate::receivers::answer::SendError;
use crate::receivers::notice::Sent;
use crate::receivers::{Context, Sender};
use crate::time::{Clock, Timestamp};

/// Shared by the senders of all receivers and by the test.
#[derive(Clone)]
pub struct Network(Arc<Mutex<State>>);

struct State {
    clock: Clock,
    random: Random,
    down: BTreeSet<String>,
    /// Receivers that take one message in so many seconds, and when they take the next one.
    limiting: BTreeMap<String, (u64, Timestamp)>,
    /// How often the service ended in a way that may have cost it an answer.
    ends: usize,
    /// Of a hundred attempts to a receiver that is up, so many meet a fault.
    fault_rate: u64,
    transcript: String,
    told: Vec<Told>,
    /// What a receiver that knows only incidents was tried to be told firing, without an answer: to whom, and how much had been
    /// told by then. It did not hear it, but nobody else can know.
    unsure: Vec<(usize, String, BTreeSet<String>)>,
}

/// One notification as a receiver took it.
#[derive(Clone)]
pub struct Told {
    pub receiver: String,
    pub thread: String,
    pub id: String,
    sequence: (Timestamp, u32),
    pub alerts: Arc<[ToldAlert]>,
    firing: BTreeSet<String>,
    resolved: BTreeSet<String>,
    /// Whether it only says who has taken the group on.
    acknowledged: bool,
    /// After how many ends of the service it was answered; nothing if it was not.
    pub answered: Option<usize>,
}

/// What one attempt meets.
enum Fate {
    Taken,
    /// Taken, but the answer is lost.
    AnswerLost,
    Fails,
    Refused,
    Hangs,
    /// The receiver says when to come again.
    Limits(Duration),
}

impl Network {
    pub fn new(clock: Clock, random: Random) -> Self {
        let state = State {
            clock,
            random,
            down: BTreeSet::new(),
            limiting: BTreeMap::new(),
            ends: 0,
            fault_rate: 15,
            transcript: String::new(),
            told: Vec::new(),
            unsure: Vec::new(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    pub fn down(&self, receiver: &str, down: bool) {
        let mut state = self.0.lock();
        match down {
            true => state.down.insert(receiver.to_owned()),
            false => state.down.remove(receiver),
        };
    }

    /// The receiver takes one message in so many seconds and tells all others to come again; or takes any number again.
    pub fn limits(&self, receiver: &str, seconds: Option<u64>) {
        let mut state = self.0.lock();
        let now = state.clock.now();
        match seconds {
            Some(seconds) => drop(state.limiting.insert(receiver.to_owned(), (seconds, now))),
            None => drop(state.limiting.remove(receiver)),
        }
    }

    /// The service ended, and may not have stored the last answers.
    pub fn ended(&self) {
        self.0.lock().ends += 1;
    }

    /// What was taken, in order.
    pub fn told(&self) -> Vec<Told> {
        self.0.lock().told.clone()
    }

    pub fn fault_rate(&self, of_a_hundred: u64) {
        self.0.lock().fault_rate = of_a_hundred;
    }

    /// Writes a line into the transcript.
    pub fn note(&self, line: &str) {
        let mut state = self.0.lock();
        let now = state.clock.now();
        let _ = writeln!(state.transcript, "{now} {line}");
    }

    pub fn transcript(&self) -> String {
        self.0.lock().transcript.clone()
    }

    /// What each thread believes that is open: the alerts it was told firing and not resolved; for one that knows only
    /// incidents, all alerts that it was told since it was opened, and those that it may have been told.
    pub fn believed_open(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut open: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let state = self.0.lock();
        for told in &state.told {
            let alerts = open.entry(told.thread.clone()).or_default();
            if told.receiver == "pager" {
                // That somebody has taken it on opens none.
                if told.acknowledged && alerts.is_empty() {
                    continue;
                }
                // An incident stays open for what it was told before, although a later event no longer lists what is muted.
                if told.firing.is_empty() {
                    alerts.clear();
                }
                alerts.extend(told.firing.iter().cloned());
            } else {
                alerts.extend(told.firing.iter().cloned());
                alerts.retain(|alert| !told.resolved.contains(alert));
            }
        }
        open.retain(|_, alerts| !alerts.is_empty());
        for (place, thread, alerts) in &state.unsure {
            let closed = state.told.iter().skip(*place).any(|told| told.thread == *thread && told.firing.is_empty());
            if let Some(open) = open.get_mut(thread).filter(|_| !closed) {
                open.extend(alerts.iter().cloned());
            }
        }
        open
    }

    /// Notifications out of order within their thread, or of one id and different content.
    pub fn wrong(&self) -> Vec<String> {
        let state = self.0.lock();
        let (mut last, mut said) = (BTreeMap::new(), BTreeMap::new());
        let mut wrong = Vec::new();
        for told in &state.told {
            let before = last.insert(&told.thread, told.sequence);
            if before.is_some_and(|before| before > told.sequence) {
                wrong.push(format!("{} was told {:?} after {before:?}", told.thread, told.sequence));
            }
            let content = (&told.thread, &told.firing, &told.resolved);
            if said.insert(&told.id, content).is_some_and(|before| before != content) {
                wrong.push(format!("{} stands for two notifications", told.id));
            }
        }
        wrong
    }

    /// What the next attempt to this receiver meets, and how long it takes.
    fn fate(&self, receiver: &str) -> (Fate, Duration) {
        let mut state = self.0.lock();
        let takes = Duration::from_millis(1 + state.random.below(3_000));
        let (now, free_at) = (state.clock.now(), state.limiting.get(receiver).map(|(_, free_at)| *free_at));
        let fate = if let Some(wait) = free_at.map(|at| at.since(now)).filter(|wait| !wait.is_zero()) {
            Fate::Limits(Duration::from_secs(wait.as_secs() + 1))
        } else if state.down.contains(receiver) {
            if state.random.below(4) == 0 { Fate::Hangs } else { Fate::Fails }
        } else if state.random.below(100) < state.fault_rate {
            match state.random.below(4) {
                0 => Fate::Fails,
                1 => Fate::Refused,
                2 => Fate::Hangs,
                _ => Fate::AnswerLost,
            }
        } else {
            Fate::Taken
        };
        if let Some((seconds, free_at)) = state.limiting.get_mut(receiver).filter(|_| matches!(fate, Fate::Taken)) {
            *free_at = now.after(Duration::from_secs(*seconds));
        }
        (fate, takes)
    }

    /// The attempt had no answer.
    fn is_unsure(&self, row: &Delivery) {
        let mut state = self.0.lock();
        if &*row.thread.receiver == "pager" && row.reason != Reason::Acknowledged {
            let firing = row.alerts.iter().filter(|told| !told.resolved).map(|told| told.alert.labels.to_string());
            let (place, thread) = (state.told.len(), format!("{} {}", row.thread.receiver, row.thread.group_key));
            state.unsure.push((place, thread, firing.collect()));
        }
    }

    fn take(&self, row: &Delivery, how: &str, answered: bool) {
        let of = |resolved: bool| {
            let alerts = row.alerts.iter().filter(|told| told.resolved == resolved);
            alerts.map(|told| told.alert.labels.to_string()).collect::<BTreeSet<_>>()
        };
        let thread = format!("{} {}", row.thread.receiver, row.thread.group_key);
        let told = Told {
            receiver: row.thread.receiver.to_string(),
            alerts: Arc::clone(&row.alerts),
            acknowledged: row.reason == Reason::Acknowledged,
            answered: answered.then_some(self.0.lock().ends),
            id: row.notification_id(),
            sequence: (row.episode, row.sequence),
            firing: of(false),
            resolved: of(true),
            thread,
        };
        let (thread, firing, resolved) = (&told.thread, &told.firing, &told.resolved);
        let line = format!("{how} {thread} {:?} firing {firing:?} resolved {resolved:?}", told.sequence);
        self.note(&line);
        self.0.lock().told.push(told);
    }
}

/// A receiver on the network.
pub struct Scripted(pub Network);

impl Sender for Scripted {
    fn send<'a>(&'a self, row: &'a Delivery, _: &'a Context) -> BoxFuture<'a, Result<Sent, SendError>> {
        Box::pin(async {
            let (fate, takes) = self.0.fate(&row.thread.receiver);
            tokio::time::sleep(takes).await;
            match fate {
                Fate::Taken => {
                    self.0.take(row, "told", true);
                    Ok(Sent::default())
                }
                Fate::AnswerLost => {
                    self.0.take(row, "told, without an answer,", false);
                    Err(SendError::retry("the connection was lost"))
                }
                Fate::Fails => {
                    self.0.is_unsure(row);
                    Err(SendError::retry("500"))
                }
                Fate::Limits(wait) => {
                    self.0.note(&format!("{} asks for {} s", row.thread.receiver, wait.as_secs()));
                    let failure = FailureReason::RateLimited;
                    Err(SendError::Retry { error: "429".into(), after: Some(wait), failure })
                }
                Fate::Refused => {
                    self.0.note(&format!("refused by {}", row.thread.receiver));
                    Err(SendError::refused("400"))
                }
                Fate::Hangs => {
                    self.0.is_unsure(row);
                    std::future::pending().await
                }
            }
        })
    }
}
