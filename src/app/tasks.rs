//! What runs from the start to the stop. One that ends before is a fault, and the service ends with it: one that accepts
//! alerts and tells nobody is worse than one that a service manager starts again.

use std::collections::HashMap;
use std::future::Future;

use tokio::task::{Id, JoinError, JoinSet};

/// The tasks, each with a name for people.
#[derive(Default)]
pub struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    /// Runs a task, which is to end at the stop and not before.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.running.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits until one ends before the stop, and says so.
    pub async fn one_ends(&mut self) -> String {
        match self.running.join_next_with_id().await {
            Some(Ok((id, ()))) => format!("{} ended before it was to", self.name(id)),
            Some(Err(error)) => self.failed(error),
            None => std::future::pending().await,
        }
    }

    /// Waits until all have ended, after the stop.
    pub async fn all_end(mut self) {
        while let Some(ended) = self.running.join_next_with_id().await {
            if let Err(error) = ended {
                let error = self.failed(error);
                tracing::error!(error, "Something failed while it was to end");
            }
        }
    }

    fn failed(&self, error: JoinError) -> String {
        let name = self.name(error.id());
        // The message of the panic itself was written where it happened.
        format!("{name} failed: {error}")
    }

    fn name(&self, id: Id) -> &'static str {
        self.names.get(&id).copied().unwrap_or("a task")
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn one_that_panics_or_ends_early_is_named_and_the_others_are_waited_for() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::default();
        for name in ["the listener", "the mirror"] {
            let stop = stop.clone();
            tasks.spawn(name, async move { stop.cancelled().await });
        }
        tasks.spawn("the sender", async { panic!("a bug") });
        let said = tasks.one_ends().await;
        assert!(said.starts_with("the sender failed: ") && said.contains("a bug"), "{said}");
        tasks.spawn("the reloader", async {});
        assert_eq!(tasks.one_ends().await, "the reloader ended before it was to");
        tokio::select! {
            biased;
            said = tasks.one_ends() => panic!("{said}"),
            () = tokio::task::yield_now() => {}
        }
        stop.cancel();
        tasks.all_end().await;
    }
}
