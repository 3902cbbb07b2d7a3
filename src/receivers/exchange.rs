//! What an attempt said and what it heard, for people: without secrets, and cut to a readable size.
//!
//! A task-local slot takes it: only the HTTP client and the mail conversation know both sides and the secrets in them,
//! and only the delivery worker wants it. Everything between would hand it through without a use for it.

use std::cell::RefCell;

use crate::core::outbox::Exchange;

/// How much of a request is kept, in bytes.
const REQUEST: usize = 16 << 10;
/// How much of an answer is kept, in bytes.
const ANSWER: usize = 4 << 10;

tokio::task_local! {
    static SLOT: RefCell<Exchange>;
}

/// Runs an attempt and gives the last exchange in it; an empty one where nothing was sent.
pub async fn of<T>(attempt: impl Future<Output = T>) -> (T, Exchange) {
    let recorded = async {
        let result = attempt.await;
        (result, SLOT.with(RefCell::take))
    };
    SLOT.scope(RefCell::default(), recorded).await
}

/// Notes what is sent; secrets must be out of it already. Outside of [`of`] nobody wants to know.
pub(super) fn request(text: impl FnOnce() -> String) {
    let _ = SLOT.try_with(|slot| {
        *slot.borrow_mut() = Exchange { request: cut(text(), REQUEST), answer: String::new() };
    });
}

/// Notes what came back.
pub(super) fn answer(text: impl FnOnce() -> String) {
    let _ = SLOT.try_with(|slot| slot.borrow_mut().answer = cut(text(), ANSWER));
}

fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = text.floor_char_boundary(most);
        let left_out = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("\n… {left_out} bytes more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_exchange_of_an_attempt_is_kept_and_cut_between_characters() {
        let attempt = async {
            request(|| "first".into());
            answer(|| "401".into());
            request(|| "é".repeat(REQUEST));
            7
        };
        let (result, exchange) = of(attempt).await;
        assert_eq!(result, 7);
        assert_eq!(exchange.answer, "");
        assert!(exchange.request.ends_with(&format!("é\n… {REQUEST} bytes more")), "{}", exchange.request.len());
        request(|| "outside of an attempt".into());
        assert_eq!(of(async {}).await.1, Exchange::default());
    }
}
