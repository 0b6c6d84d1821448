//! EC2's pages: `MaxResults`, `NextToken`.
//!
//! Invariant: as for markers of load balancing, a token names the last item of its page, so that
//! it stays good when that item is deleted. A token that was made up is an error: whoever sends it
//! would else read an empty page as "there is nothing".

use weir_wire::base64;
use weir_wire::error::ApiError;
use weir_wire::schema::ErrorFacts;

use super::super::limits;
use super::invalid;

/// What every token begins with before it is encoded.
const TOKEN_FORM: &str = "after:";

/// The page of `items` (sorted by `key`) and its token, absent on the last page.
///
/// # Errors
/// `InvalidParameterValue` when `MaxResults` is out of bounds, `InvalidNextToken` for a token that
/// no page came with.
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
    let skipped = match token.filter(|token| !token.is_empty()) {
        Some(token) => {
            let last = key_of(&token)?;
            items.partition_point(|item| key(item) <= last)
        }
        None => 0,
    };
    let more = items.len() - skipped > size;
    let page: Vec<T> = items.into_iter().skip(skipped).take(size).collect();
    let next = if more { page.last().map(|last| token_of(&key(last))) } else { None };
    Ok((page, next))
}

fn token_of(key: &str) -> String {
    base64::encode(format!("{TOKEN_FORM}{key}").as_bytes())
}

fn key_of(token: &str) -> Result<String, ApiError> {
    let told = base64::decode(token).and_then(|bytes| String::from_utf8(bytes).ok());
    let key = told.as_deref().and_then(|told| told.strip_prefix(TOKEN_FORM)).map(str::to_owned);
    let unknown = ErrorFacts::sender("InvalidNextToken", 400);
    key.ok_or_else(|| unknown.because("The specified NextToken is not valid."))
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
    fn tokens_outlive_their_item_and_are_not_made_up() {
        let after = |token: &str| page(vec![1, 3], None, Some(token.to_owned()), i32::to_string);
        assert_eq!(after(&token_of("2")).unwrap().0, [3]);
        assert_eq!(after("").unwrap().0, [1, 3]);
        for token in ["zz", "1", "é", &base64::encode(b"1"), &base64::encode(b"\xff")] {
            assert_eq!(after(token).unwrap_err().facts.code, "InvalidNextToken", "{token}");
        }
    }

    #[test]
    fn too_small_a_page_is_refused() {
        assert!(page(vec![1], Some(4), None, i32::to_string).is_err());
        assert!(page(vec![1], Some(5_000), None, i32::to_string).is_ok());
        let (one, next) = page_from(1, vec![1, 2], Some(1), None, i32::to_string).unwrap();
        assert_eq!((one, next), (vec![1], Some(token_of("1"))));
        assert!(page_from(1, vec![1], Some(0), None, i32::to_string).is_err());
    }
}
