//! Pages of a description: `Marker`, `PageSize`, `NextMarker`.
//!
//! A marker is the key of the last item of its page, so that it stays good when that item is
//! deleted.
//!
//! Invariant: `NextMarker` is absent on the last page, never empty; botocore would follow it.
// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes

use super::super::limits;

/// Which page the caller asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    marker: Option<String>,
    size: usize,
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
    pub fn of<T>(self, items: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let skipped = match &self.marker {
            Some(marker) => items.partition_point(|item| key(item).as_str() <= marker.as_str()),
            None => 0,
        };
        let more = items.len() - skipped > self.size;
        let page: Vec<T> = items.into_iter().skip(skipped).take(self.size).collect();
        let next = if more { page.last().map(key) } else { None };
        (page, next)
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
            let (page, next) = wanted.of(letters(), String::clone);
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
        let (page, next) = Wanted::new(None, Some(5), 50).of(letters(), String::clone);
        assert_eq!((page.len(), next), (5, None));
        let (page, next) = Wanted::new(Some(String::new()), None, 50).of(letters(), String::clone);
        assert_eq!((page.len(), next), (5, None));
    }

    #[test]
    fn a_marker_outlives_its_item() {
        let wanted = Wanted::new(Some("bb".into()), Some(1), 50);
        assert_eq!(wanted.of(letters(), String::clone), (vec!["c".into()], Some("c".into())));
    }
}
