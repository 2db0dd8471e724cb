//! Names that a file gives to its parts, and the places that use them.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;

use super::find::{Basis, Findings, Place};
use super::nearest::did_you_mean;

/// Most names that a message lists.
const LONGEST_LIST: usize = 12;

/// What a name belongs to; names of one scope are distinct.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    Station,
    Machine,
    Printer,
    Operation,
    Shift,
    Lease,
    Language,
    /// Registers of the machine at that index.
    Register(usize),
    /// Triggers of the machine at that index.
    Trigger(usize),
    /// Characteristics of the station at that index.
    Characteristic(usize),
    /// Topics on the broker.
    Topic,
}

impl Scope {
    /// The article before it.
    pub(super) fn article(self) -> &'static str {
        if self == Self::Operation { "an" } else { "a" }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Station => "station",
            Self::Machine => "machine",
            Self::Printer => "printer",
            Self::Operation => "operation",
            Self::Shift => "shift",
            Self::Lease => "lease",
            Self::Language => "language",
            Self::Register(_) => "register of this machine",
            Self::Trigger(_) => "trigger of this machine",
            Self::Characteristic(_) => "characteristic of this station",
            Self::Topic => "topic",
        })
    }
}

/// Names given and used, in the order of the file.
#[derive(Default)]
pub(super) struct NameBook {
    given: Vec<(Scope, String, Place)>,
    used: Vec<(Scope, String, Place)>,
    listeners: Vec<(SocketAddr, Place)>,
}

impl Findings<'_> {
    /// Something is called by that name here.
    pub(super) fn gives(&self, scope: Scope, name: &str, place: Place) {
        self.names.borrow_mut().given.push((scope, name.to_owned(), place));
    }

    /// Something of that name is needed here.
    pub(super) fn uses(&self, scope: Scope, name: &str, place: Place) {
        self.names.borrow_mut().used.push((scope, name.to_owned(), place));
    }

    /// The agent listens on that address.
    pub(super) fn listens(&self, address: SocketAddr, place: Place) {
        self.names.borrow_mut().listeners.push((address, place));
    }

    /// Notes every name given twice, every name used but not given, and every
    /// address listened on twice.
    pub(super) fn compare_names(&self) {
        let NameBook { given, used, listeners } = self.names.take();
        let mut first: HashMap<(Scope, &str), &Place> = HashMap::new();
        let mut known: HashMap<Scope, Vec<&str>> = HashMap::new();
        for (scope, name, place) in &given {
            if let Some(earlier) = first.get(&(*scope, name.as_str())) {
                self.note(
                    Basis::Present,
                    place,
                    format!("\"{name}\""),
                    format!("a name that no other {scope} has"),
                    Some(format!("the first is on line {}", self.line_of(earlier.offset))),
                );
            } else {
                first.insert((*scope, name), place);
                known.entry(*scope).or_default().push(name);
            }
        }
        for (scope, name, place) in &used {
            if first.contains_key(&(*scope, name.as_str())) {
                continue;
            }
            let known = known.get(scope).map(Vec::as_slice).unwrap_or_default();
            let expected =
                format!("the name of {} {scope} in this file ({})", scope.article(), some_of(known));
            let hint = did_you_mean(name, known.iter().copied());
            self.note(Basis::Absent, place, format!("\"{name}\""), expected, hint);
        }
        for (index, (address, place)) in listeners.iter().enumerate() {
            let earlier = listeners[..index].iter().find(|(other, _)| collide(*other, *address));
            if let Some((_, other)) = earlier {
                let expected = "an address that nothing else in this file listens on";
                let line = self.line_of(other.offset);
                let hint = format!("{} on line {line} listens there too", other.path);
                self.note(Basis::Present, place, format!("\"{address}\""), expected, Some(hint));
            }
        }
    }
}

fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let every = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && (every || a.ip() == b.ip())
}

fn some_of(names: &[&str]) -> String {
    match names {
        [] => "there is none".to_owned(),
        _ if names.len() > LONGEST_LIST => format!("{}, …", names[..LONGEST_LIST].join(", ")),
        _ => names.join(", "),
    }
}
