//! Values that are templates all the way down: a webhook's `payload`, PagerDuty's `details`.

use serde_json::{Map, Value};

use super::{MAX_OUTPUT, TemplateError, yaml};

/// Renders every text and every key of a value.
///
/// A rendered text that is YAML (and so JSON) for anything but a text becomes that: a number, a list, a map. What is a
/// text in there stays as it is.
///
/// # Errors
/// That of the first template that fails, or that the whole is longer than an output may be.
pub(super) fn render(
    value: &Value,
    render_text: &mut dyn FnMut(&str) -> Result<String, TemplateError>,
) -> Result<Value, TemplateError> {
    let mut length = 0_usize;
    let mut counted = |text: &str| {
        let rendered = render_text(text)?;
        length += rendered.len();
        if length > MAX_OUTPUT {
            return Err(TemplateError::new(format!("the payload is longer than {MAX_OUTPUT} bytes")));
        }
        Ok(rendered)
    };
    deep(value, &mut counted)
}

fn deep(
    value: &Value,
    render_text: &mut dyn FnMut(&str) -> Result<String, TemplateError>,
) -> Result<Value, TemplateError> {
    Ok(match value {
        Value::String(template) => {
            let rendered = render_text(template)?;
            match yaml::parse(&rendered) {
                None | Some(Value::String(_)) => Value::String(rendered),
                Some(parsed) => parsed,
            }
        }
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| deep(item, render_text)).collect::<Result<_, _>>()?)
        }
        Value::Object(entries) => {
            let mut rendered = Map::new();
            for (key, value) in entries {
                rendered.insert(render_text(key)?, deep(value, render_text)?);
            }
            Value::Object(rendered)
        }
        other => other.clone(),
    })
}
