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
//!
//! All unsafe code of this crate is in this one file.
//!
//! [`RestingAllocator`] keeps buffers of a megabyte and more for the next query, within a bound: a query that is asked again touches no
//! fresh page (docs/decisions/0034-large-buffers-rest.md). The extension has it as its allocator.
#![allow(
    unsafe_code,
    reason = "advice on pages, an allocator, memory given back, and zeroed memory whose allocation may fail; each block says why it is sound"
)]

use std::alloc::{GlobalAlloc, Layout, System, alloc_zeroed};
use std::cell::UnsafeCell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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

/// As [`try_zeroed`], where what stands there does not matter: a buffer that rested stays as it is.
pub fn try_any<T: Zero>(items: usize) -> Result<Vec<T>, OutOfMemory> {
    let layout = Layout::array::<T>(items).map_err(|_| OutOfMemory::of::<T>(items))?;
    let Ok(memory) = RESTING.allocate(layout) else { return try_zeroed(items) };
    // SAFETY: buffers rest only where the global allocator is the one that keeps them, and it has allocated this one for such a layout
    // (in this file's tests it is the system's, which takes back what it gave). All of its bytes were zeros once. Values of any
    // type may have been written since, whose padding is whatever stood there; every pattern of bytes is a T.
    Ok(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(memory.cast::<T>(), items)) }.into_vec())
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
/// Every pattern of bytes must be a value.
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

/// The sizes of buffers that rest: smaller ones cost few faults, and larger ones are of queries that take long beside what their
/// pages take.
const RESTING_SIZES: std::ops::RangeInclusive<usize> = 1 << 20..=8 << 20;

/// The most bytes that rest.
pub const MOST_RESTING_BYTES: usize = 64 << 20;

/// The most buffers that rest.
const MOST_RESTING: usize = 64;

/// Size classes between a power of two and the next: a buffer is at most an eighth larger than what was asked for.
const CLASSES: usize = 8;

/// What rests in this process.
static RESTING: RestingBuffers = RestingBuffers::new();

/// The system's allocator, where large buffers that are freed rest until as large ones are asked for.
///
/// ```
/// use rowpattern_core::memory::{RestingAllocator, give_back, resting_bytes};
/// #[global_allocator]
/// static ALLOCATOR: RestingAllocator = RestingAllocator;
/// drop(vec![1_u8; 1 << 20]);
/// assert_eq!(resting_bytes(), 1 << 20);
/// give_back();
/// assert_eq!(resting_bytes(), 0);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct RestingAllocator;

/// How many bytes rest.
pub fn resting_bytes() -> usize {
    RESTING.bytes.load(Ordering::Relaxed)
}

/// The layout with which a buffer that may rest is allocated: of its size class, and aligned as all of them are. None for others.
fn resting_layout(layout: Layout) -> Option<Layout> {
    // As all memory of the system's allocators is.
    const ALIGN: usize = 2 * size_of::<usize>();
    let size = layout.size();
    if !RESTING_SIZES.contains(&size) || layout.align() > ALIGN {
        return None;
    }
    let class = (size.next_power_of_two() / 2 / CLASSES).max(1);
    Layout::from_size_align(size.next_multiple_of(class), ALIGN).ok()
}

// SAFETY: memory comes from the system's allocator, with a layout that follows from the one that is asked for, and goes back to it
// with the same size; see `realloc` for the alignment. What rests belongs to nobody else.
unsafe impl GlobalAlloc for RestingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe {
            match RESTING.allocate(layout) {
                Ok(memory) => memory,
                // Each byte of a buffer that may rest must have been written; zeros cost nothing where pages are new.
                Err(own) if resting_layout(layout).is_some() => System.alloc_zeroed(own),
                Err(own) => System.alloc(own),
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above; a buffer that rested has at least so many bytes.
        unsafe {
            match RESTING.allocate(layout) {
                Ok(memory) => {
                    memory.write_bytes(0, layout.size());
                    memory
                }
                Err(own) => System.alloc_zeroed(own),
            }
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller gives back what it was given for this layout.
        unsafe { RESTING.free(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller gives back what it was given for this layout, and asks for a size that a layout can have.
        unsafe {
            let wanted = Layout::from_size_align_unchecked(size, layout.align());
            let (own, new) = (resting_layout(layout), resting_layout(wanted));
            match (own, new) {
                (Some(own), Some(new)) if own == new => memory,
                // Each byte of a buffer that may rest must have been written, so one that grows is copied to one of which that is so.
                (own, Some(new)) if own.is_none_or(|own| own.size() < new.size()) => {
                    let found = self.alloc(wanted);
                    if !found.is_null() {
                        found.copy_from_nonoverlapping(memory, layout.size().min(size));
                        RESTING.free(memory, layout);
                    }
                    found
                }
                // A buffer that becomes too small or too large to rest goes back later with the alignment that was asked for, which
                // may be less: up to the alignment of layouts that may rest, the system's allocators treat all alike.
                _ => System.realloc(memory, own.unwrap_or(layout), new.unwrap_or(wanted).size()),
            }
        }
    }
}

/// A buffer that nobody uses.
#[derive(Clone, Copy)]
struct RestingBuffer {
    memory: *mut u8,
    layout: Layout,
}

/// Buffers that nobody uses, those that were freed first before the others. Each byte of them was written before.
struct RestingBuffers {
    /// Whether a thread uses them. Another thread then does without them and does not wait: in a child of a fork, the thread that set
    /// this may not exist.
    is_taken: AtomicBool,
    buffers: UnsafeCell<([RestingBuffer; MOST_RESTING], usize)>,
    bytes: AtomicUsize,
}

// SAFETY: the buffers are only looked at by the thread that has set `is_taken`, and their memory is of no thread.
unsafe impl Sync for RestingBuffers {}

impl RestingBuffers {
    const fn new() -> Self {
        let none = RestingBuffer { memory: std::ptr::null_mut(), layout: Layout::new::<()>() };
        Self {
            is_taken: AtomicBool::new(false),
            buffers: UnsafeCell::new(([none; MOST_RESTING], 0)),
            bytes: AtomicUsize::new(0),
        }
    }

    /// Does something with the buffers; None where another thread does.
    fn with<R>(&self, work: impl FnOnce(&mut [RestingBuffer; MOST_RESTING], &mut usize) -> R) -> Option<R> {
        if self.is_taken.swap(true, Ordering::Acquire) {
            return None;
        }
        // SAFETY: no other thread has it before `is_taken` is false again, and `work` does not allocate.
        let (buffers, count) = unsafe { &mut *self.buffers.get() };
        let done = work(buffers, count);
        let bytes = buffers.iter().take(*count).map(|buffer| buffer.layout.size()).sum();
        self.bytes.store(bytes, Ordering::Relaxed);
        self.is_taken.store(false, Ordering::Release);
        Some(done)
    }

    /// A buffer that rested, the last one that was freed; or the layout with which to ask the system for one.
    fn allocate(&self, layout: Layout) -> Result<*mut u8, Layout> {
        let Some(layout) = resting_layout(layout) else { return Err(layout) };
        if self.bytes.load(Ordering::Relaxed) < layout.size() {
            return Err(layout);
        }
        let found = self.with(|buffers, count| {
            let at = buffers.iter().take(*count).rposition(|buffer| buffer.layout == layout)?;
            Some(remove(buffers, count, at))
        });
        found.flatten().map(|buffer| buffer.memory).ok_or(layout)
    }

    /// Takes a buffer to rest, or gives it to the system.
    ///
    /// # Safety
    /// The memory was allocated for this layout, and is used by nobody any more.
    unsafe fn free(&self, memory: *mut u8, layout: Layout) {
        let Some(own) = resting_layout(layout) else {
            // SAFETY: other layouts are those of the system's allocator.
            return unsafe { System.dealloc(memory, layout) };
        };
        let mut next = Some(RestingBuffer { memory, layout: own });
        while let Some(buffer) = next {
            // Room is made by giving the first ones to the system, one at a time, so that others can look meanwhile.
            let rests = self.with(|buffers, count| {
                let bytes: usize = buffers.iter().take(*count).map(|buffer| buffer.layout.size()).sum();
                if *count < MOST_RESTING && bytes + buffer.layout.size() <= MOST_RESTING_BYTES {
                    buffers[*count] = buffer;
                    *count += 1;
                    return (None, None);
                }
                (Some(buffer), Some(remove(buffers, count, 0)))
            });
            let (left, freed) = rests.unwrap_or((None, Some(buffer)));
            if let Some(freed) = freed {
                // SAFETY: it was allocated by the system's allocator with this layout, and rests no more.
                unsafe { System.dealloc(freed.memory, freed.layout) };
            }
            next = left;
        }
    }

    /// Gives all to the system.
    fn give_back(&self) {
        while let Some(buffer) = self.with(|buffers, count| (*count > 0).then(|| remove(buffers, count, 0))).flatten() {
            // SAFETY: as above.
            unsafe { System.dealloc(buffer.memory, buffer.layout) };
        }
    }
}

/// Takes a buffer out; the others keep their order.
fn remove(buffers: &mut [RestingBuffer; MOST_RESTING], count: &mut usize, at: usize) -> RestingBuffer {
    let buffer = buffers[at];
    buffers.copy_within(at + 1..*count, at);
    *count -= 1;
    buffer
}

/// Gives memory that the allocator holds and nobody uses back to the system, where the allocator can be asked for that, and large
/// buffers that rest. Takes milliseconds for each 100 MB.
///
/// glibc gives back the end of its heap only: after many small things were freed in no order, most stays.
pub fn give_back() {
    RESTING.give_back();
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
    fn large_buffers_rest() {
        let resting = RestingBuffers::new();
        let layout = |size| Layout::from_size_align(size, 1).unwrap_or(Layout::new::<u8>());
        // SAFETY: all is given back with the layout for which it was allocated.
        unsafe {
            let new = |size| {
                let own = resting.allocate(layout(size)).unwrap_or_else(|layout| System.alloc_zeroed(layout));
                assert!(!own.is_null());
                own.write_bytes(1, size);
                own
            };
            // Of one size class: whoever asks next has it.
            let one = new((1 << 20) + 5);
            resting.free(one, layout((1 << 20) + 5));
            assert_eq!(resting.bytes.load(Ordering::Relaxed), (1 << 20) + (1 << 17));
            assert_eq!(new((1 << 20) + 100_000), one);
            assert_eq!(resting.bytes.load(Ordering::Relaxed), 0);
            resting.free(one, layout((1 << 20) + 100_000));
            // Small ones, and very large ones, do not rest.
            for size in [1000, RESTING_SIZES.end() + 1] {
                resting.free(new(size), layout(size));
                assert_eq!(resting.bytes.load(Ordering::Relaxed), (1 << 20) + (1 << 17));
            }
            // The first ones make room.
            let many: Vec<*mut u8> = (0..9).map(|_| new(8 << 20)).collect();
            for memory in &many {
                resting.free(*memory, layout(8 << 20));
                assert!(resting.bytes.load(Ordering::Relaxed) <= MOST_RESTING_BYTES);
            }
            assert_eq!(resting.bytes.load(Ordering::Relaxed), MOST_RESTING_BYTES);
            assert_eq!(resting.allocate(layout(1 << 20)), Err(layout(1 << 20).align_to(16).unwrap_or(layout(0))));
            // Whoever finds that another thread looks at them does without them.
            resting.is_taken.store(true, Ordering::Relaxed);
            assert!(resting.allocate(layout(8 << 20)).is_err());
            resting.free(System.alloc(layout(1 << 20)), layout(1 << 20));
            resting.is_taken.store(false, Ordering::Relaxed);
            assert_eq!(resting.bytes.load(Ordering::Relaxed), MOST_RESTING_BYTES);
            resting.give_back();
            assert_eq!(resting.bytes.load(Ordering::Relaxed), 0);
        }
    }

    #[test]
    fn the_allocator_keeps_what_stands_in_buffers() {
        let layout = |size| Layout::from_size_align(size, 8).unwrap_or(Layout::new::<u8>());
        let sizes = [10, 1 << 20, (1 << 20) + 9, 3 << 20, 9 << 20, 2 << 20, 3 << 20, 100, 8 << 20];
        // SAFETY: what is read was written before, and all is given back with the layout for which it was allocated.
        unsafe {
            for _ in 0..3 {
                let mut memory = RestingAllocator.alloc(layout(sizes[0]));
                for (&from, &to) in sizes.iter().zip(&sizes[1..]) {
                    memory.write_bytes(7, from);
                    memory = RestingAllocator.realloc(memory, layout(from), to);
                    assert!(!memory.is_null());
                    assert!(std::slice::from_raw_parts(memory, from.min(to)).iter().all(|&byte| byte == 7));
                }
                RestingAllocator.dealloc(memory, layout(8 << 20));
                let zeros = RestingAllocator.alloc_zeroed(layout((8 << 20) - 100));
                assert!(std::slice::from_raw_parts(zeros, (8 << 20) - 100).iter().all(|&byte| byte == 0));
                RestingAllocator.dealloc(zeros, layout((8 << 20) - 100));
            }
        }
        give_back();
        assert_eq!(resting_bytes(), 0);
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
