//! Those who are told: stand-ins for PagerDuty, Slack and a mail server that take everything and remember it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::support::http::Message;

/// One notification, as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `pagerduty`, `mail`, or Slack's channel.
    pub whom: String,
    /// The alert and what it is about.
    pub what: String,
    pub firing: bool,
    /// The same for the same notification, however often it comes: PagerDuty's key, the mail's Message-ID, the post.
    pub id: String,
}

/// Everybody. They listen until the test's process ends.
pub struct People {
    http: u16,
    smtp: u16,
    told: Arc<Mutex<Vec<Told>>>,
}

impl People {
    pub fn start() -> Self {
        let told = Arc::default();
        Self { http: listen(&told, serve_http), smtp: listen(&told, serve_smtp), told }
    }

    /// The environment of an Andon that tells them.
    pub fn environment(&self) -> Vec<(String, String)> {
        let http = |path: &str| format!("http://127.0.0.1:{}/{path}", self.http);
        let channel = |name: &str| (format!("ANDON_SLACK_{}_URL", name.to_uppercase()), http(&format!("slack/{name}")));
        let own = [
            ("ANDON_PAGERDUTY_KEY", "0123456789abcdef0123456789abcdef".to_owned()),
            ("ANDON_PAGERDUTY_URL", http("v2/enqueue")),
            ("ANDON_SMTP_SMARTHOST", format!("127.0.0.1:{}", self.smtp)),
            ("ANDON_SMTP_FROM", "andon@plant.example".to_owned()),
            ("ANDON_SUPERVISOR_EMAIL", "supervisor@plant.example".to_owned()),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        own.chain(["ops", "databases", "application", "data", "ml"].map(channel)).collect()
    }

    /// What was told so far, in order.
    pub fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Remembered = Arc<Mutex<Vec<Told>>>;

fn listen(told: &Remembered, serve: fn(TcpStream, &Remembered)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let told = Arc::clone(told);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let told = Arc::clone(&told);
            std::thread::spawn(move || serve(stream, &told));
        }
    });
    port
}

fn remember(told: &Remembered, one: Told) {
    told.lock().unwrap_or_else(PoisonError::into_inner).push(one);
}

/// Remembers before it answers: whoever got an answer is in the list.
fn serve_http(stream: TcpStream, told: &Remembered) {
    let mut stream = BufReader::new(stream);
    while let Ok(Some(request)) = Message::read(&mut stream) {
        let path = request.first_line.split(' ').nth(1).unwrap_or_default();
        let (status, body) = match path.strip_prefix("/slack/") {
            Some(channel) => {
                remember(told, slack(channel, &request));
                ("200 OK", "ok".to_owned())
            }
            None => {
                let one = pagerduty(&request.json());
                let body = format!(r#"{{"status":"success","message":"Event processed","dedup_key":"{}"}}"#, one.id);
                remember(told, one);
                ("202 Accepted", body)
            }
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

/// An event of the Events API v2. A resolve has no payload, so what it is about is its key.
fn pagerduty(event: &Value) -> Told {
    assert_eq!(text(event, "/routing_key"), "0123456789abcdef0123456789abcdef");
    let (key, action) = (text(event, "/dedup_key").to_owned(), text(event, "/event_action"));
    assert!(["trigger", "resolve"].contains(&action), "{event}");
    assert!(action == "resolve" || text(event, "/payload/severity") == "critical", "{event}");
    let about = |name| event.pointer(name).and_then(Value::as_str).unwrap_or_default();
    let what = format!("{} {}", about("/payload/class"), about("/payload/group"));
    Told { whom: "pagerduty".into(), what, firing: action == "trigger", id: key }
}

/// A post. What it is about is its fallback, which begins as Alertmanager's does: `[FIRING:1] DiskSpaceLow
/// node-exporter:9100 (…)`; its title says in words what is the matter, and how bad.
fn slack(channel: &str, request: &Message) -> Told {
    let body = request.json();
    let fallback = text(&body, "/attachments/0/fallback");
    let (status, rest) = fallback.split_once("] ").unwrap_or_else(|| panic!("{fallback:?} has no status"));
    let title = text(&body, "/attachments/0/title");
    let expected: &[&str] = if status.starts_with("[FIRING") { &["[WARNING", "[INFO"] } else { &["[RESOLVED] "] };
    assert!(expected.iter().any(|begin| title.starts_with(begin)), "{title}");
    let what = rest.split(" (").next().unwrap_or(rest).trim().to_owned();
    Told { whom: format!("slack {channel}"), what, firing: status.starts_with("[FIRING"), id: request.body.clone() }
}

fn serve_smtp(stream: TcpStream, told: &Remembered) {
    // Whoever hangs up in the middle has sent nothing.
    let _ = converse(stream, told);
}

/// A conversation as RFC 5321 has it, without extensions.
fn converse(mut stream: TcpStream, told: &Remembered) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut recipients = Vec::new();
    stream.write_all(b"220 mail.plant.example ESMTP\r\n")?;
    while let Some(line) = lines.next().transpose()? {
        let answer = match line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" => "250 mail.plant.example",
            "MAIL" => {
                assert!(line.contains("<andon@plant.example>"), "{line}");
                "250 OK"
            }
            "RCPT" => {
                recipients.push(line.clone());
                "250 OK"
            }
            "DATA" => {
                stream.write_all(b"354 go ahead\r\n")?;
                let mut mail = String::new();
                loop {
                    let line = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
                    if line == "." {
                        break;
                    }
                    mail += &line;
                    mail.push('\n');
                }
                assert!(
                    matches!(&recipients[..], [one] if one.contains("<supervisor@plant.example>")),
                    "{recipients:?}"
                );
                recipients.clear();
                remember(told, mail_told(&mail));
                "250 queued"
            }
            "RSET" | "NOOP" => "250 OK",
            "QUIT" => {
                stream.write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => "502 not here",
        };
        stream.write_all(answer.as_bytes())?;
        stream.write_all(b"\r\n")?;
    }
    Ok(())
}

/// What the subject says: `[CRITICAL] Cooling water pump (PUMP-001): Critical asset …`.
fn mail_told(mail: &str) -> Told {
    let head = mail.split("\n\n").next().unwrap_or_default().replace("\n ", " ").replace("\n\t", " ");
    let header = |name: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        let found = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| panic!("no {name} in {head}")).1.trim().to_owned()
    };
    let subject = header("Subject");
    let about = match (subject.contains("Critical asset"), subject.contains("Maintenance is overdue")) {
        (true, false) => "CriticalAssetOffline",
        (false, true) => "MaintenanceOverdue",
        _ => panic!("the subject is {subject:?}"),
    };
    let asset = subject.split('(').nth(1).and_then(|rest| rest.split(')').next());
    let asset = asset.unwrap_or_else(|| panic!("no asset in {subject:?}"));
    let firing = !subject.starts_with("[RESOLVED]");
    Told { whom: "mail".into(), what: format!("{about} {asset}"), firing, id: header("Message-ID") }
}
