//! Which of a process's queries work: so many at once, the others wait their turn in two queues.
//!
//! A query takes a [`QueryPlace`] before it works and leaves it afterwards. Those that wait are served in the order in which they
//! came. A query that works for a long while makes way for others that wait ([`QueryPlace::make_way`]) and queues up again. One
//! whose searches take longer than its rows explain, as those that explode do, waits in a queue of its own, which gets one part in
//! [`LONG_PART`] of the time while others wait, so that a few such queries do not hold up all the rest.
//!
//! ```
//! use std::sync::Arc;
//! use rowpattern_core::admission::{Admission, Entrance, QueryPlace};
//! let admission = Arc::new(Admission::new(1, 1));
//! let [first, second, third] = [(); 3].map(|()| QueryPlace::new(Arc::clone(&admission)));
//! assert!(matches!(first.enter(), Entrance::Entered));
//! let Entrance::Queued(turn) = second.enter() else { panic!() };
//! assert!(matches!(third.enter(), Entrance::Full));
//! first.leave();
//! assert!(turn.has_come());
//! ```

mod place;
mod queues;
mod turn;
mod work_clock;

pub use place::{Entrance, QueryPlace};
pub use queues::{Admission, Figures, LONG_PART};
pub use turn::Turn;
pub use work_clock::thread_time;
