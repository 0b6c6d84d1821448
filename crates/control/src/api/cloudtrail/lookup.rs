//! `LookupEvents`.
//!
//! What a caller has just done is found at once: a search waits until all traces before it are in
//! the store. AWS takes minutes for that.
//!
//! Invariant: a search looks at a bounded number of records; when that is not enough to fill a
//! page, the page is short and its token goes on from there, as AWS allows.
// spec: nlb-gwlb-clb §5.5 LookupEvents [M][D]

use std::time::{Duration, Instant};

use weir_store::{Event, EventQuery};
use weir_wire::error::{ApiError, common};
use weir_wire::generated::cloudtrail::{self as api, error};
use weir_wire::time::Time;

use super::super::call::Call;
use super::token::Token;

/// Events of a page, when the caller does not say, and at most.
const RESULTS_MAX: i32 = 50;
/// Characters of an attribute's value.
const VALUE_MAX: usize = 2_000;
/// How long one call searches before it answers with what it has.
const SEARCH_WAIT: Duration = Duration::from_secs(3);
/// The attributes that a search may name.
const KEYS: [&str; 8] = [
    "EventId",
    "EventName",
    "ReadOnly",
    "Username",
    "ResourceType",
    "ResourceName",
    "EventSource",
    "AccessKeyId",
];

/// What this operation refuses in words of its own, before the constraints of the model.
pub fn judge(input: &api::LookupEventsRequest) -> Result<(), ApiError> {
    if input.max_results.is_some_and(|max| !(1..=RESULTS_MAX).contains(&max)) {
        return Err(error::INVALID_MAX_RESULTS_EXCEPTION
            .because(format!("MaxResults must be between 1 and {RESULTS_MAX}.")));
    }
    let bad = |text: String| Err(error::INVALID_LOOKUP_ATTRIBUTES_EXCEPTION.because(text));
    let attributes = input.lookup_attributes.as_deref().unwrap_or_default();
    if attributes.len() > 1 {
        return bad("Only one lookup attribute can be specified.".to_owned());
    }
    for attribute in attributes {
        let key = attribute.attribute_key.as_deref().unwrap_or_default();
        let value = attribute.attribute_value.as_deref().unwrap_or_default();
        if !KEYS.contains(&key) {
            let shown: String = key.chars().take(64).collect();
            return bad(format!("'{shown}' is not a valid lookup attribute key."));
        }
        if !(1..=VALUE_MAX).contains(&value.chars().count()) {
            return bad(format!("The value of {key} must have 1 to {VALUE_MAX} characters."));
        }
        if key == "ReadOnly" && !["true", "false"].contains(&value) {
            return bad("The value of ReadOnly must be true or false.".to_owned());
        }
    }
    if let (Some(start), Some(end)) = (input.start_time, input.end_time)
        && start > end
    {
        return Err(error::INVALID_TIME_RANGE_EXCEPTION
            .because("The start time must not be after the end time."));
    }
    if input.event_category.as_deref().is_some_and(|category| category != "insight") {
        return Err(error::INVALID_EVENT_CATEGORY_EXCEPTION
            .because("The only valid event category is 'insight'."));
    }
    Ok(())
}

/// `LookupEvents`.
///
/// # Errors
/// A token that does not belong to this search, or a store that cannot be read.
pub async fn events(
    call: &Call,
    input: api::LookupEventsRequest,
) -> Result<api::LookupEventsResponse, ApiError> {
    let search = search(&input);
    let before = match input.next_token.as_deref() {
        None => None,
        Some(text) => Some(Token::parse(text, &search).ok_or_else(|| {
            error::INVALID_NEXT_TOKEN_EXCEPTION
                .because("The token is not valid, or belongs to another request.")
        })?),
    };
    // There are no insights: nobody watches the rates of calls.
    if input.event_category.is_some() {
        return Ok(api::LookupEventsResponse { events: Some(Vec::new()), next_token: None });
    }
    if before.is_none() {
        call.authority().settle_records().await;
    }
    let limit = input.max_results.unwrap_or(RESULTS_MAX);
    let limit = usize::try_from(limit).unwrap_or(1);
    let mut query = query(call, &input, limit);
    query.before = before.map(|token| token.before);
    let (found, next) = fill(call, query, limit).await?;
    let next_token = next.map(|before| Token { before }.text(&search));
    Ok(api::LookupEventsResponse {
        events: Some(found.into_iter().map(shape).collect()),
        next_token,
    })
}

/// Reads pages of the store until there are enough events, or none are left, or it takes too long.
async fn fill(
    call: &Call,
    mut query: EventQuery,
    limit: usize,
) -> Result<(Vec<Event>, Option<u64>), ApiError> {
    let begun = Instant::now();
    let mut found = Vec::new();
    loop {
        query.limit = limit - found.len();
        let page = call.authority().events(query.clone()).await.map_err(|outage| {
            common::SERVICE_UNAVAILABLE.because(format!("The events cannot be read: {outage}"))
        })?;
        found.extend(page.events);
        query.before = page.next;
        if page.next.is_none() || found.len() >= limit || begun.elapsed() > SEARCH_WAIT {
            break;
        }
    }
    // Traces of reads come to the store a little later than those of changes.
    found.sort_by_key(|event| std::cmp::Reverse((event.record.time_ms, event.sequence)));
    Ok((found, query.before))
}

fn query(call: &Call, input: &api::LookupEventsRequest, limit: usize) -> EventQuery {
    let mut query = EventQuery {
        limit,
        region: Some(call.facts.region.as_str().to_owned()),
        from_ms: input.start_time.map(|time| time.epoch_us.div_euclid(1_000)),
        // Both ends belong to the span, and events show whole seconds.
        until_ms: input.end_time.map(|time| {
            let whole = time.epoch_us.rem_euclid(1_000_000) == 0;
            time.epoch_us.div_euclid(1_000) + if whole { 1_000 } else { 1 }
        }),
        ..EventQuery::default()
    };
    for attribute in input.lookup_attributes.iter().flatten() {
        let value = attribute.attribute_value.clone();
        match attribute.attribute_key.as_deref() {
            Some("EventId") => query.event_id = value,
            Some("EventName") => query.action = value,
            Some("ReadOnly") => query.read_only = value.map(|text| text == "true"),
            Some("Username") => query.username = value,
            Some("ResourceType") => query.resource_kind = value,
            Some("ResourceName") => query.resource_name = value,
            Some("EventSource") => query.source = value,
            Some("AccessKeyId") => query.principal = value,
            _ => {}
        }
    }
    query
}

/// What a token belongs to: everything of the request but the token and the size of the page.
fn search(input: &api::LookupEventsRequest) -> String {
    let attributes = input.lookup_attributes.iter().flatten();
    let attributes: Vec<_> =
        attributes.map(|one| (&one.attribute_key, &one.attribute_value)).collect();
    let (from, until) = (input.start_time, input.end_time);
    format!("{attributes:?} {from:?} {until:?} {:?}", input.event_category)
}

fn shape(event: Event) -> api::Event {
    let record = event.record;
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    let resources = record.resources.into_iter().map(|resource| api::Resource {
        resource_type: Some(resource.kind),
        resource_name: Some(resource.name),
    });
    api::Event {
        event_id: Some(record.event_id),
        event_name: Some(record.action),
        read_only: Some(record.read_only.to_string()),
        access_key_id: text(record.principal),
        event_time: Some(Time::from_epoch_s(record.time_ms.div_euclid(1_000))),
        event_source: Some(record.source),
        username: text(record.username),
        resources: Some(resources.collect()),
        cloud_trail_event: Some(record.document),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(key: &str, value: &str) -> api::LookupEventsRequest {
        api::LookupEventsRequest {
            lookup_attributes: Some(vec![api::LookupAttribute {
                attribute_key: Some(key.into()),
                attribute_value: Some(value.into()),
            }]),
            ..Default::default()
        }
    }

    #[test]
    fn what_is_refused() {
        let code = |input: api::LookupEventsRequest| judge(&input).map_err(|e| e.facts.code);
        assert_eq!(code(api::LookupEventsRequest::default()), Ok(()));
        for key in KEYS {
            assert_eq!(code(attribute(key, "true")), Ok(()), "{key}");
        }
        let invalid = Err("InvalidLookupAttributesException");
        assert_eq!(code(attribute("Color", "red")), invalid);
        assert_eq!(code(attribute("EventName", "")), invalid);
        assert_eq!(code(attribute("EventName", &"x".repeat(2_001))), invalid);
        assert_eq!(code(attribute("ReadOnly", "maybe")), invalid);
        let mut two = attribute("EventName", "a");
        let again = two.lookup_attributes.clone().unwrap();
        two.lookup_attributes.as_mut().unwrap().extend(again);
        assert_eq!(code(two), invalid);
        for max in [0, 51, -1] {
            let input = api::LookupEventsRequest { max_results: Some(max), ..Default::default() };
            assert_eq!(code(input), Err("InvalidMaxResultsException"), "{max}");
        }
        let span = |from, until| api::LookupEventsRequest {
            start_time: Some(Time::from_epoch_s(from)),
            end_time: Some(Time::from_epoch_s(until)),
            ..Default::default()
        };
        assert_eq!(code(span(5, 4)), Err("InvalidTimeRangeException"));
        assert_eq!(code(span(5, 5)), Ok(()));
        let category = |name: &str| api::LookupEventsRequest {
            event_category: Some(name.into()),
            ..Default::default()
        };
        assert_eq!(code(category("insight")), Ok(()));
        assert_eq!(code(category("data")), Err("InvalidEventCategoryException"));
    }
}
