//! How much time of the processor a thread takes.

use std::time::Duration;
#[cfg(not(target_os = "linux"))]
use std::time::Instant;

/// The processor time that the calling thread has taken; elsewhere than on Linux the time that has passed. Only differences
/// mean something. Reading it takes half a microsecond.
#[cfg(target_os = "linux")]
pub fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

#[cfg(not(target_os = "linux"))]
pub fn thread_time() -> Duration {
    static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    BEGUN.elapsed()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use super::thread_time;

    #[test]
    fn it_goes_on_only_while_the_thread_works() {
        let before = thread_time();
        std::thread::sleep(Duration::from_millis(50));
        assert!(thread_time().saturating_sub(before) < Duration::from_millis(25));
        let begun = thread_time();
        while thread_time().saturating_sub(begun) < Duration::from_millis(10) {}
    }
}
