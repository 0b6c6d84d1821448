//! A clean head costs no allocation: the promise of the hot path, counted.
//!
//! Invariant: only the thread that counts is counted; the test harness allocates when it likes.
#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use weir_wire::http1::body::Body;
use weir_wire::http1::{RequestHead, ResponseHead, Scan, request, response, write};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting is a
// constant thread-local without a destructor, so it neither allocates nor ends.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises about the layout are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the memory came from `System` with this layout.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[test]
fn heads_and_bodies_are_read_without_allocating() {
    let get = b"GET /a HTTP/1.1\r\nHost: a\r\nUser-Agent: b\r\nX_Odd: c\r\n\r\n";
    let odd = b"GET /a b HTTP/1.1\nHost: a\n folded\n\n";
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let chunks = b"5;x\r\nhello\r\n0\r\nTrailer: x\r\n\r\n";
    let (mut request_head, mut response_head) = Default::default();
    let mut out = Vec::with_capacity(256);
    let before = ALLOCATIONS.get();
    for buf in [&get[..], odd] {
        request::parse(buf, &mut Scan::default(), &mut request_head).unwrap();
    }
    let mut scan = Scan::default();
    for end in 1..=get.len() {
        request::parse(&get[..end], &mut scan, &mut request_head).unwrap();
    }
    response::parse(ok, &mut Scan::default(), &mut response_head).unwrap();
    assert!(Body::chunked().pass(chunks).unwrap().done);
    write::status_line(&mut out, 200, b"OK");
    write::header(&mut out, b"Date", &write::http_date(1));
    let after = ALLOCATIONS.get();
    let _: (&RequestHead, &ResponseHead) = (&request_head, &response_head);
    assert_eq!(after, before);
    drop(vec![0u8; 64]);
    assert!(ALLOCATIONS.get() > after, "the counter counts");
}
