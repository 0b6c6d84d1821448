//! Just enough XML to compare two documents: elements, attributes, text.
//!
//! Invariant: for documents that our writer or the test files produce only.

/// An element.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<String>,
    /// Text, trimmed when there are children.
    pub text: String,
    pub children: Vec<Element>,
}

// === impl Element ===

impl Element {
    /// A child's text.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        let child = self.children.iter().find(|child| child.name == name)?;
        Some(child.text.as_str())
    }

    /// Takes children of a name away.
    pub fn remove(&mut self, name: &str) {
        self.children.retain(|child| child.name != name);
    }

    /// Orders children by name only: items of a list keep their order.
    pub fn sort_members(&mut self) {
        self.children.iter_mut().for_each(Element::sort_members);
        self.children.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// Orders all children, for documents whose maps come in another order.
    pub fn sort(&mut self) {
        self.children.iter_mut().for_each(Element::sort);
        self.children.sort();
    }
}

/// Parses a document.
pub fn parse(text: &str) -> Element {
    let text = text.trim();
    let text = match text.strip_prefix("<?") {
        Some(rest) => rest.split_once("?>").unwrap().1.trim(),
        None => text,
    };
    let (element, rest) = element(text);
    assert!(rest.trim().is_empty(), "text after the document: {rest}");
    element
}

fn element(text: &str) -> (Element, &str) {
    let (tag, mut rest) = text.strip_prefix('<').unwrap().split_once('>').unwrap();
    let (tag, is_empty) = match tag.strip_suffix('/') {
        Some(tag) => (tag, true),
        None => (tag, false),
    };
    let mut words = tag.split_whitespace();
    let name = words.next().unwrap().to_owned();
    let attributes = words.map(str::to_owned).collect();
    let mut found = Element { name, attributes, text: String::new(), children: Vec::new() };
    if is_empty {
        return (found, rest);
    }
    loop {
        let (before, after) = rest.split_at(rest.find('<').unwrap());
        found.text.push_str(before);
        if let Some(end) = after.strip_prefix("</") {
            let (name, rest) = end.split_once('>').unwrap();
            assert_eq!(name, found.name);
            if !found.children.is_empty() || found.text.trim().is_empty() {
                found.text = found.text.trim().to_owned();
            }
            return (found, rest);
        }
        let (child, after) = element(after);
        found.children.push(child);
        rest = after;
    }
}
