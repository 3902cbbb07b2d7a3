//! Every description that is shipped or documented, rendered for an order with something in every field, and for one
//! with nothing in any.

use std::path::Path;

use serde_json::Value;

use super::calls::{Calls, Kind};
use super::context;
use crate::config::settings::Cmms;
use crate::config::{Config, Options};
use crate::core::work_order::{Status, WorkOrder};
use crate::receivers::stand_in::{Reply, StandIn};
use crate::store::record::samples;
use crate::template::Requests;

fn described() -> Vec<Cmms> {
    let atlas = "cmms: [{name: atlas, preset: atlas, url: 'http://h/api'}]\n".to_owned();
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cmms")).unwrap();
    let examples = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let load = |text: String| {
        let text = format!("route: {{receiver: r}}\nreceivers: [{{name: r}}]\n{text}");
        Config::parse(&text, "example", Path::new(""), &Options::default()).unwrap().cmms
    };
    examples.chain([atlas]).flat_map(load).collect()
}

/// As SAP's gateway does it: a POST without the token of its session is refused, and repeats what it was sent.
#[tokio::test]
async fn a_token_is_fetched_for_whatever_changes_something() {
    let system = StandIn::start(|seen| {
        let (token, cookie) = (seen.header("x-csrf-token"), seen.header("cookie"));
        match (&*seen.line, &*token, &*cookie) {
            ("GET /odata/", "Fetch", "") => {
                let cookie = |pair: &str| ("set-cookie", format!("{pair}; path=/; HttpOnly"));
                let headers = vec![("x-csrf-token", "tok-1".to_owned()), cookie("SID=sesame"), cookie("usercontext=c")];
                Reply::With(200, headers, "{}".into())
            }
            ("GET /odata/find", "", _) => Reply::json(r#"{"d": []}"#),
            ("POST /odata/create", "tok-1", "SID=sesame; usercontext=c") if seen.body.contains("bad") => {
                Reply::With(400, Vec::new(), format!("no: {token} {cookie}"))
            }
            ("POST /odata/create", "tok-1", "SID=sesame; usercontext=c") => Reply::json(r#"{"id": "7"}"#),
            _ => Reply::With(403, vec![("x-csrf-token", "Required".into())], "CSRF token validation failed".into()),
        }
    })
    .await;
    let described = |token: &str| {
        let text = format!(
            "route: {{receiver: r}}\nreceivers: [{{name: r}}]\ncmms: [{{name: sap, url: '{}', {token}\
             find: {{method: GET, path: /find, id: /d/0/id}}, create: {{method: POST, path: /create, body: '{{\"t\": \"{{{{title}}}}\"}}', id: /id}}}}]",
            system.url("/odata")
        );
        Config::parse(&text, "f", Path::new(""), &Options::default())
            .unwrap_or_else(|error| panic!("{error}"))
            .cmms
            .remove(0)
    };
    let cmms = described("token: {path: /}, ");
    let calls = Calls::new(&cmms);
    let context =
        |title: &str| context::of(&cmms, &WorkOrder { title: title.into(), ..samples::work_order() }, "", &Value::Null);
    assert_eq!(calls.make("find", &cmms.find, &context("a")).await.unwrap().id, "");
    assert_eq!(calls.make("create", &cmms.create, &context("a")).await.unwrap().id, "7");
    let error = calls.make("create", &cmms.create, &context("bad")).await.unwrap_err().to_string();
    assert_eq!(error, "create: status 400: no: <redacted> <redacted>");
    let lines: Vec<_> = system.seen().into_iter().map(|seen| seen.line).collect();
    let write = ["GET /odata/", "POST /odata/create"];
    assert_eq!(lines, [&["GET /odata/find"], &write[..], &write[..]].concat());
    let without = described("");
    let error = Calls::new(&without).make("create", &without.create, &context("a")).await.unwrap_err();
    assert!(error.kind == Kind::Away && error.reason.contains("CSRF token validation failed"), "{error}");
    let elsewhere = described("token: {path: /find}, ");
    let error = Calls::new(&elsewhere).make("create", &elsewhere.create, &context("a")).await.unwrap_err();
    assert_eq!(error.reason, "token: status 403, and no token in the header x-csrf-token");
}

#[test]
fn every_request_makes_a_path_and_json() {
    let full = WorkOrder { title: "\"It\" is\noff \u{0}".into(), ..samples::work_order() };
    let mut empty = WorkOrder { status: Status::Completed, malfunction_end: None, actual_end: None, ..full.clone() };
    empty.asset = Default::default();
    (empty.estimated_hours, empty.scheduled_start) = (None, None);
    empty.parts.clear();
    empty.alerts.clear();
    let requests = Requests::default();
    let all = described();
    assert_eq!(all.len(), 7);
    for (order, asset) in [(&full, Value::from(12)), (&full, Value::from("A-12")), (&empty, Value::Null)] {
        for cmms in &all {
            let context = context::of(cmms, order, "4711", &asset);
            let optional = [&cmms.asset, &cmms.read, &cmms.update, &cmms.change_status];
            for request in optional.into_iter().flatten().chain([&cmms.find, &cmms.create]) {
                let path =
                    requests.path(&request.path, &context).unwrap_or_else(|error| panic!("{}: {error}", cmms.name));
                assert!(format!("http://h{path}").parse::<url::Url>().is_ok(), "{}: {path}", cmms.name);
                if !request.body.is_empty() {
                    let body = requests.body(&request.body, &context);
                    let body = body.unwrap_or_else(|error| panic!("{} {}: {error}", cmms.name, request.path));
                    assert!(body.is_object(), "{body}");
                }
            }
        }
    }
}
