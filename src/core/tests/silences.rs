//! How many silences there may be.

use uuid::Uuid;

use super::play::*;
use crate::core::change::Actor;
use crate::core::engine::{Input, Options, Output};
use crate::core::label::LabelSet;
use crate::core::matcher::Op;
use crate::core::silence::{SilenceDraft, SilenceId};
use crate::core::testing;
use crate::time::Timestamp;

#[test]
fn one_too_many_is_refused_and_a_change_is_not() {
    let mut world = World::with(policy(), Options { max_silences: 2, ..Options::default() });
    let id = world.silence("a", "b", 60 * testing::SECOND);
    world.silence("a", "c", 60 * testing::SECOND);
    let draft = |id: Option<SilenceId>, now: Timestamp| SilenceDraft {
        id,
        fresh_id: SilenceId(Uuid::from_u128(9)),
        matchers: vec![testing::matcher("a", Op::Equal, "b")],
        starts_at: now,
        ends_at: now.after(90 * testing::SECOND),
        created_by: String::new(),
        comment: String::new(),
        annotations: LabelSet::empty(),
    };
    let now = world.now;
    let refused = world.input(Input::Silence(Actor::Clock, draft(None, now)));
    let Output::Silence(Err(why)) = refused else { panic!("{refused:?}") };
    assert_eq!(why.to_string(), "exceeded maximum number of silences: 2 (limit: 2)");
    let changed = world.input(Input::Silence(Actor::Clock, draft(Some(id), now)));
    assert!(matches!(changed, Output::Silence(Ok(kept)) if kept == id), "{changed:?}");
}
