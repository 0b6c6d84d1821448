//! Pages of a list in a stable order.
//!
//! Invariant: following `next` until it is absent visits everything that existed all the while,
//! each once, whatever is created or deleted in between.
// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes

/// Where a page starts and how long it may be.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest<'a> {
    /// `Marker`: the last item of the previous page.
    pub marker: Option<&'a str>,
    /// `PageSize`, 1..=400.
    pub size: usize,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In order.
    pub items: Vec<T>,
    /// `NextMarker`; absent on the last page.
    pub next: Option<String>,
}

// === impl PageRequest ===

impl PageRequest<'_> {
    /// Page size when the caller names none; also the largest.
    pub const SIZE_DEFAULT: usize = 400;

    /// Everything that one call may return.
    pub fn first() -> Self {
        Self { marker: None, size: Self::SIZE_DEFAULT }
    }
}

// === impl Page ===

impl<T> Page<T> {
    /// Takes `size` items that start after the marker already; `marker_of` names the last one.
    pub fn take<M: AsRef<str>>(
        items: impl Iterator<Item = T>,
        size: usize,
        marker_of: impl Fn(&T) -> M,
    ) -> Self {
        let mut items = items;
        let page: Vec<T> = items.by_ref().take(size.max(1)).collect();
        let more = items.next().is_some();
        let next = page.last().filter(|_| more).map(|last| marker_of(last).as_ref().to_owned());
        Self { items: page, next }
    }

    /// Everything at once.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}
