//! A concurrent cache with an entry limit, a memory limit and a time to live that are all exact from outside.
//!
//! `moka` is the concurrent table. Its own bounds are one of entries *or* of weight, enforced some time after a write, and
//! fixed for life, so limits are kept here instead, before a write returns (see [`Cache`]). It knows nothing of patterns
//! nor of Python: a value is any type, weighed by the caller.
//!
//! [`SingleFlight`] makes many threads that ask for one missing thing wait for one of them.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use rowpattern_core::cache::{Cache, Clock, KeyRef, Limits, Offered, Policy, Put, Threads};
//!
//! let limits = Limits { entries: 1, bytes: 1 << 20, time_to_live: None, policy: Policy::Lru };
//! let cache: Cache<Box<str>, Arc<u64>> = Cache::new(limits, Arc::new(Clock::system()), Threads::Parallel);
//! // Values that leave are handed back, to be dropped where nothing is locked.
//! let mut left = Vec::new();
//! for (text, number) in [("one", 1), ("two", 2)] {
//!     let offered = Offered { value: Arc::new(number), bytes: 8, cost: Duration::ZERO };
//!     assert_eq!(cache.put(KeyRef::new(0, text), text.into(), offered, &mut left, Arc::clone), Put::Kept);
//! }
//! let get = |text| cache.get(KeyRef::new(0, text), &mut Vec::new(), Arc::clone, |value| **value);
//! assert_eq!((get("one"), get("two")), (None, Some(2)));
//! ```

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
