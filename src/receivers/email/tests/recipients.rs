//! Who gets a mail when somebody cannot.

use super::*;

#[tokio::test]
async fn one_recipient_does_not_keep_the_mail_from_the_others() {
    let later = |server: &MailServer, config: &mut EmailConfig| config.smarthost.1 = server.port.to_string();
    let refuse = |answer: &'static str| move |line: &str| line.starts_with("RCPT TO:<b@").then_some(Fault::Say(answer));
    let for_good = MailServer::start(BARE, refuse("550 5.1.1 who is that")).await;
    let greylisted = MailServer::start(BARE, refuse("451 4.7.1 come later")).await;
    let kind = MailServer::start(BARE, |_| None).await;
    let asked = |server: &MailServer, i: usize| {
        let seen = server.seen();
        seen[i].commands.iter().filter(|command| command.starts_with("RCPT")).count()
    };

    let mut config = EmailConfig { to: "a@plant.example, b@plant.example".into(), ..config(&for_good) };
    let email = Email::new(&config);
    let (result, said) = exchange::of(email.send(&row(), &context())).await;
    assert_eq!(verdict(&result), Verdict::Sent);
    assert_eq!((asked(&for_good, 0), for_good.mails().len()), (2, 1));
    assert_eq!(said.answer, "the server took it; not for b@plant.example: 550 5.1.1 who is that");

    later(&greylisted, &mut config);
    let mut email = Email::new(&config);
    let result = email.send(&row(), &context()).await;
    assert_eq!(verdict(&result), Verdict::Again(Some(60)));
    let error = result.unwrap_err().to_string();
    assert_eq!(error, "send RCPT command: b@plant.example: 451 4.7.1 come later (the others have it)");
    assert_eq!((asked(&greylisted, 0), greylisted.mails().len()), (2, 1));
    // The one who was put off is asked alone, by each later attempt.
    assert_eq!(verdict(&email.send(&row(), &context()).await), Verdict::Again(Some(60)));
    assert_eq!((asked(&greylisted, 1), greylisted.mails().len()), (1, 1));
    later(&kind, &mut email.config);
    assert_eq!(verdict(&email.send(&row(), &context()).await), Verdict::Sent);
    assert_eq!((asked(&kind, 0), kind.mails().len()), (1, 1));
    assert!(email.partly.lock().is_empty());

    // Put off once and then refused for good: the others have it, so it is no dead letter.
    later(&greylisted, &mut email.config);
    assert_eq!(verdict(&email.send(&row(), &context()).await), Verdict::Again(Some(60)));
    later(&for_good, &mut email.config);
    assert_eq!(verdict(&email.send(&row(), &context()).await), Verdict::Sent);
    assert_eq!(for_good.mails().len(), 1);
}

#[tokio::test]
async fn addresses_that_make_no_sense_are_refused() {
    let server = MailServer::start(BARE, |_| None).await;
    //          from                 to                 the error, or who gets it
    let rows = [
        ("a@x.example, b@x.example", "c@x.example", Err("must be exactly one 'from' address (got: 2)")),
        ("", "c@x.example", Err("must be exactly one 'from' address (got: 0)")),
        ("a@x.example", "", Err("to: there is nobody to send to after templating")),
        ("a@x.example", "nobody", Err("to: \"nobody\" is no mail address: Missing domain or user")),
        ("a@x.example", "ü@x.example", Err("an address is not ASCII, and the server does not know SMTPUTF8")),
        ("a@x.example", "nobody, Shift <c@x.example>", Ok("RCPT TO:<c@x.example>")),
        ("a@x.example", "{{ .GroupLabels.nope }}c@x.example", Ok("RCPT TO:<c@x.example>")),
    ];
    for (from, to, expected) in rows {
        let result = send(&EmailConfig { from: from.into(), to: to.into(), ..config(&server) }, PATIENT).await;
        match expected {
            Ok(recipient) => {
                result.unwrap();
                let commands = server.seen().pop().unwrap().commands;
                let asked: Vec<_> = commands.iter().filter(|command| command.starts_with("RCPT")).collect();
                assert_eq!(asked, [recipient]);
            }
            Err(text) => assert_eq!(result.unwrap_err(), SendError::refused(text)),
        }
    }
    let result = send(&EmailConfig { to: "{{ nope }}".into(), ..config(&server) }, PATIENT).await;
    assert!(matches!(&result, Err(SendError::Refused { error, .. }) if error.starts_with("to: ")), "{result:?}");
    let smarthost = ("127.0.0.1".into(), "nope".into());
    let result = send(&EmailConfig { smarthost, ..config(&server) }, PATIENT).await;
    assert_eq!(result.unwrap_err(), SendError::refused("smarthost: \"nope\" is no port"));
    let smarthost = ("${env:ANDON_TEST_UNSET}".into(), String::new());
    let result = send(&EmailConfig { smarthost, ..config(&server) }, PATIENT).await;
    assert_eq!(result.unwrap_err().to_string(), "not configured: the environment variable ANDON_TEST_UNSET is not set");
}
