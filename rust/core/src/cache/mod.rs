//! A concurrent cache with an entry limit, a memory limit and a time to live that are all exact from outside.
//!
//! `moka` is the concurrent table. Its own bounds are one of entries *or* of weight, enforced some time after a write, and
//! fixed for life, so limits are kept here instead, before a write returns (see [`Cache`]). It knows nothing of patterns
//! nor of Python: a value is any type, weighed by the caller.
//!
//! [`SingleFlight`] makes many threads that ask for one missing thing wait for one of them.

mod clock;
mod entry;
mod ghost;
mod histogram;
mod limits;
mod order;
mod single_flight;
mod sketch;
mod statistics;
mod store;
mod table;
mod writer;

pub use clock::{Clock, NEVER};
pub use entry::{Entry, Key, KeyRef, KeyText};
pub use histogram::Histogram;
pub use limits::{Limits, Policy};
pub use single_flight::{Lease, Role, SingleFlight};
pub use statistics::Statistics;
pub use store::{Cache, Offered, Put, Threads};
pub use writer::ENTRY_BYTES;
