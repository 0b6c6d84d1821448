//! EC2's filters: all must hold, each by any of its values; `*` and `?` are wildcards.
//!
//! Invariant: a filter that a description does not know is refused, never ignored: what would
//! come back is not what was asked for.

use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::schema::ErrorFacts;

use super::super::limits;
use super::invalid;

/// Checked filters of one call.
#[derive(Clone, Debug)]
pub struct Filters {
    list: Vec<(String, Vec<String>)>,
}

// === impl Filters ===

impl Filters {
    /// Checks the names against those that the description knows; `tag:<key>`, `tag-key` and
    /// `tag-value` are known to all.
    ///
    /// # Errors
    /// `InvalidParameterValue` for an unknown name or too many filters, `FilterLimitExceeded` for
    /// too many values.
    pub fn new(given: Option<Vec<api::Filter>>, known: &[&str]) -> Result<Self, ApiError> {
        let given = given.unwrap_or_default();
        if given.len() > limits::EC2_FILTERS_MAX {
            let limit = limits::EC2_FILTERS_MAX;
            return Err(invalid(format!("The number of filters cannot exceed {limit}")));
        }
        let mut list = Vec::new();
        for filter in given {
            let name = filter.name.unwrap_or_else(|| "null".to_owned());
            if !known.contains(&name.as_str()) && !is_tag_filter(&name) {
                return Err(invalid(format!("The filter '{name}' is invalid")));
            }
            let values = filter.values.unwrap_or_default();
            if values.len() > limits::EC2_FILTER_VALUES_MAX {
                let limit = limits::EC2_FILTER_VALUES_MAX;
                return Err(ErrorFacts::sender("FilterLimitExceeded", 400).because(format!(
                    "The maximum number of filter values specified on a single call is {limit}"
                )));
            }
            list.push((name, values));
        }
        Ok(Self { list })
    }

    /// The values of a filter if it can be looked up rather than matched: given once, and without
    /// wildcards.
    pub fn exact(&self, name: &str) -> Option<&[String]> {
        let mut same = self.list.iter().filter(|(own, _)| own == name);
        let (_, values) = same.next()?;
        let plain = |value: &String| !value.contains(['*', '?', '\\']);
        (same.next().is_none() && values.iter().all(plain)).then_some(values)
    }

    /// Whether an item passes; `values` tells what the item has for a known name.
    pub fn admit(&self, tags: &[api::Tag], values: impl Fn(&str) -> Vec<String>) -> bool {
        self.list.iter().all(|(name, wanted)| {
            let own = tag_values(name, tags).unwrap_or_else(|| values(name));
            own.iter().any(|value| wanted.iter().any(|pattern| glob(pattern, value)))
        })
    }
}

/// The value of a member as a list of one or none.
pub fn text(member: &Option<String>) -> Vec<String> {
    member.iter().cloned().collect()
}

/// The same for `true` and `false`.
pub fn flag(member: Option<bool>) -> Vec<String> {
    member.iter().map(ToString::to_string).collect()
}

/// The same for numbers.
pub fn number(member: Option<i32>) -> Vec<String> {
    member.iter().map(ToString::to_string).collect()
}

// === helpers ===

fn is_tag_filter(name: &str) -> bool {
    name == "tag-key"
        || name == "tag-value"
        || name.strip_prefix("tag:").is_some_and(|k| !k.is_empty())
}

fn tag_values(name: &str, tags: &[api::Tag]) -> Option<Vec<String>> {
    let value = |tag: &api::Tag| tag.value.clone().unwrap_or_default();
    if name == "tag-key" {
        return Some(tags.iter().filter_map(|tag| tag.key.clone()).collect());
    }
    if name == "tag-value" {
        return Some(tags.iter().map(value).collect());
    }
    let key = name.strip_prefix("tag:")?;
    Some(tags.iter().filter(|tag| tag.key.as_deref() == Some(key)).map(value).collect())
}

/// Case-sensitive; a backslash makes the next character plain. Linear in both texts but for
/// returns to the last star, so quadratic at worst.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<_>, Vec<char>) = (tokens(pattern), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Token::Any) => {
                star = Some((p, t));
                p += 1;
            }
            Some(token) if token.takes(text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|token| *token == Token::Any)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Any,
    One,
    Plain(char),
}

// === impl Token ===

impl Token {
    fn takes(self, letter: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Plain(own) => own == letter,
        }
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Plain(letters.next().unwrap_or('\\')),
            plain => Token::Plain(plain),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(name: &str, values: &[&str]) -> Result<Filters, ApiError> {
        let values = Some(values.iter().map(ToString::to_string).collect());
        let filter = api::Filter { name: Some(name.into()), values };
        Filters::new(Some(vec![filter]), &["vpc-id"])
    }

    #[test]
    fn unknown_names_are_refused() {
        let error = filters("colour", &["red"]).unwrap_err();
        assert_eq!(error.facts.code, "InvalidParameterValue");
        assert_eq!(error.message, "The filter 'colour' is invalid");
        assert!(filters("tag:", &["x"]).is_err());
    }

    #[test]
    fn any_value_and_wildcards() {
        let own = |_: &str| vec!["vpc-12".to_owned()];
        for (values, admitted) in [
            (vec!["vpc-1", "vpc-12"], true),
            (vec!["vpc-*"], true),
            (vec!["vpc-1?"], true),
            (vec!["vpc-?"], false),
            (vec!["VPC-12"], false),
            (vec![], false),
        ] {
            assert_eq!(filters("vpc-id", &values).unwrap().admit(&[], own), admitted, "{values:?}");
        }
    }

    #[test]
    fn only_plain_values_can_be_looked_up() {
        assert_eq!(filters("vpc-id", &["a", "b"]).unwrap().exact("vpc-id").unwrap(), ["a", "b"]);
        assert_eq!(filters("vpc-id", &["a*"]).unwrap().exact("vpc-id"), None);
        assert_eq!(filters("vpc-id", &["a"]).unwrap().exact("tag-key"), None);
    }

    #[test]
    fn tags_by_key_and_value() {
        let tag = api::Tag { key: Some("Name".into()), value: Some("web".into()) };
        let tags = [tag];
        let admit = |name: &str, value| filters(name, &[value]).unwrap().admit(&tags, |_| vec![]);
        assert!(admit("tag:Name", "web") && admit("tag-key", "Name") && admit("tag:Name", "w*"));
        assert!(!admit("tag:Name", "db") && !admit("tag:name", "web"));
    }

    #[test]
    fn globs() {
        assert!(glob("a*b*c", "a--b--b--c") && glob("*", "") && glob("\\*", "*"));
        assert!(!glob("a*b", "a-c") && !glob("\\*", "x") && !glob("", "x"));
        let long = "a".repeat(2_000);
        assert!(glob("a*a*a", &long) && !glob(&"a*".repeat(100), &"b".repeat(2_000)));
    }
}
