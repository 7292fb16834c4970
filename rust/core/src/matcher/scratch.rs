//! Buffers that rest with the tables between searches, so that their memory need not be asked for, and touched for the first time,
//! in each.

use super::collected::Collected;
use crate::budget::{Budget, Stopped};
use crate::memory::Zero;

/// A larger buffer is given back to the system.
const MOST_BYTES: usize = 1 << 20;

/// The buffers.
#[derive(Debug, Default)]
pub struct KeptBuffers {
    /// Of the backward pass.
    pub numbers: Kept<u16>,
    /// Of the transducer.
    pub collected: Option<Box<Collected>>,
}

impl KeptBuffers {
    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.numbers.0.capacity() * size_of::<u16>()
            + self.collected.as_ref().map_or(0, |collected| size_of::<Collected>() + collected.memory_bytes())
    }
}

/// A buffer that is not in use.
#[derive(Debug, Default)]
pub struct Kept<T>(Vec<T>);

impl<T: Zero> Kept<T> {
    /// Takes the buffer, which is charged for, or makes a larger one. Its items may be anything.
    pub fn take(&mut self, items: usize, budget: &Budget) -> Result<Vec<T>, Stopped> {
        let kept = std::mem::take(&mut self.0);
        if kept.len() >= items && budget.has_charged(kept.capacity() * size_of::<T>()) {
            return Ok(kept);
        }
        budget.any(items)
    }

    /// Puts a buffer back, for which nothing is charged any more.
    pub fn put(&mut self, buffer: Vec<T>) {
        let bytes = buffer.capacity() * size_of::<T>();
        if bytes <= MOST_BYTES && buffer.capacity() > self.0.capacity() {
            self.0 = buffer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again_and_charged_for() {
        let budget = Budget::unlimited();
        let mut kept = Kept::<u16>::default();
        let mut buffer = kept.take(1000, &budget).unwrap_or_default();
        buffer[999] = 7;
        budget.release_vector(&buffer);
        kept.put(buffer);
        let buffer = kept.take(10, &budget).unwrap_or_default();
        assert_eq!((buffer[999], budget.charged_bytes()), (7, 2000));
        budget.release_vector(&buffer);
        kept.put(buffer);
        // A larger one takes its place, as far as it may stay.
        let larger = kept.take(2000, &budget).unwrap_or_default();
        assert_eq!((larger.len(), budget.charged_bytes()), (2000, 4000));
        budget.release_vector(&larger);
        kept.put(larger);
        kept.put(vec![0; MOST_BYTES]);
        assert_eq!(kept.0.len(), 2000);
    }

    #[test]
    fn a_buffer_that_is_larger_than_the_budget_is_not_used() {
        let budget = Budget::new(None, Some(100));
        let mut kept = Kept(vec![1_u16; 1000]);
        assert_eq!(kept.take(50, &budget), Ok(vec![0; 50]));
        assert_eq!(budget.check(), Ok(()));
        assert_eq!(kept.take(1, &budget), Err(Stopped::MemoryLimit));
    }
}
