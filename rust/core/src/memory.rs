//! Large buffers that are cheap to touch for the first time, and giving memory back to the system.
//!
//! A fresh page of 4 KiB costs a fault when it is first written; on virtual machines that takes microseconds, and for the
//! buffers of a match over millions of rows it was measured to take longer than the match itself
//! (docs/decisions/0003-tables-of-the-two-passes.md). On Linux, large buffers therefore ask for pages of 2 MiB, as numpy's do; elsewhere they are plain
//! vectors. It is advice: where it is not taken, nothing but time changes.
//!
//! Where the number of items comes from input, use the functions that begin with `try_`: when there is no memory they give
//! [`OutOfMemory`], where the others end the process.
//!
//! ```
//! use rowpattern_core::memory;
//! assert_eq!(memory::try_zeroed::<u16>(3), Ok(vec![0; 3]));
//! assert!(memory::try_with_capacity::<u64>(usize::MAX).is_err());
//! ```
#![allow(
    unsafe_code,
    reason = "advice on pages, memory given back, and zeroed memory whose allocation may fail; each block says why it is sound"
)]

use std::alloc::{Layout, alloc_zeroed};
use std::fmt;

/// Smaller buffers gain nothing.
const LARGE_BYTES: usize = 4 << 20;

/// An allocation that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory {
    /// What was asked for; more than there can be is `usize::MAX`.
    pub bytes: usize,
}

impl OutOfMemory {
    fn of<T>(items: usize) -> Self {
        Self { bytes: items.saturating_mul(size_of::<T>()) }
    }
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "out of memory: cannot allocate {} bytes", self.bytes)
    }
}

impl std::error::Error for OutOfMemory {}

/// An empty vector with room for `items`.
pub fn try_with_capacity<T: Copy>(items: usize) -> Result<Vec<T>, OutOfMemory> {
    let mut vector = Vec::new();
    vector.try_reserve_exact(items).map_err(|_| OutOfMemory::of::<T>(items))?;
    advise(&vector);
    Ok(vector)
}

/// A vector of `items` zeros. Pages are made when they are first touched, so this takes no time that grows with the items.
pub fn try_zeroed<T: Zero>(items: usize) -> Result<Vec<T>, OutOfMemory> {
    let failed = || OutOfMemory::of::<T>(items);
    let layout = Layout::array::<T>(items).map_err(|_| failed())?;
    if layout.size() == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the layout is not of size zero.
    let memory = unsafe { alloc_zeroed(layout) }.cast::<T>();
    if memory.is_null() {
        return Err(failed());
    }
    // SAFETY: the global allocator gave this memory for an array of `items` of T, and zeros are valid items.
    let vector = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(memory, items)) }.into_vec();
    advise(&vector);
    Ok(vector)
}

/// Makes room for `items` more, at least doubling the room when there is none.
#[inline]
pub fn try_reserve<T: Copy>(vector: &mut Vec<T>, items: usize) -> Result<(), OutOfMemory> {
    if vector.capacity() - vector.len() < items { try_grow(vector, items) } else { Ok(()) }
}

/// Makes room for exactly `items` more.
pub fn try_reserve_exact<T: Copy>(vector: &mut Vec<T>, items: usize) -> Result<(), OutOfMemory> {
    vector.try_reserve_exact(items).map_err(|_| OutOfMemory::of::<T>(vector.len().saturating_add(items)))?;
    advise(vector);
    Ok(())
}

#[cold]
fn try_grow<T: Copy>(vector: &mut Vec<T>, items: usize) -> Result<(), OutOfMemory> {
    vector.try_reserve(items).map_err(|_| OutOfMemory::of::<T>(vector.len().saturating_add(items)))?;
    advise(vector);
    Ok(())
}

/// Numbers of which zeroed memory is the number 0.
///
/// # Safety
/// A value whose bytes are all 0 must be valid.
pub unsafe trait Zero: Copy {}

macro_rules! zero {
    ($($number:ty),*) => {
        $(
            // SAFETY: every pattern of bytes is a value of a primitive integer.
            unsafe impl Zero for $number {}
        )*
    };
}
zero!(u8, u16, u32, u64, usize, i64, i128);

#[cfg(target_os = "linux")]
fn advise<T: Copy>(vector: &Vec<T>) {
    const HUGE_PAGE: usize = 2 << 20;
    let bytes = vector.capacity() * size_of::<T>();
    if bytes < LARGE_BYTES {
        return;
    }
    // Only pages that lie in the buffer as a whole: neighbours are not ours to advise on.
    let begin = (vector.as_ptr() as usize).next_multiple_of(4096);
    let length = (vector.as_ptr() as usize + bytes - begin) & !4095;
    if length >= HUGE_PAGE {
        // SAFETY: the range lies in an allocation that is alive, and the advice does not change its contents. An error
        // (a kernel without large pages) means that the advice is not taken.
        unsafe { libc::madvise(begin as *mut libc::c_void, length, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise<T: Copy>(_: &Vec<T>) {}

/// Gives memory that the allocator holds and nobody uses back to the system, where the allocator can be asked for that. Takes
/// milliseconds for each 100 MB.
///
/// glibc gives back the end of its heap only: after many small things were freed in no order, most stays.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call takes locks of the allocator, as any allocation does, and touches only memory that is free.
    unsafe {
        libc::malloc_trim(0)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_allocated_is_an_error() {
        // More than an allocation may have, and more than an address space of 47 bits.
        for items in [usize::MAX, 1 << 50] {
            let bytes = items.saturating_mul(8);
            assert_eq!(try_with_capacity::<u64>(items), Err(OutOfMemory { bytes }));
            assert_eq!(try_zeroed::<u64>(items), Err(OutOfMemory { bytes }));
            assert!(try_reserve(&mut vec![1_u64], items).is_err());
        }
    }

    #[test]
    fn zeros() {
        assert_eq!(try_zeroed::<u16>(0), Ok(Vec::new()));
        assert_eq!(try_zeroed::<u32>(3), Ok(vec![0, 0, 0]));
        // Large enough to be advised on, written to, and grown.
        let mut large = try_zeroed::<u8>(LARGE_BYTES + 1).unwrap_or_default();
        assert_eq!(large.iter().position(|&byte| byte != 0), None);
        large.fill(1);
        assert_eq!(try_reserve(&mut large, 1), Ok(()));
        large.push(2);
        assert_eq!(large.len(), LARGE_BYTES + 2);
    }
}
