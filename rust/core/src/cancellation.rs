//! A flag by which one thread ends the work of others, and wakes those of them that wait.
//!
//! ```
//! use rowpattern_core::cancellation::Cancellation;
//! let cancellation = Cancellation::default();
//! assert!(!cancellation.is_cancelled());
//! assert!(cancellation.cancel(Some("the client has gone".into())));
//! assert!(!cancellation.cancel(None), "the first call counts");
//! assert_eq!(cancellation.reason().as_deref(), Some("the client has gone"));
//! ```

use std::sync::{Arc, PoisonError, Weak};

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};

/// Something that waits, and looks at its cancellation when it is woken.
pub trait Sleeper: Send + Sync {
    /// Ends its wait.
    fn wake(&self);
}

/// Whether work was cancelled, and why.
#[derive(Default)]
pub struct Cancellation {
    is_cancelled: AtomicBool,
    /// With which it is cancelled too.
    parent: Option<Arc<Cancellation>>,
    state: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    reason: Option<Box<str>>,
    sleepers: Vec<Weak<dyn Sleeper>>,
}

impl Cancellation {
    /// One that is cancelled with another, too.
    pub fn with_parent(parent: Arc<Self>) -> Self {
        Self { parent: Some(parent), ..Self::default() }
    }

    /// Cancels; says whether this call did. The first call's reason counts.
    pub fn cancel(&self, reason: Option<Box<str>>) -> bool {
        let sleepers = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if self.is_cancelled.load(Ordering::Relaxed) {
                return false;
            }
            state.reason = reason;
            self.is_cancelled.store(true, Ordering::Release);
            std::mem::take(&mut state.sleepers)
        };
        sleepers.iter().filter_map(Weak::upgrade).for_each(|sleeper| sleeper.wake());
        true
    }

    /// Whether it was cancelled.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire) || self.parent.as_ref().is_some_and(|parent| parent.is_cancelled())
    }

    /// Why, where the caller said it.
    pub fn reason(&self) -> Option<Box<str>> {
        if !self.is_cancelled.load(Ordering::Acquire) {
            return self.parent.as_ref().and_then(|parent| parent.reason());
        }
        self.state.lock().unwrap_or_else(PoisonError::into_inner).reason.clone()
    }

    /// Wakes something when it is cancelled; at once where it was.
    pub fn wake(&self, sleeper: &Arc<dyn Sleeper>) {
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.is_cancelled.load(Ordering::Relaxed) {
                state.sleepers.retain(|each| each.strong_count() > 0);
                state.sleepers.push(Arc::downgrade(sleeper));
                drop(state);
                if let Some(parent) = &self.parent {
                    parent.wake(sleeper);
                }
                return;
            }
        }
        sleeper.wake();
    }
}
