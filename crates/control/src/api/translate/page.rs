//! Pages of a description: `Marker`, `PageSize`, `NextMarker`.
//!
//! A marker is the key of the last item of its page, so that it stays good when that item is
//! deleted. A marker that names nothing and was not given out lately is an error: whoever made it
//! up, or took it from another list, would else read an empty page as "there is nothing".
//!
//! Invariant: `NextMarker` is absent on the last page, never empty; botocore would follow it.
// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use weir_core::catalog::{LoadBalancerRefusal, Page, PageRequest, Refusal};

use super::super::limits;

/// Which page the caller asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    marker: Option<String>,
    size: usize,
}

/// Markers that this process gave out, newest last.
#[derive(Default)]
struct Issued {
    order: VecDeque<String>,
    all: BTreeSet<String>,
}

static ISSUED: Mutex<Issued> = Mutex::new(Issued { order: VecDeque::new(), all: BTreeSet::new() });

// === impl Issued ===

impl Issued {
    fn remember(&mut self, marker: &str) {
        if self.all.insert(marker.to_owned()) {
            self.order.push_back(marker.to_owned());
        }
        while self.order.len() > limits::MARKERS_REMEMBERED_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.all.remove(&oldest);
            }
        }
    }
}

// === impl Wanted ===

impl Wanted {
    /// From the request; the model bounds `PageSize` to 1..=400.
    pub fn new(marker: Option<String>, page_size: Option<i32>, default: usize) -> Self {
        let size = page_size.and_then(|size| usize::try_from(size).ok()).unwrap_or(default);
        Self {
            marker: marker.filter(|marker| !marker.is_empty()),
            size: size.clamp(1, limits::PAGE_SIZE_MAX),
        }
    }

    /// The page of `items` (sorted by `key`, each key once) and its `NextMarker`.
    ///
    /// # Errors
    /// An unknown marker.
    pub fn page<T>(
        &self,
        items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<(Vec<T>, Option<String>), Refusal> {
        let skipped = match &self.marker {
            Some(marker) => {
                let skipped = items.partition_point(|item| key(item) <= *marker);
                let last = skipped.checked_sub(1).map(|last| key(&items[last]));
                self.known(marker, last.as_ref() == Some(marker))?;
                skipped
            }
            None => 0,
        };
        Ok(self.cut(items, skipped, key))
    }

    /// [`Self::page`] of items that are always there, in an order of their own.
    ///
    /// # Errors
    /// An unknown marker.
    pub fn page_of_fixed<T>(
        &self,
        items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<(Vec<T>, Option<String>), Refusal> {
        let skipped = match &self.marker {
            Some(marker) => {
                let place = items.iter().position(|item| key(item) == *marker);
                let unknown = || LoadBalancerRefusal::MarkerUnknown { marker: marker.clone() };
                place.ok_or_else(unknown)? + 1
            }
            None => 0,
        };
        Ok(self.cut(items, skipped, key))
    }

    /// For lists that core cuts itself; `exists` tells whether a marker names an item.
    ///
    /// # Errors
    /// An unknown marker.
    pub fn request(&self, exists: impl Fn(&str) -> bool) -> Result<PageRequest<'_>, Refusal> {
        if let Some(marker) = &self.marker {
            self.known(marker, exists(marker))?;
        }
        Ok(PageRequest { marker: self.marker.as_deref(), size: self.size })
    }

    /// Remembers the marker of a page that core has cut.
    ///
    /// # Errors
    /// Never; so that it can end a chain of calls that may fail.
    pub fn told<T>(&self, page: Page<T>) -> Result<Page<T>, Refusal> {
        remember(page.next.as_deref());
        Ok(page)
    }

    fn known(&self, marker: &str, exists: bool) -> Result<(), Refusal> {
        if exists || issued().all.contains(marker) {
            return Ok(());
        }
        Err(LoadBalancerRefusal::MarkerUnknown { marker: marker.to_owned() }.into())
    }

    fn cut<T>(
        &self,
        items: Vec<T>,
        skipped: usize,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let more = items.len() - skipped > self.size;
        let page: Vec<T> = items.into_iter().skip(skipped).take(self.size).collect();
        let next = if more { page.last().map(key) } else { None };
        remember(next.as_deref());
        (page, next)
    }
}

fn issued() -> std::sync::MutexGuard<'static, Issued> {
    ISSUED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember(marker: Option<&str>) {
    if let Some(marker) = marker {
        issued().remember(marker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters() -> Vec<String> {
        ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec()
    }

    #[test]
    fn following_the_marker_visits_everything_once() {
        let (mut marker, mut seen) = (None, Vec::new());
        loop {
            let wanted = Wanted::new(marker, Some(2), 50);
            let (page, next) = wanted.page(letters(), String::clone).unwrap();
            seen.extend(page);
            marker = next;
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(seen, letters());
    }

    #[test]
    fn a_full_last_page_has_no_marker() {
        let full = |marker: Option<&str>, size| {
            let wanted = Wanted::new(marker.map(str::to_owned), size, 50);
            let (page, next) = wanted.page(letters(), String::clone).unwrap();
            (page.len(), next)
        };
        assert_eq!(full(None, Some(5)), (5, None));
        assert_eq!(full(Some(""), None), (5, None));
    }

    #[test]
    fn a_marker_outlives_its_item_and_an_invented_one_is_refused() {
        let mut list = letters();
        list.insert(2, "bb-page-test".to_owned());
        let first = Wanted::new(None, Some(3), 50).page(list, String::clone).unwrap();
        assert_eq!(first.1.as_deref(), Some("bb-page-test"));
        let wanted = Wanted::new(first.1, Some(1), 50);
        let next = wanted.page(letters(), String::clone).unwrap();
        assert_eq!(next, (vec!["c".into()], Some("c".into())));
        let invented = Wanted::new(Some("bc-page-test".into()), Some(1), 50);
        let refusal = invented.page(letters(), String::clone).unwrap_err();
        assert_eq!(refusal.kind(), "MarkerUnknown");
        assert_eq!(invented.request(|_| false).unwrap_err().kind(), "MarkerUnknown");
        assert!(invented.request(|_| true).is_ok());
    }

    #[test]
    fn fixed_lists_keep_their_order() {
        let list = || ["z", "a", "m"].map(str::to_owned).to_vec();
        let wanted = Wanted::new(Some("z".into()), Some(1), 50);
        let page = wanted.page_of_fixed(list(), String::clone).unwrap();
        assert_eq!(page, (vec!["a".to_owned()], Some("a".to_owned())));
        let invented = Wanted::new(Some("zz".into()), None, 50);
        assert!(invented.page_of_fixed(list(), String::clone).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut issued = Issued::default();
        (0..limits::MARKERS_REMEMBERED_MAX * 2).for_each(|i| issued.remember(&format!("m{i}")));
        assert!(issued.order.len() <= limits::MARKERS_REMEMBERED_MAX);
        assert_eq!(issued.order.len(), issued.all.len());
    }
}
