//! One text per kind of mistake: a small right file, one piece of it replaced,
//! and what is said about it.

mod examples;
mod fuzz;
mod machines;
mod plant;
mod stations;
mod syntax;

use super::super::model::PlantFile;
use super::{Mistake, parse};

/// A small plant file without mistakes.
pub(super) const SMALL: &str = r#"[tenant]
code = "SAIF"
name = "Saif"
[company]
code = "SAIF-IN"
name = "Saif Limited"
[plant]
code = "KOL"
name = "Kolkata"
time_zone = "Asia/Kolkata"
languages = ["en", "hi"]
[[shifts]]
name = "A"
start = "06:00"
end = "14:00"
[[shifts]]
name = "N"
start = "22:00"
end = "06:00"
[uplink]
cloud_url = "https://localhost:7443"
[broker]
listen = "127.0.0.1:1883"
[terminal]
listen = "127.0.0.1:8443"
[health]
listen = "127.0.0.1:8081"
[disk]
warn_percent = 80
[[leases]]
type = "RM"
low_water = 100
request = 1000
[[operations]]
code = "ASSEMBLE"
name = "Assemble"
[[stations]]
code = "DOCK1"
name = "Dock"
names = { hi = "गोदी" }
kind = "receiving"
location = "Dock-1"
mqtt = true
tcp = { listen = "127.0.0.1:7001", no_read = ["NOREAD"] }
output = { type = "RM" }
series = "GRN"
printer = "LBL1"
without_order_reasons = ["ORDER_LATE"]
[[stations]]
code = "ASM1"
name = "Assembly"
kind = "assembly"
location = "Line-1"
terminal = true
operation = "ASSEMBLE"
machines = ["PLC1"]
stack_light = { machine = "PLC1", green_coil = 0, red_coil = 1 }
[[stations]]
code = "QC1"
name = "Quality"
kind = "inspection"
location = "Lab"
terminal = true
characteristics = [{ name = "backlash", unit = "mm", low = "0.02", high = "0.12" }]
[[machines]]
code = "PLC1"
name = "Spindle"
address = "127.0.0.1:1502"
[[machines.registers]]
name = "torque"
table = "holding"
address = 0
type = "f32"
low = 1
high = 2.50
[[machines.registers]]
name = "cycle"
table = "holding"
address = 3
type = "u16"
scale = 0.1
[[machines.triggers]]
name = "done"
on = "counter"
register = "cycle"
readings = ["torque"]
station = "ASM1"
[[printers]]
code = "LBL1"
name = "Printer"
address = "printer.local:9100"
label_width_mm = 50
label_height_mm = 25
"#;

/// A mistake: what is replaced in [`SMALL`] by what, where it is found, and a
/// part of what is said. The mistake is on the line that has `#!`, or on the
/// first one that has the text named by [`Case::on`].
pub(super) struct Case {
    line: &'static str,
    find: &'static str,
    replace: &'static str,
    path: &'static str,
    says: &'static str,
}

pub(super) const fn case(
    find: &'static str,
    replace: &'static str,
    path: &'static str,
    says: &'static str,
) -> Case {
    let line = "#!";
    Case { line, find, replace, path, says }
}

impl Case {
    /// The mistake is on the first line that has that text.
    pub(super) const fn on(mut self, line: &'static str) -> Self {
        self.line = line;
        self
    }
}

/// [`SMALL`] with one piece replaced, which must be there.
pub(super) fn edited(find: &str, replace: &str) -> String {
    assert!(SMALL.contains(find), "the small file has no {find:?}");
    SMALL.replacen(find, replace, 1)
}

pub(super) fn mistakes(text: &str) -> Vec<Mistake> {
    parse("small.toml", text).err().unwrap_or_default()
}

pub(super) fn right(text: &str) -> PlantFile {
    parse("small.toml", text).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

/// Asserts that each case is exactly one mistake, said as expected.
pub(super) fn assert_cases(cases: &[Case]) {
    let mut failures = Vec::new();
    for Case { line, find, replace, path, says } in cases {
        let text = edited(find, replace);
        let wanted = text.lines().position(|l| l.contains(line)).map(|at| at + 1);
        let found = mistakes(&text);
        let fits = |m: &Mistake| Some(m.line) == wanted && m.path == *path && m.to_string().contains(says);
        if found.len() != 1 || !found.iter().all(fits) {
            let said: Vec<String> = found.iter().map(Mistake::to_string).collect();
            failures.push(format!("{replace:?}\n  wanted line {wanted:?} {path}: {says}\n  said {said:#?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
