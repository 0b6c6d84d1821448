//! Audited calls as pages, newest first.
//!
//! A page looks at a bounded number of records, so a filter that matches nothing costs the same
//! as one that matches all; the cursor says where to go on.
//!
//! Invariant: sequences never repeat and never run backwards, so a cursor stays right while
//! new events arrive and old ones are dropped.

use weir_core::catalog::{AuditRecord, Revision};
use weir_core::limits::{EVENTS_PER_PAGE_MAX, EVENTS_SCANNED_PER_PAGE_MAX};

/// One audited call as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Given by the store, from 1, in the order of the commits.
    pub sequence: u64,
    /// The revision after the call.
    pub revision: Revision,
    /// The call.
    pub record: AuditRecord,
}

/// Which events, and how many. `Default` is the newest hundred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventQuery {
    /// Only events before this sequence: the `next` of the page before.
    pub before: Option<u64>,
    /// At most this many; 1..=`EVENTS_PER_PAGE_MAX`, clamped.
    pub limit: usize,
    /// Only this action, for example `CreateListener`.
    pub action: Option<String>,
    /// Only this access key id.
    pub principal: Option<String>,
    /// Only this request id.
    pub request_id: Option<String>,
    /// Not older than this, milliseconds since the epoch.
    pub from_ms: Option<i64>,
    /// Older than this, milliseconds since the epoch.
    pub until_ms: Option<i64>,
}

/// A page of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    /// Newest first. May be empty although `next` is set, when a filter is selective.
    pub events: Vec<Event>,
    /// Goes into [`EventQuery::before`]; `None` when there are no older events.
    pub next: Option<u64>,
}

// === impl EventQuery ===

impl Default for EventQuery {
    fn default() -> Self {
        Self {
            before: None,
            limit: 100,
            action: None,
            principal: None,
            request_id: None,
            from_ms: None,
            until_ms: None,
        }
    }
}

impl EventQuery {
    fn wants(&self, record: &AuditRecord) -> bool {
        let is = |want: &Option<String>, have: &str| want.as_ref().is_none_or(|w| w == have);
        is(&self.action, &record.action)
            && is(&self.principal, &record.principal)
            && is(&self.request_id, &record.request_id)
            && self.from_ms.is_none_or(|from| record.time_ms >= from)
            && self.until_ms.is_none_or(|until| record.time_ms < until)
    }

    /// Fills a page from `newest_first`, which starts right before the cursor.
    pub(crate) fn page<E>(
        &self,
        newest_first: impl Iterator<Item = Result<Event, E>>,
    ) -> Result<EventPage, E> {
        let limit = self.limit.clamp(1, EVENTS_PER_PAGE_MAX);
        let mut page = EventPage::default();
        let mut last = None;
        for (scanned, event) in newest_first.enumerate() {
            if page.events.len() == limit || scanned == EVENTS_SCANNED_PER_PAGE_MAX {
                page.next = last;
                break;
            }
            let event = event?;
            last = Some(event.sequence);
            if self.wants(&event.record) {
                page.events.push(event);
            }
        }
        Ok(page)
    }
}
