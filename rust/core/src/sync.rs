//! Locks, conditions and atomic numbers: those of the standard library, or shuttle's, which tries schedules of threads in turn.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test --release -p rowpattern-core --test schedules
//! --test admission_schedules` runs the models.

#[cfg(not(shuttle))]
pub use std::sync::{Condvar, Mutex, MutexGuard, atomic};

#[cfg(shuttle)]
pub use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};
