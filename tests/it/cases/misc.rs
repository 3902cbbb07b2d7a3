//! The external URL, feature flags, and what an HTTP answer means for a notification.

use andon::app::external_url;
use andon::flags::{self, Asked};
use andon::metrics::FailureReason;
use andon::receivers::answer::{Answer, SendError};
use serde_json::Value;

use super::{Played, Verdict, flag, now, play, same, text};

#[test]
fn misc() {
    play("misc.json", &[], |case| match text(case, "what")? {
        "external_url" => derived_url(case),
        "feature_flags" => features(case),
        "http_retry" => retried(case),
        "failure_reason" => {
            let found = FailureReason::from_status(status(case)?).as_str();
            same("the reason", &found, &text(case, "reason")?)?;
            Ok(Played::Agrees)
        }
        // Andon gossips with nobody, and encodes no assets.
        _ => Ok(Played::NotHere),
    });
}

fn derived_url(case: &Value) -> Verdict {
    let (external, hostname) = (text(case, "external")?, text(case, "hostname")?);
    let found = external_url::derive(external, hostname, text(case, "listen")?);
    match (&found, case["error"].as_str()) {
        // The host's name could not be found out, which is not decided here.
        (_, Some("some error")) => Ok(Played::NotHere),
        (Err(error), Some(expected)) if error.ends_with(expected) => Ok(Played::Agrees),
        (Ok(url), None) if url == text(case, "url")? => Ok(Played::Agrees),
        _ => Err(format!("gives {found:?}")),
    }
}

fn features(case: &Value) -> Verdict {
    let found = flags::read(&[format!("--enable-feature={}", text(case, "flags")?)]);
    match (&found, case["error"].as_str()) {
        (Ok(Asked::Serve(_)), None) => Ok(Played::Agrees),
        (Err(error), Some(expected)) if error == expected => Ok(Played::Agrees),
        _ => Err(format!("gives {found:?}")),
    }
}

/// Whether another attempt is made. The words of the error are Andon's.
fn retried(case: &Value) -> Verdict {
    let (headers, body) = (Default::default(), String::new());
    let answer = Answer { status: status(case)?, retry_after: None, content_type: None, headers, body };
    let found = answer.check(now());
    same("the error", &found.is_err(), &case["error"].is_string())?;
    same("the retry", &matches!(found, Err(SendError::Retry { .. })), &flag(case, "retry")?)?;
    Ok(Played::Agrees)
}

fn status(case: &Value) -> Result<u16, String> {
    case["status"].as_u64().and_then(|status| u16::try_from(status).ok()).ok_or_else(|| "no status".into())
}
