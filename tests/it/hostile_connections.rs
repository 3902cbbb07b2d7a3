//! More clients than there may be: those that say nothing make room, and the others keep nobody from being told or from
//! asking whether Andon is healthy.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Instant;

use crate::hostile::{SECOND, config, healthy, is_told, post, webhook_to};
use crate::support::http::Client;
use crate::support::process::{Andon, Place};
use crate::support::until;
use crate::support::webhook::Webhook;

/// A client that sends half of what it has to say, and is waited for.
fn half_a_body(andon: &Andon) -> TcpStream {
    let mut stream = TcpStream::connect(andon.address()).expect("it accepts");
    let head = "POST /api/v2/alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n";
    stream.set_read_timeout(Some(20 * SECOND)).expect("a time");
    stream.write_all(format!("{head}Expect: 100-continue\r\n\r\n").as_bytes()).expect("it reads");
    stream
}

/// Whether the client is waited for, and not told to come again.
fn is_waited_for(stream: &mut TcpStream) -> bool {
    let mut status = [0; 12];
    stream.read_exact(&mut status).is_ok() && &status == b"HTTP/1.1 100"
}

/// So many that are in the midst of a request. Whoever asked before may not have gone yet.
fn busy(andon: &Andon, count: usize) -> Vec<TcpStream> {
    let one = |_| {
        until(10 * SECOND, "it is waited for", || {
            let mut stream = half_a_body(andon);
            is_waited_for(&mut stream).then_some(stream)
        })
    };
    (0..count).map(one).collect()
}

#[test]
fn more_connections_than_there_may_be_leave_health_alone() {
    let place = Place::with_config(&config("webhook_configs: []", "webhook_configs: []"));
    let andon = place.start(&["--limits.connections=20"]);
    let busy = busy(&andon, 20);
    healthy(&andon);
    for _ in 0..10 {
        let mut client = Client::connect(andon.address()).expect("it accepts");
        let refused = client.request("GET", "/api/v2/alerts", "").expect("it is answered");
        assert_eq!((refused.status(), refused.header("retry-after")), (503, Some("1")), "{}", refused.body);
        assert!(refused.body.contains("there are too many connections"), "{}", refused.body);
        assert!(client.request("GET", "/-/healthy", "").is_err(), "the connection is closed");
    }
    // As many that say nothing as there may be beyond the limit, and more.
    let silent: Vec<_> = (0..200).map(|_| TcpStream::connect(andon.address())).collect();
    let began = Instant::now();
    assert_eq!(andon.get("/-/healthy").status(), 200);
    assert!(began.elapsed() < 8 * SECOND, "{:?}: half a second for each sixty-four of them", began.elapsed());
    drop((busy, silent));
    until(5 * SECOND, "there is room again", || (andon.get("/api/v2/alerts").status() == 200).then_some(()));
}

#[test]
fn connections_over_which_nothing_is_asked_make_room_for_those_with_alerts() {
    let place = Place::with_config(&config("webhook_configs: []", "webhook_configs: []"));
    let andon = place.start(&["--limits.connections=20"]);
    let mut kept = Client::connect(andon.address()).expect("it accepts");
    assert_eq!(kept.request("GET", "/-/healthy", "").map(|answer| answer.status()).ok(), Some(200));
    let busy = busy(&andon, 10);
    let silent: Vec<_> = (0..500).map(|_| TcpStream::connect(andon.address())).collect();
    let began = Instant::now();
    until(20 * SECOND, "an alert is taken", || (post(&andon, "Late").status() == 200).then_some(()));
    assert!(
        began.elapsed() < 8 * SECOND,
        "{:?}: a silent client has five seconds where there is room",
        began.elapsed()
    );
    assert!(kept.request("GET", "/-/healthy", "").is_err(), "it was idle for longest");
    for mut stream in busy {
        stream.write_all(b"[        ]").expect("who asks is not sent away");
        let mut answer = [0; " Continue\r\n\r\nHTTP/1.1 200 OK".len()];
        stream.read_exact(&mut answer).expect("it is answered");
        assert!(answer.ends_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&answer));
    }
    drop(silent);
}

/// With few files, of which clients want all: some are left for those who are to be told.
#[test]
fn clients_leave_files_for_those_who_are_told() {
    let well = Webhook::start();
    let place = Place::with_config(
        &config(&webhook_to(&well.address()), "webhook_configs: []").replace("group_wait: 0s", "group_wait: 3s"),
    );
    let andon = limited_to(300, &place);
    assert_eq!(post(&andon, "Before").status(), 200);
    let busy = busy(&andon, 149);
    // Not so many that they would wait to be connected.
    let more: Vec<_> = (0..200).map(|_| half_a_body(&andon)).collect();
    healthy(&andon);
    until(10 * SECOND, "it is told", || is_told(&well, "Before").then_some(()));
    drop((busy, more));
}

/// One that may have so many files open.
fn limited_to(files: usize, place: &Place) -> Andon {
    let command = place.command(&[]);
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")]);
    limited.arg(command.get_program()).args(command.get_args());
    Andon::start(limited)
}

#[test]
fn without_a_free_file_descriptor_it_waits_and_goes_on() {
    let well = Webhook::start();
    let place = Place::with_config(&config(&webhook_to(&well.address()), "webhook_configs: []"));
    let andon = limited_to(100, &place);
    assert_eq!(post(&andon, "Before").status(), 200);
    let held: Vec<_> = (0..300).map(|_| TcpStream::connect(andon.address())).collect();
    until(20 * SECOND, "there is none left", || {
        andon.log().contains("a connection could not be accepted").then_some(())
    });
    drop(held);
    until(20 * SECOND, "it takes alerts again", || {
        let answer = Client::connect(andon.address()).and_then(|mut client| client.request("GET", "/-/healthy", ""));
        answer.is_ok_and(|answer| answer.status() == 200).then_some(())
    });
    assert_eq!(post(&andon, "After").status(), 200);
    for name in ["Before", "After"] {
        until(90 * SECOND, "it is told", || is_told(&well, name).then_some(()));
    }
}
