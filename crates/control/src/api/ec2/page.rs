//! EC2's pages: `MaxResults`, `NextToken`.
//!
//! Invariant: as for markers of load balancing, a token is the key of the last item of its page.

use weir_wire::error::ApiError;

use super::super::limits;
use super::invalid;

/// The page of `items` (sorted by `key`) and its token, absent on the last page.
///
/// # Errors
/// `InvalidParameterValue` when `MaxResults` is out of bounds.
pub fn page<T>(
    items: Vec<T>,
    max_results: Option<i32>,
    token: Option<String>,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    page_from(limits::EC2_PAGE_SIZE_MIN, items, max_results, token, key)
}

/// The same for an action whose pages may be smaller than most: `low` is its bound.
///
/// # Errors
/// `InvalidParameterValue` when `MaxResults` is out of bounds.
pub fn page_from<T>(
    low: i32,
    items: Vec<T>,
    max_results: Option<i32>,
    token: Option<String>,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let size = size(low, max_results)?;
    let skipped = match token.as_deref() {
        Some(token) if !token.is_empty() => {
            items.partition_point(|item| key(item).as_str() <= token)
        }
        _ => 0,
    };
    let more = items.len() - skipped > size;
    let page: Vec<T> = items.into_iter().skip(skipped).take(size).collect();
    let next = if more { page.last().map(key) } else { None };
    Ok((page, next))
}

fn size(low: i32, max_results: Option<i32>) -> Result<usize, ApiError> {
    let high = limits::EC2_PAGE_SIZE_MAX;
    match max_results {
        None => Ok(limits::EC2_PAGE_SIZE_DEFAULT),
        Some(size) if size < low => Err(invalid(format!(
            "Value ( {size} ) for parameter maxResults is invalid. Expecting a value greater than \
             or equal to {low}."
        ))),
        // EC2 gives at most its maximum to those who ask for more.
        Some(size) => Ok(usize::try_from(size.min(high)).unwrap_or(limits::EC2_PAGE_SIZE_DEFAULT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_their_tokens() {
        let items: Vec<String> = (10..22).map(|n| n.to_string()).collect();
        let (first, token) = page(items.clone(), Some(5), None, String::clone).unwrap();
        let (second, token) = page(items.clone(), Some(5), token, String::clone).unwrap();
        let (third, token) = page(items.clone(), Some(5), token, String::clone).unwrap();
        assert_eq!([first, second, third].concat(), items);
        assert_eq!(token, None);
    }

    #[test]
    fn too_small_a_page_is_refused() {
        assert!(page(vec![1], Some(4), None, i32::to_string).is_err());
        assert!(page(vec![1], Some(5_000), None, i32::to_string).is_ok());
        let (one, next) = page_from(1, vec![1, 2], Some(1), None, i32::to_string).unwrap();
        assert_eq!((one, next.as_deref()), (vec![1], Some("1")));
        assert!(page_from(1, vec![1], Some(0), None, i32::to_string).is_err());
    }
}
