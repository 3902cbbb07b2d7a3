//! A real Chromium without a window, spoken to in its own protocol through two pipes: no driver, no port, no socket.
//!
//! What goes wrong in a page is kept: exceptions, refused scripts and styles, and requests to other hosts.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::program;

/// How long the browser may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The browser, with one page.
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    session: String,
    last: u64,
    loads: usize,
    /// What went wrong in pages so far.
    pub wrong: Vec<String>,
    /// Where requests may go.
    host: String,
    _profile: TempDir,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub width: u32,
    pub height: u32,
    pub scripts: bool,
    pub dark: bool,
}

impl Look {
    pub const PHONE: Self = Self { width: 390, height: 844, scripts: true, dark: false };
    pub const DESKTOP: Self = Self { width: 1280, height: 900, scripts: true, dark: false };
}

impl Browser {
    /// Starts it for pages of this host; nothing where there is no Chromium.
    pub fn start(host: &str) -> Option<Self> {
        let chromium = program("chromium", "ANDON_CHROMIUM", "chromium")?;
        let profile = TempDir::new().expect("a folder for the profile");
        // Chromium reads commands from descriptor 3 and writes to 4.
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null"#]).arg(chromium);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        command.args(["--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe", "--lang=en-GB"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("there is a shell");
        let commands = child.stdin.take().expect("it is piped");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                if serde_json::from_slice(&message).is_ok_and(|message| sender.send(message).is_err()) {
                    return;
                }
                message.clear();
            }
        });
        let host = host.to_owned();
        let (session, wrong) = (String::new(), Vec::new());
        let mut browser =
            Self { child, commands, messages, session, last: 0, loads: 0, wrong, host, _profile: profile };
        browser.open();
        Some(browser)
    }

    fn open(&mut self) {
        let target = self.ask("Target.createTarget", json!({"url": "about:blank"}));
        let attached = self.ask("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        self.session = attached["sessionId"].as_str().expect("a session has an id").to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.ask(&format!("{domain}.enable"), json!({}));
        }
        // Keys go where the focus is, and a page without a window has none of itself.
        self.ask("Emulation.setFocusEmulationEnabled", json!({"enabled": true}));
    }

    /// Looks at pages so from now on.
    pub fn look(&mut self, look: Look) {
        let phone = look.width < 600;
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": phone}),
        );
        self.ask("Emulation.setScriptExecutionDisabled", json!({"value": !look.scripts}));
        let scheme = if look.dark { "dark" } else { "light" };
        self.ask(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        );
    }

    /// Goes to a path, and waits until the page is loaded.
    pub fn go(&mut self, path: &str) {
        let url = format!("http://{}{path}", self.host);
        self.loading(|browser| {
            let answer = browser.ask("Page.navigate", json!({"url": url}));
            assert!(answer["errorText"].is_null(), "{url}: {answer}");
        });
    }

    /// Shows a page that comes from nowhere.
    pub fn show(&mut self, html: &str) {
        let frame = self.ask("Page.getFrameTree", json!({}))["frameTree"]["frame"]["id"].clone();
        self.ask("Page.setDocumentContent", json!({"frameId": frame, "html": html}));
    }

    /// Clicks on the first element that the selector finds, and waits for the page that this leads to.
    pub fn click(&mut self, selector: &str) {
        let quoted = json!(selector);
        self.loading(|browser| {
            let found =
                browser.eval(&format!("(e => e ? (e.click(), true) : false)(document.querySelector({quoted}))"));
            assert_eq!(found, Value::Bool(true), "there is no {selector} in {}", browser.text("body"));
        });
    }

    /// Presses a key and lets it go, where the focus is.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            other => panic!("what is the code of {other}?"),
        };
        let event = |kind: &str, text: &str| json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
        self.ask("Input.dispatchKeyEvent", event("keyDown", text));
        self.ask("Input.dispatchKeyEvent", event("keyUp", ""));
    }

    /// Presses Tab until the focus is on what the selector finds.
    pub fn tab_to(&mut self, selector: &str) {
        let quoted = json!(selector);
        for _ in 0..100 {
            self.press("Tab");
            if self.eval(&format!("document.activeElement.matches({quoted})")) == Value::Bool(true) {
                return;
            }
        }
        panic!("no Tab leads to {selector} in {}", self.text("body"));
    }

    /// Presses Enter, and waits for the page that this leads to.
    pub fn enter(&mut self) {
        self.loading(|browser| browser.press("Enter"));
    }

    /// Types a text where the focus is.
    pub fn write(&mut self, text: &str) {
        self.ask("Input.insertText", json!({"text": text}));
    }

    /// Puts a text into a field as typing does.
    pub fn fill(&mut self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        let script = format!(
            "(e => {{ e.value = {text}; e.dispatchEvent(new Event('input', {{bubbles: true}})); return e.value }})(document.querySelector({selector}))"
        );
        self.eval(&script);
    }

    /// What an element shows.
    pub fn text(&mut self, selector: &str) -> String {
        let selector = json!(selector);
        let text = self.eval(&format!("(document.querySelector({selector}) || {{innerText: ''}}).innerText"));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an element shows a text.
    pub fn until_text(&mut self, selector: &str, part: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text(selector).contains(part) {
            assert!(Instant::now() < deadline, "{selector} never shows {part:?}: {}", self.text(selector));
            self.wait(Duration::from_millis(50));
        }
    }

    /// Loads a page anew until an element of it has this text.
    pub fn until_page(&mut self, path: &str, selector: &str, part: &str) {
        let began = Instant::now();
        loop {
            self.go(path);
            let text = self.text(selector);
            if text.contains(part) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{path}: {selector} has no {part:?} but {text:?}");
            self.wait(Duration::from_millis(200));
        }
    }

    /// Runs an expression in the page; a promise is waited for.
    pub fn eval(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.ask("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression:.200}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// A picture of the page, as high as it is but not higher than `most`; in base64.
    pub fn picture(&mut self, most: u32) -> String {
        let size = self.ask("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
        let height = size["height"].as_f64().unwrap_or(800.0).min(f64::from(most));
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1});
        let shot = self.ask("Page.captureScreenshot", json!({"clip": clip, "captureBeyondViewport": true}));
        shot["data"].as_str().expect("a picture is a text").to_owned()
    }

    /// Does something that loads a page, and waits until it is loaded.
    fn loading(&mut self, act: impl FnOnce(&mut Self)) {
        let before = self.loads;
        act(self);
        let deadline = Instant::now() + PATIENCE;
        while self.loads == before {
            assert!(Instant::now() < deadline, "no page was loaded; here is {}", self.text("body"));
            self.wait(Duration::from_millis(200));
        }
    }

    /// Listens for so long.
    fn wait(&mut self, time: Duration) {
        match self.messages.recv_timeout(time) {
            Ok(message) => self.heard(&message),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the browser ended"),
        }
    }

    fn say(&mut self, method: &str, parameters: &Value) -> u64 {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).expect("the browser listens");
        self.last
    }

    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.say(method, &parameters);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self.messages.recv_timeout(left).unwrap_or_else(|error| panic!("{method}: {error}"));
            if message["id"] == json!(id) {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.heard(&message);
        }
    }

    fn heard(&mut self, message: &Value) {
        let parameters = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Page.loadEventFired" => self.loads += 1,
            "Page.javascriptDialogOpening" => {
                self.say("Page.handleJavaScriptDialog", &json!({"accept": true}));
            }
            "Runtime.exceptionThrown" => self.wrong.push(format!("exception: {parameters}")),
            "Log.entryAdded" if parameters["entry"]["level"] == "error" => {
                // A page that says 400 or 404 is an error to the log, but none of the page.
                let text = parameters["entry"]["text"].as_str().unwrap_or_default();
                if !text.starts_with("Failed to load resource: the server responded with a status of 4") {
                    self.wrong.push(format!("log: {}", parameters["entry"]));
                }
            }
            "Network.requestWillBeSent" => {
                let url = parameters["request"]["url"].as_str().unwrap_or_default();
                if !url.starts_with(&format!("http://{}/", self.host)) && !url.starts_with("about:") {
                    self.wrong.push(format!("a request to another host: {url}"));
                }
            }
            _ => {}
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session.clear();
        let id = self.last + 1;
        let bytes = format!("{{\"id\":{id},\"method\":\"Browser.close\"}}\0");
        // It may have ended already.
        let _ = self.commands.write_all(bytes.as_bytes());
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
