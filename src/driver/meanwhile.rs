//! That others go on while the driver does something long: on as many threads as there are, and be it one.

use std::io::Read as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::tests::sender;
use super::*;
use crate::core::change::GroupId;
use crate::core::ingest::Batch;
use crate::core::testing;
use crate::store::memory::Memory;
use crate::store::{Entry, Fence, Loaded, Past};

/// Long enough for anything that is not blocked.
const PATIENT: Duration = Duration::from_secs(10);

/// A store that says what it begins to write, and then waits for leave. Where nobody gives any more, it goes on.
struct Slow {
    inner: Memory,
    begun: Sender<&'static str>,
    leave: Receiver<()>,
}

impl Slow {
    fn wait(&self, what: &'static str) {
        // A test that failed looks no more.
        let _ = self.begun.send(what);
        let _ = self.leave.recv();
    }
}

impl Store for Slow {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        self.inner.load()
    }

    fn commit(&mut self, at: Timestamp, changes: &[Change], fence: Fence) -> Result<Seq, StoreError> {
        self.wait("a commit");
        self.inner.commit(at, changes, fence)
    }

    fn changes_since(&self, seq: Seq, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.changes_since(seq, limit)
    }

    fn past(&self) -> Arc<dyn Past> {
        self.inner.past()
    }

    fn wants_checkpoint(&self) -> bool {
        false
    }

    fn checkpoint(&mut self, at: Timestamp, state: &mut dyn Iterator<Item = Change>) -> Result<(), StoreError> {
        self.wait("the checkpoint at the end");
        self.inner.checkpoint(at, state)
    }

    fn owns(&self, group: &GroupId) -> bool {
        self.inner.owns(group)
    }

    fn size(&self) -> u64 {
        self.inner.size()
    }
}

/// Answers whoever connects, as `/-/healthy` does: what is ready to be read is noticed, and the task that waits for it runs.
async fn health(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        // Whoever hung up is answered no more.
        let _ = stream.write_all(b"OK").await;
    }
}

#[test]
fn others_go_on_while_the_store_takes_its_time() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let ((begun, begins), (leave, wait)) = (channel(), channel());
    let store = Slow { inner: Memory::default(), begun, leave: wait };
    let (policy, rows) = (Arc::new(testing::policy()), mpsc::unbounded_channel());
    let loaded = Driver::load(Box::new(store), policy, Options::default(), Clock::System, rows.0);
    let (driver, handle, _) = loaded.unwrap();
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn_on(health(listener), runtime.handle());
    let running = tasks.spawn_on(driver.run(stop.clone()), runtime.handle());
    let answers_during = |what: &str| {
        assert_eq!(begins.recv_timeout(PATIENT), Ok(what));
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENT)).unwrap();
        let mut answer = String::new();
        let heard = stream.read_to_string(&mut answer);
        assert_eq!((heard.ok(), answer.as_str()), (Some(2), "OK"), "nobody answers during {what}");
    };

    let mut batch = Batch::default();
    let ends_at = Clock::System.now().after(3600 * Duration::from_secs(1));
    batch.push(&mut vec![("alertname", "Disk")], &mut vec![], "", Timestamp::ZERO, ends_at).unwrap();
    let asking = handle.clone();
    let asked = tasks.spawn_on(async move { asking.put_alerts(sender(), batch).await }, runtime.handle());
    answers_during("a commit");
    assert!(!asked.is_finished(), "nobody hears of what is not stored");
    leave.send(()).unwrap();
    assert_eq!(runtime.block_on(asked).unwrap(), Ok(vec![]));

    stop.cancel();
    answers_during("the checkpoint at the end");
    leave.send(()).unwrap();
    runtime.block_on(running).unwrap().unwrap();
}
