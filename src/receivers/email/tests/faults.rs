//! Everything that can go wrong between here and a mail server, before it says a word and at every step after that.

use futures_util::future::join_all;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::*;

/// For what hangs.
const SHORT: Duration = Duration::from_secs(2);

#[tokio::test]
async fn every_step_may_fail_in_every_way() {
    use Verdict::{Again, Refused, Sent};
    //          step         what a 5xx there means; how the error names the step
    let steps = [
        ("greeting", Again(Some(60)), "create SMTP client: ", "the greeting"),
        ("EHLO", Again(Some(60)), "send EHLO command: ", "EHLO"),
        ("STARTTLS", Again(Some(60)), "send STARTTLS command: ", "STARTTLS"),
        ("AUTH", Again(Some(60)), "PLAIN auth: ", "AUTH"),
        ("MAIL", Refused, "send MAIL command: ", "MAIL"),
        ("RCPT", Refused, "send RCPT command: ", "RCPT"),
        ("DATA", Refused, "send DATA command: ", "DATA"),
        (".", Refused, "delivery failure: ", "the end of the mail"),
        ("QUIT", Sent, "", ""),
    ];
    let (mut waiting, mut attempts) = (Vec::new(), Vec::new());
    for (step, for_good, names, waits_for) in &steps {
        let faults = [
            (Fault::Hang, &Again(None), *waits_for),
            (Fault::Say("451 4.7.1 come later"), &Again(Some(60)), "451 4.7.1 come later"),
            (Fault::Say("554 5.7.1 go away"), for_good, "554 5.7.1 go away"),
            (Fault::Close, &Again(None), "the server closed the connection"),
            (Fault::Say("HTTP/1.1 400 Bad \u{1}Request"), &Again(None), "no SMTP: HTTP/1.1 400 Bad  Request"),
            (Fault::Endless, &Again(None), "too long a line"),
            (Fault::Drip, &Again(None), *waits_for),
        ];
        for (fault, expected, says) in faults {
            let at = *step;
            // Before any conversation begins: keys take a while to make, and no limit is to count that.
            let server = MailServer::start(STARTTLS, move |line| line.starts_with(at).then_some(fault)).await;
            let endless = matches!(fault, Fault::Hang | Fault::Drip);
            let all = if endless { &mut waiting } else { &mut attempts };
            all.push(async move {
                let limit = if endless && at != "QUIT" { SHORT } else { PATIENT };
                let result = send(&EmailConfig { require_tls: true, ..config(&server) }, limit).await;
                let what = format!("{at} {fault:?}: {result:?}");
                if at == "QUIT" {
                    assert_eq!(verdict(&result), Sent, "{what}");
                    assert_eq!(server.mails().len(), 1, "{what}");
                    return;
                }
                assert_eq!(verdict(&result), *expected, "{what}");
                let error = result.unwrap_err();
                if at == "EHLO" && matches!(fault, Fault::Say(text) if text.starts_with('5')) {
                    // It is asked again with HELO, which offers nothing.
                    assert!(error.to_string().contains("does not advertise the STARTTLS extension"), "{what}");
                    return;
                }
                let expected = if endless { "no answer within 2s: " } else { *names };
                assert!(error.to_string().starts_with(expected) && error.to_string().contains(says), "{what}");
                let timeout = error.failure() == FailureReason::Timeout;
                assert_eq!(timeout, endless, "{what}");
            });
        }
    }
    assert_eq!(waiting.len() + attempts.len(), 63);
    // One after the other, so that nobody's limit counts what the others' encryption takes.
    join_all(waiting).await;
    join_all(attempts).await;
}

#[tokio::test]
async fn a_handshake_may_fail_in_every_way() {
    let faults = [
        (Fault::Hang, ""),
        (Fault::Drip, ""),
        (Fault::Close, "the server closed the connection"),
        (Fault::Say("554 5.7.1 no TLS here\r\n"), "received corrupt message"),
        (Fault::Endless, "received corrupt message"),
    ];
    let (mut waiting, mut attempts) = (Vec::new(), Vec::new());
    for (offers, names) in [(STARTTLS, "send STARTTLS command: "), (TLS, "establish TLS connection to server: ")] {
        for (fault, says) in faults {
            let server = MailServer::start(offers, move |line| (line == "handshake").then_some(fault)).await;
            let endless = matches!(fault, Fault::Hang | Fault::Drip);
            let all = if endless { &mut waiting } else { &mut attempts };
            all.push(async move {
                let force_implicit_tls = Some(offers.implicit_tls);
                let config = EmailConfig { require_tls: true, force_implicit_tls, ..config(&server) };
                let result = send(&config, if endless { SHORT } else { PATIENT }).await;
                let what = format!("{names}{fault:?}: {result:?}");
                assert_eq!(verdict(&result), Verdict::Again(None), "{what}");
                let error = result.unwrap_err();
                assert_eq!(error.failure() == FailureReason::Timeout, endless, "{what}");
                let begins = if endless { "no answer within 2s: the TLS handshake" } else { names };
                assert!(error.to_string().starts_with(begins) && error.to_string().contains(says), "{what}");
                assert!(server.mails().is_empty(), "{what}");
            });
        }
    }
    assert_eq!(waiting.len() + attempts.len(), 10);
    join_all(waiting).await;
    join_all(attempts).await;
}

/// What is wrong before the server says anything.
#[derive(Clone, Copy, Debug)]
enum Silent {
    /// Nobody listens.
    Refuses,
    /// The connection is never made.
    NeverConnects,
    /// The connection is made by the system, and nobody ever takes it.
    NeverAccepts,
    /// The name is nobody's.
    NoName,
    /// The connection is reset as soon as it is made.
    Resets,
}

/// The port where it is wrong in this way, and what must be kept for that.
async fn wrong(silent: Silent) -> (u16, Vec<TcpStream>, JoinSet<()>) {
    let (mut kept, mut tasks) = (Vec::new(), JoinSet::new());
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    match silent {
        // Nobody listens on this one.
        Silent::Refuses | Silent::NoName => drop(socket),
        Silent::NeverConnects | Silent::NeverAccepts => {
            let full = matches!(silent, Silent::NeverConnects);
            let listener: TcpListener = socket.listen(if full { 0 } else { 16 }).unwrap();
            let patience = Duration::from_millis(100);
            while full && let Ok(Ok(stream)) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
                kept.push(stream);
            }
            tasks.spawn(async move {
                let _listener = listener;
                std::future::pending::<()>().await;
            });
        }
        Silent::Resets => {
            let listener = socket.listen(16).unwrap();
            tasks.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    stream.set_zero_linger().unwrap();
                }
            });
        }
    }
    (address.port(), kept, tasks)
}

#[tokio::test]
async fn a_server_that_says_nothing_is_tried_again() {
    //  what                     limit    how the error begins, what it holds
    let table = [
        (Silent::Refuses, PATIENT, "establish connection to server: ", "refused"),
        (Silent::NeverConnects, SHORT, "no answer within 2s: connecting", ""),
        (Silent::NeverConnects, PATIENT, "establish connection to server: no answer within 5s", ""),
        (Silent::NeverAccepts, SHORT, "no answer within 2s: the greeting", ""),
        (Silent::NoName, PATIENT, "establish connection to server: ", ""),
        (Silent::Resets, PATIENT, "create SMTP client: the server closed the connection", ""),
    ];
    let certificates = MailServer::start(BARE, |_| None).await;
    let attempts = table.map(async |(silent, limit, begins, holds)| {
        let (port, _kept, _tasks) = wrong(silent).await;
        let host = if matches!(silent, Silent::NoName) { "nobody.invalid" } else { "127.0.0.1" };
        let config = EmailConfig { smarthost: (host.into(), port.to_string()), ..config(&certificates) };
        let result = send(&config, limit).await;
        assert_eq!(verdict(&result), Verdict::Again(None), "{silent:?}: {result:?}");
        let error = result.unwrap_err();
        assert_eq!(error.failure() == FailureReason::Timeout, limit == SHORT, "{silent:?}: {error}");
        let error = error.to_string();
        assert!(error.starts_with(begins) && error.contains(holds), "{silent:?}: {error}");
    });
    join_all(attempts).await;
}

#[tokio::test]
async fn a_certificate_whose_time_is_over_is_none() {
    for offers in [STARTTLS, TLS] {
        let server = MailServer::start_expired(offers).await;
        let force_implicit_tls = Some(offers.implicit_tls);
        let result = send(&EmailConfig { require_tls: true, force_implicit_tls, ..config(&server) }, PATIENT).await;
        assert_eq!(verdict(&result), Verdict::Again(None), "{result:?}");
        assert!(result.unwrap_err().to_string().contains("invalid peer certificate: certificate expired"));
        assert!(server.mails().is_empty());
    }
}
