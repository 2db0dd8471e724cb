//! Trees are read and written, and all mistakes are told.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

fn wrong(value: &Value) -> Vec<(String, &'static str)> {
    let mistakes = Node::parse(value).unwrap_err();
    mistakes.into_iter().map(|mistake| (mistake.path, mistake.key)).collect()
}

#[test]
fn a_tree_is_read_and_written_as_it_was() {
    let tree = json!({ "all": [
        { "event": { "machine": "OVEN-1", "from": "2025-01-20T06:00:00", "to": "2025-01-20T14:00:00" } },
        { "any": [
            { "reading": { "name": "temperature", "outside": true, "operation": "CURE" } },
            { "reading": { "name": "torque", "low": "10.5", "high": "12" } },
            { "event": { "operator": "op-7", "from": "2025-01-20T06:00:00Z" } },
        ] },
        { "contains": { "supplier_lot": "HEAT-77", "supplier": "XYZ" } },
        { "not": { "is": { "life": "scrapped" } } },
    ] });
    assert_eq!(Node::parse(&tree).unwrap().to_json(), tree);
}

#[test]
fn every_mistake_is_told_at_once_with_its_path() {
    let tree = json!({ "all": [
        { "event": { "machine": 7, "from": "yesterday", "colour": "red" } },
        { "reading": { "low": "tall", "high": "3.1234567" } },
        { "not": { "contains": { "lot": "x", "uid": "y" } } },
        { "any": [] },
        { "is": { "life": "gone" } },
        { "maybe": {} },
        7,
        { "event": { "from": "2025-01-02T00:00", "to": "2025-01-01T00:00", "machine": "M" } },
        { "reading": { "name": "t" } },
    ] });
    let told = wrong(&tree);
    for expected in [
        ("all[0].event.machine", "text"),
        ("all[0].event.from", "moment"),
        ("all[0].event.colour", "unknown"),
        ("all[1].reading.low", "number"),
        ("all[1].reading.high", "number"),
        ("all[1].reading.name", "name"),
        ("all[2].not.contains.lot", "lot"),
        ("all[2].not.contains", "one-of"),
        ("all[3].any", "list"),
        ("all[4].is.life", "choice"),
        ("all[5]", "kind"),
        ("all[6]", "node"),
        ("all[7].event.to", "turned"),
        ("all[8].reading.outside", "limits"),
    ] {
        assert!(told.contains(&(expected.0.to_owned(), expected.1)), "{expected:?} is not in {told:?}");
    }
}

#[test]
fn what_only_chooses_needs_something_that_finds() {
    let not = json!({ "not": { "event": { "machine": "M" } } });
    assert_eq!(wrong(&not), [(String::new(), "not-alone")]);
    let either = json!({ "any": [{ "event": { "machine": "M" } }, not] });
    assert_eq!(wrong(&either), [("any[1]".to_owned(), "not-alone")]);
    assert!(Node::parse(&json!({ "all": [{ "event": { "machine": "M" } }, either] })).is_ok());
    assert_eq!(wrong(&json!({ "event": { "shift": "A" } })), [(String::new(), "event-alone")]);
    assert_eq!(wrong(&json!({ "is": { "plant": "KOL" } })), [(String::new(), "is-alone")]);
    let day =
        json!({ "event": { "shift": "A", "produced_from": "2025-01-01", "produced_to": "2025-01-01" } });
    assert!(Node::parse(&day).is_ok());
}

#[test]
fn a_condition_that_says_nothing_is_refused() {
    let machine = json!({ "event": { "machine": "M" } });
    for nothing in
        [json!({}), json!({ "without_taken": true }), json!({ "machine": " ", "without_taken": true })]
    {
        let tree = json!({ "all": [machine, { "event": nothing }] });
        assert_eq!(wrong(&tree), [("all[1].event".to_owned(), "empty")], "{tree}");
    }
    assert!(Node::parse(&json!({ "event": { "machine": "M", "without_taken": true } })).is_ok());
    // What is wrong is told as that.
    let noon = json!({ "event": { "from": "noon", "without_taken": true } });
    assert_eq!(wrong(&noon), [("event.from".to_owned(), "moment")]);
    assert_eq!(wrong(&json!({ "all": [machine, { "is": {} }] })), [("all[1].is".to_owned(), "empty")]);
}

#[test]
fn of_what_was_kept_an_event_that_says_nothing_is_any() {
    let machine = json!({ "event": { "machine": "M" } });
    let any = json!({ "event": { "without_taken": true } });
    let tree = json!({ "all": [machine, { "not": any }, { "any": [machine, any] }] });
    assert_eq!(Node::kept(&tree).unwrap().to_json(), tree);
    // It finds nothing by itself, and what else is wrong stays so.
    let mistakes = |value: &Value| {
        let mistakes = Node::kept(value).unwrap_err();
        mistakes.into_iter().map(|mistake| (mistake.path, mistake.key)).collect::<Vec<_>>()
    };
    assert_eq!(mistakes(&any), [(String::new(), "event-alone")]);
    let more = json!({ "all": [machine, any, { "is": {} }, { "event": { "from": "noon" } }] });
    assert_eq!(
        mistakes(&more),
        [("all[2].is".to_owned(), "empty"), ("all[3].event.from".to_owned(), "moment")]
    );
}

#[test]
fn a_tree_is_bounded() {
    let leaf = json!({ "event": { "machine": "M" } });
    let wide = json!({ "any": vec![leaf.clone(); MOST_NODES] });
    assert_eq!(wrong(&wide), [(String::new(), "nodes")]);
    let mut deep = leaf;
    for _ in 0..MOST_DEEP {
        deep = json!({ "all": [deep] });
    }
    assert_eq!(wrong(&deep)[0].1, "deep");
}

/// However deep it is nested, it is told how deep it may be, and where it is deeper.
#[test]
fn what_is_nested_far_too_deep_is_told_as_that() {
    let leaf = r#"{"event":{"machine":"M"}}"#;
    let far = format!("{}{leaf}{}", r#"{"not":"#.repeat(200), "}".repeat(200));
    assert!(serde_json::from_str::<Value>(&far).is_err(), "deeper than JSON is read elsewhere");
    let told = Node::parse(&conditions_of(&far)).unwrap_err();
    let path = ["not"; MOST_DEEP].join(".");
    assert_eq!(told, [Mistake { path, key: "deep", value: MOST_DEEP.to_string() }]);
    let far = format!("{}{leaf}{}", r#"{"all":["#.repeat(200), "]}".repeat(200));
    let told = wrong(&conditions_of(&far));
    assert_eq!(told, [(["all[0]"; MOST_DEEP].join("."), "deep")]);
    // What may be is read whole.
    let most = format!("{}{leaf}{}", r#"{"all":["#.repeat(MOST_DEEP - 1), "]}".repeat(MOST_DEEP - 1));
    assert_eq!(conditions_of(&most), serde_json::from_str::<Value>(&most).unwrap());
    let each =
        r#"{"all":[{"reading":{"low":-1,"high":2.5,"outside":true,"name":null,"x":18446744073709551615}}]}"#;
    assert_eq!(conditions_of(each), serde_json::from_str::<Value>(each).unwrap());
    for broken in ["", "{", r#"{"is":{}} x"#] {
        assert_eq!(conditions_of(broken), Value::Null, "{broken}");
    }
}

proptest! {
    #[test]
    fn no_json_makes_it_fall(text in "[a-z{}\\[\\]\":,0-9]{0,80}", name in "all|any|not|event|reading|contains|is") {
        let inner: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let mut object = Map::new();
        object.insert(name, inner);
        let _ = Node::parse(&Value::Object(object));
    }
}
