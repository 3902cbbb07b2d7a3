//! What the stand-ins hear, as they hand it on.

use tokio::sync::mpsc::UnboundedSender;

/// Where the stand-ins hand on what they hear.
pub type Ear = UnboundedSender<Heard>;

/// Who hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// PagerDuty: the engineer on call.
    Pagerduty,
    /// Slack: a team.
    Slack,
    /// The mail server: the maintenance supervisor.
    Mail,
}

impl By {
    /// Its name, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pagerduty => "PagerDuty",
            Self::Slack => "Slack",
            Self::Mail => "Mail",
        }
    }
}

/// One message that a stand-in took, or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who took it.
    pub by: By,
    /// What it is, in a line: the event and the summary, the channel and the title, the subject.
    pub headline: String,
    /// What else is worth reading, line by line.
    pub details: Vec<String>,
}
