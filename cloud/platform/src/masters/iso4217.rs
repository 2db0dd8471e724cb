//! Currencies of ISO 4217, to choose from: code, places after the point, and names as the
//! Unicode CLDR has them; where it has none in a language, the English one. Codes for tests
//! and for no currency (XTS, XXX) are no money, and not among them.
//!
//! The table is a file, made of the list that SIX publishes for ISO and of CLDR; its head
//! says of which.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Json;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Row, Wrong};
use crate::i18n::{Lang, Names, Texts};
use crate::openapi::{Operation, group};

const TABLE: &str = include_str!("iso4217.tsv");

/// A currency of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Currency {
    pub code: &'static str,
    pub decimals: u8,
    /// Empty where people write the code.
    pub symbol: &'static str,
    /// In the order of [`Lang::ALL`]; empty where there is none in a language.
    names: [&'static str; 4],
}

impl Currency {
    fn read(line: &'static str) -> Option<Self> {
        let mut parts = line.split('\t');
        let (code, decimals, symbol) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let names = Lang::ALL.map(|_| parts.next().unwrap_or_default());
        Some(Self { code, decimals, symbol, names })
    }

    /// Its names, where it has any.
    pub fn names(&self) -> Names {
        let all = Lang::ALL.into_iter().zip(self.names);
        all.filter(|(_, name)| !name.is_empty()).map(|(lang, name)| (lang, name.to_owned())).collect()
    }

    pub fn name(&self, lang: Lang) -> &'static str {
        let [english, ..] = self.names;
        let said = Lang::ALL.iter().zip(self.names).find(|(of, _)| **of == lang);
        said.map(|(_, name)| name).filter(|name| !name.is_empty()).unwrap_or(english)
    }
}

/// All of them, by code.
static ALL: LazyLock<Vec<Currency>> = LazyLock::new(|| {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(Currency::read).collect()
});

pub(super) fn find(code: &str) -> Option<&'static Currency> {
    let at = ALL.binary_search_by(|currency| currency.code.cmp(code)).ok()?;
    ALL.get(at)
}

/// The sign by which a currency alone is known, wherever its amounts stand: one that others
/// have too (`$`), or that is letters (`kr`), could be read as something else.
fn sign(code: &str) -> Option<&'static str> {
    let sign = find(code)?.symbol;
    let alone = ALL.iter().filter(|currency| currency.symbol == sign).count() == 1;
    (alone && !sign.is_empty() && !sign.chars().any(char::is_alphanumeric)).then_some(sign)
}

/// An amount as other systems are told it in a text: without grouping, with the places that
/// the currency has at least.
pub(crate) fn plain_amount(amount: &Decimal, currency: &str) -> String {
    let places = find(currency).map_or(2, |currency| u32::from(currency.decimals));
    let mut amount = amount.normalize();
    if amount.scale() < places {
        amount.rescale(places);
    }
    format!("{amount} {currency}").trim().to_owned()
}

impl Texts {
    /// An amount of money in a currency: with its sign, where it has one of its own
    /// (`₹1,25,000.50`), else with its code.
    #[must_use]
    pub fn money_in(&self, amount: &Decimal, currency: &str) -> String {
        let amount = self.money(amount);
        match sign(currency) {
            // As numbers are written for people, not a hyphen.
            Some(sign) => match amount.strip_prefix('−') {
                Some(amount) => format!("−{sign}{amount}"),
                None => format!("{sign}{amount}"),
            },
            None => format!("{amount} {currency}").trim().to_owned(),
        }
    }
}

/// Codes and names, to choose from.
pub(super) fn offered(lang: Lang) -> Vec<(String, String)> {
    ALL.iter().map(|currency| (currency.code.to_owned(), currency.name(lang).to_owned())).collect()
}

/// What the code says, where it is not said besides: the names in all languages, of which
/// the one in the tenant's own becomes the name.
pub(super) fn fill(cells: &mut BTreeMap<String, String>) {
    let Some(currency) = cells.get("currency").and_then(|code| find(code.trim())) else { return };
    let known = [
        ("symbol".to_owned(), currency.symbol.to_owned()),
        ("decimals".to_owned(), currency.decimals.to_string()),
    ];
    let names = currency.names();
    let names = names.each().map(|(lang, name)| (format!("names.{}", lang.code()), name.to_owned()));
    for (field, value) in known.into_iter().chain(names) {
        let given = cells.entry(field).or_default();
        if given.trim().is_empty() {
            *given = value;
        }
    }
}

/// A currency is one of ISO 4217, or marked as the tenant's own.
pub(super) fn rule(row: &Row) -> Option<(&'static str, Wrong)> {
    let code = row.get("currency")?.as_str()?;
    let own = row.get("own").and_then(serde_json::Value::as_bool).unwrap_or_default();
    (!own && find(code).is_none()).then(|| ("currency", Wrong::new("iso4217").with("found", code)))
}

// --- for programs -----------------------------------------------------------------

/// A currency of ISO 4217.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IsoCurrency {
    code: &'static str,
    /// Places after the point.
    decimals: u8,
    /// As people write it; empty: by its code.
    symbol: &'static str,
    /// Its name, by language.
    names: BTreeMap<&'static str, &'static str>,
}

/// Currencies of ISO 4217.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IsoCurrencies {
    /// By code.
    currencies: Vec<IsoCurrency>,
}

pub(super) const PATH: &str = "/api/v1/iso-4217";

/// What the route here is, for the description of the API.
pub(super) fn operations() -> Vec<Operation> {
    let list = Operation::get(PATH, "listIsoCurrencies", "Currencies of ISO 4217, to choose from")
        .note("A new row of the master `currencies` needs no more than the code of one.")
        .public()
        .answers::<IsoCurrencies>();
    group("Currencies", [list])
}

/// `GET /api/v1/iso-4217`
pub(super) async fn list() -> Json<IsoCurrencies> {
    let currency = |of: &Currency| IsoCurrency {
        code: of.code,
        decimals: of.decimals,
        symbol: of.symbol,
        names: Lang::ALL.iter().map(|lang| (lang.code(), of.name(*lang))).collect(),
    };
    Json(IsoCurrencies { currencies: ALL.iter().map(currency).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_sign_of_its_currency_where_no_other_has_it() {
        let texts = Texts::new(std::sync::Arc::new(crate::i18n::I18n::new()), Lang::En);
        let amount = |text: &str, currency| texts.money_in(&text.parse().unwrap(), currency);
        assert_eq!(amount("125000.5", "INR"), "₹1,25,000.50");
        assert_eq!(amount("-100", "INR"), "−₹100.00");
        for (currency, said) in [("USD", "5.00 USD"), ("SEK", "5.00 SEK"), ("XXX", "5.00 XXX"), ("", "5.00")]
        {
            assert_eq!(amount("5", currency), said);
        }
        let plain = |text: &str, currency| plain_amount(&text.parse().unwrap(), currency);
        assert_eq!([plain("100", "INR"), plain("125000.50", "INR")], ["100.00 INR", "125000.50 INR"]);
        assert_eq!(
            [plain("100", "JPY"), plain("1.5", "KWD"), plain("7", "")],
            ["100 JPY", "1.500 KWD", "7.00"]
        );
    }

    #[test]
    fn the_table_is_whole_and_in_order() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!((ALL.len(), ALL.len() > 170), (lines, true), "every line is read");
        assert!(ALL.is_sorted_by(|a, b| a.code < b.code));
        for currency in ALL.iter() {
            let letters = currency.code.len() == 3 && currency.code.bytes().all(|b| b.is_ascii_uppercase());
            assert!(
                letters && currency.decimals <= 4 && currency.symbol.chars().count() <= 5,
                "{currency:?}"
            );
            for lang in Lang::ALL {
                assert!((1..=120).contains(&currency.name(lang).chars().count()), "{currency:?} in {lang:?}");
            }
        }
        let decimals = |code| find(code).map(|currency| currency.decimals);
        assert_eq!([decimals("JPY"), decimals("INR"), decimals("KWD")], [Some(0), Some(2), Some(3)]);
        assert_eq!((decimals("CLF"), decimals("XXX"), decimals("DEM")), (Some(4), None, None));
        assert_eq!(find("INR").map(|rupee| rupee.name(Lang::Te)), Some("భారతదేశ రూపాయి"));
        assert_eq!(find("VED").map(|of| of.name(Lang::Hi)), find("VED").map(|of| of.name(Lang::En)));
    }

    #[test]
    fn what_is_said_stays_and_what_is_not_is_filled_in() {
        let filled = |given: &[(&str, &str)]| -> BTreeMap<String, String> {
            let mut cells = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            fill(&mut cells);
            cells
        };
        let yen = filled(&[("currency", "JPY"), ("decimals", ""), ("names.hi", "येन")]);
        let said = |field: &str| yen.get(field).map_or("", String::as_str);
        assert_eq!([said("decimals"), said("symbol"), said("name")], ["0", "¥", ""]);
        assert_eq!([said("names.en"), said("names.hi")], ["Japanese Yen", "येन"]);
        let telugu = find("JPY").map(|yen| yen.name(Lang::Te)).unwrap();
        assert_eq!(said("names.te"), telugu);
        assert_eq!(filled(&[("currency", "JPY"), ("decimals", "2")])["decimals"], "2");
        assert_eq!(filled(&[("currency", "ZZZ")]).len(), 1);
    }
}
