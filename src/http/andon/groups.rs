//! Groups: what is in them, when they are flushed next, what holds them back; and who has taken them on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value};

use super::Call;
use super::object::{Object, list};
use crate::config::duration;
use crate::core::ack::{Ack, AckDraft, AckRefused};
use crate::core::look::{HeldBy, Look, Member};
use crate::core::outbox::group_key_hash;
use crate::core::view::{GroupView, View};
use crate::driver::AckResult;
use crate::http::v2::filter::LabelFilter;
use crate::http::{AppState, reply, times};
use crate::time::Timestamp;

/// The largest body.
const MAX_BODY: usize = 64 << 10;
/// The longest name, in bytes.
const MAX_WHO: usize = 256;
/// The longest comment, in bytes.
const MAX_COMMENT: usize = 16 << 10;
/// The longest acknowledgement.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3_600);

/// `GET groups`: all of them, or those of one `receiver` with an alert that every `filter` matches, by their labels.
pub fn all(view: &View, call: &Call<'_>) -> Response {
    let filter = match LabelFilter::of(&call.query, call.state.mode) {
        Ok(filter) => filter,
        Err(error) => return reply::andon_error(StatusCode::BAD_REQUEST, &format!("filter: {error}")),
    };
    let receiver = call.query.last("receiver");
    let name = |group: &GroupView| &view.policy.receiver_of(view.policy.route(group.route)).name;
    let has = |group: &GroupView| {
        let mut alerts = group.members.iter().filter_map(|alert| view.alerts.get(*alert));
        alerts.any(|kept| filter.wants(&kept.alert.labels))
    };
    let wanted = |group: &&Arc<GroupView>| receiver.is_none_or(|wanted| **name(group) == *wanted) && has(group);
    let mut groups: Vec<_> = view.groups.iter().filter(wanted).collect();
    groups.sort_by(|a, b| a.labels.order(&b.labels).then_with(|| name(a).cmp(name(b))));
    let (look, now) = (view.look(), call.state.clock.now());
    reply::json(list(groups.into_iter().map(|group| group_object(&look, group, now))))
}

fn group_object(look: &Look<'_>, group: &GroupView, now: Timestamp) -> String {
    let route = look.policy.route(group.route);
    let mut members = look.members(now, group.members.iter().copied());
    look.hold_back(now, route, &group.muted_by, &mut members);
    let mut object = Object::new();
    object.text("hash", &group_key_hash(&group.key));
    object.text("key", &group.key);
    object.labels("labels", &group.labels);
    object.text("receiver", &look.policy.receiver_of(route).name);
    object.text("route", &route.id);
    object.time("nextFlush", Some(group.next_flush));
    let firing = members.iter().filter(|member| !member.resolved).count();
    object.raw("firing", &firing.to_string());
    object.raw("resolved", &(members.len() - firing).to_string());
    object.raw("alerts", &list(members.iter().map(|member| format!("\"{}\"", member.kept.fingerprint))));
    object.raw("heldBack", &held_back(look, &members));
    let ack = look.acks.get(&group.key).filter(|ack| ack.holds(now));
    object.raw("acknowledged", &ack.map_or_else(|| "null".into(), |ack| ack_object(ack)));
    object.end()
}

/// What holds alerts of the group back, by name, and how many of them.
fn held_back(look: &Look<'_>, members: &[Member]) -> String {
    let mut counted: BTreeMap<(&'static str, String), usize> = BTreeMap::new();
    for by in members.iter().filter_map(|member| member.held_by.as_ref()) {
        *counted.entry((by.kind().as_str(), held_by_name(look, by))).or_default() += 1;
    }
    list(counted.into_iter().map(|((kind, name), alerts)| {
        let mut object = Object::new();
        object.text("by", kind);
        object.text("name", &name);
        object.raw("alerts", &alerts.to_string());
        object.end()
    }))
}

fn held_by_name(look: &Look<'_>, by: &HeldBy) -> String {
    match by {
        HeldBy::Inhibition(by) => look.policy.rule_name(by.rule),
        HeldBy::OutsideOf(names) | HeldBy::Within(names) => names.join(", "),
        HeldBy::Silence(id) => id.to_string(),
        HeldBy::WorkOrder(number) => number.to_string(),
    }
}

/// `POST groups/{hash}/ack`
pub async fn acknowledge(mut call: Call<'_>) -> Response {
    let group_key = match find(call.state, call.name(0).to_owned()).await {
        Ok(key) => key,
        Err(answer) => return answer,
    };
    let actor = call.actor();
    let body = match call.object(MAX_BODY).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let draft = match read(&body, group_key, call.state.clock.now()) {
        Ok(draft) => draft,
        Err(message) => return reply::andon_error(StatusCode::BAD_REQUEST, &message),
    };
    match call.state.driver.ack(actor, draft).await {
        Ok(result) => answer(result),
        Err(error) => reply::unavailable(&error),
    }
}

/// `DELETE groups/{hash}/ack`
pub async fn withdraw(call: Call<'_>) -> Response {
    let group_key = match find(call.state, call.name(0).to_owned()).await {
        Ok(key) => key,
        Err(answer) => return answer,
    };
    let actor = call.actor();
    match call.state.driver.withdraw_ack(actor, group_key).await {
        Ok(result) => answer(result),
        Err(error) => reply::unavailable(&error),
    }
}

fn answer(result: AckResult) -> Response {
    match result {
        Ok(ack) => reply::json(ack_object(&ack)),
        Err(refused @ (AckRefused::NoGroup | AckRefused::NotAcknowledged)) => {
            reply::andon_error(StatusCode::NOT_FOUND, &refused.to_string())
        }
        Err(refused @ AckRefused::NothingFires) => reply::andon_error(StatusCode::CONFLICT, &refused.to_string()),
        Err(refused @ AckRefused::Past) => reply::andon_error(StatusCode::BAD_REQUEST, &format!("until: {refused}")),
    }
}

/// The key of the group with this hash.
async fn find(state: &AppState, hash: String) -> Result<Arc<str>, Response> {
    let view = state.driver.view().await.map_err(|error| reply::unavailable(&error))?;
    let found = view.groups.iter().find(|group| group_key_hash(&group.key) == hash);
    found.map(|group| Arc::clone(&group.key)).ok_or_else(|| {
        let message = format!("there is no group {hash:?}; GET /api/andon/v1/groups lists them all");
        reply::andon_error(StatusCode::NOT_FOUND, &message)
    })
}

/// Reads `who`, `until` and `comment`.
fn read(body: &Map<String, Value>, group_key: Arc<str>, now: Timestamp) -> Result<AckDraft, String> {
    const ALLOWED: [&str; 3] = ["who", "until", "comment"];
    if let Some(name) = body.keys().find(|name| !ALLOWED.contains(&name.as_str())) {
        return Err(format!("unknown field {name:?}; this takes who, until and comment"));
    }
    let text = |name: &str, most: usize| match body.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) if text.len() <= most => Ok(text.trim()),
        Some(Value::String(text)) => Err(format!("{name}: {} bytes are too many, at most {most}", text.len())),
        Some(_) => Err(format!("{name}: this takes a text")),
    };
    let (who, comment) = (text("who", MAX_WHO)?, text("comment", MAX_COMMENT)?);
    if who.is_empty() {
        return Err("who: missing; say who takes the group on".into());
    }
    let until = until(text("until", 64)?, now)?;
    Ok(AckDraft { group_key, who: who.into(), comment: comment.into(), until })
}

fn until(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let allowed = "a time as 2026-11-22T15:00:00Z, or a duration as 2h";
    if text.is_empty() {
        return Err(format!("until: missing; this takes {allowed}"));
    }
    let read = duration::parse(text).map(|lasts| now.after(lasts)).or_else(|_| times::parse(text));
    let until = read.map_err(|_| format!("until: {text:?} is neither; this takes {allowed}"))?;
    if until.since(now) > MAX_DURATION {
        return Err("until: at most a year from now".into());
    }
    Ok(until)
}

/// An acknowledgement as the API tells it.
pub fn ack_object(ack: &Ack) -> String {
    let mut object = Object::new();
    object.text("hash", &group_key_hash(&ack.group_key));
    object.text("key", &ack.group_key);
    object.text("who", &ack.who);
    object.text("comment", &ack.comment);
    object.time("at", Some(ack.at));
    object.time("until", Some(ack.until));
    object.end()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_say_who_until_when_and_why() {
        let now = Timestamp::new(1_795_359_600, 0);
        let hour = Duration::from_secs(3_600);
        let rows = [
            (json!({"who": " ann ", "until": "2h", "comment": "mine"}), Ok(("ann", "mine", now.after(2 * hour)))),
            (json!({"who": "ann", "until": "2026-11-22T18:00:00Z"}), Ok(("ann", "", now.after(3 * hour)))),
            (json!({"until": "2h"}), Err("who: missing; say who takes the group on")),
            (json!({"who": "  ", "until": "2h"}), Err("who: missing; say who takes the group on")),
            (json!({"who": 5, "until": "2h"}), Err("who: this takes a text")),
            (
                json!({"who": "ann"}),
                Err("until: missing; this takes a time as 2026-11-22T15:00:00Z, or a duration as 2h"),
            ),
            (
                json!({"who": "ann", "until": "soon"}),
                Err("until: \"soon\" is neither; this takes a time as 2026-11-22T15:00:00Z, or a duration as 2h"),
            ),
            (json!({"who": "ann", "until": "99y"}), Err("until: at most a year from now")),
            (json!({"by": "ann"}), Err("unknown field \"by\"; this takes who, until and comment")),
            (json!({"who": "a".repeat(300), "until": "2h"}), Err("who: 300 bytes are too many, at most 256")),
        ];
        for (body, expected) in rows {
            let read = read(body.as_object().unwrap(), Arc::from("{}:{}"), now);
            let read = read.map(|draft| (draft.who, draft.comment, draft.until));
            let expected = expected.map(|(who, comment, until)| (who.to_owned(), comment.to_owned(), until));
            assert_eq!(read, expected.map_err(str::to_owned), "{body}");
        }
    }
}
