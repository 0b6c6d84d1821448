//! Transforms of rules.
//!
//! Invariant: what comes out has at most one transform of each kind, each with a pattern that
//! compiles.
// spec: alb §2.4 Transforms (released 2025-10-15)

use crate::catalog::command::TransformInput;
use crate::catalog::{Refusal, RoutingRefusal};
use crate::limits;
use crate::resource::{Transform, TransformKind};
use crate::traffic::transform;

/// Judges the transforms of a rule.
pub(super) fn transforms(inputs: &[TransformInput]) -> Result<Vec<Transform>, Refusal> {
    let mut judged: Vec<Transform> = Vec::with_capacity(inputs.len());
    for (index, input) in (1..).zip(inputs) {
        let transform = one(index, input)?;
        if judged.iter().any(|earlier| earlier.kind == transform.kind) {
            let kind = transform.kind.as_str().to_owned();
            return Err(RoutingRefusal::TransformRepeated { kind }.into());
        }
        judged.push(transform);
    }
    Ok(judged)
}

fn one(index: usize, input: &TransformInput) -> Result<Transform, Refusal> {
    let configs = [
        (TransformKind::HostHeaderRewrite, "HostHeaderRewriteConfig", &input.host_header),
        (TransformKind::UrlRewrite, "UrlRewriteConfig", &input.url),
    ];
    let Some((kind, config, rewrites)) =
        configs.iter().find(|(kind, _, _)| kind.as_str() == input.kind)
    else {
        let (index, value) = (index.to_string(), input.kind.clone());
        return Err(RoutingRefusal::TransformTypeUnknown { index, value }.into());
    };
    let word = || kind.as_str().to_owned();
    if let Some((_, other, _)) = configs.iter().find(|(of, _, c)| of != kind && c.is_some()) {
        let config = (*other).to_owned();
        return Err(RoutingRefusal::TransformConfigForeign { config, kind: word() }.into());
    }
    let Some(rewrites) = rewrites else {
        let config = (*config).to_owned();
        return Err(RoutingRefusal::TransformConfigMissing { config, kind: word() }.into());
    };
    let [(regex, replace)] = rewrites.as_slice() else {
        return Err(RoutingRefusal::TransformRewriteCount { kind: word() }.into());
    };
    pattern(regex)?;
    replacement(*kind, replace)?;
    Ok(Transform { kind: *kind, regex: regex.clone(), replace: replace.clone() })
}

fn pattern(regex: &str) -> Result<(), Refusal> {
    length("Regex", regex)?;
    if regex.is_empty() || transform::regex(regex).is_none() {
        return Err(RoutingRefusal::TransformRegexInvalid { value: regex.to_owned() }.into());
    }
    Ok(())
}

/// What can never stand in a host or in a request line is refused at once; the rest is judged
/// when it is put together.
fn replacement(kind: TransformKind, replace: &str) -> Result<(), Refusal> {
    length("Replace", replace)?;
    let host = |b: u8| b.is_ascii_graphic() && !b"/?#@".contains(&b);
    let sound = match kind {
        TransformKind::HostHeaderRewrite => replace.bytes().all(host),
        TransformKind::UrlRewrite => replace.bytes().all(|b| b.is_ascii_graphic() && b != b'#'),
    };
    match sound {
        true => Ok(()),
        false => Err(RoutingRefusal::TransformReplaceInvalid { value: replace.to_owned() }.into()),
    }
}

fn length(member: &str, text: &str) -> Result<(), Refusal> {
    let limit = limits::TRANSFORM_TEXT_MAX;
    if text.chars().count() <= limit {
        return Ok(());
    }
    let (member, limit) = (member.to_owned(), limit.to_string());
    Err(RoutingRefusal::TransformTooLong { member, limit }.into())
}
