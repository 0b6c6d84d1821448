//! One Rust file as the rules see it: lines in layers, functions with their lengths, test regions.
//!
//! Invariant: lines are one-based everywhere outside this file's own vectors.

use super::scan::{self, is_word};

/// One line in its three forms.
pub struct Line {
    /// As written.
    pub raw: String,
    /// Code only; see `scan`.
    pub code: String,
    /// Comments only.
    pub comment: String,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Line of the word `fn`.
    pub first: usize,
    /// Line of the closing brace; the same as `first` for a declaration without a body.
    pub last: usize,
}

/// A scanned file.
pub struct Source {
    path: String,
    lines: Vec<Line>,
    functions: Vec<Function>,
    test_regions: Vec<(usize, usize)>,
    test_modules: Vec<String>,
    is_test: bool,
    is_generated: bool,
}

// === impl Source ===

impl Source {
    /// Scans a file; `path` is relative to the project root.
    pub fn new(path: &str, text: &str) -> Self {
        let layers = scan::split(text);
        let code = Code { chars: &layers.code };
        let (test_regions, test_modules) = code.tests();
        let functions = code.functions();
        let code_lines = lines_of(&layers.code);
        let comment_lines = lines_of(&layers.comments);
        let layered = text.lines().zip(code_lines).zip(comment_lines);
        let lines: Vec<Line> = layered
            .map(|((raw, code), comment)| Line { raw: raw.to_owned(), code, comment })
            .collect();
        let is_generated = in_folder(path, "generated")
            || lines.iter().take(5).any(|line| line.comment.contains("@generated"));
        Self {
            is_test: is_test_path(path) || inner_cfg_test(&lines),
            path: path.to_owned(),
            lines,
            functions,
            test_regions,
            test_modules,
            is_generated,
        }
    }

    /// Path relative to the project root.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Lines with their one-based numbers.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The line of that number, if there is one.
    pub fn line(&self, number: usize) -> Option<&Line> {
        self.lines.get(number.checked_sub(1)?)
    }

    /// How many lines the file has.
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// Functions in the order of their first lines.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// Whether the file was written by a program.
    pub fn is_generated(&self) -> bool {
        self.is_generated
    }

    /// Whether a line is only compiled for tests.
    pub fn is_test_line(&self, number: usize) -> bool {
        let inside = |&(first, last): &(usize, usize)| (first..=last).contains(&number);
        self.is_test || self.test_regions.iter().any(inside)
    }

    /// Declares the whole file a test.
    pub fn mark_test(&mut self) {
        self.is_test = true;
    }

    /// Files that this one declares as test modules: both places where a module may live.
    pub fn test_module_files(&self) -> Vec<String> {
        let (folder, file) = self.path.rsplit_once('/').unwrap_or((".", &self.path));
        let base = match file {
            "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
            other => format!("{folder}/{}", other.trim_end_matches(".rs")),
        };
        let places = |name: &String| [format!("{base}/{name}.rs"), format!("{base}/{name}/mod.rs")];
        self.test_modules.iter().flat_map(places).collect()
    }
}

fn lines_of(chars: &[char]) -> Vec<String> {
    chars.split(|&c| c == '\n').map(|line| line.iter().collect()).collect()
}

fn in_folder(path: &str, folder: &str) -> bool {
    path.split('/').any(|part| part == folder)
}

fn is_test_path(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let folders = ["tests", "benches", "fuzz"];
    // A `#[path]` is a literal, so files of tests are known by their names.
    let endings = ["_tests.rs", "_test.rs", "_loom.rs"];
    folders.iter().any(|folder| in_folder(path, folder))
        || file == "tests.rs"
        || endings.iter().any(|ending| file.ends_with(ending))
}

fn inner_cfg_test(lines: &[Line]) -> bool {
    lines.iter().any(|line| line.code.trim_start().starts_with("#![cfg(test)]"))
}

/// The code layer of a file, with the searches that need its braces.
struct Code<'a> {
    chars: &'a [char],
}

// === impl Code ===

impl Code<'_> {
    fn line_at(&self, at: usize) -> usize {
        let end = at.min(self.chars.len());
        1 + self.chars[..end].iter().filter(|&&c| c == '\n').count()
    }

    fn skip_blank(&self, mut at: usize) -> usize {
        while self.chars.get(at).is_some_and(|c| c.is_whitespace()) {
            at += 1;
        }
        at
    }

    /// The identifier that starts at `at`; empty when there is none.
    fn word(&self, at: usize) -> String {
        self.chars[at.min(self.chars.len())..].iter().take_while(|c| is_word(**c)).collect()
    }

    /// Position of the bracket that closes the one at `open`, or the end of the file.
    fn close(&self, open: usize) -> usize {
        let mut depth = 0usize;
        for (at, &c) in self.chars.iter().enumerate().skip(open) {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => continue,
            }
            if depth == 0 {
                return at;
            }
        }
        self.chars.len().saturating_sub(1)
    }

    /// Last position of the item that starts at `at`: its closing brace, or its semicolon.
    fn item_end(&self, at: usize) -> usize {
        self.item_stop(at, &[';'])
    }

    /// The first of `stops` outside brackets, the end of the first braces, or what closes around.
    fn item_stop(&self, start: usize, stops: &[char]) -> usize {
        let mut at = start;
        while let Some(&c) = self.chars.get(at) {
            match c {
                '{' => return self.close(at),
                '(' | '[' => at = self.close(at),
                ')' | ']' | '}' => return at.saturating_sub(1),
                c if stops.contains(&c) => return at,
                _ => {}
            }
            at += 1;
        }
        self.chars.len().saturating_sub(1)
    }

    fn functions(&self) -> Vec<Function> {
        let mut list = Vec::new();
        let mut at = 0;
        while at < self.chars.len() {
            if !is_word(self.chars[at]) {
                at += 1;
                continue;
            }
            let word = self.word(at);
            let start = at;
            at += word.chars().count();
            let name_at = self.skip_blank(at);
            let name =
                if word == "fn" && name_at > at { self.word(name_at) } else { String::new() };
            // `fn(u8)` is a type, not a function.
            if !name.is_empty() {
                let last = self.line_at(self.item_end(name_at));
                list.push(Function { name, first: self.line_at(start), last });
            }
        }
        list
    }

    /// Line regions under `#[cfg(test)]` and the names of modules declared there without a body.
    fn tests(&self) -> (Vec<(usize, usize)>, Vec<String>) {
        let (mut regions, mut modules) = (Vec::new(), Vec::new());
        let mut at = 0;
        while at + 1 < self.chars.len() {
            if (self.chars[at], self.chars[at + 1]) != ('#', '[') {
                at += 1;
                continue;
            }
            let close = self.close(at + 1);
            let attribute: String = self.chars[at..=close].iter().collect();
            if is_cfg_test(&attribute) {
                let item = self.skip_attributes(close + 1);
                let end = self.guarded_end(item);
                regions.push((self.line_at(at), self.line_at(end)));
                modules.extend(self.module_name(item, end));
            }
            at = close + 1;
        }
        (regions, modules)
    }

    fn skip_attributes(&self, from: usize) -> usize {
        let mut at = self.skip_blank(from);
        while self.chars.get(at) == Some(&'#') && self.chars.get(at + 1) == Some(&'[') {
            at = self.skip_blank(self.close(at + 1) + 1);
        }
        at
    }

    /// End of what an attribute guards: an item, or a field, variant, arm or statement.
    fn guarded_end(&self, at: usize) -> usize {
        const ITEMS: &[&str] = &[
            "mod",
            "fn",
            "use",
            "impl",
            "struct",
            "enum",
            "trait",
            "const",
            "static",
            "type",
            "unsafe",
            "async",
            "extern",
            "macro_rules",
            "pub",
            "let",
        ];
        let word = self.word(at);
        if ITEMS.contains(&word.as_str()) && !self.is_public_field(at) {
            return self.item_end(at);
        }
        self.item_stop(at, &[';', ','])
    }

    /// `pub name: Type` guards a field; its end is a comma.
    fn is_public_field(&self, at: usize) -> bool {
        if self.word(at) != "pub" {
            return false;
        }
        let mut next = self.skip_blank(at + 3);
        if self.chars.get(next) == Some(&'(') {
            next = self.skip_blank(self.close(next) + 1);
        }
        let after = self.skip_blank(next + self.word(next).chars().count());
        self.chars.get(after) == Some(&':')
    }

    fn module_name(&self, item: usize, end: usize) -> Option<String> {
        let text: String = self.chars[item..=end].iter().collect();
        let declared = text.split("mod ").nth(1)?.trim_end().strip_suffix(';')?.trim().to_owned();
        declared.chars().all(is_word).then_some(declared)
    }
}

/// Whether an attribute restricts to tests: `cfg(test)`, `cfg(all(test, …))`, not `cfg(not(test))`.
fn is_cfg_test(attribute: &str) -> bool {
    let packed: String = attribute.chars().filter(|c| !c.is_whitespace()).collect();
    let mut words = packed.split(|c| !is_word(c));
    packed.starts_with("#[cfg(") && words.any(|w| w == "test") && !packed.contains("not(test")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(text: &str) -> Vec<(String, usize, usize)> {
        let source = Source::new("crates/a/src/lib.rs", text);
        source.functions().iter().map(|f| (f.name.clone(), f.first, f.last)).collect()
    }

    #[test]
    fn functions_span_to_their_closing_brace() {
        let text = "fn a() {\n  let s = \"}\"; // }\n  if x { '}' } else { y }\n}\nfn b();\n";
        assert_eq!(spans(text), [("a".to_owned(), 1, 4), ("b".to_owned(), 5, 5)]);
    }

    #[test]
    fn signatures_may_hold_braces_and_semicolons_in_brackets() {
        let text = "fn a(x: [u8; { N }],\n  f: fn(u8) -> u8,\n) -> [u8; 4]\nwhere\n  T: B,\n{\n}\n";
        assert_eq!(spans(text), [("a".to_owned(), 1, 7)]);
    }

    #[test]
    fn nested_functions_are_measured_too() {
        let text = "fn a() {\n  fn b() {\n  }\n}\n";
        assert_eq!(spans(text), [("a".to_owned(), 1, 4), ("b".to_owned(), 2, 3)]);
    }

    #[test]
    fn test_regions_cover_the_guarded_item() {
        let text = "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n  fn b() {}\n}\nfn c() {}\n";
        let source = Source::new("crates/a/src/lib.rs", text);
        let tests: Vec<bool> = (1..=7).map(|n| source.is_test_line(n)).collect();
        assert_eq!(tests, [false, true, true, true, true, true, false]);
    }

    #[test]
    fn a_guarded_field_ends_at_its_comma() {
        let text = "struct A {\n  #[cfg(test)]\n  pub(crate) a: u8,\n  b: u8,\n}\n";
        let source = Source::new("crates/a/src/lib.rs", text);
        assert!(source.is_test_line(3));
        assert!(!source.is_test_line(4));
    }

    #[test]
    fn only_a_positive_test_cfg_counts() {
        assert!(is_cfg_test("#[cfg(test)]"));
        assert!(is_cfg_test("#[cfg(all(loom, test))]"));
        assert!(!is_cfg_test("#[cfg(not(test))]"));
        assert!(!is_cfg_test("#[cfg_attr(test, allow(x))]"));
        assert!(!is_cfg_test("#[cfg(latest)]"));
    }

    #[test]
    fn test_modules_elsewhere_are_named() {
        let source = Source::new("crates/a/src/b.rs", "#[cfg(test)]\nmod vectors;\n");
        let files = ["crates/a/src/b/vectors.rs", "crates/a/src/b/vectors/mod.rs"];
        assert_eq!(source.test_module_files(), files);
        let root = Source::new("crates/a/src/lib.rs", "#[cfg(test)]\nmod vectors;\n");
        assert_eq!(root.test_module_files()[0], "crates/a/src/vectors.rs");
    }

    #[test]
    fn tests_and_generated_files_are_known_by_place_or_mark() {
        assert!(Source::new("crates/a/tests/x.rs", "").is_test_line(1));
        assert!(Source::new("crates/a/src/http_tests.rs", "").is_test_line(1));
        assert!(Source::new("crates/a/src/epoch_loom.rs", "").is_test_line(1));
        assert!(!Source::new("crates/a/src/latest.rs", "").is_test_line(1));
        assert!(Source::new("crates/a/src/generated/x.rs", "").is_generated());
        assert!(Source::new("crates/a/src/x.rs", "// @generated by xtask\n").is_generated());
    }
}
