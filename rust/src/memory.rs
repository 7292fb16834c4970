//! Large buffers that are cheap to touch for the first time, and giving memory back to the system.
//!
//! A fresh page of 4 KiB costs a fault when it is first written; on virtual machines that takes microseconds, and for the
//! buffers of a match over millions of rows it was measured to take longer than the match itself
//! (docs/ARCHITECTURE.md). On Linux, large buffers therefore ask for pages of 2 MiB, as numpy's do; elsewhere they are plain
//! vectors. It is advice: where it is not taken, nothing but time changes.
#![allow(unsafe_code, reason = "calls of madvise and malloc_trim, which cannot change what memory holds")]

/// Smaller buffers gain nothing.
const LARGE_BYTES: usize = 4 << 20;

/// An empty vector with room for so many items.
pub fn with_capacity<T: Copy>(items: usize) -> Vec<T> {
    let mut vector = Vec::new();
    vector.reserve_exact(items);
    advise(&vector);
    vector
}

/// So many zeros. Pages are made when they are first touched, so this takes no time that grows with the items.
pub fn zeroed<T: Copy + Default>(items: usize) -> Vec<T> {
    let vector = vec![T::default(); items];
    advise(&vector);
    vector
}

/// Makes room for so many items more, at least doubling the room when there is none.
#[inline]
pub fn reserve<T: Copy>(vector: &mut Vec<T>, items: usize) {
    if vector.capacity() - vector.len() < items {
        grow(vector, items);
    }
}

#[cold]
fn grow<T: Copy>(vector: &mut Vec<T>, items: usize) {
    vector.reserve(items);
    advise(vector);
}

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
