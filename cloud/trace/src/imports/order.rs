//! When the rows of a file happened: the order in which they count, and what is born in it. Pure.
//!
//! A stream is in the order of its events, so rows are put in order before they are numbered: by
//! `occurred_at`, and by their lines where that is the same. What is kept of a row meanwhile are
//! twenty-four bytes, and of a label that is born in the file some forty.

use std::collections::HashMap;

use proto::v1::{Event, Role, Stage};
use uid::{Key, TenantCode, Uid};

use super::Mistake;
use super::read::Raw;
use super::row::{birth, born};

/// Where a row stands, in the order in which rows count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// When it happened.
    pub at_us: i64,
    /// Its line.
    pub line: u64,
    /// Where in the file it begins.
    pub offset: u64,
}

#[derive(Debug, Clone, Copy)]
struct Birth {
    at_us: i64,
    line: u64,
    /// Among [`Births::units`].
    unit: u32,
}

/// The labels that are born in a file, by the earliest row that says so.
#[derive(Debug)]
pub struct Births {
    tenant: TenantCode,
    of: HashMap<i64, Birth>,
    units: Vec<String>,
    /// Labels whose birth is wrong, and its line.
    wrong: HashMap<i64, u64>,
}

impl Births {
    /// None yet.
    #[must_use]
    pub fn new(tenant: TenantCode) -> Self {
        Self { tenant, of: HashMap::new(), units: Vec::new(), wrong: HashMap::new() }
    }

    /// Notes what a row says to be born.
    pub fn add(&mut self, raw: &Raw) {
        let Some((key, at_us)) = birth(raw) else { return };
        let earlier = self.of.get(&key).is_some_and(|known| (known.at_us, known.line) <= (at_us, raw.line));
        if !earlier {
            let unit = self.unit(raw.get("unit"));
            self.of.insert(key, Birth { at_us, line: raw.line, unit });
        }
    }

    /// Notes that a row is wrong, so that nothing is born by it; whether others were judged as if
    /// something were.
    pub fn leave_out(&mut self, raw: &Raw) -> bool {
        let Some(key) = born(raw) else { return false };
        let counted = self.of.get(&key).is_some_and(|known| known.line == raw.line);
        if counted {
            self.of.remove(&key);
        }
        if !self.of.contains_key(&key) {
            self.wrong.entry(key).or_insert(raw.line);
        }
        counted
    }

    /// The number of a unit of measure; a file has few.
    fn unit(&mut self, unit: &str) -> u32 {
        let at = self.units.iter().position(|known| known == unit).unwrap_or_else(|| {
            self.units.push(unit.to_owned());
            self.units.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// What a row, which is right by itself, says against the births in the file.
    #[must_use]
    pub fn judge(&self, raw: &Raw, event: &Event) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut wrong =
            |column: &str, problem: String| mistakes.push(Mistake::new(raw.line, column, problem));
        for (nth, subject) in event.subjects.iter().enumerate() {
            let column = match (nth, subject.role()) {
                (0, _) => "uid",
                (_, Role::Parent) => "parent",
                _ => "inputs",
            };
            let uid = || match Key::new(subject.key) {
                Ok(key) => Uid::from_key(self.tenant, key).to_string(),
                Err(_) => subject.key.to_string(),
            };
            let Some(born) = self.of.get(&subject.key) else {
                // What may stand before a birth may stand without one.
                let free = nth == 0 && goes_before(event.stage());
                if let Some(line) = self.wrong.get(&subject.key).filter(|line| **line != raw.line && !free) {
                    wrong(column, format!("the birth of {} on line {line} is wrong", uid()));
                }
                continue;
            };
            let line = born.line;
            if subject.mint {
                if line != raw.line {
                    wrong(column, format!("{} is born on line {line} already", uid()));
                }
                continue;
            }
            if !goes_before(event.stage()) && (event.occurred_at_us, raw.line) < (born.at_us, line) {
                wrong(
                    column,
                    match event.occurred_at_us == born.at_us {
                        true => format!(
                            "{} is born at the same time on line {line}: put this row after it",
                            uid()
                        ),
                        false => format!("{} is born later, on line {line}", uid()),
                    },
                );
            }
            let unit = usize::try_from(born.unit).ok().and_then(|at| self.units.get(at));
            if let Some(unit) = unit.filter(|unit| !unit.is_empty() && !subject.unit.is_empty())
                && *unit != subject.unit
            {
                let column = if nth == 0 { "unit" } else { column };
                let problem = format!("{}: {} was born in {unit} on line {line}", subject.unit, uid());
                wrong(column, problem);
            }
        }
        mistakes
    }
}

/// Whether a row of this stage may stand before a birth by its nature: what was ordered, came to
/// the gate, or was printed.
fn goes_before(stage: Stage) -> bool {
    matches!(stage, Stage::Procurement | Stage::GateIn | Stage::Label)
}

#[cfg(test)]
mod tests {
    use super::super::masters::Masters;
    use super::super::read::COLUMNS;
    use super::super::row::{Ground, judge};
    use super::*;

    fn uid(number: u64) -> String {
        crate::testing::uid("KOL", "RM", number)
    }

    fn raw(line: u64, cells: &[(&str, &str)]) -> Raw {
        let mut raw = Raw { line, cells: vec![String::new(); COLUMNS.len()] };
        for (column, text) in cells {
            let at = COLUMNS.iter().position(|name| name == column).unwrap();
            raw.cells[at] = (*text).to_owned();
        }
        raw
    }

    fn ground() -> Ground {
        Ground {
            tenant: "SAIF".parse().unwrap(),
            plants: ["KOL".to_owned()].into(),
            leased: std::collections::BTreeMap::new(),
            masters: Masters::default(),
            now: "2025-06-01T00:00:00Z".parse().unwrap(),
        }
    }

    fn wrong(rows: &[Raw]) -> Vec<(u64, String)> {
        let ground = ground();
        let mut births = Births::new(ground.tenant);
        rows.iter().for_each(|row| births.add(row));
        let judged = rows.iter().flat_map(|row| births.judge(row, &judge(row, &ground).unwrap()));
        judged.map(|mistake| (mistake.line, mistake.column)).collect()
    }

    #[test]
    fn a_second_birth_and_what_happened_before_the_first_are_told() {
        let (one, two) = (uid(1), uid(2));
        let (early, late) = ("2025-01-15T10:30:00Z", "2025-01-15T11:30:00Z");
        let inputs = format!("{one}=1 kg");
        let born = |line, at| {
            raw(line, &[("uid", &one), ("stage", "GRN"), ("occurred_at", at), ("item", "S"), ("unit", "kg")])
        };
        let stored = |line, stage, at| raw(line, &[("uid", &one), ("stage", stage), ("occurred_at", at)]);
        assert_eq!(wrong(&[stored(2, "STORAGE", late), born(3, early)]), []);
        assert_eq!(wrong(&[born(2, late), born(3, early)]), [(2, "uid".to_owned())]);
        assert_eq!(wrong(&[born(2, late), stored(3, "STORAGE", early)]), [(3, "uid".to_owned())]);
        assert_eq!(wrong(&[born(2, late), stored(3, "LABEL", early)]), []);
        // At the same time the lines decide.
        assert_eq!(wrong(&[stored(2, "STORAGE", late), born(3, late)]), [(2, "uid".to_owned())]);
        assert_eq!(wrong(&[born(2, late), stored(3, "STORAGE", late)]), []);
        let made = raw(
            4,
            &[
                ("uid", &two),
                ("stage", "TRANSFORMATION"),
                ("occurred_at", early),
                ("item", "P"),
                ("inputs", &inputs),
            ],
        );
        assert_eq!(wrong(&[born(2, late), made.clone()]), [(4, "inputs".to_owned())]);
        // In another unit than the one in which it was born.
        let mut made = made;
        made.cells[COLUMNS.iter().position(|name| *name == "inputs").unwrap()] = format!("{one}=1 stone");
        assert_eq!(wrong(&[born(2, early), made]), [(4, "inputs".to_owned())]);
    }

    #[test]
    fn what_follows_from_a_wrong_birth_is_wrong_too() {
        let (one, two) = (uid(1), uid(2));
        let at = ("occurred_at", "2025-01-15T10:30:00Z");
        let born = |line| raw(line, &[("uid", &one), ("stage", "GRN"), at, ("item", "S")]);
        let told = |births: &Births, row: &Raw| -> Vec<String> {
            let wrong = births.judge(row, &judge(row, &ground()).unwrap());
            wrong.into_iter().map(|mistake| mistake.column).collect()
        };
        let mut births = Births::new("SAIF".parse().unwrap());
        births.add(&born(2));
        assert!(births.leave_out(&born(2)), "others were judged by it");
        assert!(!births.leave_out(&born(2)), "nothing is born by it any more");
        let stored = raw(3, &[("uid", &one), ("stage", "STORAGE"), at]);
        let printed = raw(4, &[("uid", &one), ("stage", "LABEL"), at]);
        let made =
            [("uid", two.as_str()), ("stage", "TRANSFORMATION"), at, ("item", "P"), ("inputs", one.as_str())];
        assert_eq!(told(&births, &stored), ["uid"]);
        assert_eq!(told(&births, &printed), [""; 0]);
        assert_eq!(told(&births, &raw(5, &made)), ["inputs"]);
        // Born by another row that is right.
        births.add(&born(6));
        assert!(!births.leave_out(&born(2)));
        assert_eq!(told(&births, &raw(7, &made)), [""; 0]);
    }

    #[test]
    fn rows_count_by_their_time_and_then_by_their_lines() {
        let place = |at_us, line| Place { at_us, line, offset: 100 - line };
        let mut places = [place(9, 2), place(3, 5), place(3, 4), place(9, 1)];
        places.sort_unstable();
        assert_eq!(places.map(|place| place.line), [4, 5, 1, 2]);
    }
}
