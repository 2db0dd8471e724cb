//! Where a reading begins and ends in a TCP scanner's stream. Pure.

/// What the stream brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A reading, without prefix and suffix; never empty.
    Read(Vec<u8>),
    /// A reading that is too long, of which nothing was kept.
    TooLong {
        /// Its length in bytes, prefix included.
        bytes: usize,
    },
    /// Something that ended like a reading and had no prefix.
    NoPrefix(Vec<u8>),
}

/// Cuts a stream into readings, however it arrives in pieces. Keeps no more than
/// one reading of the longest kind.
#[derive(Debug, Clone)]
pub struct Framer {
    prefix: Vec<u8>,
    suffix: Vec<u8>,
    max: usize,
    buffer: Vec<u8>,
    /// Bytes of the present reading that were dropped because it is too long.
    dropped: usize,
}

impl Framer {
    /// `prefix`: what the scanner puts before each reading; may be empty. `suffix`:
    /// what it puts after; empty means a line end (CR, LF or both). `max`: longest
    /// reading in bytes, without them.
    pub fn new(prefix: &[u8], suffix: &[u8], max: usize) -> Self {
        Self { prefix: prefix.to_vec(), suffix: suffix.to_vec(), max, buffer: Vec::new(), dropped: 0 }
    }

    /// Takes the next piece; what is complete now, in order.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Frame> {
        bytes.iter().filter_map(|byte| self.push_byte(*byte)).collect()
    }

    /// Throws away an unfinished reading; how many bytes it had.
    pub fn abandon(&mut self) -> usize {
        let bytes = self.buffer.len() + std::mem::take(&mut self.dropped);
        self.buffer.clear();
        bytes
    }

    /// Whether a reading has begun and not ended.
    pub fn unfinished(&self) -> bool {
        !self.buffer.is_empty() || self.dropped > 0
    }

    fn push_byte(&mut self, byte: u8) -> Option<Frame> {
        self.buffer.push(byte);
        let suffix = if self.suffix.is_empty() {
            usize::from(matches!(byte, b'\r' | b'\n'))
        } else if self.buffer.ends_with(&self.suffix) {
            self.suffix.len()
        } else {
            0
        };
        if suffix == 0 {
            self.forget();
            return None;
        }
        let mut content = std::mem::take(&mut self.buffer);
        content.truncate(content.len() - suffix);
        let length = content.len() + std::mem::take(&mut self.dropped);
        if length > self.limit() {
            return Some(Frame::TooLong { bytes: length });
        }
        self.unwrap(content)
    }

    /// Without what came before the prefix: noise, or the rest of a broken reading.
    fn unwrap(&self, content: Vec<u8>) -> Option<Frame> {
        if content.is_empty() {
            // Both halves of a CR LF, or a line end after the suffix.
            return None;
        }
        if self.prefix.is_empty() {
            return Some(Frame::Read(content));
        }
        // The first one: the code itself may contain the prefix.
        let at = content.windows(self.prefix.len()).position(|w| w == self.prefix);
        match at.map(|at| &content[at + self.prefix.len()..]) {
            Some([]) => None,
            Some(read) => Some(Frame::Read(read.to_vec())),
            None if content.iter().all(u8::is_ascii_whitespace) => None,
            None => Some(Frame::NoPrefix(content)),
        }
    }

    /// Keeps of a reading that is too long only what may begin the suffix.
    fn forget(&mut self) {
        let keep = self.suffix.len();
        if self.dropped > 0 || self.buffer.len() > self.limit() + keep {
            let excess = self.buffer.len().saturating_sub(keep);
            self.buffer.drain(..excess);
            self.dropped += excess;
        }
    }

    fn limit(&self) -> usize {
        self.prefix.len() + self.max
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Frame {
        Frame::Read(text.as_bytes().to_vec())
    }

    fn frames(prefix: &str, suffix: &str, stream: &str) -> Vec<Frame> {
        Framer::new(prefix.as_bytes(), suffix.as_bytes(), 8).push(stream.as_bytes())
    }

    #[test]
    fn readings_of_a_stream() {
        let table = [
            // prefix, suffix, stream, readings
            ("", "\r\n", "AB\r\nCD\r\n", vec![read("AB"), read("CD")]),
            ("", "\r\n", "AB\rCD\r\n", vec![read("AB\rCD")]),
            ("", "", "AB\r\nCD\nEF\r", vec![read("AB"), read("CD"), read("EF")]),
            ("", "", "\r\n\r\n", vec![]),
            ("\x02", "\x03", "\x02AB\x03\x02CD\x03", vec![read("AB"), read("CD")]),
            ("\x02", "\x03", "xx\x02AB\x03", vec![read("AB")]),
            ("\x02", "\x03", "\x02AB\x03\r\n\x02CD\x03", vec![read("AB"), read("CD")]),
            ("\x02", "\x03", "\x02\x03", vec![]),
            ("\x02", "\x03", "AB\x03\r\n\x03", vec![Frame::NoPrefix(b"AB".to_vec())]),
            ("]", "\r", "]A]B\r", vec![read("A]B")]),
            ("", "\r\n", "12345678\r\n", vec![read("12345678")]),
            ("", "\r\n", "123456789\r\nAB\r\n", vec![Frame::TooLong { bytes: 9 }, read("AB")]),
            ("<", "\r\n", "<12345678\r\n", vec![read("12345678")]),
            ("<", "\r\n", "<123456789\r\n", vec![Frame::TooLong { bytes: 10 }]),
            ("", "aab", "xaaab", vec![read("xa")]),
            ("", "\r\n", "AB", vec![]),
        ];
        for (prefix, suffix, stream, expected) in table {
            assert_eq!(frames(prefix, suffix, stream), expected, "{prefix:?} {suffix:?} {stream:?}");
        }
    }

    #[test]
    fn a_flood_without_end_is_not_kept() {
        let mut framer = Framer::new(b"", b"\r\n", 8);
        for _ in 0..1000 {
            assert_eq!(framer.push(&[b'x'; 100]), []);
            assert!(framer.buffer.len() <= 10);
        }
        assert_eq!(framer.push(b"\r"), []);
        assert_eq!(framer.push(b"\nAB\r\n"), [Frame::TooLong { bytes: 100_000 }, read("AB")]);
    }

    #[test]
    fn an_unfinished_reading_can_be_thrown_away() {
        let mut framer = Framer::new(b"", b"\r\n", 8);
        assert!(!framer.unfinished());
        framer.push(b"ABC");
        assert!(framer.unfinished());
        assert_eq!(framer.abandon(), 3);
        assert!(!framer.unfinished());
        framer.push(&[b'x'; 50]);
        assert_eq!(framer.abandon(), 50);
        assert_eq!(framer.push(b"DE\r\n"), [read("DE")]);
    }

    proptest! {
        #[test]
        fn splits_do_not_matter(
            stream in "[ab<\\r\\n]{0,80}",
            cuts in proptest::collection::vec(0usize..80, 0..10),
            prefix in "(<|)",
            suffix in "(\\r\\n|\\r|aab|)",
        ) {
            let whole = frames(&prefix, &suffix, &stream);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let mut framer = Framer::new(prefix.as_bytes(), suffix.as_bytes(), 8);
            let pieces = cuts.windows(2).map(|c| &stream.as_bytes()[c[0]..c[1]]);
            let split: Vec<Frame> = pieces.flat_map(|piece| framer.push(piece)).collect();
            prop_assert_eq!(split, whole);
        }

        #[test]
        fn what_was_framed_is_found(codes in proptest::collection::vec("[!-~&&[^<]]{1,8}", 0..10)) {
            let stream: String = codes.iter().map(|c| format!("<{c}\r\n")).collect();
            let expected: Vec<Frame> = codes.iter().map(|c| read(c)).collect();
            prop_assert_eq!(frames("<", "\r\n", &stream), expected);
        }
    }
}
