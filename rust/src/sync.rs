//! Locks and conditions: those of the standard library, or shuttle's, which tries schedules of threads in turn.
//!
//! `make` has no target for it; `RUSTFLAGS="--cfg shuttle" cargo test --release --test schedules` runs the models.

#[cfg(not(shuttle))]
pub use std::sync::{Condvar, Mutex, MutexGuard};

#[cfg(shuttle)]
pub use shuttle::sync::{Condvar, Mutex, MutexGuard};
