//! A mail server that takes everything and remembers what it was told, command by command.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

/// A mail as it came in.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    /// The commands before it, from the greeting on.
    pub commands: Vec<String>,
    /// Headers and body.
    pub text: String,
}

/// Listens until the test's process ends.
pub struct MailSink {
    port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl MailSink {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&mails);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let taken = Arc::clone(&taken);
                std::thread::spawn(move || serve(stream, &taken));
            }
        });
        Self { port, mails }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What was taken so far, in order.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(stream: TcpStream, taken: &Mutex<Vec<Mail>>) -> Option<()> {
    let mut answer = stream.try_clone().ok()?;
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut mail = Mail::default();
    write!(answer, "220 sink\r\n").ok()?;
    while let Some(line) = lines.next() {
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        mail.commands.push(line);
        match verb.as_str() {
            "EHLO" => write!(answer, "250-sink\r\n250 8BITMIME\r\n").ok()?,
            "DATA" => {
                write!(answer, "354 go on\r\n").ok()?;
                for line in lines.by_ref().take_while(|line| line != ".") {
                    mail.text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.text.push_str("\r\n");
                }
                taken.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut mail));
                write!(answer, "250 taken\r\n").ok()?;
            }
            "QUIT" => return write!(answer, "221 bye\r\n").ok(),
            _ => write!(answer, "250 ok\r\n").ok()?,
        }
    }
    None
}

/// Prints a mail as JSON: its headers decoded, and the type and text of each part.
const READ_MAIL: &str = "
import email, email.policy, json, sys
mail = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
parts = [[part.get_content_type(), part.get_content()] for part in mail.walk() if not part.is_multipart()]
print(json.dumps({'type': mail.get_content_type(), 'parts': parts, 'defects': [str(d) for d in mail.defects],
    'headers': {name: str(value) for name, value in mail.items()}}))
";

/// Prints the one event of a calendar as JSON.
const READ_CALENDAR: &str = "
import icalendar, json, sys
calendar = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
[event] = calendar.walk('VEVENT')
text = lambda holder, name: str(holder[name]) if name in holder else None
found = {name.lower(): text(event, name) for name in ['UID', 'SUMMARY', 'LOCATION', 'DESCRIPTION', 'STATUS', 'ORGANIZER', 'ATTENDEE']}
found.update({name.lower(): event.decoded(name).isoformat() for name in ['DTSTART', 'DTEND', 'DTSTAMP']})
found.update(method=text(calendar, 'METHOD'), version=text(calendar, 'VERSION'), sequence=int(event['SEQUENCE']))
found['names'] = sorted(set(event.keys()))
print(json.dumps(found))
";

/// What a calendar entry says, as a reader that is none of ours sees it: Python's icalendar.
pub fn read_calendar(python: &Path, calendar: &str) -> Value {
    ask(python, READ_CALENDAR, calendar.as_bytes())
}

/// What a mail says, as a reader that is none of ours sees it: Python's.
pub fn read(python: &Path, mail: &[u8]) -> Value {
    ask(python, READ_MAIL, mail)
}

fn ask(python: &Path, script: &str, mail: &[u8]) -> Value {
    let mut command = Command::new(python);
    command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("python starts");
    child.stdin.take().expect("it is piped").write_all(mail).expect("python reads");
    let output = child.wait_with_output().expect("python ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}
