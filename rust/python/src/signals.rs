//! Ctrl-C in long matches, and other queries' turns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use rowpattern_core::account::Account;
use rowpattern_core::admission::{Turn, thread_time};
use rowpattern_core::budget::Stopped;
use rowpattern_core::cancellation::Sleeper;

/// How often signals are looked at: often enough to stop within a tenth of a second, and seldom enough that taking
/// the interpreter's lock costs nothing.
pub const INTERVAL: Duration = Duration::from_millis(30);

/// How often a query looks at whether it has to make way, where others wait.
const TURN_INTERVAL: Duration = Duration::from_millis(5);

/// Rows that are read between two looks: some milliseconds' work.
pub const ROWS_A_PIECE: usize = 1 << 20;

/// Items of Python objects between two looks at signals and limits: some milliseconds' work where each has to be asked what it
/// is, and a tenth of that where they are texts.
pub const ITEMS_BETWEEN_LOOKS: usize = 1 << 13;

/// Looks at pending signals now and then, from a thread that is detached from the interpreter, and makes way there for other
/// queries that wait.
pub struct Signals {
    last: Instant,
    /// When it was last looked at whether others wait.
    last_turn: Instant,
    /// What this thread had taken of the processor then, of a query.
    worked: Duration,
    account: Option<Arc<Account>>,
    deadline: Option<Instant>,
    /// The exception that a signal handler raised.
    pub raised: Option<PyErr>,
}

impl Signals {
    /// For work of a query, where it is that, until its time is over.
    pub fn new(account: Option<Arc<Account>>, deadline: Option<Instant>) -> Self {
        let now = Instant::now();
        // In half a microsecond.
        let worked = if account.is_some() { thread_time() } else { Duration::ZERO };
        Self { last: now, last_turn: now, worked, account, deadline, raised: None }
    }

    pub fn tick(&mut self) -> Result<(), Stopped> {
        self.make_way()?;
        if self.last.elapsed() < INTERVAL {
            return Ok(());
        }
        self.look()
    }

    /// Says how much the query has worked, and lets others work where some wait.
    fn make_way(&mut self) -> Result<(), Stopped> {
        if self.account.is_none() || self.last_turn.elapsed() < TURN_INTERVAL {
            return Ok(());
        }
        if let Some(account) = self.account.clone()
            && let Some(place) = account.place()
        {
            let before = std::mem::replace(&mut self.worked, thread_time());
            place.add_search(self.worked.saturating_sub(before));
            place.make_way(|turn| self.await_turn(&account, turn))?;
        }
        self.last_turn = Instant::now();
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
