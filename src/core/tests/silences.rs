//! How many silences there may be, and how large.

use uuid::Uuid;

use super::play::*;
use crate::core::change::Actor;
use crate::core::engine::{Input, Options, Output};
use crate::core::label::LabelSet;
use crate::core::matcher::Op;
use crate::core::silence::{SilenceDraft, SilenceId};
use crate::core::testing;

/// Asks for a silence, or for a change of one; gives its id, or why it was refused.
fn silence(world: &mut World, id: Option<SilenceId>, op: Op, value: &str) -> Result<SilenceId, String> {
    world.silences += 1;
    let draft = SilenceDraft {
        id,
        fresh_id: SilenceId(Uuid::from_u128(world.silences)),
        matchers: vec![testing::matcher("a", op, value)],
        starts_at: world.now,
        ends_at: world.now.after(90 * testing::SECOND),
        created_by: String::new(),
        comment: String::new(),
        annotations: LabelSet::empty(),
    };
    match world.input(Input::Silence(Actor::Clock, draft)) {
        Output::Silence(result) => result.map_err(|why| why.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_too_many_is_refused_and_a_change_is_not() {
    let mut world = World::with(policy(), Options { max_silences: 2, ..Options::default() });
    let id = silence(&mut world, None, Op::Equal, "b").unwrap();
    silence(&mut world, None, Op::Equal, "c").unwrap();
    let refused = silence(&mut world, None, Op::Equal, "b");
    assert_eq!(refused, Err("exceeded maximum number of silences: 2 (limit: 2)".into()));
    assert_eq!(silence(&mut world, Some(id), Op::Equal, "b"), Ok(id));
}

#[test]
fn patterns_that_are_too_large_together_are_refused_and_values_and_changes_are_not() {
    let pattern = "x.*[0-9]{3}";
    let one = testing::matcher("a", Op::Regex, pattern).memory();
    assert!(one > 100, "{one} bytes");
    let max_silence_memory = 2 * one + one / 2;
    let mut world = World::with(policy(), Options { max_silence_memory, ..Options::default() });
    let first = silence(&mut world, None, Op::Regex, pattern).unwrap();
    silence(&mut world, None, Op::NotRegex, pattern).unwrap();
    let refused = silence(&mut world, None, Op::Regex, pattern).unwrap_err();
    assert!(refused.contains(&format!("may take {max_silence_memory} bytes")), "{refused}");
    assert_eq!(silence(&mut world, Some(first), Op::Regex, pattern), Ok(first));
    silence(&mut world, None, Op::Equal, pattern).unwrap();
    silence(&mut world, Some(first), Op::Equal, "b").unwrap();
    // What was changed has ended and is kept, as silences are.
    world.crash(testing::SECOND);
    silence(&mut world, None, Op::Regex, pattern).unwrap_err();
}
