//! What a button in a mail leads to: `/mail/{token}`.
//!
//! Programs that look for danger in mails follow every link, so a GET changes nothing: it shows what would be done and a
//! button. A POST does it, through the same command that the API uses, with the mail's recipient as the actor. The token
//! says what may be done to which order, and until when; whoever has it may do that and nothing else.
//!
//! A link may be pressed again: what is so already is left as it is. It is void once the order was closed and opened
//! again, since whoever wrote the mail could not know of that.

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use http::{Method, Request, StatusCode};

use super::{AppState, read_body, reply};
use crate::core::change::Actor;
use crate::core::order_command::{OrderAction, OrderCommand, OrderRefused};
use crate::core::work_order::{OrderEvent, Status, WorkOrder};
use crate::mail_link::{Action, BadToken, Grant};

/// The longest note that may go with it, in characters.
const LONGEST_NOTE: usize = 1_000;

/// Answers a request with this token.
pub async fn answer(state: &AppState, token: &str, request: Request<Body>) -> Response {
    let method = request.method().clone();
    if ![Method::GET, Method::HEAD, Method::POST].contains(&method) {
        let mut answer = reply::text_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        reply::set(&mut answer, ALLOW, "GET, HEAD, POST");
        return answer;
    }
    let grant = match state.links.verify(token, state.clock.now()) {
        Ok(grant) => grant,
        Err(error) => return refused(error),
    };
    let view = match state.driver.view().await {
        Ok(view) => view,
        Err(error) => return reply::unavailable(&error),
    };
    let Some(order) = view.work_orders.get(&*grant.order) else {
        let text = format!("There is no work order {} any more.", grant.order);
        return page(StatusCode::NOT_FOUND, "Not done", &paragraph(&text));
    };
    let reopened = order.history.iter().filter(|entry| entry.event == OrderEvent::Reopened);
    if reopened.map(|entry| entry.at).any(|at| grant.is_older_than(at)) {
        return refused(BadToken::EarlierLife);
    }
    if is_so(order, &grant) {
        let text = "It is so already; nothing was changed.";
        return page(StatusCode::OK, "Already done", &(summary(order) + &paragraph(text)));
    }
    match method {
        Method::POST => act(state, &grant, request).await,
        _ => page(StatusCode::OK, &question(&grant), &confirmation(order, &grant)),
    }
}

fn refused(error: BadToken) -> Response {
    let status = match error {
        BadToken::Forged => StatusCode::FORBIDDEN,
        BadToken::Expired | BadToken::EarlierLife => StatusCode::GONE,
    };
    page(status, "Not done", &paragraph(&format!("Nothing was changed: {error}.")))
}

/// Whether the order is as the link would make it.
fn is_so(order: &WorkOrder, grant: &Grant) -> bool {
    match grant.action {
        Action::Acknowledge => order.status.is_open() && order.acknowledged_at.is_some(),
        Action::Assign => order.status.is_open() && order.assignee == grant.recipient,
        Action::Start => order.status == Status::InProgress,
        Action::Complete => order.status == Status::Completed,
        Action::Cancel => order.status == Status::Cancelled,
    }
}

async fn act(state: &AppState, grant: &Grant, request: Request<Body>) -> Response {
    let body = match read_body(state, request).await {
        Ok(body) => body,
        Err(error) => return error.reply(),
    };
    let field = |name: &str| form_urlencoded_field(&body, name);
    let why: String = field("why").trim().chars().take(LONGEST_NOTE).collect();
    let action = match grant.action {
        Action::Acknowledge => OrderAction::Acknowledge,
        Action::Assign => OrderAction::Assign(grant.recipient.clone()),
        Action::Start => OrderAction::Start,
        Action::Complete => OrderAction::Complete,
        Action::Cancel => OrderAction::Cancel,
    };
    let number = grant.order.as_str().into();
    let command = OrderCommand::Change { number, if_match: None, action, why };
    match state.driver.order(Actor::MailLink(grant.recipient.clone()), command).await {
        Ok(Ok(order)) => page(StatusCode::OK, "Done", &done(&order, grant)),
        Ok(Err(error)) => {
            let status = match error {
                OrderRefused::NotFound(_) => StatusCode::NOT_FOUND,
                _ => StatusCode::CONFLICT,
            };
            page(status, "Not done", &paragraph(&format!("Nothing was changed: {error}.")))
        }
        Err(error) => reply::unavailable(&error),
    }
}

fn form_urlencoded_field(body: &[u8], name: &str) -> String {
    let mut pairs = url::form_urlencoded::parse(body);
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// What is asked before it is done.
fn question(grant: &Grant) -> String {
    let (order, recipient) = (&grant.order, &grant.recipient);
    match grant.action {
        Action::Acknowledge => format!("Acknowledge work order {order}?"),
        Action::Assign => format!("Assign work order {order} to {recipient}?"),
        Action::Start => format!("Start work on {order}?"),
        Action::Complete => format!("Complete work order {order}?"),
        Action::Cancel => format!("Cancel work order {order}?"),
    }
}

fn confirmation(order: &WorkOrder, grant: &Grant) -> String {
    // The form goes to the page's own address, which holds the token.
    format!(
        "{}<form method=\"post\"><label for=\"why\">A note (if you like)</label>\
         <textarea id=\"why\" name=\"why\" rows=\"3\" maxlength=\"{LONGEST_NOTE}\"></textarea>\
         <button type=\"submit\">{}</button></form>{}",
        summary(order),
        escape(grant.action.label()),
        paragraph(&format!("It is done in the name of {}. Nothing has been changed yet.", grant.recipient)),
    )
}

fn done(order: &WorkOrder, grant: &Grant) -> String {
    format!("{}{}", summary(order), paragraph(&format!("Noted in the name of {}.", grant.recipient)))
}

fn summary(order: &WorkOrder) -> String {
    let mut rows = vec![
        ("Order", order.number.to_string()),
        ("Status", order.status.as_str().replace('_', " ")),
        ("Priority", order.priority.as_str().to_owned()),
        ("Assignee", order.assignee.clone()),
        ("Asset", order.asset.code.clone()),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    let rows: String = rows.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>", escape(value))).collect();
    format!("<p class=\"title\">{}</p><dl>{rows}</dl>", escape(&order.title))
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", escape(text))
}

const STYLE: &str = "body{margin:0;background:#e9edf1;font:17px/1.5 Helvetica,Arial,sans-serif;color:#1f2933}\
    main{max-width:560px;margin:12px auto;padding:20px;background:#fff;border-radius:8px;word-break:break-word}\
    h1{font-size:22px;line-height:1.3;margin:0 0 12px}.title{font-weight:bold;margin:0 0 8px}\
    dl{display:grid;grid-template-columns:110px 1fr;margin:0 0 16px}dt{color:#52606d}dd{margin:0}\
    label{display:block;color:#52606d}textarea{box-sizing:border-box;width:100%;font:inherit;margin:4px 0 12px;padding:8px}\
    button{width:100%;padding:14px;border:0;border-radius:6px;background:#1f2933;color:#fff;font:inherit;font-weight:bold}";

fn page(status: StatusCode, heading: &str, content: &str) -> Response {
    let heading = escape(heading);
    let document = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <title>{heading}</title><style>{STYLE}</style></head><body><main><h1>{heading}</h1>{content}</main></body></html>\n"
    );
    let mut answer = reply::with_type(status, HeaderValue::from_static("text/html; charset=utf-8"), document);
    reply::set(&mut answer, CACHE_CONTROL, "no-store");
    // The address holds the token.
    reply::set(&mut answer, REFERRER_POLICY, "no-referrer");
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
    reply::set(&mut answer, CONTENT_SECURITY_POLICY, policy);
    answer
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
