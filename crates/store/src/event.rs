//! Audited calls as pages, newest first.
//!
//! A page looks at a bounded number of records, so a filter that matches nothing costs the same
//! as one that matches all; the cursor says where to go on.
//!
//! Invariant: sequences never repeat and never run backwards, so a cursor stays right while
//! new events arrive and old ones are dropped.

use weir_core::catalog::{AuditRecord, AuditedResource, Revision};
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
    /// Only this event id.
    pub event_id: Option<String>,
    /// Only this action, for example `CreateListener`.
    pub action: Option<String>,
    /// Only this service, for example `ec2.amazonaws.com`.
    pub source: Option<String>,
    /// Only calls to this region.
    pub region: Option<String>,
    /// Only this access key id.
    pub principal: Option<String>,
    /// Only this caller.
    pub username: Option<String>,
    /// Only this request id.
    pub request_id: Option<String>,
    /// Only calls that read, or only calls that change.
    pub read_only: Option<bool>,
    /// Only calls about a resource of this type.
    pub resource_kind: Option<String>,
    /// Only calls about this resource: its ARN, id or name.
    pub resource_name: Option<String>,
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

/// An event that was looked at, whole if it is wanted.
pub(crate) struct Looked {
    /// Its place.
    pub sequence: u64,
    /// The event; `None` when it is not asked for.
    pub event: Option<Event>,
}

// === impl EventQuery ===

impl Default for EventQuery {
    fn default() -> Self {
        Self {
            before: None,
            limit: 100,
            event_id: None,
            action: None,
            source: None,
            region: None,
            principal: None,
            username: None,
            request_id: None,
            read_only: None,
            resource_kind: None,
            resource_name: None,
            from_ms: None,
            until_ms: None,
        }
    }
}

impl EventQuery {
    /// Whether a record is asked for; its document does not matter.
    pub(crate) fn wants(&self, record: &AuditRecord) -> bool {
        let is = |want: &Option<String>, have: &str| want.as_ref().is_none_or(|w| w == have);
        let about = |fits: &dyn Fn(&AuditedResource) -> bool| record.resources.iter().any(fits);
        is(&self.event_id, &record.event_id)
            && is(&self.action, &record.action)
            && is(&self.source, &record.source)
            && is(&self.region, &record.region)
            && is(&self.principal, &record.principal)
            && is(&self.username, &record.username)
            && is(&self.request_id, &record.request_id)
            && self.read_only.is_none_or(|only| record.read_only == only)
            && self.covers(record.time_ms)
            && self.resource_kind.as_ref().is_none_or(|kind| about(&|one| one.kind == *kind))
            && self.resource_name.as_ref().is_none_or(|name| about(&|one| one.is_called(name)))
    }

    /// Whether these resources, as JSON, can hold one that is asked for: most can not, and need
    /// not be read.
    pub(crate) fn may_mention(&self, json: &str) -> bool {
        let plain = |text: &&String| text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\');
        let asked = self.resource_kind.iter().chain(&self.resource_name);
        asked.filter(plain).all(|text| json.contains(text.as_str()))
    }

    /// Whether an instant lies in the span.
    pub(crate) fn covers(&self, time_ms: i64) -> bool {
        self.from_ms.is_none_or(|from| time_ms >= from)
            && self.until_ms.is_none_or(|until| time_ms < until)
    }

    /// Fills a page from `newest_first`, which starts right before the cursor and goes on to the
    /// oldest event of the span.
    pub(crate) fn page<E>(
        &self,
        newest_first: impl Iterator<Item = Result<Looked, E>>,
    ) -> Result<EventPage, E> {
        let limit = self.limit.clamp(1, EVENTS_PER_PAGE_MAX);
        let mut page = EventPage::default();
        let mut last = None;
        for (scanned, looked) in newest_first.enumerate() {
            if page.events.len() == limit || scanned == EVENTS_SCANNED_PER_PAGE_MAX {
                page.next = last;
                break;
            }
            let looked = looked?;
            last = Some(looked.sequence);
            page.events.extend(looked.event);
        }
        Ok(page)
    }
}
