//! Where the work stands, and from where to where it may go.
//!
//! ```text
//!         ┌──────────────────────────── reopened ◄─────────────────────┐
//!         ▼                                                            │
//!       open ◄──► assigned ──► in progress ──► completed ──────────────┤
//!        │  │        │ ▲         │      ▲                              │
//!        │  └────────│─│─────────│──────│────► (started, or completed, │
//!        │           ▼ │         ▼      │       without being assigned)│
//!        │          on hold ◄────┴──────┘                              │
//!        └──────────────┴── any of these four ──► cancelled ───────────┘
//! ```
//!
//! What is on hold waits for something: it is taken up again before it is completed. What is completed or cancelled
//! stays so, unless it is reopened.

use std::collections::VecDeque;

/// Where the work stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nobody has it yet.
    Open,
    /// Somebody has it.
    Assigned,
    /// It is being done.
    InProgress,
    /// It waits for something.
    OnHold,
    /// It is done.
    Completed,
    /// It will not be done.
    Cancelled,
}

impl Status {
    /// Where it may go from here.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Open => &[Self::Assigned, Self::InProgress, Self::Completed, Self::Cancelled],
            Self::Assigned => &[Self::Open, Self::InProgress, Self::OnHold, Self::Completed, Self::Cancelled],
            Self::InProgress => &[Self::OnHold, Self::Completed, Self::Cancelled],
            Self::OnHold => &[Self::InProgress, Self::Assigned, Self::Cancelled],
            Self::Completed | Self::Cancelled => &[Self::Open],
        }
    }

    /// Whether one step leads there.
    pub fn may_become(self, to: Self) -> bool {
        self.next().contains(&to)
    }

    /// Whether the work is still to be done.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Completed | Self::Cancelled)
    }

    /// The shortest way to a status, without the beginning; empty where it is reached already. Every status leads to
    /// every other: so somebody else's word that the work stands elsewhere can always be followed.
    pub fn way_to(self, to: Self) -> Vec<Self> {
        let mut ways = VecDeque::from([(self, Vec::new())]);
        while let Some((at, way)) = ways.pop_front() {
            if at == to {
                return way;
            }
            // No way leads through the end: nothing is completed that somebody only wants to be open again.
            let passable = |next: &Self| *next == to || (next.is_open() && *next != self && !way.contains(next));
            let further = at.next().iter().filter(|next| passable(next));
            ways.extend(further.map(|next| (*next, way.iter().copied().chain([*next]).collect())));
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_leads_to_every_other_by_steps_that_are_possible() {
        for from in Status::ALL {
            for to in Status::ALL {
                let way = from.way_to(*to);
                assert_eq!(way.last(), (from != to).then_some(to), "{from:?} to {to:?}");
                let steps = std::iter::once(from).chain(&way).zip(&way);
                for (from, to) in steps {
                    assert!(from.may_become(*to), "{from:?} to {to:?}");
                }
            }
        }
        assert_eq!(Status::InProgress.way_to(Status::Open), [Status::OnHold, Status::Assigned, Status::Open]);
    }

    #[test]
    fn what_is_over_is_only_reopened_and_nothing_becomes_itself() {
        for status in Status::ALL {
            assert!(!status.may_become(*status));
            assert_eq!(status.next() == [Status::Open], !status.is_open(), "{status:?}");
        }
        assert!(!Status::OnHold.may_become(Status::Completed) && !Status::Open.may_become(Status::OnHold));
    }
}
