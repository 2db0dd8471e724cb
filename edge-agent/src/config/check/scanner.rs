//! Where a station's scans come from.

use super::super::model::{Inputs, MqttInput, TcpEndpoint, TcpScanner};
use super::names::Scope;
use super::rules;
use super::section::Section;
use super::station::Context;

/// Reads `mqtt`, `tcp` and `terminal`. `code` is the station's, where it has one.
pub(super) fn inputs(s: &mut Section<'_>, code: Option<&str>, context: &Context) -> Inputs {
    let mqtt = mqtt(s, code, context);
    let tcp = s.section("tcp").and_then(tcp);
    let terminal = s.or("terminal", rules::flag(), false);
    let off = |key: &str| !s.has(key) || s.is_false(key);
    if off("mqtt") && off("tcp") && off("terminal") {
        let hint = "add mqtt = true, tcp = { … } or terminal = true".to_owned();
        s.missing("terminal", "at least one way for scans to come in", Some(hint));
    }
    Inputs { mqtt, tcp, terminal }
}

/// `mqtt = true`, or a table with topics of its own.
fn mqtt(s: &mut Section<'_>, code: Option<&str>, context: &Context) -> Option<MqttInput> {
    let input = if s.holds_table("mqtt") {
        let mut inner = s.section("mqtt")?;
        let scan_topic = inner.optional("scan_topic", rules::topic());
        let feedback_topic = inner.optional("feedback_topic", rules::topic());
        inner.finish();
        MqttInput { scan_topic, feedback_topic }
    } else if s.optional("mqtt", rules::flag())? {
        MqttInput::default()
    } else {
        return None;
    };
    if !context.has_broker {
        s.wrong("mqtt", "a [broker] in this file", Some("add one, or turn mqtt off".to_owned()));
    }
    if let (Some(code), Some(plant)) = (code, context.own_plant) {
        let [scan, feedback] = &context.topics;
        let patterns =
            [input.scan_topic.as_ref().unwrap_or(scan), input.feedback_topic.as_ref().unwrap_or(feedback)];
        for pattern in patterns {
            let topic = pattern.replace("{plant}", &plant.to_string()).replace("{station}", code);
            s.findings().gives(Scope::Topic, &topic, s.place_of("mqtt"));
        }
    }
    Some(input)
}

fn tcp(mut s: Section<'_>) -> Option<TcpScanner> {
    let listen = s.listens("listen");
    let connect = s.optional("connect", rules::host_port());
    let expected = "either listen (the scanner connects) or connect (the agent does)";
    match (s.has("listen"), s.has("connect")) {
        (true, true) => s.wrong("connect", expected, Some("remove one of the two".to_owned())),
        (false, false) => s.missing("listen", expected, None),
        _ => {}
    }
    let prefix = s.or("prefix", rules::device_text(0..=16), String::new());
    let suffix = s.or("suffix", rules::device_text(1..=16), "\r\n".to_owned());
    let no_read = if s.has("no_read") {
        let texts = s.list("no_read", rules::device_text(1..=64));
        texts.into_iter().map(|(text, _)| text).collect()
    } else {
        vec!["NOREAD".to_owned()]
    };
    let [ok, amber, nok] = ["ok", "amber", "nok"].map(|key| s.optional(key, rules::device_text(1..=64)));
    if s.has("amber") && !s.has("ok") {
        s.wrong("amber", "an ok beside it", None);
    }
    let max_scan_bytes = s.or("max_scan_bytes", rules::whole(16..=4_096, "bytes"), 1_024);
    let milliseconds = rules::whole(50..=60_000, "milliseconds");
    let incomplete_after_ms = s.or("incomplete_after_ms", milliseconds, 2_000);
    s.finish();
    let endpoint = match (listen, connect) {
        (Some(address), _) => TcpEndpoint::Listen(address),
        (None, Some(address)) => TcpEndpoint::Connect(address),
        (None, None) => return None,
    };
    Some(TcpScanner {
        endpoint,
        prefix,
        suffix,
        no_read,
        ok,
        amber,
        nok,
        max_scan_bytes,
        incomplete_after_ms,
    })
}
