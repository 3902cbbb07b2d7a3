//! A receiver that understands and refuses.

use std::io::{BufReader, Write};
use std::net::TcpListener;

use crate::support::http::Message;

const REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 21\r\n\r\nthis channel is gone\n";

/// Its address; it listens until the test's process ends.
pub fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                while let Ok(Some(_)) = Message::read(&mut stream) {
                    if stream.get_mut().write_all(REFUSED).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}
