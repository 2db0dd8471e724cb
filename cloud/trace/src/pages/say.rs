//! Names in the reader's language, and how states look.

use std::collections::HashMap;

use chrono_tz::Tz;
use platform::db::Tx;
use platform::i18n::Texts;
use platform::web::Problem;

use super::store;
use super::words::Words;
use crate::explore::error::TraceError;
use crate::explore::model::{Pile, Trace, Whereabouts};
use crate::holds::deliveries::{Delivery, by_plant};

/// Time zones of plants by code.
#[derive(Debug, Clone, Default)]
pub struct Zones {
    by_plant: HashMap<String, Tz>,
    otherwise: Tz,
}

impl Zones {
    /// Zones of plants; `otherwise` where a plant is not known.
    pub fn new(plants: Vec<(String, String)>, otherwise: Tz) -> Self {
        let by_plant = plants.into_iter().map(|(code, name)| (code, platform::i18n::zone(&name))).collect();
        Self { by_plant, otherwise }
    }

    /// Those of the tenant's plants, as [`Self::new`].
    ///
    /// # Errors
    /// The database.
    pub async fn read(tx: &mut Tx, otherwise: Tz) -> Result<Self, TraceError> {
        Ok(Self::new(store::zones(tx).await?, otherwise))
    }

    /// The reader's own zone.
    pub fn own(&self) -> Tz {
        self.otherwise
    }

    /// The zone of a plant.
    pub fn of(&self, plant: &str) -> Tz {
        self.by_plant.get(plant).copied().unwrap_or(self.otherwise)
    }
}

/// Why a question has no answer, in the reader's language: `error-<code>`, with
/// the UIDs where several are meant.
pub fn problem(texts: &Texts, error: TraceError) -> Problem {
    let uids = match &error {
        TraceError::Ambiguous { uids, .. } => Some(uids.join(", ")),
        _ => None,
    };
    let mut problem = Problem::from(error);
    problem.errors.clear();
    problem.says = None;
    problem.detail = match uids {
        Some(uids) => format!("{} {uids}", texts.t(&problem.text_key())),
        None => String::new(),
    };
    problem
}

/// How an exception was resolved: the system's own words in the reader's
/// language, a person's as they are.
pub fn resolution(texts: &Texts, how: &str) -> String {
    match how {
        crate::exceptions::WITHDRAWN => texts.t("trace-withdrawn"),
        crate::exceptions::FOUND_AGAIN => texts.t("exceptions-found-again"),
        crate::exceptions::TOLD_AS_GAP => texts.t("exceptions-told-as-gap"),
        _ => how.to_owned(),
    }
}

/// A stage as people say it.
pub fn stage(texts: &Texts, stage: &str) -> String {
    texts.or(&format!("trace-stage-{stage}"), stage)
}

/// A kind of exception as people say it.
pub fn exception(texts: &Texts, kind: &str) -> String {
    texts.or(&format!("trace-exception-{}", kind.replace('.', "-")), kind)
}

/// A state or other name under a prefix, such as `life` and `active`.
pub fn name(texts: &Texts, prefix: &str, value: &str) -> String {
    texts.or(&format!("trace-{prefix}-{value}"), value)
}

/// The states of a unit in one line, by a hold that it is under or was: what is held is called
/// so, and nothing is called free to use that is held, is gone, or can be used no more.
pub fn states(texts: &Texts, (life, quality, custody): (&str, &str, &str), held: bool) -> String {
    let mut said = vec![name(texts, "life", life)];
    let gone = matches!(custody, "customer" | "supplier" | "in_transit");
    if quality_counts((life, quality), held || gone) {
        said.push(name(texts, "quality", quality));
    }
    if held {
        said.push(texts.t("trace-held"));
    }
    said.push(name(texts, "custody", custody));
    said.join(" · ")
}

/// As [`states`], of the unit itself that a trace is of: what it is in decides who has it.
pub fn state(texts: &Texts, trace: &Trace) -> String {
    let (state, gone) = (&trace.state, trace.gone());
    let custody = gone.map_or(state.custody.as_str(), |at| at.custody.as_str());
    let all = (state.life.as_str(), state.quality.as_str(), custody);
    states(texts, all, !state.holds.is_empty())
}

/// To whom something went, by which document and when.
pub fn went(texts: &Texts, zones: &Zones, at: &Whereabouts) -> String {
    let left = at.left_at.map(|left| texts.time(&left, zones.of(&at.plant))).unwrap_or_default();
    joined(&[&at.partner, &at.document, &left])
}

/// What is there of these, with spaces between.
pub fn joined(parts: &[&str]) -> String {
    parts.iter().copied().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether a unit's quality says anything: nothing is free to use that is held, or can be used
/// no more.
pub fn quality_counts((life, quality): (&str, &str), held: bool) -> bool {
    quality != "unrestricted" || (!held && life == "active")
}

/// The heading of a tree.
pub fn way(texts: &Texts, way: &str) -> String {
    texts.t(&format!("trace-{way}"))
}

/// The colour of a state; the text says the same, so nobody needs the colour.
pub fn colour(value: &str) -> &'static str {
    match value {
        "active" | "unrestricted" | "passed" => "bg-green-lt",
        "in_inspection" | "in_transit" | "expected" | "partial" => "bg-yellow-lt",
        "rejected" | "scrapped" | "failed" => "bg-red-lt",
        "consumed" => "bg-secondary-lt",
        _ => "bg-blue-lt",
    }
}

/// How people write a unit of measure, by its code (UCUM's), where the tenant's master does
/// not say it; most are written as their code is. Pages ask `Words::unit`.
pub(super) fn usual_unit(code: &str) -> &str {
    match code {
        "Cel" => "°C",
        "[degF]" => "°F",
        "deg" => "°",
        "Ohm" => "Ω",
        "kOhm" => "kΩ",
        "MOhm" => "MΩ",
        "um" => "µm",
        "ug" => "µg",
        "us" => "µs",
        "uA" => "µA",
        "uV" => "µV",
        "uS/cm" => "µS/cm",
        "N.m" => "N·m",
        "mm2" => "mm²",
        "cm2" => "cm²",
        "m2" => "m²",
        "mm3" => "mm³",
        "cm3" => "cm³",
        "dm3" => "dm³",
        "m3" => "m³",
        "m3/h" => "m³/h",
        "m/s2" => "m/s²",
        "mm/s2" => "mm/s²",
        "[psi]" => "psi",
        "[pH]" => "pH",
        _ => code,
    }
}

/// A whole number, or a reference to one: templates hold both.
pub trait Whole {
    /// As it is shown.
    fn whole(&self) -> i64;
}

macro_rules! whole {
    ($($kind:ty)*) => {
        $(impl Whole for $kind {
            fn whole(&self) -> i64 {
                i64::try_from(*self).unwrap_or(i64::MAX)
            }
        })*
    };
}
whole!(usize i32 i64);

impl<N: Whole> Whole for &N {
    fn whole(&self) -> i64 {
        (**self).whole()
    }
}

/// A whole number.
pub fn number(texts: &Texts, n: impl Whole) -> String {
    texts.number(n.whole())
}

/// A text with a count.
pub fn count(texts: &Texts, key: &str, n: impl Whole) -> String {
    texts.count(key, n.whole())
}

/// How many labels lie somewhere, how many of them count no goods of their own, and how much
/// the goods are.
pub(crate) fn pile(texts: &Texts, words: &Words, pile: &Pile) -> String {
    let mut said = vec![count(texts, "trace-labels", pile.labels)];
    for (key, labels) in [("trace-ends-built-in", pile.built_in), ("trace-ends-packages", pile.packages)] {
        if labels > 0 {
            said.push(count(texts, key, labels));
        }
    }
    if pile.labels > pile.built_in + pile.packages {
        let amount = format!("{} {}", texts.quantity(&pile.quantity), words.unit(&pile.unit));
        said.push(amount.trim_end().to_owned());
    }
    said.join(", ")
}

/// How many deliveries of a lot are at which plants.
pub fn delivered(texts: &Texts, deliveries: &[Delivery]) -> String {
    let at = by_plant(deliveries).into_iter();
    let each = at.map(|(plant, count)| format!("{plant} {}", number(texts, count)));
    each.collect::<Vec<_>>().join(" · ")
}

/// A text as a part of an address.
pub fn encoded(text: &str) -> String {
    platform::web::escaped(text, b"-_.~")
}

/// Where a document is told of; one of no type is searched for. A hold has its own page.
pub fn document(kind: &str, number: &str) -> String {
    match kind {
        "hold" => format!("/holds/{}", encoded(number)),
        "" => format!("/trace?q={}", encoded(number)),
        kind => format!("/trace/document/{}/{}", encoded(kind), encoded(number)),
    }
}
