//! Plays a script against the engine, from deadline to deadline, and writes down who is told what.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::core::ack::{Ack, AckDraft, AckRefused};
use crate::core::change::{Actor, Change};
use crate::core::engine::{Engine, Input, Options, Output};
use crate::core::ingest::Batch;
use crate::core::label::LabelSet;
use crate::core::matcher::Op;
use crate::core::outbox::{Delivery, Outcome};
use crate::core::policy::Policy;
use crate::core::silence::{SilenceDraft, SilenceId};
pub use crate::core::testing::{matcher, policy, receiver, route};
pub use crate::core::together::Bundle;
use crate::time::Timestamp;

pub use crate::core::testing::SECOND;

/// What a receiver answers: to the path of a thread's receiver, the outcomes of the next attempts in order.
#[derive(Default)]
pub struct Receivers(pub BTreeMap<String, Vec<Outcome>>);

pub struct World {
    pub engine: Engine,
    pub now: Timestamp,
    pub options: Options,
    pub receivers: Receivers,
    /// All changes that were committed, in order.
    pub stored: Vec<Change>,
    pub last_commit: Option<Timestamp>,
    /// The same as entries of a journal.
    pub entries: Vec<(Timestamp, Vec<Change>)>,
    /// Who was told what.
    pub transcript: Vec<String>,
    /// What was delivered.
    pub told: Vec<Arc<Delivery>>,
    /// Whether commits fail now.
    pub store_fails: bool,
    /// Whether somebody else hands out what is due.
    pub hold_back: bool,
    pub silences: u128,
    /// How many rows each message stood for.
    pub messages: Vec<usize>,
    /// Rows on their way, and whether one is being sent.
    sending: VecDeque<Bundle>,
    busy: bool,
}

impl World {
    pub fn new(policy: Policy) -> Self {
        Self::with(policy, Options { gc_interval: 1800 * SECOND, ..Options::default() })
    }

    pub fn with(policy: Policy, options: Options) -> Self {
        let now = Timestamp::new(1_800_000_000, 0);
        Self {
            engine: Engine::new(Arc::new(policy), options.clone(), now),
            now,
            options,
            receivers: Receivers::default(),
            stored: vec![],
            last_commit: None,
            entries: vec![],
            transcript: vec![],
            told: vec![],
            store_fails: false,
            hold_back: false,
            silences: 0,
            messages: vec![],
            sending: VecDeque::new(),
            busy: false,
        }
    }

    /// How many minutes after the beginning that was.
    pub fn minutes(&self, at: Timestamp) -> u64 {
        at.since(Timestamp::new(1_800_000_000, 0)).as_secs() / 60
    }

    fn minute(&self) -> String {
        let since = self.now.since(Timestamp::new(1_800_000_000, 0)).as_secs();
        format!("{:02}:{:02}", since / 60, since % 60)
    }

    /// One batch of one input; delivers what it leads to, at once.
    pub fn input(&mut self, input: Input) -> Output {
        let output = self.engine.handle(self.now, input);
        if self.store_fails {
            self.engine.rolled_back();
            return output;
        }
        self.commit();
        self.send_due();
        output
    }

    /// Stores what was decided.
    pub fn commit(&mut self) {
        let changes = self.engine.committed();
        self.entries.push((self.now, changes.clone()));
        self.stored.extend(changes);
        self.last_commit = Some(self.now);
    }

    /// Sends what is due, one after the other, with what that leads to.
    fn send_due(&mut self) {
        if self.hold_back {
            return;
        }
        let due = self.engine.take_due(self.now);
        self.sending.extend(due);
        if !std::mem::replace(&mut self.busy, true) {
            while let Some(bundle) = self.sending.pop_front() {
                self.send(bundle);
            }
            self.busy = false;
        }
    }

    /// One attempt; of rows that are told in one message each is written down.
    fn send(&mut self, bundle: Bundle) {
        let answers = self.receivers.0.entry(bundle[0].thread.receiver.to_string()).or_default();
        let outcome = if answers.is_empty() { Outcome::delivered() } else { answers.remove(0) };
        self.messages.push(bundle.len());
        for row in bundle {
            self.send_row(row, outcome.clone());
        }
    }

    fn send_row(&mut self, row: Arc<Delivery>, outcome: Outcome) {
        let names = |resolved| {
            let told = row.alerts.iter().filter(|told| told.resolved == resolved);
            told.map(|told| told.alert.labels.value("instance").to_owned()).collect::<Vec<_>>().join(" ")
        };
        let verdict = match &outcome {
            Outcome::Delivered { .. } => "",
            Outcome::Retry { .. } | Outcome::PutOff { .. } => " (retry)",
            Outcome::NotConfigured { .. } => " (not configured)",
            Outcome::Refused { .. } => " (refused)",
        };
        let (firing, resolved) = (names(false), names(true));
        let line = format!(
            "{} {} {}: {} firing=[{firing}] resolved=[{resolved}]{verdict}",
            self.minute(),
            row.thread.receiver,
            row.group_labels,
            row.reason
        );
        self.transcript.push(line);
        if matches!(outcome, Outcome::Delivered { .. }) {
            self.told.push(Arc::clone(&row));
        }
        self.input(Input::Settled(vec![row.id], outcome, 0.5));
    }

    /// Moves the time on, ticking at every deadline.
    pub fn pass(&mut self, by: Duration) {
        let until = self.now.after(by);
        let mut ticks = 0;
        loop {
            let next = self.engine.next_deadline();
            if next > until {
                break;
            }
            // What an attempt leads to may be due at once, but not again and again.
            ticks = if next > self.now { 0 } else { ticks + 1 };
            self.now = self.now.max(next);
            self.input(Input::Tick);
            assert!(ticks < 100 || self.store_fails, "a tick leaves nothing due");
            if self.store_fails {
                break;
            }
        }
        self.now = until;
    }

    /// Sends alerts as Prometheus does: firing ones end in four minutes unless sent again.
    pub fn post(&mut self, alerts: &[&str], firing: bool) -> Output {
        let mut batch = Batch::default();
        for alert in alerts {
            let (mut labels, mut annotations) = (pairs(alert), vec![]);
            let ends_at = if firing { self.now.after(240 * SECOND) } else { self.now };
            batch.push(&mut labels, &mut annotations, "", self.started(alert), ends_at).unwrap();
        }
        self.input(Input::Alerts(Actor::Sender("test".into()), batch))
    }

    /// Since when an alert that is known fires, as its sender would say.
    fn started(&mut self, alert: &str) -> Timestamp {
        let labels = LabelSet::new(pairs(alert)).unwrap();
        let view = self.engine.view();
        let known = view.alerts.get(labels.fingerprint()).filter(|kept| !kept.alert.ended_explicitly());
        known.map_or(self.now, |kept| kept.alert.starts_at)
    }

    pub fn silence(&mut self, name: &str, value: &str, lasts: Duration) -> SilenceId {
        self.silences += 1;
        let draft = SilenceDraft {
            id: None,
            fresh_id: SilenceId(Uuid::from_u128(self.silences)),
            matchers: vec![matcher(name, Op::Equal, value)],
            starts_at: Timestamp::ZERO,
            ends_at: self.now.after(lasts),
            created_by: "ana".into(),
            comment: "test".into(),
            annotations: LabelSet::empty(),
        };
        match self.input(Input::Silence(Actor::Clock, draft)) {
            Output::Silence(Ok(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Acknowledges the only group, or says why not.
    pub fn ack(&mut self, lasts: Duration) -> Result<Arc<Ack>, AckRefused> {
        let group_key = Arc::clone(&self.engine.view().groups.first().ok_or(AckRefused::NoGroup)?.key);
        let (who, until) = ("ann".to_owned(), self.now.after(lasts));
        let draft = AckDraft { group_key, who, comment: "mine".into(), until };
        let ann = Actor::User { name: "ann".into(), address: "10.0.0.1".into() };
        match self.input(Input::Ack(ann, draft)) {
            Output::Ack(result) => result,
            other => panic!("{other:?}"),
        }
    }

    pub fn reload(&mut self, policy: Policy) {
        self.input(Input::Reload(Actor::Clock, Arc::new(policy), "hash".into(), "text".into()));
    }

    /// The process dies and starts again after `away`.
    pub fn crash(&mut self, away: Duration) {
        self.now = self.now.after(away);
        let policy = Arc::clone(&self.engine.view().policy);
        let (changes, last) = (self.stored.clone(), self.last_commit);
        self.engine = Engine::restore(policy, self.options.clone(), changes, last, self.now);
        // As the driver does with its first commit.
        self.input(Input::Away(last.map_or(Duration::ZERO, |last| self.now.since(last))));
        self.send_due();
    }

    /// The lines since the last call.
    pub fn lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.transcript)
    }
}

/// `Name a=b c=d`: the alertname, `instance` for a bare word, and labels.
pub fn pairs(alert: &str) -> Vec<(&str, &str)> {
    let mut words = alert.split(' ');
    let name = ("alertname", words.next().unwrap_or_default());
    let label = |word| str::split_once(word, '=').unwrap_or(("instance", word));
    std::iter::once(name).chain(words.map(label)).collect()
}
