//! A stand-in for Atlas CMMS that speaks its published protocol: search, create, read, patch, change of status, with the
//! key that it wants, and everything that goes wrong with such a system.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::http::Message;

pub const KEY: &str = "sesame-key";

/// What goes wrong with requests that begin so, method and path.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Nothing is done, and this is answered.
    Status(u16),
    /// It is done, and the answer never comes.
    Silent,
    /// It is done so much later, and the answer never comes.
    Late(Duration),
}

#[derive(Default)]
struct Inside {
    orders: BTreeMap<u64, Value>,
    troubles: Vec<(String, Trouble, usize)>,
    requests: Vec<String>,
}

/// Listens until the test's process ends.
pub struct Atlas {
    port: u16,
    inside: Arc<Mutex<Inside>>,
}

impl Atlas {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let inside = Arc::new(Mutex::new(Inside::default()));
        let shared = Arc::clone(&inside);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inside = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &inside));
            }
        });
        Self { port, inside }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api", self.port)
    }

    /// The next `times` requests that begin so (`POST /api/work-orders HTTP`) go wrong.
    pub fn trouble(&self, begins: &str, trouble: Trouble, times: usize) {
        lock(&self.inside).troubles.push((begins.to_owned(), trouble, times));
    }

    pub fn orders(&self) -> Vec<Value> {
        lock(&self.inside).orders.values().cloned().collect()
    }

    /// What people do at the system's own screen.
    pub fn edit(&self, id: u64, field: &str, value: Value) {
        if let Some(order) = lock(&self.inside).orders.get_mut(&id) {
            order[field] = value;
        }
    }

    /// The first lines of what was asked.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.inside).requests.clone()
    }
}

fn lock(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: TcpStream, inside: &Mutex<Inside>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    while let Ok(Some(request)) = Message::read(&mut stream) {
        let (status, answer) = match trouble(inside, &request.first_line) {
            Some(Trouble::Status(status)) => (status, json!({"message": "no", "key": KEY})),
            Some(Trouble::Silent) => {
                answer(&mut lock(inside), &request);
                std::thread::sleep(Duration::from_secs(20));
                return None;
            }
            Some(Trouble::Late(by)) => {
                std::thread::sleep(by);
                answer(&mut lock(inside), &request);
                return None;
            }
            None => answer(&mut lock(inside), &request),
        };
        let body = answer.to_string();
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.get_mut().write_all(format!("{head}{body}").as_bytes()).ok()?;
    }
    None
}

fn trouble(inside: &Mutex<Inside>, first_line: &str) -> Option<Trouble> {
    let mut inside = lock(inside);
    inside.requests.push(first_line.to_owned());
    let at =
        inside.troubles.iter().position(|(begins, _, times)| *times > 0 && first_line.starts_with(begins.as_str()))?;
    let (_, trouble, times) = inside.troubles.get_mut(at)?;
    *times -= 1;
    Some(trouble.clone())
}

fn answer(inside: &mut Inside, request: &Message) -> (u16, Value) {
    if request.header("x-api-key") != Some(KEY) {
        return (403, json!({"message": "Access denied"}));
    }
    let words: Vec<&str> = request.first_line.split(' ').collect();
    let (method, path) = (words[0], words[1]);
    let body: Value = if request.body.is_empty() { Value::Null } else { request.json() };
    let rest = path.strip_prefix("/api/work-orders").unwrap_or("?");
    let id = rest.trim_start_matches('/').split('/').next().and_then(|id| id.parse::<u64>().ok());
    match (method, rest, id) {
        ("POST", "?", _) if path == "/api/assets/search" => {
            let known =
                body["filterFields"][0]["field"] == "customId" && body["filterFields"][0]["value"] == "PUMP-001";
            (200, page(if known { vec![json!({"id": 12, "name": "Cooling pump"})] } else { Vec::new() }))
        }
        ("POST", "/search", _) => {
            let filter = &body["filterFields"][0];
            if !["cn", "eq"].contains(&filter["operation"].as_str().unwrap_or_default()) {
                return (400, json!({"message": "no such operation"}));
            }
            let wanted = filter["value"].as_str().unwrap_or("?");
            let field = filter["field"].as_str().unwrap_or("?");
            let found =
                inside.orders.values().filter(|order| order[field].as_str().is_some_and(|text| text.contains(wanted)));
            (200, page(found.cloned().collect()))
        }
        ("POST", "", _) => {
            if body["title"].as_str().is_none_or(str::is_empty)
                || !["NONE", "LOW", "MEDIUM", "HIGH"].contains(&body["priority"].as_str().unwrap_or_default())
            {
                return (400, json!({"message": "title and priority are required"}));
            }
            let id = u64::try_from(inside.orders.len()).expect("they are few") + 41;
            let mut order = body;
            (order["id"], order["customId"]) = (json!(id), json!(format!("WO{id:06}")));
            inside.orders.insert(id, order.clone());
            (200, order)
        }
        ("GET", _, Some(id)) => {
            inside.orders.get(&id).map_or((404, json!({"message": "Not found"})), |order| (200, order.clone()))
        }
        ("PATCH", rest, Some(id)) => {
            let Some(order) = inside.orders.get_mut(&id) else { return (404, json!({"message": "Not found"})) };
            let status = body["status"].as_str();
            if rest.ends_with("/change-status")
                && !status.is_some_and(|status| ["OPEN", "IN_PROGRESS", "ON_HOLD", "COMPLETE"].contains(&status))
            {
                return (400, json!({"message": "no such status"}));
            }
            for (name, value) in body.as_object().into_iter().flatten() {
                order[name] = value.clone();
            }
            (200, order.clone())
        }
        _ => (404, json!({"message": format!("no {method} {path}")})),
    }
}

fn page(content: Vec<Value>) -> Value {
    json!({"totalElements": content.len(), "content": content})
}
