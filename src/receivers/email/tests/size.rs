//! Mails that are too large for the server: a short one arrives and says what was cut.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::*;
use crate::core::order_mail::{News, OrderNews};
use crate::core::work_order::OrderEvent;

const LIMITED: Offers = Offers { clear: &["SIZE 20000"], encrypted: &[], implicit_tls: false };

/// Four hundred alerts with a kilobyte each; all of them stand in the page.
fn large(server: &MailServer) -> (EmailConfig, Delivery) {
    let all = "{{ range .Alerts }}<p>{{ .Labels.n }} {{ .Annotations.what }}</p>{{ end }}";
    let config = EmailConfig { html: all.into(), threading: Some("none"), ..config(server) };
    let alert = |n: i32| told(&[("alertname", "Hot"), ("n", &n.to_string())], &[("what", &"é x ".repeat(250))], false);
    let mut large = row();
    large.alerts = (0..400).map(alert).collect::<Vec<_>>().into();
    large.group_labels = labels(&[("alertname", "Hot")]);
    (config, large)
}

/// Headers and text, without what quoted-printable does.
fn read(mail: &str) -> (String, String) {
    let (headers, body) = mail.split_once("\r\n\r\n").unwrap();
    let body = body.replace("=\r\n", "").replace("=3D", "=").replace("=E2=80=A6", "…");
    (headers.to_owned(), body)
}

fn commands<'a>(seen: &'a [String], verb: &str) -> Vec<&'a str> {
    seen.iter().map(String::as_str).filter(|command| command.starts_with(verb)).collect()
}

#[tokio::test]
async fn a_server_that_says_what_it_takes_gets_what_fits() {
    let server = MailServer::start(LIMITED, |_| None).await;
    let (config, row) = large(&server);
    let sent = Email::new(&config).send(&row, &context()).await.unwrap();
    let seen = server.seen().remove(0);
    let mail = &seen.mails[0];
    // The whole one is not even begun.
    assert_eq!(commands(&seen.commands, "MAIL"), [format!("MAIL FROM:<andon@plant.example> SIZE={}", mail.len())]);
    assert_eq!(commands(&seen.commands, "RCPT"), ["RCPT TO:<a@plant.example>"]);
    assert!((10_000..=20_000).contains(&mail.len()), "{} bytes", mail.len());
    let (headers, text) = read(mail);
    for header in [
        "Subject: firing Hot",
        "To: a@plant.example",
        "From: andon@plant.example",
        &format!("Message-Id: <{}@plant.example>", row.notification_id()),
        &format!("In-Reply-To: <alert-{}-@alertmanager>", &row.thread.group_key_hash()[..16]),
    ] {
        assert!(headers.contains(header), "{header} in {headers}");
    }
    assert!(text.contains("[FIRING:400] Hot") && text.contains("  n: 0") && !text.contains("  n: 399"), "{text}");
    assert!(text.contains("… and ") && text.contains("All alerts: http://host:9093/#/alerts"), "{text}");
    let why = "the mail server takes 20000 bytes and the whole mail has ";
    let note = "Andon: this mail was shortened (the first alerts, their values cut, in a built-in text), since ";
    assert!(text.contains(&format!("{note}{why}")) && !mail.contains("text/html"), "{text}");
    assert!(matches!(&*sent.cut, [cut] if cut.starts_with(why)), "{:?}", sent.cut);
}

#[tokio::test]
async fn what_fits_goes_out_whole() {
    for offers in [&["SIZE 20000"], &["SIZE"], &["size 0"], &["SIZE many"]] as [&'static [&str]; 4] {
        let server = MailServer::start(Offers { clear: offers, ..LIMITED }, |_| None).await;
        let (config, large) = large(&server);
        let row = if offers == ["SIZE 20000"] { row() } else { large };
        let sent = Email::new(&config).send(&row, &context()).await.unwrap();
        let seen = server.seen().remove(0);
        let size = format!("MAIL FROM:<andon@plant.example> SIZE={}", seen.mails[0].len());
        assert_eq!(commands(&seen.commands, "MAIL"), [size], "{offers:?}");
        assert!(seen.mails[0].contains("text/html") && sent.cut.is_empty(), "{offers:?}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_the_size_gets_a_short_mail_at_once() {
    //          step    how often it is asked of the whole mail, the answer
    let rows = [
        ("MAIL", 1, "552 5.3.4 too big"),
        ("MAIL", 1, "552 exceeded storage allocation"),
        ("RCPT", 1, "550 5.2.3 too big for me"),
        ("DATA", 1, "554 5.3.4 too big"),
        (".", 2, "552 5.3.4 too big"),
    ];
    for (step, times, answer) in rows {
        for hangs_up in [false, true] {
            let asked = AtomicUsize::new(0);
            let server = MailServer::start(BARE, move |line| match line {
                "RSET" if hangs_up => Some(Fault::Close),
                line if line.starts_with(step) && asked.fetch_add(1, Ordering::SeqCst) < times => {
                    Some(Fault::Say(answer))
                }
                _ => None,
            })
            .await;
            let (config, row) = large(&server);
            let sent = Email::new(&config).send(&row, &context()).await.unwrap();
            let (seen, mails) = (server.seen(), server.mails());
            assert_eq!((seen.len(), mails.len()), (1 + usize::from(hangs_up), 1), "{step} {answer}: {seen:?}");
            assert_eq!(seen.last().unwrap().commands.last().unwrap(), "QUIT");
            let (headers, text) = read(&mails[0]);
            assert!(headers.contains("Subject: firing Hot") && mails[0].len() < 10_000, "{} bytes", mails[0].len());
            let why = format!("bytes: {answer}");
            assert!(text.contains("  n: 0") && text.contains("… and ") && text.contains(&why), "{text}");
            assert!(matches!(&*sent.cut, [cut] if cut.ends_with(&why)), "{:?}", sent.cut);
        }
    }
}

#[tokio::test]
async fn one_that_takes_no_size_at_all_refuses_for_good() {
    for (step, names) in [("MAIL", "send MAIL command: "), (".", "delivery failure: "), ("RCPT", "send RCPT command: ")]
    {
        let rule = move |line: &str| line.starts_with(step).then_some(Fault::Say("552 5.3.4 too big"));
        let server = MailServer::start(BARE, rule).await;
        let (config, row) = large(&server);
        let result = Email::new(&config).send(&row, &context()).await;
        assert_eq!(verdict(&result), Verdict::Refused, "{result:?}");
        assert!(result.unwrap_err().to_string().starts_with(names));
        let seen = server.seen();
        assert_eq!((seen.len(), commands(&seen[0].commands, "MAIL").len()), (1, 2), "once more, and no oftener");
    }
}

#[tokio::test]
async fn a_recipient_who_takes_less_gets_the_short_mail_and_the_others_the_whole() {
    // It goes well; it is cut off; it hangs; the server hangs up after the whole mail, and lets nobody in again.
    for (at, fault) in
        [("", Fault::Close), ("RCPT TO:<b@", Fault::Close), ("RCPT TO:<b@", Fault::Hang), ("RSET", Fault::Close)]
    {
        let fails = !at.is_empty();
        let (asked, greeted) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let server = MailServer::start(BARE, move |line| match line {
            "greeting" if greeted.fetch_add(1, Ordering::SeqCst) > 0 => Some(Fault::Say("421 not so often")),
            _ if line.starts_with("RCPT TO:<b@") && asked.fetch_add(1, Ordering::SeqCst) == 0 => {
                Some(Fault::Say("552 5.2.3 too big for b"))
            }
            _ => (fails && line.starts_with(at)).then_some(fault),
        })
        .await;
        let (config, row) = large(&server);
        let mut email = Email::new(&EmailConfig { to: "a@plant.example, b@plant.example".into(), ..config });
        email.limit = if fails { Duration::from_secs(2) } else { email.limit };
        let result = email.send(&row, &context()).await;
        let mails = server.mails();
        assert!(mails[0].contains("text/html"), "a has the whole");
        if fails {
            // It is not sent to the others again, who have it.
            assert_eq!(verdict(&result), Verdict::Again(Some(60)), "{at} {fault:?}: {result:?}");
            assert!(result.unwrap_err().to_string().ends_with("(the others have it)"));
            assert_eq!(mails.len(), 1);
        } else {
            assert!(read(&mails[1]).1.contains("552 5.2.3 too big for b"), "{}", mails[1]);
            assert_eq!((result.unwrap().cut.len(), mails.len()), (1, 2));
        }
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_in_the_middle_of_the_mail_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = async {
        let mut mails = Vec::new();
        for whole in [true, false] {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            stream.write_all(b"220 hello\r\n").await.unwrap();
            let mut line = String::new();
            while stream.read_line(&mut line).await.unwrap_or(0) > 0 {
                let answer = match line.split([' ', '\r']).next() {
                    Some("DATA") if whole => {
                        stream.write_all(b"354 go on\r\n").await.unwrap();
                        stream.read_line(&mut line).await.unwrap();
                        stream.write_all(b"552 5.3.4 enough\r\n").await.unwrap();
                        break;
                    }
                    Some("DATA") => "354 go on\r\n",
                    Some("QUIT") => break,
                    _ => "250 ok\r\n",
                };
                stream.write_all(answer.as_bytes()).await.unwrap();
                if answer.starts_with('3') {
                    let mut mail = String::new();
                    while !mail.ends_with("\r\n.\r\n") {
                        stream.read_line(&mut mail).await.unwrap();
                    }
                    mails.push(mail);
                    stream.write_all(b"250 taken\r\n").await.unwrap();
                }
                line.clear();
            }
        }
        mails
    };
    let other = MailServer::start(BARE, |_| None).await;
    // The built-in texts hold more than lies between two sockets, which no template may give.
    let smarthost = ("127.0.0.1".into(), port.to_string());
    let config = EmailConfig { smarthost, text: "{{ nope }}".into(), html: "{{ nope }}".into(), ..config(&other) };
    let mut row = row();
    let long = "x".repeat(80_000);
    let alert = |n: i32| told(&[("n", &n.to_string())], &[("long", &long)], false);
    row.alerts = (0..200).map(alert).collect::<Vec<_>>().into();
    let (email, context) = (Email::new(&config), context());
    let (result, mails) = tokio::join!(email.send(&row, &context), tokio::time::timeout(PATIENT, server));
    let mails = mails.expect("a second conversation");
    assert_eq!(result.unwrap().cut.len(), 1);
    assert!(read(&mails[0]).1.contains("552 5.3.4 enough"), "{}", mails[0]);
}

#[tokio::test]
async fn a_header_that_is_cut_is_said_in_the_text() {
    let server = MailServer::start(BARE, |_| None).await;
    let mut config = EmailConfig { text: "t".into(), ..config(&server) };
    config.headers.insert("Subject".into(), "word ".repeat(40) + "s");
    let sent = Email::new(&config).send(&row(), &context()).await.unwrap();
    let mail = server.mails().remove(0);
    let note = "Andon: made to fit: the header Subject, to 200 characters";
    let (_, text) = read(&mail);
    assert!(text.contains(&format!("t\r\n{note}\r\n")) && text.contains(&format!("<small>{note}</small>")), "{text}");
    assert_eq!(sent.cut, ["the header Subject, to 200 characters"]);
    config.headers.insert("Subject".into(), "word ".repeat(40));
    let sent = Email::new(&config).send(&row(), &context()).await.unwrap();
    assert!(!server.mails()[1].contains("Andon: ") && sent.cut.is_empty(), "{}", server.mails()[1]);
}

#[tokio::test]
async fn mails_about_orders_keep_their_links_as_long_as_they_fit() {
    let mut order = crate::store::record::samples::work_order();
    order.description = "what is wrong ".repeat(4000);
    let mut row = row();
    // So that the order's own description says what is wrong.
    row.alerts = Vec::new().into();
    let (number, told) = (order.number.clone(), Vec::new());
    row.news = Some(News::Order(Arc::new(OrderNews { order: Arc::new(order), event: OrderEvent::Opened, told })));
    for (offers, has_links) in [(&["SIZE 9000"], true), (&["SIZE 1500"], false)] {
        let server = MailServer::start(Offers { clear: offers, ..LIMITED }, |_| None).await;
        let email = Email::new(&config(&server));
        let context = context();
        let (sent, kept) = exchange::of(email.send(&row, &context)).await;
        let (sent, mail) = (sent.unwrap(), server.mails().remove(0));
        // Whoever looks at what was sent cannot act in its recipient's name.
        assert_eq!(kept.request.contains("/mail/<secret>"), has_links, "{}", kept.request);
        assert!(!kept.request.contains("/mail/Y") && kept.answer.starts_with("the server took a shorter mail: "));
        let (headers, text) = read(&mail);
        assert!(headers.contains(&format!("Message-Id: <{number}@plant.example>")), "{headers}");
        assert!(headers.contains("Subject: ") && headers.contains("To: a@plant.example"), "{headers}");
        assert_eq!(text.contains("http://host:9093/mail/"), has_links, "{text}");
        assert_eq!(text.contains("- Start work:"), has_links, "{text}");
        assert_eq!(text.contains("what is wrong what is wrong"), has_links, "{text}");
        assert!(text.contains(&format!("The order: http://host:9093/ui/work-orders/{number}")), "{text}");
        assert!(
            text.contains("Andon: this mail was shortened") && text.contains(" bytes and the whole mail"),
            "{text}"
        );
        assert!(!mail.contains("text/calendar") && sent.cut.len() == 1, "{mail}");
        let limit: usize = offers[0][5..].parse().unwrap();
        assert!(mail.len() <= limit, "{} bytes", mail.len());
    }
}
