//! Everything of sled's runs behind a guard: what it reads wrong, or cannot write, may make it panic.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::journal::Trouble;

/// Runs something of sled's, and takes its panics for what they are: corruption.
pub(super) fn guarded<T>(act: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    // Whoever owns the journal drops it after an error, so nobody sees what a panic left half done.
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        Err(Trouble::Corrupt(format!("sled gave up: {text}")))
    })
}

/// Something of sled's that goes behind the guard, wherever it is let go: its last sync of a file panics where it fails,
/// and an error on the way to an open journal lets it go on the driver's thread.
pub(super) struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    pub(super) fn new(inner: T) -> Self {
        Self(Some(inner))
    }

    /// Lets it go now, and says whether that went well.
    pub(super) fn close(mut self) -> Result<(), Trouble> {
        self.let_go()
    }

    fn let_go(&mut self) -> Result<(), Trouble> {
        let inner = self.0.take();
        guarded(|| {
            drop(inner);
            Ok(())
        })
    }
}

impl<T> Deref for Guarded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is taken out only where this value itself ends: by `close` and `drop`")
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        // What was acknowledged is durable already, so an error here is nobody's loss.
        let _ = self.let_go();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsAtTheEnd;

    impl Drop for PanicsAtTheEnd {
        fn drop(&mut self) {
            panic!("the last sync failed");
        }
    }

    #[test]
    fn what_panics_when_it_is_let_go_panics_behind_the_guard() {
        let closed = Guarded::new(PanicsAtTheEnd).close();
        assert_eq!(closed.unwrap_err().text(), "sled gave up: the last sync failed");
        drop(Guarded::new(PanicsAtTheEnd));
        let fails = || {
            let _held = Guarded::new(PanicsAtTheEnd);
            Err::<(), _>(Trouble::Io("an error on the way".into()))
        };
        assert_eq!(fails().unwrap_err().text(), "an error on the way");
        let gave_up = guarded::<()>(|| {
            let _held = Guarded::new(PanicsAtTheEnd);
            panic!("the first");
        });
        assert_eq!(gave_up.unwrap_err().text(), "sled gave up: the first", "also while another panic is on its way");
    }
}
