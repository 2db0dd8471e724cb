//! Which people a list is narrowed to.

use super::model::Status;
use crate::web::Problem;

/// Longest text that is searched, in characters.
const LONGEST: usize = 100;

/// Some of the people; what is empty is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// A part of the name or e-mail address, in small letters.
    pub holding: String,
    /// As [`Status::name`] has it.
    pub status: String,
    /// The code of a role that they have, at some plant at least.
    pub role: String,
}

impl Part {
    /// As a query string says it.
    ///
    /// # Errors
    /// 400 `query.parameter`, naming what is none.
    pub(super) fn read(q: &str, status: &str, role: &str) -> Result<Self, Problem> {
        let wrong = |field: &str, what: &str| {
            Problem::bad_request("query.parameter", format!("{field} {what}")).field(field, what)
        };
        let q = q.trim();
        if q.chars().count() > LONGEST {
            return Err(wrong("q", "is longer than 100 characters"));
        }
        if let Some((field, _)) = [("q", q), ("role", role)].iter().find(|(_, text)| text.contains('\0')) {
            return Err(wrong(field, "holds a NUL"));
        }
        if !status.is_empty() && Status::parse(status).name() != status {
            return Err(wrong("status", "is none of invited, active, disabled"));
        }
        Ok(Self { holding: q.to_lowercase(), status: status.to_owned(), role: role.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_what_it_says_or_names_what_is_none() {
        let part = Part::read(" Rao ", "invited", "ADMIN").unwrap();
        assert_eq!(
            (part.holding.as_str(), part.status.as_str(), part.role.as_str()),
            ("rao", "invited", "ADMIN")
        );
        assert_eq!(Part::read("", "", "").unwrap(), Part::default());
        for (q, status, role, field) in [
            ("a\0", "", "", "q"),
            (&*"x".repeat(101), "", "", "q"),
            ("", "gone", "", "status"),
            ("", "", "\0", "role"),
        ] {
            let told = Part::read(q, status, role).unwrap_err();
            assert_eq!(told.errors[0].field, field, "{told:?}");
        }
    }
}
