//! Nothing that can stand in a file makes the checker panic, and every place
//! that it names is in the file.

use proptest::prelude::*;

use super::{Mistake, SMALL, parse};

const KOLKATA: &str = include_str!("../../../../../plant-configs/kolkata.toml");

fn check(text: &str) {
    let Err(mistakes) = parse("fuzz.toml", text) else {
        return;
    };
    assert!(!mistakes.is_empty(), "neither right nor wrong");
    let lines: Vec<&str> = text.split('\n').collect();
    for Mistake { line, column, found, expected, .. } in &mistakes {
        assert!((1..=lines.len()).contains(line), "line {line} of {}", lines.len());
        assert!(*column <= lines[line - 1].chars().count() + 1, "column {column} of line {line}");
        assert!(!found.contains('\n') && !expected.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn bytes_changed_in_the_example(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = KOLKATA.as_bytes().to_vec();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn lines_dropped_doubled_and_swapped(
        edits in prop::collection::vec((0..3_u8, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..8),
    ) {
        let mut lines: Vec<&str> = SMALL.lines().collect();
        for (what, a, b) in edits {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            match what {
                0 => drop(lines.remove(a)),
                1 => lines.insert(b, lines[a]),
                _ => lines.swap(a, b),
            }
        }
        check(&lines.join("\n"));
    }

    #[test]
    fn values_replaced_by_others(
        line in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            "1", "-1", "0.5", "nan", "\"\"", "\"x\"", "true", "[]", "{}", "[[]]", "[{}]", "1979-05-27",
            "07:32:00", "9223372036854775807", "{ a = 1 }", "\"\\u0000\"", "'''\n'''", "[1, \"a\", {}]",
        ]),
    ) {
        let mut lines: Vec<String> = SMALL.lines().map(str::to_owned).collect();
        let line = line.index(lines.len());
        if let Some((key, _)) = lines[line].split_once(" = ") {
            lines[line] = format!("{key} = {value}");
        }
        check(&lines.join("\n"));
    }
}
