//! Common part of all fuzz targets: memory has a budget, and a target that exceeds it is a finding.
//!
//! libFuzzer's own limit counts pages that were touched; a `Vec` that reserves two gigabytes because four bytes of a
//! guest say so touches none. So allocations are counted where they are made.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that any input may take: tables, buffers and texts of problems.
const FIXED: usize = 16 << 20;
/// Bytes that each byte of the input may take in addition.
const OF_A_BYTE: usize = 4 << 10;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; only sizes are counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract, and `alloc` took `pointer` from the system.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs one target on one input, within the budget of memory.
///
/// # Panics
/// If the target panics, or takes more than the budget.
pub fn bounded(target: fn(&[u8]), data: &[u8]) {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    target(data);
    let taken = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    let budget = FIXED + OF_A_BYTE * data.len();
    assert!(
        taken <= budget,
        "{taken} bytes of memory for an input of {}",
        data.len()
    );
}
