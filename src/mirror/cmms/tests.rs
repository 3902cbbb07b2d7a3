//! Every description that is shipped or documented, rendered for an order with something in every field, and for one
//! with nothing in any.

use std::path::Path;

use serde_json::Value;

use super::context;
use crate::config::settings::Cmms;
use crate::config::{Config, Options};
use crate::core::work_order::{Status, WorkOrder};
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
