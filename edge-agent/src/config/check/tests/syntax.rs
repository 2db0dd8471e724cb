//! Texts that are not TOML.

use super::super::{LoadError, load};
use super::{SMALL, edited, mistakes};

fn lines(text: &str) -> Vec<String> {
    mistakes(text).iter().map(ToString::to_string).collect()
}

#[test]
fn a_syntax_error_has_its_line_and_column() {
    let text = edited("name = \"Kolkata\"", "name = \"Kolkata");
    let found = lines(&text);
    assert_eq!(found, ["small.toml:9:16: found `name = \"Kolkata`, expected `\"`; invalid basic string"]);
}

#[test]
fn a_value_without_quotes_is_explained() {
    let found = lines(&edited("\"receiving\"", "receiving"));
    assert_eq!(
        found,
        ["small.toml:41:8: found `kind = receiving`, expected literal string; string values must be quoted"]
    );
}

#[test]
fn lines_wrong_in_themselves_are_all_told_with_the_mistakes_of_the_others() {
    let text = edited("name = \"Kolkata\"", "name = \"Kolkata")
        .replace("kind = \"inspection\"", "kind inspection")
        .replace("code = \"QC1\"", "code = \"QC1\"\ncode = \"QC2\"")
        .replace("on = \"counter\"", "on = \"count\"");
    let found = lines(&text);
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found[0].starts_with("small.toml:9:16: "), "{found:#?}");
    assert!(found[1].contains("duplicate key"), "{found:#?}");
    assert!(found[2].contains("`kind inspection`"), "{found:#?}");
    assert!(found[3].ends_with("did you mean \"counter\"?"), "{found:#?}");
}

#[test]
fn an_open_bracket_is_one_mistake_not_one_per_line() {
    let found = lines(&edited("languages = [\"en\", \"hi\"]", "languages = [\"en\", \"hi\""));
    assert_eq!(found.len(), 1, "{found:#?}");
    let found = lines(&edited("[company]", "[company"));
    assert_eq!(found.len(), 1, "{found:#?}");
    let found = lines(&edited("name = \"Saif\"", "name = \"\"\"Saif"));
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn a_broken_header_hides_nothing_but_its_own_section() {
    let text = edited("[company]", "[company")
        .replace("[[leases]]", "[[leases]")
        .replace("warn_percent", "warn_precent")
        .replace("on = \"counter\"", "on = \"count\"");
    let found = lines(&text);
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found[0].starts_with("small.toml:4:"), "{found:#?}");
    assert!(found[1].ends_with("did you mean \"warn_percent\"?"), "{found:#?}");
    assert!(found[2].contains("`[[leases]`"), "{found:#?}");
    assert!(found[3].ends_with("did you mean \"counter\"?"), "{found:#?}");
    // The parts of a section go with it, and are not taken for another one's.
    let text = edited("[[machines]]", "[machines]]").replace("warn_percent", "warn_precent");
    let found = lines(&text);
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[test]
fn a_table_written_twice_is_told() {
    let found = lines(&edited("[health]", "[terminal]"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("small.toml:26:2: found `[terminal]`"), "{found:#?}");
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_no_mistakes() {
    let text = format!("\u{feff}{}", SMALL.replace('\n', "\r\n"));
    assert_eq!(lines(&text), [""; 0]);
    let found = mistakes(&text.replace("\"receiving\"", "\"recieving\""));
    assert_eq!((found[0].line, found[0].column), (41, 8));
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plant.toml");
    assert!(matches!(load(&path), Err(LoadError::Read { .. })));
    std::fs::write(&path, b"[tenant]\ncode = \"\xff\"\n").unwrap();
    let told = load(&path).unwrap_err().to_string();
    assert!(
        told.ends_with("plant.toml:2:9: found byte 0xFF, expected text in UTF-8; save the file as UTF-8")
    );
    std::fs::write(&path, vec![b'#'; 5 << 20]).unwrap();
    assert!(matches!(load(&path), Err(LoadError::TooLarge { .. })));
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plant.toml");
    let text = edited("[broker]", "data_dir = \"data\"\nenrolment_token_file = \"/etc/token\"\n[broker]");
    std::fs::write(&path, text).unwrap();
    let uplink = load(&path).unwrap().uplink;
    assert_eq!(uplink.data_dir, Some(folder.path().join("data")));
    assert_eq!(uplink.enrolment_token_file, Some("/etc/token".into()));
}
