//! Request heads: the two parsers against each other, every slicing, and what the mitigation
//! makes of the result.
//!
//! Invariant: the parser's promise about clean heads holds in the classifier's own terms; here
//! alone are both crates visible.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_core::traffic::http::{HeaderView, checks};
use weir_wire::http1::{self, RequestHead, Scan, Status};

fuzz_target!(|data: &[u8]| {
    http1::checks::request_head(data);
    let (mut scan, mut head) = (Scan::default(), RequestHead::default());
    if let Ok(Status::Complete { .. }) = http1::request::parse(data, &mut scan, &mut head) {
        let fields = head.fields.as_slice().iter();
        let lines: Vec<_> = fields
            .map(|field| HeaderView { name: field.raw_name(data), value: field.value(data) })
            .collect();
        let (method, target) = (head.method.of(data), head.target.of(data));
        checks::classification(method, target, head.version_text.of(data), &lines);
        checks::target(target);
    }
});
