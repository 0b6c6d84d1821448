//! Placeholder while the frame is raised.
fn main() {}
