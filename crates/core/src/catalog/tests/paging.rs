//! Pages of the Describe… calls.
//!
//! Invariant: see `page`.

use super::world::*;
use crate::catalog::{Command, PageRequest};
use crate::resource::*;

#[test]
fn pages_follow_each_other_in_a_stable_order() {
    let mut w = World::new();
    let names = ["d", "a", "c", "b", "e"];
    let arns: Vec<String> = names.iter().map(|name| w.lb(name)).collect();
    let page = |w: &World, marker: Option<&str>| {
        let request = PageRequest { marker, size: 2 };
        let page = w.catalog.load_balancers_describe(&region(), &[], &[], request).unwrap();
        let names: Vec<String> = page.items.iter().map(|lb| lb.name.clone()).collect();
        (names.join(""), page.next)
    };
    let (first, next) = page(&w, None);
    assert_eq!((first.as_str(), next.as_deref()), ("ab", Some("b")));
    // The marker outlives the item it was made from.
    w.run(&Command::LoadBalancerDelete(arn(&arns[3])));
    let (second, next) = page(&w, next.as_deref());
    assert_eq!((second.as_str(), next.as_deref()), ("cd", Some("d")));
    assert_eq!(page(&w, next.as_deref()), ("e".to_owned(), None));
}

#[test]
fn a_full_last_page_has_no_marker() {
    let mut w = World::new();
    (0..4).for_each(|i| drop(w.group(&format!("g{i}"))));
    let request = |marker| PageRequest { marker, size: 2 };
    let first = w.catalog.target_groups_describe(&region(), None, &[], &[], request(None)).unwrap();
    let marker = first.next.as_deref();
    let last =
        w.catalog.target_groups_describe(&region(), None, &[], &[], request(marker)).unwrap();
    assert_eq!((last.items.len(), last.next), (2, None));
}

#[test]
fn listeners_and_rules_resume_by_position() {
    let mut w = World::new();
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let listener = w.listen(&lb, 80, &group);
    for port in [9_000, 443, 8_080] {
        w.listen(&lb, port, &group);
    }
    for priority in [30, 10, 20] {
        w.run(&Command::RuleCreate(rule_input(&listener, priority, fixed("200"))));
    }
    let mut ports = Vec::new();
    let mut marker: Option<String> = None;
    loop {
        let request = PageRequest { marker: marker.as_deref(), size: 1 };
        let page = w.catalog.listeners_describe(&region(), Some(&lb), &[], request).unwrap();
        ports.extend(page.items.iter().map(|listener| listener.port));
        marker = page.next;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(ports, [80, 443, 8_080, 9_000]);
    let request = PageRequest { marker: None, size: 2 };
    let page = w.catalog.rules_describe(&region(), Some(&listener), &[], request).unwrap();
    assert_eq!(page.next.as_deref(), Some("20"));
    let request = PageRequest { marker: Some("20"), size: 9 };
    let page = w.catalog.rules_describe(&region(), Some(&listener), &[], request).unwrap();
    let rest: Vec<Priority> = page.items.iter().map(|rule| rule.priority).collect();
    assert_eq!(rest, [Priority::Number(30), Priority::Default]);
}

#[test]
fn groups_are_listed_by_load_balancer_and_by_request_order() {
    let mut w = World::new();
    let (lb, b, a, unused) = (w.lb("lb"), w.group("b"), w.group("a"), w.group("unused"));
    let listener = w.listen(&lb, 80, &b);
    w.run(&Command::RuleCreate(rule_input(&listener, 1, forward(&a))));
    let first = PageRequest::first();
    let used = w.catalog.target_groups_describe(&region(), Some(&lb), &[], &[], first).unwrap();
    assert_eq!(used.items.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let names = strings(&["unused", "a"]);
    let asked = w.catalog.target_groups_describe(&region(), None, &[], &names, first).unwrap();
    assert_eq!(asked.items.iter().map(|g| g.arn.to_string()).collect::<Vec<_>>(), [unused, a]);
}
