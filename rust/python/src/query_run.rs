//! One query while it runs: its place among the process's queries, their memory, and its cancellation.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rowpattern_core::account::{Account, SharedMemory};
use rowpattern_core::admission::{Admission, Entrance, QueryPlace, Turn};
use rowpattern_core::cancellation::Sleeper;
use rowpattern_core::memory;
use rowpattern_macros::catch_panics;

use super::cancel_token::CancelToken;
use super::signals::INTERVAL;

/// The memory that this process's queries share.
static MEMORY: SharedMemory = SharedMemory::new(usize::MAX);

/// Who works of this process's queries, and who waits. Locked by threads that are attached to the interpreter only, so that no
/// other thread holds the lock when the process forks.
static ADMISSION: LazyLock<Mutex<Arc<Admission>>> =
    LazyLock::new(|| Mutex::new(Arc::new(Admission::new(usize::MAX, usize::MAX))));

thread_local! {
    /// How many queries this thread is inside of: one that begins in a callback of another has that one's place.
    static INSIDE: Cell<usize> = const { Cell::new(0) };
}

fn admission() -> Arc<Admission> {
    Arc::clone(&ADMISSION.lock().unwrap_or_else(PoisonError::into_inner))
}

/// One query while it runs. The core's methods take it as `cancel`, and then count their memory to it.
#[pyclass(frozen, module = "rowpattern._core")]
pub struct QueryRun {
    pub account: Arc<Account>,
    /// Work that was left takes no place when it wakes.
    has_ended: AtomicBool,
}

#[catch_panics]
#[pymethods]
impl QueryRun {
    #[new]
    #[pyo3(signature = (cancel = None))]
    fn new(cancel: Option<PyRef<'_, CancelToken>>) -> Self {
        let cancellation = cancel.map(|token| Arc::clone(&token.cancellation));
        let place = QueryPlace::new(admission());
        let account = Arc::new(Account::new(cancellation, Some(place), Some(&MEMORY)));
        Self { account, has_ended: AtomicBool::new(false) }
    }

    /// Takes a place, or waits for one; `leave` must follow in the same thread, whatever is returned or raised.
    ///
    /// Args:
    ///     seconds: the most time to wait.
    ///     again: whether the query was admitted before: it may wait whatever the queue's limit.
    ///
    /// Returns None, or why there is no place: "full" (as many wait as may), "time" or "cancelled".
    #[pyo3(signature = (seconds, *, again = false))]
    fn enter(&self, py: Python<'_>, seconds: f64, again: bool) -> PyResult<Option<&'static str>> {
        let inside = INSIDE.get();
        INSIDE.set(inside + 1);
        let Some(place) = self.account.place().filter(|_| inside == 0) else { return Ok(None) };
        if self.account.is_cancelled() {
            return Ok(Some("cancelled"));
        }
        if again {
            return self.enter_again(py, place, seconds);
        }
        match place.enter() {
            Entrance::Entered => Ok(None),
            Entrance::Full => Ok(Some("full")),
            Entrance::Queued(turn) => self.wait(py, place, &turn, seconds),
        }
    }

    /// Leaves the place to others.
    fn leave(&self) {
        INSIDE.set(INSIDE.get().saturating_sub(1));
        if let Some(place) = self.account.place() {
            place.leave();
        }
    }

    /// Leaves the place while the query waits for work that is not its own: another query may be a part of it. Returns what
    /// `take_back` has to be given; None where the query has no place.
    fn lend(&self) -> Option<usize> {
        let had = self.account.place().is_some_and(QueryPlace::leave);
        had.then(|| INSIDE.replace(0))
    }

    /// Takes a place again, in the thread that lent it. Returns what `enter` does.
    fn take_back(&self, py: Python<'_>, inside: usize, seconds: f64) -> PyResult<Option<&'static str>> {
        INSIDE.set(inside);
        if self.has_ended.load(Ordering::Relaxed) {
            return Ok(None);
        }
        self.account.place().map_or(Ok(None), |place| self.enter_again(py, place, seconds))
    }

    /// Gives back the query's memory, and its place where work that was left has taken it again: it has ended.
    fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
        if let Some(place) = self.account.place() {
            place.leave();
        }
        self.account.release(self.account.held_bytes());
    }

    /// Lets others work, between two steps, where some wait and the query has worked for long. Returns what `enter` does.
    ///
    /// Args:
    ///     rows: how many the query works on: with more, it may work longer before it waits behind others.
    ///     seconds: the most time to wait.
    fn make_way(&self, py: Python<'_>, rows: u64, seconds: f64) -> PyResult<Option<&'static str>> {
        let Some(place) = self.account.place() else { return Ok(None) };
        place.set_rows(rows);
        let mut ended = Ok(None);
        let _ = place.make_way(|turn| {
            ended = self.await_turn(py, turn, seconds);
            if matches!(ended, Ok(None)) { Ok(()) } else { Err(()) }
        });
        ended
    }

    /// Counts memory about to be taken; False, with nothing counted, where the process's queries have too much together.
    fn hold(&self, size_bytes: usize) -> bool {
        self.account.hold(size_bytes)
    }

    /// Takes back what `hold` counted; no more than is held.
    fn release(&self, size_bytes: usize) {
        self.account.release(size_bytes);
    }

    /// Whether the query was cancelled.
    #[getter]
    fn is_cancelled(&self) -> bool {
        self.account.is_cancelled()
    }

    /// Why it was cancelled, where that was said.
    #[getter]
    fn reason(&self) -> Option<String> {
        self.account.cancellation().and_then(|each| each.reason()).map(String::from)
    }

    /// Whether it got no memory because the process's queries had too much together.
    #[getter]
    fn was_refused(&self) -> bool {
        self.account.was_refused()
    }

    /// Bytes that are held now.
    #[getter]
    fn held_bytes(&self) -> usize {
        self.account.held_bytes()
    }

    /// The most bytes that were held.
    #[getter]
    fn most_bytes(&self) -> usize {
        self.account.most_bytes()
    }

    /// How long it had a place.
    #[getter]
    fn worked_seconds(&self) -> f64 {
        self.account.place().map_or(0.0, |place| place.worked().as_secs_f64())
    }
}

impl QueryRun {
    fn enter_again(&self, py: Python<'_>, place: &QueryPlace, seconds: f64) -> PyResult<Option<&'static str>> {
        place.enter_again().map_or(Ok(None), |turn| self.wait(py, place, &turn, seconds))
    }

    /// Waits for a turn that was queued, and takes the place.
    fn wait(
        &self,
        py: Python<'_>,
        place: &QueryPlace,
        turn: &Arc<Turn>,
        seconds: f64,
    ) -> PyResult<Option<&'static str>> {
        let ended = self.await_turn(py, turn, seconds);
        if matches!(ended, Ok(None)) {
            place.take();
        } else {
            place.give_up(turn);
        }
        ended
    }

    fn await_turn(&self, py: Python<'_>, turn: &Arc<Turn>, seconds: f64) -> PyResult<Option<&'static str>> {
        let looks_at_signals = is_main_thread(py)?;
        if let Some(cancellation) = self.account.cancellation() {
            let sleeper: Arc<dyn Sleeper> = Arc::clone(turn) as Arc<dyn Sleeper>;
            cancellation.wake(&sleeper);
        }
        let until = Duration::try_from_secs_f64(seconds).ok().and_then(|time| Instant::now().checked_add(time));
        loop {
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            let time = if looks_at_signals { left.min(INTERVAL) } else { left };
            if py.detach(|| turn.wait(time)) {
                return Ok(None);
            }
            py.check_signals()?;
            if self.account.is_cancelled() {
                return Ok(Some("cancelled"));
            }
            if left <= time {
                return Ok(Some("time"));
            }
        }
    }
}

/// Whether signals wake nobody but this thread.
fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    let main = threading.call_method0("main_thread")?.getattr("ident")?;
    main.eq(threading.call_method0("get_ident")?)
}

/// Sets how many queries of the process work at once, how many more may wait, and the memory that they share.
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_set_query_limits")]
pub fn set_query_limits(most_running: usize, most_waiting: usize, memory_bytes: usize) {
    admission().set_limits(most_running, most_waiting);
    MEMORY.set_limit(memory_bytes);
}

/// How many queries run and wait, with the limits; how many were refused; the bytes that they hold, with the limit; and the bytes of
/// buffers that rest for the next one.
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_query_figures")]
pub fn query_figures(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let figures = admission().figures();
    let found = PyDict::new(py);
    found.set_item("running", figures.running)?;
    found.set_item("waiting", figures.waiting)?;
    found.set_item("most_running", figures.limit)?;
    found.set_item("most_waiting", figures.most_waiting)?;
    found.set_item("refused", figures.refused)?;
    found.set_item("held_bytes", MEMORY.held_bytes())?;
    found.set_item("limit_bytes", MEMORY.limit_bytes())?;
    found.set_item("resting_bytes", memory::resting_bytes())?;
    Ok(found)
}

/// In a forked child: forgets the parent's queries, whose threads it does not have.
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_forget_queries")]
pub fn forget_queries() {
    let mut admission = ADMISSION.lock().unwrap_or_else(PoisonError::into_inner);
    let limits = admission.limits();
    *admission = Arc::new(Admission::new(limits.0, limits.1));
    MEMORY.forget();
}
