//! A webhook receiver that takes everything and remembers what it was told. It answers `ok`, by which it passes for
//! Slack and PagerDuty too. It may have bad spells.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::http::{Client, Message};
use super::random::Random;
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
    /// The bad spells that it has, if it has any.
    spells: Mutex<Option<Spells>>,
    /// The places in `told` of what was taken and not answered.
    unanswered: Mutex<BTreeSet<usize>>,
    /// When it had answered what stands at these places in `told`.
    answered: Mutex<BTreeMap<usize, Instant>>,
}

/// What comes next, for so many messages.
struct Spells {
    random: Random,
    mood: Mood,
    left: u64,
}

#[derive(Clone, Copy)]
enum Mood {
    Answers,
    /// With 503, and takes nothing.
    Refuses,
    /// Takes the message and closes the connection.
    Cuts,
}

impl Spells {
    fn next(&mut self) -> Mood {
        if self.left == 0 {
            (self.mood, self.left) = match (self.mood, self.random.below(2)) {
                (Mood::Answers, 0) => (Mood::Refuses, 2 + self.random.below(30)),
                (Mood::Answers, _) => (Mood::Cuts, 1 + self.random.below(5)),
                _ => (Mood::Answers, 1 + self.random.below(60)),
            };
        }
        self.left -= 1;
        self.mood
    }
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
        let (told, open, spells, unanswered, answered) = Default::default();
        let shared = Shared { told, open, answer, spells, unanswered, answered };
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

    /// From now on it answers 503 for a while, or takes messages and closes the connection, now and then; or never again.
    pub fn has_bad_spells(&self, random: Option<Random>) {
        let spells = random.map(|random| Spells { random, mood: Mood::Answers, left: 0 });
        *self.shared.spells.lock().unwrap_or_else(PoisonError::into_inner) = spells;
    }

    /// From now on it takes every message and closes the connection.
    pub fn never_answers(&self) {
        let spells = Spells { random: Random::of(0), mood: Mood::Cuts, left: u64::MAX };
        *self.shared.spells.lock().unwrap_or_else(PoisonError::into_inner) = Some(spells);
    }

    /// When it had answered what stands at these places in [`Self::told`].
    pub fn answered(&self) -> BTreeMap<usize, Instant> {
        self.shared.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The places in [`Self::told`] of what it did not answer.
    pub fn unanswered(&self) -> BTreeSet<usize> {
        self.shared.unanswered.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        let (mut answer, takes) = shared.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut place = None;
        if message.first_line.starts_with("POST ") {
            match shared.mood() {
                Mood::Answers => place = Some(shared.take(message)),
                Mood::Refuses => answer = self::answer("503 Service Unavailable", ""),
                Mood::Cuts => return shared.take_unanswered(message),
            }
        }
        std::thread::sleep(takes);
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
        if let Some(place) = place {
            shared.answered.lock().unwrap_or_else(PoisonError::into_inner).insert(place, Instant::now());
        }
    }
}

impl Shared {
    fn mood(&self) -> Mood {
        let mut spells = self.spells.lock().unwrap_or_else(PoisonError::into_inner);
        spells.as_mut().map_or(Mood::Answers, Spells::next)
    }

    /// Remembers a message, and says at which place.
    fn take(&self, message: Message) -> usize {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(message);
        told.len() - 1
    }

    fn take_unanswered(&self, message: Message) {
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        unanswered.insert(self.take(message));
    }
}
