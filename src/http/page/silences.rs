//! The list of silences, and the form that makes, changes and ends them.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;

use super::form::Form;
use super::scene::{Problem, Scene};
use super::{AppState, done};
use crate::config::duration;
use crate::core::label::{Fingerprint, LabelSet};
use crate::core::matcher::pattern::Room;
use crate::core::matcher::{Matcher, Mode, parse_matchers};
use crate::core::outbox::group_key_hash;
use crate::core::silence::{SilenceId, SilenceState};
use crate::http::silence_body::{PostedMatcher, PostedSilence};
use crate::http::times;
use crate::http::v2::silences::{self as v2, NotStored};
use crate::time::Timestamp;
use crate::ui::silences::{self, Fields, Wanted};
use crate::ui::{self, Here, Said};

/// For how long, where nobody says.
const USUAL: &str = "2h";

/// `GET silences`
pub async fn list(scene: &Scene) -> Result<Response, Problem> {
    let query = &scene.query;
    let wanted = Wanted {
        filter: ui::filter::Filter::read(scene.mode, query.all("filter")),
        state: query.last("state").and_then(silences::state_from_word),
        page: scene.page_number(),
    };
    scene
        .show(move |scene| {
            let page = silences::silences(&scene.sight(), &wanted);
            Ok(ui::page("silences", &scene.frame(Here::Silences, "Silences"), &page))
        })
        .await
}

/// `GET silences/new`: prefilled from an alert, a group, a filter, or a silence that is over.
pub async fn new(scene: &Scene) -> Result<Response, Problem> {
    let (query, sight) = (&scene.query, scene.sight());
    let by = scene.name();
    let mut fields = Fields { until: USUAL.into(), by, ..Fields::default() };
    let alert = query.last("alert").and_then(Fingerprint::parse).and_then(|alert| sight.view.alerts.get(alert));
    if let Some(kept) = alert {
        fields.matchers = Fields::of_labels(&kept.alert.labels);
    } else if let Some(hash) = query.last("group") {
        fields.matchers = Fields::of_labels(&group_labels(scene, hash));
    } else if let Some(known) = query.last("from").and_then(|id| silences::find(&sight, id)) {
        fields = Fields { id: String::new(), ..Fields::of(known, scene.now, &fields.by) };
    } else {
        let filter = ui::filter::Filter::read(scene.mode, query.all("filter"));
        let lines: Vec<String> = filter.matchers().iter().map(Matcher::to_string).collect();
        fields.matchers = lines.join("\n");
    }
    shown(scene, fields, Vec::new(), StatusCode::OK).await
}

/// The labels that all alerts of the group share: its own, and what else is the same on each.
fn group_labels(scene: &Scene, hash: &str) -> LabelSet {
    let view = &scene.view;
    let Some(group) = view.groups.iter().find(|group| group_key_hash(&group.key) == hash) else {
        return LabelSet::empty();
    };
    if !group.labels.is_empty() {
        return group.labels.clone();
    }
    let mut alerts = group.members.iter().filter_map(|member| view.alerts.get(*member));
    let Some(first) = alerts.next() else { return LabelSet::empty() };
    let others: Vec<_> = alerts.collect();
    let labels = &first.alert.labels;
    labels.filtered(|name| others.iter().all(|kept| kept.alert.labels.get(name) == labels.get(name)))
}

/// `GET silences/{id}`
pub async fn edit(scene: &Scene, id: &str) -> Result<Response, Problem> {
    let gone = || Problem::not_found("There is no such silence any more.");
    let fields = {
        let sight = scene.sight();
        let silence = silences::find(&sight, id).ok_or_else(gone)?;
        Fields { id: silence.id.to_string(), ..Fields::of(silence, scene.now, "") }
    };
    shown(scene, fields, Vec::new(), StatusCode::OK).await
}

async fn shown(scene: &Scene, fields: Fields, problems: Vec<String>, status: StatusCode) -> Result<Response, Problem> {
    let mut answer = scene
        .show(move |scene| {
            let sight = scene.sight();
            let known = silences::find(&sight, &fields.id);
            let title = if known.is_some() { "Change a silence" } else { "New silence" };
            let matchers = read_matchers(scene.mode, &fields.matchers).ok();
            let page = silences::form(&sight, fields, matchers.as_deref(), problems, known.map(|silence| &**silence));
            Ok(ui::page("silence", &scene.frame(Here::Silences, title), &page))
        })
        .await?;
    *answer.status_mut() = status;
    Ok(answer)
}

fn fields_of(form: &Form) -> Fields {
    let text = |name| form.text(name).replace("\r\n", "\n");
    Fields {
        id: text("id"),
        matchers: text("matchers"),
        starts: text("starts"),
        until: text("until"),
        by: text("by"),
        comment: text("comment"),
    }
}

/// `POST silences/preview`: the same form with what it would do. Changes nothing.
pub async fn preview(scene: &Scene, form: &Form) -> Result<Response, Problem> {
    let fields = fields_of(form);
    let problems = read_matchers(scene.mode, &fields.matchers).err().into_iter().collect();
    shown(scene, fields, problems, StatusCode::OK).await
}

/// `POST silences`
pub async fn put(state: &AppState, scene: &Scene, form: &Form) -> Result<Response, Problem> {
    let fields = fields_of(form);
    let posted = match posted(scene.mode, &fields, scene.now) {
        Ok(posted) => changing(scene, posted),
        Err(problem) => return shown(scene, fields, vec![problem], StatusCode::BAD_REQUEST).await,
    };
    let by = posted.created_by.clone();
    match v2::store(state, scene.address.clone(), posted).await {
        Ok(_) => Ok(scene.remember(done(scene, "ui/silences", Said::Silenced), &by)),
        Err(NotStored::Refused(_, message)) => shown(scene, fields, vec![message], StatusCode::BAD_REQUEST).await,
        Err(NotStored::Unavailable(error)) => {
            shown(scene, fields, vec![error.to_string()], StatusCode::SERVICE_UNAVAILABLE).await
        }
    }
}

/// `POST silences/{id}/expire`
pub async fn expire(state: &AppState, scene: &Scene, id: &str) -> Result<Response, Problem> {
    let gone = || Problem::not_found("There is no such silence any more.").back("ui/silences");
    let id = uuid::Uuid::try_parse(id).map(SilenceId).map_err(|_| gone())?;
    match v2::end(state, scene.actor(), id).await {
        Ok(_) => Ok(done(scene, "ui/silences", Said::Expired)),
        Err(NotStored::Refused(StatusCode::NOT_FOUND, _)) => Err(gone()),
        Err(error) => Err(Problem::not_stored(error.to_string()).back("ui/silences")),
    }
}

/// What is not on the form stays as it is where an active silence is changed: since when it holds, without which it would be
/// another silence, and its annotations.
fn changing(scene: &Scene, posted: PostedSilence) -> PostedSilence {
    let sight = scene.sight();
    let known = silences::find(&sight, &posted.id).filter(|known| known.state(scene.now) != SilenceState::Expired);
    let Some(known) = known else { return posted };
    let begun = known.state(scene.now) == SilenceState::Active && posted.starts_at <= scene.now;
    let starts_at = if begun { known.starts_at } else { posted.starts_at };
    PostedSilence { starts_at, annotations: known.annotations.clone(), ..posted }
}

/// What the API would have been sent.
fn posted(mode: Mode, fields: &Fields, now: Timestamp) -> Result<PostedSilence, String> {
    let matchers = read_matchers(mode, &fields.matchers)?;
    let starts_at = if fields.starts.trim().is_empty() { now } else { moment("From", &fields.starts)? };
    let ends_at = end(starts_at, &fields.until)?;
    for (what, text) in [("Your name", &fields.by), ("Why", &fields.comment)] {
        if text.trim().is_empty() {
            return Err(format!("{what}: this is empty, but others have to know it"));
        }
    }
    let posted = |matcher: &Matcher| PostedMatcher {
        name: matcher.name.to_string(),
        value: matcher.value.to_string(),
        op: matcher.op,
    };
    Ok(PostedSilence {
        id: fields.id.clone(),
        matchers: matchers.iter().map(posted).collect(),
        starts_at,
        ends_at,
        created_by: fields.by.trim().to_owned(),
        comment: fields.comment.trim().to_owned(),
        annotations: LabelSet::empty(),
    })
}

/// For how long from a moment on, or until when.
///
/// # Errors
/// What is wrong with the text.
pub fn end(from: Timestamp, text: &str) -> Result<Timestamp, String> {
    match duration::parse(text.trim()) {
        Ok(length) if length >= Duration::from_secs(1) => Ok(from.after(length)),
        _ => moment("For how long, or until when", text),
    }
}

/// One matcher, or a list of them, on each line.
fn read_matchers(mode: Mode, text: &str) -> Result<Vec<Matcher>, String> {
    let (mut matchers, mut room) = (Vec::new(), Room::default());
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |error: String| format!("Matchers, line {}: {error}. Write name=\"value\".", number + 1);
        let (read, _) = parse_matchers(mode, line.trim()).map_err(|error| wrong(error.to_string()))?;
        room.take_all(&read).map_err(|error| wrong(error.to_string()))?;
        matchers.extend(read);
    }
    if matchers.is_empty() {
        return Err("Matchers: there is none. Write at least one, such as alertname=\"DiskSpaceLow\".".into());
    }
    Ok(matchers)
}

/// `2026-11-22 15:00 UTC`, or RFC 3339.
fn moment(field: &str, text: &str) -> Result<Timestamp, String> {
    let plain = text.trim().trim_end_matches("UTC").trim_end().replacen(' ', "T", 1);
    let full = if plain.len() == "2026-11-22T15:00".len() { format!("{plain}:00Z") } else { plain };
    let read = if full.is_empty() { Err(String::new()) } else { times::parse(&full) };
    read.map_err(|_| {
        format!("{field}: {text:?} is no time. Write 30m, 2h or 1d, or a time such as 2026-11-22 15:00 UTC.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(matchers: &str, starts: &str, until: &str) -> Fields {
        let text = str::to_owned;
        Fields {
            id: String::new(),
            matchers: text(matchers),
            starts: text(starts),
            until: text(until),
            by: text("ana"),
            comment: text("x"),
        }
    }

    #[test]
    fn times_are_lengths_or_moments() {
        let now = Timestamp::new(1_795_359_600, 0);
        let rows = [
            ("", "2h", Ok((0, 7_200))),
            ("2026-11-22 16:00 UTC", "1h", Ok((3_600, 7_200))),
            ("2026-11-22 16:00", "2026-11-22T17:00:00Z", Ok((3_600, 7_200))),
            ("", "2026-11-22 15:30 UTC", Ok((0, 1_800))),
            ("", "soon", Err("For how long, or until when: \"soon\"")),
            ("yesterday", "2h", Err("From: \"yesterday\"")),
            ("", "0s", Err("For how long")),
            ("", "", Err("For how long")),
        ];
        for (starts, until, expected) in rows {
            let found = posted(Mode::Fallback, &fields("a=b", starts, until), now);
            match expected {
                Ok((from, to)) => {
                    let found = found.unwrap();
                    let secs = |at: Timestamp| at.secs() - now.secs();
                    assert_eq!((secs(found.starts_at), secs(found.ends_at)), (from, to), "{starts:?} {until:?}");
                }
                Err(begins) => assert!(found.unwrap_err().starts_with(begins), "{starts:?} {until:?}"),
            }
        }
    }

    #[test]
    fn matchers_stand_on_lines_and_come_back_as_they_were() {
        let labels = LabelSet::new([("a", "x\"\n\\y"), ("b c", "é, {}"), ("d", "")]).unwrap();
        let text = Fields::of_labels(&labels);
        let read = read_matchers(Mode::Fallback, &text).unwrap();
        let pairs = LabelSet::new(read.iter().map(|matcher| (&*matcher.name, &*matcher.value))).unwrap();
        assert_eq!(pairs, labels, "{text}");
        let two = read_matchers(Mode::Fallback, "a=1\n\n{b=~\"2|3\", c!=4}\n").unwrap();
        assert_eq!(two.len(), 3);
        assert!(read_matchers(Mode::Fallback, "a=1\nb").unwrap_err().starts_with("Matchers, line 2: "));
        assert!(read_matchers(Mode::Fallback, " \n").unwrap_err().starts_with("Matchers: there is none"));
    }
}
