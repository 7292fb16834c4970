//! What time it is, and whether a deadline has passed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A time that is no deadline: never.
pub const NEVER: u64 = u64::MAX;

/// The coarse clock is the time of the last timer interrupt, some milliseconds ago; a virtual machine that was not scheduled
/// may take longer. Deadlines nearer than this are compared with the exact clock.
#[cfg(target_os = "linux")]
const MOST_COARSE_LAG: u64 = 1_000_000_000;

/// What time it is, in nanoseconds from some origin.
#[derive(Debug)]
pub enum Clock {
    /// The system's monotonic clock.
    System(SystemClock),
    /// A clock that a test moves.
    Manual(AtomicU64),
}

/// The system's monotonic clock since an origin.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
    #[cfg(target_os = "linux")]
    coarse_origin: u64,
}

impl Clock {
    /// The monotonic clock, from now on.
    pub fn system() -> Self {
        Self::System(SystemClock {
            // The coarse clock first: it is then never ahead of the exact one.
            #[cfg(target_os = "linux")]
            coarse_origin: coarse(),
            origin: Instant::now(),
        })
    }

    /// Nanoseconds since the origin.
    pub fn now(&self) -> u64 {
        match self {
            Self::System(clock) => clock.origin.elapsed().as_nanos() as u64,
            Self::Manual(nanoseconds) => nanoseconds.load(Ordering::Relaxed),
        }
    }

    /// Whether a deadline has passed. Exact; reads the exact clock only where the coarse one cannot tell.
    #[inline]
    pub fn has_passed(&self, deadline: u64) -> bool {
        if deadline == NEVER {
            return false;
        }
        #[cfg(target_os = "linux")]
        if let Self::System(clock) = self
            && coarse().saturating_sub(clock.coarse_origin).saturating_add(MOST_COARSE_LAG) < deadline
        {
            return false;
        }
        deadline <= self.now()
    }

    /// Moves a manual clock on; does nothing to the system's.
    pub fn advance(&self, nanoseconds: u64) {
        if let Self::Manual(now) = self {
            now.fetch_add(nanoseconds, Ordering::Relaxed);
        }
    }
}

/// The time of the last timer interrupt, in nanoseconds; 4 ns to read, where the exact clock takes 18.
#[cfg(target_os = "linux")]
fn coarse() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::{Clock, NEVER};

    #[test]
    fn deadlines_pass_at_their_time() {
        let clock = Clock::Manual(0.into());
        assert!(!clock.has_passed(5));
        clock.advance(5);
        assert!(clock.has_passed(5));
        assert!(!clock.has_passed(NEVER));
    }

    #[test]
    fn the_system_s_clock_is_exact_near_a_deadline() {
        let clock = Clock::system();
        for _ in 0..200 {
            let deadline = clock.now() + 20_000;
            while !clock.has_passed(deadline) {}
            assert!(clock.now() >= deadline);
            let before = clock.now();
            assert!(clock.has_passed(before), "a time that was is past");
        }
    }
}
