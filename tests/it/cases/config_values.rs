//! Single values: host and port, URLs, a templated URL, and the fields of Mattermost.

use andon::config::value;
use serde_json::Value;

use super::{Played, Verdict, flag, play, text};

#[test]
fn config_values() {
    play("config_values.json", &[], |case| {
        let read: fn(&str) -> Result<String, String> = match text(case, "type")? {
            "config.HostPort" => value::host_port,
            "config.SecretTemplateURL" => value::secret_template_url,
            "common.SecretURL" | "*common.SecretURL" => value::secret_url,
            "common.URL" => value::http_url,
            _ => return Ok(Played::NotHere),
        };
        let written = text(case, "yaml")?.trim();
        if written == "null" {
            return Ok(Played::NotHere);
        }
        agrees(case, &read(written.trim_matches('"')))
    });
}

fn agrees(case: &Value, found: &Result<String, String>) -> Verdict {
    match (found, flag(case, "ok")?) {
        (Ok(_), true) => Ok(Played::Agrees),
        (Err(sentence), false) if sentence == text(case, "error")? => Ok(Played::Agrees),
        _ => Err(format!("{} gives {found:?}", case["yaml"])),
    }
}
