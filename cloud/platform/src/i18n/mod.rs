//! Text that a person reads, in four languages, and numbers and times as they
//! are written.
//!
//! A part keeps `texts/{en,hi,bn,te}.ftl`, offers them as [`Sources`], is given
//! to [`I18n::with_all`] by the server, and tests them with [`assert_complete`].
//! Keys start with the part's name: `holds-placed`, `nav-holds`.

mod bundles;
mod check;
mod format;
mod lang;
mod names;
mod typed;

pub use bundles::{I18n, Texts, Value};
pub use check::assert_complete;
pub(crate) use format::grouped_number;
pub use format::{Days, Form, Grouping, begins, zone};
pub use lang::Lang;
pub use names::{LONGEST_NAME, Names, TypedNames};
pub use typed::{Months, plain_day, plain_number, typed_decimal};

/// A part's texts, one source for each language.
pub type Sources<'a> = [(Lang, &'a str); 4];

/// The texts of the web shell.
pub const SHELL: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_is_complete() {
        assert_complete(SHELL);
    }

    #[test]
    fn a_text_falls_back_and_takes_values() {
        let texts = I18n::new()
            .with(Lang::En, "x-found = { $count ->\n    [one] one unit\n   *[other] { $count } units\n }");
        assert_eq!(texts.t(Lang::Hi, "x-found", &[("count", 1.into())]), "one unit");
        assert_eq!(texts.t(Lang::Te, "x-found", &[("count", 3000.into())]), "3,000 units");
        assert_eq!(texts.t(Lang::En, "x-none", &[]), "x-none");
    }
}
