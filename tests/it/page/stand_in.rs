//! A receiver that understands and refuses.

use std::io::{BufReader, Write};
use std::net::TcpListener;

use crate::support::http::Message;

/// What it answers about a team of this name, which a page must show as a text.
pub const HOSTILE: &str =
    "<script>document.title = 'broken'</script><img src=x onerror=\"document.title = 'broken'\"></pre></main>";

/// Its answer: to some teams one that is hard to show.
fn refusal(request: &Message) -> String {
    let says = if request.body.contains(r#""team":"hostile""#) {
        HOSTILE.to_owned()
    } else if request.body.contains(r#""team":"long""#) {
        "y".repeat(10_000)
    } else {
        "this channel is gone\n".to_owned()
    };
    format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{says}", says.len())
}

/// Its address; it listens until the test's process ends.
pub fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                while let Ok(Some(request)) = Message::read(&mut stream) {
                    if stream.get_mut().write_all(refusal(&request).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}
