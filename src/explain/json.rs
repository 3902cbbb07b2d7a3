//! An explanation as JSON, for programs; the text for people is in it.

use serde_json::{Value, json};

use super::{
    AlertState, Attempt, Explanation, Hold, Stage, Step, StepVerdict, Taken, ThreadNow, Trouble, Verdict, Waiting,
};
use crate::core::label::LabelSet;
use crate::time::Timestamp;

fn time(at: Timestamp) -> Value {
    let mut out = String::new();
    at.with_offset_minutes(0).write_millis(&mut out);
    out.into()
}

fn labels(labels: &LabelSet) -> Value {
    labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<serde_json::Map<_, _>>().into()
}

impl Explanation {
    /// The document that the API answers.
    pub fn to_json(&self) -> Value {
        let state = match &self.state {
            AlertState::Firing { since, ends_at } => {
                json!({"status": "firing", "since": time(*since), "endsAt": time(*ends_at)})
            }
            AlertState::Resolved { since, at } => {
                json!({"status": "resolved", "since": time(*since), "at": time(*at)})
            }
            AlertState::NotKnown => json!({"status": "not firing"}),
        };
        json!({
            "at": time(self.at),
            "fingerprint": self.fingerprint.to_string(),
            "labels": labels(&self.labels),
            "alert": state,
            "summary": self.summary(),
            "routes": self.steps.iter().map(Step::to_json).collect::<Value>(),
            "taken": self.taken.iter().map(taken).collect::<Value>(),
            "notes": self.notes,
            "text": self.to_string(),
        })
    }
}

impl Step {
    /// As it stands in an explanation.
    pub fn to_json(&self) -> Value {
        let mut value = json!({
            "id": &*self.id,
            "depth": self.depth,
            "matchers": self.matchers,
            "receiver": &*self.receiver,
        });
        let verdict = match &self.verdict {
            StepVerdict::Matched { takes, continues } => {
                json!({"matched": true, "takes": takes, "continue": continues})
            }
            StepVerdict::Failed { matcher, value } => json!({"matched": false, "failed": matcher, "value": value}),
            StepVerdict::NotReached { because } => json!({"notReached": &**because}),
        };
        if let (Some(all), Value::Object(verdict)) = (value.as_object_mut(), verdict) {
            all.extend(verdict);
        }
        value
    }
}

fn taken(taken: &Taken) -> Value {
    json!({
        "route": &*taken.id,
        "receiver": &*taken.receiver,
        "groupKey": &*taken.group_key,
        "groupHash": taken.group_hash,
        "groupLabels": labels(&taken.group_labels),
        "members": taken.members,
        "nextFlush": time(taken.next_flush),
        "heldBack": taken.holds.iter().map(hold).collect::<Value>(),
        "integrations": taken.threads.iter().map(thread).collect::<Value>(),
    })
}

fn hold(hold: &Hold) -> Value {
    json!({
        "by": hold.kind.as_str(),
        "name": hold.name,
        "what": hold.what,
        "until": hold.until.map(time),
        "atNextFlush": hold.at_flush,
        "instead": hold.instead,
    })
}

fn thread(now: &ThreadNow) -> Value {
    let verdict = match now.verdict {
        Verdict::Told(reason, includes) => json!({"tells": true, "reason": reason.as_str(), "thisAlert": includes}),
        Verdict::Nothing(no) => json!({"tells": false, "reason": no.as_str(), "thisAlert": false}),
        Verdict::NotWanted => json!({"tells": false, "reason": "send_resolved is false", "thisAlert": false}),
    };
    json!({
        "integration": &*now.thread.kind,
        "index": now.thread.index,
        "lastTold": now.last_told.as_ref().map(|last| json!({"at": last.at.map(time), "open": last.open})),
        "nextFlush": time(now.verdict_at),
        "verdict": verdict,
        "instead": now.instead,
        "trouble": now.trouble.as_ref().map(trouble),
        "waiting": now.waiting.iter().map(waiting).collect::<Value>(),
        "deadLetters": now.dead.iter().map(|(at, error)| json!({"at": time(*at), "error": error})).collect::<Value>(),
        "attempts": now.attempts.iter().map(attempt).collect::<Value>(),
    })
}

fn trouble(trouble: &Trouble) -> Value {
    match trouble {
        Trouble::NotConfigured(missing) => json!({"notConfigured": &**missing}),
        Trouble::Failing { since, failures, error, probed_at } => json!({
            "failingSince": time(*since),
            "failures": failures,
            "lastError": &**error,
            "probedAt": probed_at.map(time),
        }),
    }
}

fn waiting(row: &Waiting) -> Value {
    let behind = match row.stage {
        Stage::Behind(earlier) => Some(earlier.0),
        _ => None,
    };
    json!({
        "id": row.id.0,
        "reason": row.reason.as_str(),
        "decidedAt": time(row.decided_at),
        "attempts": row.attempts,
        "dueAt": time(row.due_at),
        "lastError": row.last_error,
        "stage": match row.stage {
            Stage::Waits => "waits",
            Stage::Behind(_) => "behind",
            Stage::InFlight => "in flight",
            Stage::RateLimited => "rate limit",
        },
        "behind": behind,
    })
}

fn attempt(attempt: &Attempt) -> Value {
    json!({"at": time(attempt.at), "delivered": attempt.delivered, "result": attempt.result})
}
