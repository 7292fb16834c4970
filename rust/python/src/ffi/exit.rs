//! The end of the interpreter while producers of streams are at work in threads of their own.
//!
//! Before 3.14, CPython ends a thread that asks for its lock after its end by unwinding the thread's stack. The frames of a
//! producer in C++ release the lock meanwhile that they do not have, which aborts the process. So a thread calls no producer
//! any more once the interpreter begins to end, and that waits a little for those that are inside of one.
#![allow(unsafe_code, reason = "sets a signal's handler; each block says what it relies on")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use rowpattern_macros::catch_panics;

const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

static CLOSING: AtomicBool = AtomicBool::new(false);
/// Threads that are inside of a producer's function.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// Which thread calls a producer's functions.
#[derive(Clone, Copy)]
pub enum Caller {
    /// The one that asked for the stream.
    Own,
    /// One of the extension's.
    Background,
}

impl Caller {
    /// Calls a producer's function; in the background, waits for the end of the process instead where the interpreter ends.
    pub fn call<T>(self, call: impl FnOnce() -> T) -> T {
        if matches!(self, Self::Own) {
            return call();
        }
        // Counted before it looks: who closes looks the other way round.
        INSIDE.fetch_add(1, Ordering::SeqCst);
        if CLOSING.load(Ordering::SeqCst) {
            INSIDE.fetch_sub(1, Ordering::SeqCst);
            wait_forever();
        }
        let found = call();
        INSIDE.fetch_sub(1, Ordering::SeqCst);
        found
    }
}

/// Whether a stream can be drained in the background: not once the interpreter ends. Its main thread, which runs functions of
/// `atexit` then, calls producers itself; other threads wait here for the end of the process.
pub fn may_wait(py: Python<'_>) -> bool {
    if !CLOSING.load(Ordering::SeqCst) {
        return true;
    }
    if !is_main_thread() {
        py.detach(|| wait_forever());
    }
    false
}

pub fn wait_forever() -> ! {
    loop {
        thread::park();
    }
}

/// Lets no thread begin to ask a producer for arrays, and waits at most so long for those that have begun. Returns how many
/// threads are still inside of a producer.
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_close_streams")]
pub fn close_streams(py: Python<'_>, seconds: f64) -> usize {
    CLOSING.store(true, Ordering::SeqCst);
    let patience = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    py.detach(|| {
        let begun = Instant::now();
        while INSIDE.load(Ordering::SeqCst) > 0 && begun.elapsed() < patience {
            thread::sleep(BETWEEN_LOOKS);
        }
    });
    INSIDE.load(Ordering::SeqCst)
}

/// In a forked child, which has none of its parent's threads: forgets them.
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_forget_streams")]
pub fn forget_streams() {
    CLOSING.store(false, Ordering::SeqCst);
    INSIDE.store(0, Ordering::SeqCst);
}

/// Has every thread but the main one wait for the end of the process where it would abort it: the interpreter has ended, and
/// what such a thread was at work on is of no use to anybody. Only on Linux.
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_keep_aborting_threads")]
pub fn keep_aborting_threads() {
    #[cfg(target_os = "linux")]
    linux::keep_aborting_threads();
}

#[cfg(target_os = "linux")]
use linux::is_main_thread;

#[cfg(not(target_os = "linux"))]
fn is_main_thread() -> bool {
    true
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::c_int;

    extern "C" fn on_abort(_: c_int) {
        // `abort` raises the signal again, with its default effect, where a handler returns.
        while !is_main_thread() {
            // SAFETY: takes nothing, and may be called from a signal's handler, as `is_main_thread` may.
            unsafe { libc::pause() };
        }
    }

    pub fn is_main_thread() -> bool {
        // SAFETY: these functions take nothing and cannot fail.
        unsafe { libc::gettid() == libc::getpid() }
    }

    pub fn keep_aborting_threads() {
        let handler: extern "C" fn(c_int) = on_abort;
        // SAFETY: the handler has the signature that `signal` asks for, and stays for the life of the process.
        unsafe { libc::signal(libc::SIGABRT, handler as libc::sighandler_t) };
    }
}
