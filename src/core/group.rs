//! The groups: alerts of a route that share the group labels, and when each is flushed.
//!
//! Invariants: a group has a flush time, which stands in the timers; a group that a flush leaves without alerts is
//! gone. Not here: who is told (`route`), whether it is news (`dedup`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::change::{GroupId, StoredGroup};
use super::label::{Fingerprint, LabelSet};
use super::note::Found;
use super::policy::RouteIdx;
use super::view::GroupView;
use crate::time::Timestamp;

/// A group's place in [`Groups`]; reused after the group is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupIdx(u32);

/// A group and its alerts.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its route.
    pub route: RouteIdx,
    /// Its group key.
    pub key: Arc<str>,
    /// What of it is stored.
    pub stored: Arc<StoredGroup>,
    /// Its alerts.
    pub members: BTreeSet<Fingerprint>,
    /// Whether an alert of it was critical: it is flushed before others that are due.
    urgent: bool,
    /// What its last flush found; nothing after a start.
    pub found: Option<Arc<Found>>,
    /// As readers see it, until it changes.
    shown: Option<Arc<GroupView>>,
}

/// All groups.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    slots: Vec<Option<Group>>,
    free: Vec<GroupIdx>,
    by_labels: BTreeMap<RouteIdx, BTreeMap<LabelSet, GroupIdx>>,
    len: usize,
    timers: BTreeSet<(Timestamp, GroupIdx)>,
    /// The timers of the groups that are urgent, once more.
    urgent: BTreeSet<(Timestamp, GroupIdx)>,
}

impl Groups {
    /// The group at this place, if there is one.
    pub fn get(&self, at: GroupIdx) -> Option<&Group> {
        self.slots.get(at.0 as usize)?.as_ref()
    }

    /// The group of a route with these labels, which are packed.
    pub fn find(&self, route: RouteIdx, labels: &str) -> Option<GroupIdx> {
        self.by_labels.get(&route)?.get(labels).copied()
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All groups, in order of route and labels.
    pub fn iter(&self) -> impl Iterator<Item = (GroupIdx, &Group)> {
        self.by_labels.values().flat_map(BTreeMap::values).filter_map(|at| Some((*at, self.get(*at)?)))
    }

    /// The group whose flush is due first, and when.
    pub fn first_due(&self) -> Option<(Timestamp, GroupIdx)> {
        self.timers.first().copied()
    }

    /// The group to flush next of those that are due at `now`: one with a critical alert before all others.
    pub fn next_due(&self, now: Timestamp) -> Option<GroupIdx> {
        let due = |timers: &BTreeSet<(Timestamp, GroupIdx)>| timers.first().copied().filter(|(at, _)| *at <= now);
        due(&self.urgent).or_else(|| due(&self.timers)).map(|(_, at)| at)
    }

    /// Notes that an alert of the group is critical.
    pub fn mark_urgent(&mut self, at: GroupIdx) {
        if let Some(group) = self.slots.get_mut(at.0 as usize).and_then(Option::as_mut) {
            group.urgent = true;
            self.urgent.insert((group.stored.next_flush, at));
        }
    }

    /// Adds a group without alerts.
    pub fn add(&mut self, route: RouteIdx, key: Arc<str>, stored: Arc<StoredGroup>) -> GroupIdx {
        let group = Group { route, key, stored, members: BTreeSet::new(), urgent: false, found: None, shown: None };
        // More groups than an index can count would not fit in memory.
        let next = GroupIdx(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        let at = self.free.pop().unwrap_or(next);
        self.place(at, group);
        at
    }

    /// Puts a group back where it was taken out.
    pub fn put_back(&mut self, at: GroupIdx, group: Group) {
        if self.free.last() == Some(&at) {
            self.free.pop();
        } else {
            self.free.retain(|free| *free != at);
        }
        self.place(at, group);
    }

    fn place(&mut self, at: GroupIdx, group: Group) {
        let labels = group.stored.id.labels.clone();
        let before = self.by_labels.entry(group.route).or_default().insert(labels, at);
        self.len += usize::from(before.is_none());
        self.timers.insert((group.stored.next_flush, at));
        if group.urgent {
            self.urgent.insert((group.stored.next_flush, at));
        }
        let slot = at.0 as usize;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] = Some(group);
    }

    /// Takes a group out.
    pub fn take(&mut self, at: GroupIdx) -> Option<Group> {
        let group = self.slots.get_mut(at.0 as usize)?.take()?;
        if let Some(of_route) = self.by_labels.get_mut(&group.route) {
            self.len -= usize::from(of_route.remove(&group.stored.id.labels).is_some());
            if of_route.is_empty() {
                self.by_labels.remove(&group.route);
            }
        }
        self.timers.remove(&(group.stored.next_flush, at));
        self.urgent.remove(&(group.stored.next_flush, at));
        self.free.push(at);
        Some(group)
    }

    /// Changes what is stored of a group; gives back what it was.
    pub fn update(&mut self, at: GroupIdx, stored: Arc<StoredGroup>) -> Option<Arc<StoredGroup>> {
        let group = self.slots.get_mut(at.0 as usize)?.as_mut()?;
        self.timers.remove(&(group.stored.next_flush, at));
        self.timers.insert((stored.next_flush, at));
        if self.urgent.remove(&(group.stored.next_flush, at)) {
            self.urgent.insert((stored.next_flush, at));
        }
        group.shown = None;
        Some(std::mem::replace(&mut group.stored, stored))
    }

    /// Notes what a flush of the group found; gives back what the one before did.
    pub fn set_found(&mut self, at: GroupIdx, found: Option<Arc<Found>>) -> Option<Arc<Found>> {
        let group = self.slots.get_mut(at.0 as usize)?.as_mut()?;
        std::mem::replace(&mut group.found, found)
    }

    /// Adds an alert to a group; says whether it was not there.
    pub fn join(&mut self, at: GroupIdx, alert: Fingerprint) -> bool {
        self.change_members(at, |members| members.insert(alert))
    }

    /// Takes an alert out of a group; says whether it was there.
    pub fn leave(&mut self, at: GroupIdx, alert: Fingerprint) -> bool {
        self.change_members(at, |members| members.remove(&alert))
    }

    fn change_members(&mut self, at: GroupIdx, change: impl FnOnce(&mut BTreeSet<Fingerprint>) -> bool) -> bool {
        let Some(group) = self.slots.get_mut(at.0 as usize).and_then(Option::as_mut) else {
            return false;
        };
        group.shown = None;
        change(&mut group.members)
    }

    /// All groups as readers see them; what did not change since the last call is shared.
    pub fn show(&mut self) -> Vec<Arc<GroupView>> {
        self.slots.iter_mut().flatten().map(Group::show).collect()
    }
}

impl Group {
    /// The identity that is stored.
    pub fn id(&self) -> &GroupId {
        &self.stored.id
    }

    fn show(&mut self) -> Arc<GroupView> {
        let (route, key) = (self.route, Arc::clone(&self.key));
        let (members, stored) = (&self.members, &self.stored);
        let view = || {
            Arc::new(GroupView {
                route,
                key,
                labels: stored.id.labels.clone(),
                members: members.iter().copied().collect(),
                muted_by: stored.muted_by.clone(),
                next_flush: stored.next_flush,
                last_flush: stored.last_flush,
            })
        };
        Arc::clone(self.shown.get_or_insert_with(view))
    }
}
