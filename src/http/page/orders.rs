//! Work orders, and the groups that somebody takes on.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;

use super::form::Form;
use super::scene::{Problem, Scene};
use super::{AppState, done, silences};
use crate::core::ack::AckDraft;
use crate::core::order_command::{OrderAction, OrderCommand};
use crate::core::outbox::group_key_hash;
use crate::core::work_order::{Priority, Status};
use crate::ui::ack::Fields;
use crate::ui::orders::Wanted;
use crate::ui::{self, Here, Said};

/// The longest texts that are taken, in characters.
const LONGEST: usize = 4_096;
/// For how long a group is taken on, where nobody says.
const USUAL: &str = "2h";

/// `GET work-orders`
pub async fn list(scene: &Scene) -> Result<Response, Problem> {
    let query = &scene.query;
    let wanted = Wanted {
        list: query.last("view") == Some("list"),
        status: query.last("status").and_then(Status::parse),
        priority: query.last("priority").and_then(Priority::parse),
        text: query.last("text").unwrap_or_default().chars().take(128).collect(),
        page: scene.page_number(),
    };
    scene
        .show(move |scene| {
            let page = ui::orders::orders(&scene.sight(), &wanted);
            Ok(ui::page("orders", &scene.frame(Here::WorkOrders, "Work orders"), &page))
        })
        .await
}

/// `GET work-orders/{number}`
pub async fn one(scene: &Scene, number: &str) -> Result<Response, Problem> {
    let number = number.to_owned();
    scene
        .show(move |scene| {
            let order = scene.view.work_orders.get(&*number);
            let order =
                order.ok_or_else(|| Problem::not_found("There is no such work order.").back("ui/work-orders"))?;
            let page = ui::orders::order(&scene.sight(), order);
            Ok(ui::page("order", &scene.frame(Here::WorkOrders, &*number), &page))
        })
        .await
}

/// `POST work-orders/{number}/{action}`
pub async fn act(
    state: &AppState,
    scene: &Scene,
    form: &Form,
    number: &str,
    action: &str,
) -> Result<Response, Problem> {
    let back = format!("ui/work-orders/{number}");
    let text = |name| -> String { form.text(name).trim().chars().take(LONGEST).collect() };
    let mut why = text("why");
    let action = match action {
        "acknowledge" => OrderAction::Acknowledge,
        "assign" => OrderAction::Assign(text("assignee")),
        "start" => OrderAction::Start,
        "hold" => OrderAction::Hold,
        "complete" => OrderAction::Complete,
        "cancel" => OrderAction::Cancel,
        "reopen" => OrderAction::Reopen,
        "note" if why.is_empty() => return Err(Problem::refused("A note says something.").back(&back)),
        "note" => OrderAction::Note(std::mem::take(&mut why)),
        _ => return Err(Problem::method()),
    };
    let command =
        OrderCommand::Change { number: Arc::from(number), if_match: form.text("revision").parse().ok(), action, why };
    match state.driver.order(scene.actor(), command).await {
        Ok(Ok(_)) => Ok(done(scene, &back, Said::Ordered)),
        Ok(Err(refused)) => Err(Problem::refused(refused.to_string()).back(&back)),
        Err(error) => Err(Problem::not_stored(error.to_string()).back(&back)),
    }
}

/// `GET groups/{hash}/ack`
pub async fn ack_form(scene: &Scene, hash: &str) -> Result<Response, Problem> {
    let fields = Fields { who: scene.name(), until: USUAL.into(), comment: String::new() };
    shown(scene, hash, fields, None).await
}

async fn shown(scene: &Scene, hash: &str, fields: Fields, problem: Option<String>) -> Result<Response, Problem> {
    let (hash, bad) = (hash.to_owned(), problem.is_some());
    let made = scene.show(move |scene| {
        let page = ui::ack::form(&scene.sight(), &hash, fields, problem).ok_or_else(no_group)?;
        Ok(ui::page("ack", &scene.frame(Here::Now, "Acknowledge"), &page))
    });
    let mut answer = made.await?;
    if bad {
        *answer.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(answer)
}

fn no_group() -> Problem {
    Problem::not_found("There is no such group any more.")
}

/// `POST groups/{hash}/ack`
pub async fn ack(state: &AppState, scene: &Scene, form: &Form, hash: &str) -> Result<Response, Problem> {
    let text = |name| -> String { form.text(name).trim().chars().take(LONGEST).collect() };
    let fields = Fields { who: text("who"), until: text("until"), comment: text("comment") };
    if fields.who.is_empty() {
        return shown(scene, hash, fields, Some("Your name: others have to know who takes it on.".into())).await;
    }
    let until = match silences::end(scene.now, &fields.until) {
        Ok(until) => until,
        Err(problem) => return shown(scene, hash, fields, Some(problem)).await,
    };
    let group_key = key(scene, hash)?;
    let draft = AckDraft { group_key, who: fields.who.clone(), comment: fields.comment.clone(), until };
    match state.driver.ack(scene.actor(), draft).await {
        Ok(Ok(_)) => {
            let to = format!("{}?group={hash}&said={}", scene.to_root(), Said::Acknowledged.word());
            Ok(scene.remember(super::see(&to), &fields.who))
        }
        Ok(Err(refused)) => shown(scene, hash, fields, Some(refused.to_string())).await,
        Err(error) => Err(Problem::not_stored(error.to_string())),
    }
}

/// `POST groups/{hash}/withdraw`
pub async fn withdraw(state: &AppState, scene: &Scene, hash: &str) -> Result<Response, Problem> {
    match state.driver.withdraw_ack(scene.actor(), key(scene, hash)?).await {
        Ok(Ok(_)) => Ok(done(scene, "", Said::Withdrawn)),
        Ok(Err(refused)) => Err(Problem::refused(refused.to_string())),
        Err(error) => Err(Problem::not_stored(error.to_string())),
    }
}

fn key(scene: &Scene, hash: &str) -> Result<Arc<str>, Problem> {
    let group = scene.view.groups.iter().find(|group| group_key_hash(&group.key) == hash);
    group.map(|group| Arc::clone(&group.key)).ok_or_else(no_group)
}
