//! A concurrent cache with an entry limit, a memory limit and a time to live that are all exact from outside.
//!
//! `moka` is the concurrent table: look-ups take no lock that a writer holds. Its own bounds are one of entries
//! *or* of weight, enforced some time after a write, and fixed for life, so limits are kept here instead, before a
//! write returns (see [`PatternCache`]). It knows nothing of patterns nor of Python: a value is any type, weighed
//! by the caller.
//!
//! [`flight`] makes many threads that ask for one missing thing wait for one of them.

mod entry;
mod evicted;
mod flight;
mod histogram;
mod statistics;
mod store;

pub use entry::{Clock, Entry, Key, KeyRef};
pub use flight::{Flights, Role};
pub use histogram::Histogram;
pub use statistics::Statistics;
pub use store::{ENTRY_BYTES, Limits, PatternCache, Put};
