//! On which line of a JSON text each value stands, so that a mistake can be found.

use std::collections::BTreeMap;

/// Lines, counted from 1, by path: `stages[0].name`. The whole is the empty path.
/// `text` is JSON that was parsed; of another text the answer is of no use.
#[must_use]
pub fn lines(text: &str) -> BTreeMap<String, usize> {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0, line: 1, found: BTreeMap::new() };
    reader.value("");
    reader.found
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    found: BTreeMap<String, usize>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    /// Goes on to the next byte that means something.
    fn skip(&mut self) -> Option<u8> {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b':')) {
            self.step();
        }
        self.peek()
    }

    fn value(&mut self, path: &str) {
        let Some(first) = self.skip() else { return };
        self.found.insert(path.to_owned(), self.line);
        match first {
            b'{' => {
                self.step();
                while self.skip().is_some_and(|byte| byte != b'}') {
                    let name = self.text();
                    let dot = if path.is_empty() { "" } else { "." };
                    self.value(&format!("{path}{dot}{name}"));
                }
                self.step();
            }
            b'[' => {
                self.step();
                let mut n = 0;
                while self.skip().is_some_and(|byte| byte != b']') {
                    self.value(&format!("{path}[{n}]"));
                    n += 1;
                }
                self.step();
            }
            b'"' => drop(self.text()),
            _ => {
                while self
                    .peek()
                    .is_some_and(|byte| !matches!(byte, b',' | b']' | b'}') && !byte.is_ascii_whitespace())
                {
                    self.step();
                }
            }
        }
    }

    /// A string, without what is escaped in it: names of fields have nothing such.
    fn text(&mut self) -> String {
        self.step();
        let from = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.step(),
            }
        }
        let end = self.at.min(self.bytes.len());
        let text = String::from_utf8_lossy(&self.bytes[from.min(end)..end]).into_owned();
        self.step();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_path() {
        let text = "{\n  \"a\": 1,\n  \"stages\": [\n    { \"name\": \"x\\\"}\" },\n    {\n      \"name\": \"y\",\n      \"list\": [1,\n 2] }\n  ],\n  \"end\": true\n}";
        let found = lines(text);
        let at = |path: &str| found.get(path).copied();
        assert_eq!(at(""), Some(1));
        assert_eq!(at("a"), Some(2));
        assert_eq!(at("stages[0].name"), Some(4));
        assert_eq!(at("stages[1].name"), Some(6));
        assert_eq!(at("stages[1].list[1]"), Some(8));
        assert_eq!(at("end"), Some(10));
        assert_eq!(lines("").len(), 0);
        assert!(lines("{\"a").contains_key(""));
    }
}
