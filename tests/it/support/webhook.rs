//! A webhook receiver that takes everything and remembers what it was told. It answers `ok`, by which it passes for
//! Slack and PagerDuty too.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::http::{Client, Message};
use super::until;

/// Listens until the test's process ends.
pub struct Webhook {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    told: Mutex<Vec<Message>>,
    open: AtomicUsize,
    /// What it answers, and after how long.
    answer: Mutex<(String, Duration)>,
}

impl Webhook {
    pub fn start() -> Self {
        Self::listening_on("127.0.0.1:0")
    }

    /// Listens at an address that was free a moment ago.
    pub fn listening_on(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let answer = Mutex::new((answer("200 OK", "ok"), Duration::ZERO));
        let shared = Shared { told: Mutex::default(), open: AtomicUsize::new(0), answer };
        let hook = Self { port, shared: Arc::new(shared) };
        let shared = Arc::clone(&hook.shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                shared.open.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    serve(stream, &shared);
                    shared.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        hook
    }

    /// From now on it answers with this status and body, after a time.
    pub fn answers(&self, status: &str, body: &str, takes: Duration) {
        *self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = (answer(status, body), takes);
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address())
    }

    /// `HOST:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What was told so far, in order.
    pub fn told(&self) -> Vec<Message> {
        self.shared.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was told after the first so many.
    pub fn told_since(&self, seen: usize) -> Vec<Message> {
        let told = self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(seen..).unwrap_or_default().to_vec()
    }

    /// Waits until all that a process sent before it ended is remembered, and says how much was told by then.
    pub fn drained(&self) -> usize {
        // Connections are accepted in order: once this one is answered, all of the dead process are counted.
        let knock = Client::connect(&format!("127.0.0.1:{}", self.port)).and_then(|mut it| it.request("GET", "/", ""));
        knock.expect("the webhook answers");
        let open = || self.shared.open.load(Ordering::SeqCst);
        until(Duration::from_secs(10), "the webhook has read everything", || (open() == 0).then_some(()));
        self.told().len()
    }
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Remembers before it answers: whoever got an answer is in the list.
fn serve(stream: TcpStream, shared: &Shared) {
    let mut stream = BufReader::new(stream);
    while let Ok(Some(message)) = Message::read(&mut stream) {
        if message.first_line.starts_with("POST ") {
            shared.told.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        }
        let (answer, takes) = shared.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        std::thread::sleep(takes);
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
