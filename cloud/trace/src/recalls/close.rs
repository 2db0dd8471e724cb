//! What is asked before a recall is closed of which not all is accounted for.

use platform::db::Tx;
use uuid::Uuid;

use super::effect::Total;
use super::error::RecallError;
use super::model::End;
use super::store;

/// What is open of a recall.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Open {
    /// Of each unit of measure of which not all is accounted for how much is.
    pub totals: Vec<Total>,
    /// Letters that were not sent.
    pub letters: i64,
}

/// What is open of a recall of which so much is accounted for now.
///
/// # Errors
/// The database.
pub async fn open(tx: &mut Tx, recall: Uuid, mut totals: Vec<Total>) -> Result<Open, RecallError> {
    totals.retain(|total| total.accounted < total.to_account);
    Ok(Open { totals, letters: store::letters::unsent(tx, recall).await? })
}

/// Refuses an end of which it is not said expressly, and why, that not all is accounted for. Pure.
///
/// # Errors
/// [`RecallError::Unaccounted`], with the figures.
pub fn check(open: &Open, end: &End) -> Result<(), RecallError> {
    if open.totals.is_empty() {
        return Ok(());
    }
    let mut wrong = Vec::new();
    if !end.unaccounted {
        wrong.push(("unaccounted", "recalls-wrong-unaccounted"));
    }
    if end.note.trim().is_empty() {
        wrong.push(("note", "recalls-wrong-unaccounted-why"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(RecallError::Unaccounted { open: told(open), wrong }) }
}

/// The figures, for whoever reads an answer of the API. Pure.
fn told(open: &Open) -> String {
    let mut said: Vec<String> = open
        .totals
        .iter()
        .map(|total| {
            let (accounted, all) = (total.accounted.normalize(), total.to_account.normalize());
            format!("{accounted} of {all} {}", total.unit).trim_end().to_owned() + " accounted for"
        })
        .collect();
    if open.letters > 0 {
        said.push(format!("{} letters not sent", open.letters));
    }
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(unit: &str, accounted: i64, to_account: i64) -> Total {
        Total {
            unit: unit.into(),
            labels: to_account,
            to_account: to_account.into(),
            accounted: accounted.into(),
            percent: None,
            course: Vec::new(),
        }
    }

    #[test]
    fn an_end_with_something_open_is_said_expressly_and_why() {
        let open = Open { totals: vec![total("pcs", 4, 783), total("", 0, 12)], letters: 2 };
        let end = |note: &str, unaccounted| End { note: note.into(), unaccounted };
        let Err(RecallError::Unaccounted { open: told, wrong }) = check(&open, &end(" ", false)) else {
            panic!("it closes without a word");
        };
        assert_eq!(told, "4 of 783 pcs accounted for, 0 of 12 accounted for, 2 letters not sent");
        assert_eq!(wrong.iter().map(|one| one.0).collect::<Vec<_>>(), ["unaccounted", "note"]);
        assert!(check(&open, &end("Done", false)).is_err(), "a note alone may be about anything");
        assert!(check(&open, &end("", true)).is_err());
        assert!(check(&open, &end("The rest was used up in 2019", true)).is_ok());
        let letters = Open { totals: Vec::new(), letters: 2 };
        assert!(check(&letters, &end("", false)).is_ok(), "all is there, whoever was written to");
    }
}
