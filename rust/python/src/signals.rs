//! Ctrl-C in long matches, and other queries' turns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use rowpattern_core::account::Account;
use rowpattern_core::admission::Turn;
use rowpattern_core::budget::Stopped;
use rowpattern_core::cancellation::Sleeper;

/// How often signals are looked at: often enough to stop within a tenth of a second, and seldom enough that taking
/// the interpreter's lock costs nothing.
pub const INTERVAL: Duration = Duration::from_millis(30);

/// Rows that are read between two looks: some milliseconds' work.
pub const ROWS_A_PIECE: usize = 1 << 20;

/// Items of Python objects between two looks at signals and limits: some milliseconds' work where each has to be asked what it
/// is, and a tenth of that where they are texts.
pub const ITEMS_BETWEEN_LOOKS: usize = 1 << 13;

/// Looks at pending signals now and then, from a thread that is detached from the interpreter, and makes way there for other
/// queries that wait.
pub struct Signals {
    last: Instant,
    /// Of this thread, by the processor, when it was looked at last.
    processor: Option<f64>,
    account: Option<Arc<Account>>,
    deadline: Option<Instant>,
    /// The exception that a signal handler raised.
    pub raised: Option<PyErr>,
}

impl Signals {
    /// For work of a query, where it is that, until its time is over.
    pub fn new(account: Option<Arc<Account>>, deadline: Option<Instant>) -> Self {
        Self { last: Instant::now(), processor: None, account, deadline, raised: None }
    }

    pub fn tick(&mut self) -> Result<(), Stopped> {
        if self.last.elapsed() < INTERVAL {
            return Ok(());
        }
        self.look()?;
        if let Some(account) = self.account.clone()
            && let Some(place) = account.place()
        {
            place.add_search(self.searched());
            place.make_way(|turn| self.await_turn(&account, turn))?;
        }
        self.last = Instant::now();
        Ok(())
    }

    fn look(&mut self) -> Result<(), Stopped> {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method is not general enough in its lifetime"
        )]
        let checked = Python::try_attach(|py| py.check_signals());
        self.last = Instant::now();
        // In a daemon thread that works on while the interpreter ends, there may be none any more.
        checked.ok_or(Stopped::ByCaller)?.map_err(|error| {
            self.raised = Some(error);
            Stopped::ByCaller
        })
    }

    /// How much time of the processor this thread has taken since this was asked last; none at first, as a look at that
    /// clock before each search would take longer than a short one.
    fn searched(&mut self) -> Duration {
        let now = Python::try_attach(|py| py.import("time")?.call_method0("thread_time")?.extract::<f64>());
        let now = now.and_then(PyResult::ok);
        let before = std::mem::replace(&mut self.processor, now);
        let seconds = now.zip(before).map_or(0.0, |(now, before)| now - before);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    fn await_turn(&mut self, account: &Account, turn: &Arc<Turn>) -> Result<(), Stopped> {
        if let Some(cancellation) = account.cancellation() {
            let sleeper: Arc<dyn Sleeper> = Arc::clone(turn) as Arc<dyn Sleeper>;
            cancellation.wake(&sleeper);
        }
        while !turn.wait(INTERVAL) {
            if account.is_cancelled() {
                return Err(Stopped::Cancelled);
            }
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(Stopped::TimeLimit);
            }
            self.look()?;
        }
        Ok(())
    }
}
