//! `andon work-order`: the work orders of a running Andon, read and changed through its API.

use std::fmt::Write as _;
use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::api::{Answer, Ask, Server, encoded, items, text};
use super::{Output, say};

/// What `andon work-order` can do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List work orders, the newest first.
    List(List),
    /// Show one work order with its alerts, notes and history.
    Show {
        /// Its number: WO-2026-ABCDEFGH.
        number: String,
        #[command(flatten)]
        server: Server,
    },
    /// Open a work order by hand.
    Create(Box<Create>),
    /// Say that somebody has seen it.
    Acknowledge(Act),
    /// Give it to somebody; "" takes it away from whoever has it.
    Assign {
        #[command(flatten)]
        act: Act,
        /// Who is to have it.
        #[arg(long, value_name = "NAME")]
        to: String,
    },
    /// Begin, or take it up again.
    Start(Act),
    /// Let it wait.
    Hold(Act),
    /// Say that it is done.
    Complete {
        #[command(flatten)]
        act: Act,
        /// How many hours it took.
        #[arg(long)]
        hours: Option<f64>,
    },
    /// Say that it will not be done.
    Cancel(Act),
    /// Do it after all.
    Reopen(Act),
    /// Note something on it.
    Note {
        #[command(flatten)]
        act: Act,
        /// What to note.
        text: String,
    },
}

/// Which orders to list.
#[derive(clap::Args)]
pub struct List {
    /// open, assigned, in_progress, on_hold, completed, cancelled; several with commas between them.
    #[arg(long)]
    status: Option<String>,
    /// emergency, high, medium, low; several with commas between them.
    #[arg(long)]
    priority: Option<String>,
    /// The asset's code.
    #[arg(long)]
    asset: Option<String>,
    /// Only those that are overdue.
    #[arg(long)]
    overdue: bool,
    /// Only those with this text in number, title, description, assignee or asset.
    #[arg(long)]
    text: Option<String>,
    /// At most so many; by default all.
    #[arg(long)]
    limit: Option<usize>,
    #[command(flatten)]
    server: Server,
}

/// The order to open.
#[derive(clap::Args)]
pub struct Create {
    /// What is to be done, in one line.
    #[arg(long)]
    title: String,
    /// The asset's code.
    #[arg(long)]
    asset: Option<String>,
    /// corrective, preventive, predictive or inspection.
    #[arg(long = "type")]
    kind: Option<String>,
    /// emergency, high, medium or low.
    #[arg(long)]
    priority: Option<String>,
    /// What is to be done, in full.
    #[arg(long)]
    description: Option<String>,
    /// When it is to be done: 2026-12-01T08:00:00Z.
    #[arg(long)]
    due: Option<String>,
    /// Who is to have it.
    #[arg(long)]
    assignee: Option<String>,
    /// Refused while another order with this key is open, so that a repeated command opens no second one.
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Which order something is to happen to.
#[derive(clap::Args)]
pub struct Act {
    /// Its number: WO-2026-ABCDEFGH.
    number: String,
    /// Why, for the history.
    #[arg(long)]
    why: Option<String>,
    /// Only if it is still at this revision.
    #[arg(long, value_name = "REVISION")]
    if_match: Option<u64>,
    #[command(flatten)]
    server: Server,
}

/// Asks and prints; exit code 1 if there is no answer, no such order, or Andon refuses.
pub fn run(command: &Command) -> ExitCode {
    let server = server_of(command);
    match ask(command, server) {
        Ok(answer) => {
            say(&match (server.output, command) {
                (Output::Json, _) => format!("{answer}\n"),
                (Output::Text, Command::List(_)) => list(&answer),
                (Output::Text, Command::Show { .. }) => show(&answer),
                (Output::Text, _) => format!("{}  {}\n", text(&answer, "number"), text(&answer, "status")),
            });
            ExitCode::SUCCESS
        }
        Err(error) => server.failed(&error),
    }
}

fn server_of(command: &Command) -> &Server {
    match command {
        Command::List(list) => &list.server,
        Command::Show { server, .. } => server,
        Command::Create(create) => &create.server,
        Command::Acknowledge(act)
        | Command::Start(act)
        | Command::Hold(act)
        | Command::Cancel(act)
        | Command::Reopen(act)
        | Command::Assign { act, .. }
        | Command::Complete { act, .. }
        | Command::Note { act, .. } => &act.server,
    }
}

fn ask(command: &Command, server: &Server) -> Result<Value, String> {
    match command {
        Command::List(list) => all(list, server),
        Command::Show { number, .. } => {
            let path = format!("work-orders/{}", encoded(number));
            let mut order = server.get(&path)?.body;
            let history = server.get(&format!("{path}/history"))?.body;
            if let Value::Object(order) = &mut order {
                order.insert("history".into(), history);
            }
            Ok(order)
        }
        Command::Create(create) => {
            let body = create.body();
            let ask = Ask { method: Method::POST, path: "work-orders", body: Some(&body), if_match: None };
            server.ask(&ask).map(|answer| answer.body)
        }
        Command::Acknowledge(act) => act.ask("acknowledge", None),
        Command::Assign { act, to } => act.ask("assign", Some(("assignee", json!(to)))),
        Command::Start(act) => act.ask("start", None),
        Command::Hold(act) => act.ask("hold", None),
        Command::Complete { act, hours } => act.ask("complete", hours.map(|hours| ("actualHours", json!(hours)))),
        Command::Cancel(act) => act.ask("cancel", None),
        Command::Reopen(act) => act.ask("reopen", None),
        Command::Note { act, text } => act.ask("note", Some(("text", json!(text)))),
    }
}

/// All pages, or as many orders as are wanted.
fn all(list: &List, server: &Server) -> Result<Value, String> {
    let mut query = String::new();
    for (name, value) in [
        ("status", list.status.as_deref()),
        ("priority", list.priority.as_deref()),
        ("asset", list.asset.as_deref()),
        ("overdue", list.overdue.then_some("true")),
        ("text", list.text.as_deref()),
    ] {
        if let Some(value) = value {
            // Writing into a string does not fail.
            let _ = write!(query, "&{name}={}", encoded(value));
        }
    }
    let most = list.limit.unwrap_or(usize::MAX);
    let mut orders = Vec::new();
    let mut next = Some(query.trim_start_matches('&').to_owned());
    while let Some(query) = next.take().filter(|_| orders.len() < most) {
        let Answer { body, next: further } = server.get(&format!("work-orders?{query}"))?;
        let Value::Array(page) = body else { return Err("the answer is no list".into()) };
        orders.extend(page);
        next = further;
    }
    orders.truncate(most);
    Ok(Value::Array(orders))
}

impl Create {
    fn body(&self) -> Value {
        let mut body = Map::from_iter([("title".to_owned(), json!(self.title))]);
        for (name, value) in [
            ("assetCode", &self.asset),
            ("type", &self.kind),
            ("priority", &self.priority),
            ("description", &self.description),
            ("dueAt", &self.due),
            ("assignee", &self.assignee),
            ("key", &self.key),
        ] {
            if let Some(value) = value {
                body.insert(name.into(), json!(value));
            }
        }
        body.into()
    }
}

impl Act {
    fn ask(&self, action: &str, member: Option<(&str, Value)>) -> Result<Value, String> {
        let mut body = Map::new();
        if let Some(why) = &self.why {
            body.insert("why".into(), json!(why));
        }
        body.extend(member.map(|(name, value)| (name.to_owned(), value)));
        let path = format!("work-orders/{}/{action}", encoded(&self.number));
        let revision = self.if_match.map(|revision| format!("\"{}-{revision}\"", self.number));
        let body = Value::Object(body);
        let ask = Ask { method: Method::POST, path: &path, body: Some(&body), if_match: revision.as_deref() };
        self.server.ask(&ask).map(|answer| answer.body)
    }
}

fn list(orders: &Value) -> String {
    let mut out = row(["NUMBER", "STATUS", "PRIORITY", "DUE", "ASSET", "TITLE"]);
    for order in orders.as_array().into_iter().flatten() {
        out += &row(["number", "status", "priority", "dueAt", "assetCode", "title"].map(|key| text(order, key)));
    }
    out
}

fn row([number, status, priority, due, asset, title]: [&str; 6]) -> String {
    format!("{number:<18}  {status:<12}  {priority:<10}  {due:<24}  {asset:<12}  {title}\n")
}

fn show(order: &Value) -> String {
    let mut out = format!("{}  {}\n", text(order, "number"), text(order, "title"));
    for (name, key) in [
        ("status", "status"),
        ("condition", "condition"),
        ("type", "type"),
        ("priority", "priority"),
        ("assignee", "assignee"),
        ("asset", "assetCode"),
        ("opened", "openedAt"),
        ("due", "dueAt"),
        ("failed since", "malfunctionStart"),
        ("recovered", "malfunctionEnd"),
        ("work began", "actualStart"),
        ("work ended", "actualEnd"),
        ("receiver", "receiver"),
    ] {
        let _ = writeln!(out, "  {name:<13} {}", text(order, key));
    }
    let _ = writeln!(out, "  {:<13} {}", "revision", order["revision"]);
    let _ = writeln!(out, "\n{}", text(order, "description"));
    for part in items(order, "parts") {
        let (number, name) = (text(part, "number"), text(part, "name"));
        let days = part["leadTimeDays"].as_u64().map(|days| format!(", {days} days to get")).unwrap_or_default();
        let (needed, in_stock) = (&part["needed"], &part["inStock"]);
        let _ = writeln!(out, "\npart {number} {name}: needs {needed}, {in_stock} in stock{days}");
    }
    for alert in items(order, "alerts") {
        let ended = text(alert, "endedAt");
        let until = if ended.is_empty() { "now" } else { ended };
        let _ = writeln!(out, "\nalert {} to {until}\n  {}", text(alert, "startsAt"), alert["labels"]);
    }
    for note in items(order, "notes") {
        let _ = writeln!(out, "\nnote {} by {}\n  {}", text(note, "at"), text(note, "actor"), text(note, "text"));
    }
    out.push_str("\nhistory\n");
    for entry in items(order, "history") {
        let (at, actor, what) = (text(entry, "at"), text(entry, "actor"), text(entry, "text"));
        let why = text(entry, "why");
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        let _ = writeln!(out, "  {at}  {:<16}  {actor}: {what}{why}", text(entry, "event"));
    }
    out
}
