//! The details of an event, and how they are made to fit.

use serde_json::{Map, Value, json};

use crate::core::label::LabelSet;
use crate::core::notification::Data;
use crate::receivers::notice::Notice;
use crate::receivers::object::Object;
use crate::receivers::payload::write_value;

/// What Alertmanager puts in the place of all details.
const ALL_REMOVED: &str =
    "Custom details have been removed because the original event exceeds the maximum size of 512KB";
/// Room for the notes.
const ROOM_FOR_NOTE: usize = 4096;
/// The key of a note on templates that failed and on what was cut beside the details.
const NOTE: &str = "andon_note";

/// The details, filled in: each with its JSON.
pub(super) struct Details(Vec<Detail>);

struct Detail {
    name: String,
    json: String,
    /// The items of a list, first to last.
    items: Option<Vec<String>>,
}

impl Detail {
    fn new(name: &str, value: &Value) -> Self {
        let items = value.as_array().map(|items| items.iter().map(written).collect());
        Self { name: name.to_owned(), json: written(value), items }
    }
}

impl Details {
    /// Fills in the details of the configuration; one that fails says so.
    pub(super) fn render(details: &Map<String, Value>, notice: &mut Notice<'_>) -> Self {
        let mut rendered: Vec<Detail> = Vec::new();
        for (name, value) in details {
            let value = notice.value(&format!("details.{name}"), value);
            let value = value.unwrap_or_else(|| built_in(name, notice.data()));
            rendered.push(Detail::new(name, &value));
        }
        rendered.sort_by(|a, b| a.name.cmp(&b.name));
        Self(rendered)
    }

    /// The body that `write` makes of the details, at most `limit` bytes: where it is more, the largest of the details
    /// lose their ends, and what cannot be cut is left out. If that does not do, `write` is told to be brief.
    pub(super) fn fit(
        mut self,
        notice: &mut Notice<'_>,
        limit: usize,
        write: impl Fn(Option<&str>, bool) -> String,
    ) -> String {
        let note = notice.note();
        note.iter().for_each(|note| self.set(NOTE, note));
        let body = write(self.json().as_deref(), false);
        if body.len() <= limit {
            return body;
        }
        let others = body.len() - self.json().map_or(0, |json| json.len());
        let cut = self.shrink(limit.saturating_sub(others).saturating_sub(ROOM_FOR_NOTE));
        let said = match self.0.is_empty() {
            true => ALL_REMOVED.to_owned(),
            false => format!(
                "Custom details {} have been cut because the original event exceeds the maximum size of 512KB",
                cut.join(", ")
            ),
        };
        // It may have made room for others.
        note.iter().for_each(|note| self.set(NOTE, note));
        self.set("error", &said);
        notice.cut(&*said);
        let body = write(self.json().as_deref(), false);
        if body.len() <= limit {
            return body;
        }
        notice.cut("images and links, to fit 512KB");
        self.set("error", &format!("{said}; images and links have been left out"));
        write(self.json().as_deref(), true)
    }

    /// Cuts until the JSON has at most `room` bytes; names what was cut.
    fn shrink(&mut self, room: usize) -> Vec<String> {
        let mut cut = Vec::new();
        while let Some(size) = self.json().map(|json| json.len()).filter(|size| *size > room) {
            let largest = self.0.iter_mut().enumerate().max_by_key(|(_, detail)| detail.json.len());
            let Some((place, detail)) = largest else { break };
            let allowed = detail.json.len().saturating_sub(size - room);
            if !cut.contains(&detail.name) && cut.len() < 8 {
                cut.push(detail.name.clone());
            }
            match detail.items.take() {
                Some(items) if !items.is_empty() => detail.json = first_of(&items, allowed),
                // Cut once already, or nothing that can be cut.
                _ => drop(self.0.remove(place)),
            }
        }
        cut
    }

    fn set(&mut self, name: &str, text: &str) {
        self.0.retain(|detail| detail.name != name);
        self.0.push(Detail::new(name, &Value::from(text)));
        self.0.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// The object; nothing where there are no details.
    fn json(&self) -> Option<String> {
        let mut object = Object::empty();
        for detail in &self.0 {
            object.raw(&detail.name, &detail.json);
        }
        (!self.0.is_empty()).then(|| object.end())
    }
}

/// What stands in the place of a detail that failed, as the default does where there are very many alerts.
fn built_in(name: &str, data: &Data) -> Value {
    if !["firing", "resolved"].contains(&name) {
        return Value::from("(its template failed)");
    }
    let texts = |labels: &LabelSet| -> Value {
        labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<Map<_, _>>().into()
    };
    let alerts = data.alerts.iter().filter(|alert| alert.status == name);
    alerts.map(|alert| json!({"labels": texts(&alert.labels), "annotations": texts(&alert.annotations)})).collect()
}

/// As many of the first items of a list as fit.
fn first_of(items: &[String], room: usize) -> String {
    let mut size = 2;
    let fits = items.iter().take_while(|item| {
        size += item.len() + 1;
        size <= room
    });
    format!("[{}]", fits.cloned().collect::<Vec<_>>().join(","))
}

fn written(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}
