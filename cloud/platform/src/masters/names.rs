//! The name of a row beside its names in languages: one of them is the name, the one
//! in the tenant's own language if there is one.

use serde_json::Value;

use super::check::Cells;
use super::kind;
use super::shape::Shape;
use super::{Mistake, Row, text_of};

/// Makes the name of a row and its names in languages agree, as they were given. A
/// name in any one language is enough.
pub(super) fn settle(
    shape: &Shape,
    cells: &Cells,
    before: Option<&Row>,
    row: &mut Row,
    mistakes: &mut Vec<Mistake>,
) {
    let Some(column) = shape.names() else { return };
    // What could not be read is told already.
    let Some(Value::Object(mut names)) = row.get(&column.name).cloned() else { return };
    let title = shape.master.title;
    if !shape.names_itself() {
        let key = || shape.master.key.last().and_then(|key| row.get(*key)).cloned().unwrap_or_default();
        let name = match kind::name_in(&names, shape.language) {
            none if none.is_empty() => key(),
            name => name.into(),
        };
        row.insert(title.to_owned(), name);
        return;
    }
    let own = shape.language.code();
    let any = kind::name_in(&names, shape.language);
    if let Some(at) = mistakes.iter().position(|mistake| mistake.field == title) {
        if mistakes.get(at).is_some_and(|mistake| mistake.wrong.key == "required") && !any.is_empty() {
            mistakes.remove(at);
            row.insert(title.to_owned(), any.into());
        }
        return;
    }
    let name = text_of(row, title).to_owned();
    let name_was = before.map(|before| text_of(before, title).to_owned()).unwrap_or_default();
    let own_is = names.get(own).and_then(Value::as_str).unwrap_or_default().to_owned();
    let own_was = before.and_then(|before| before.get(&column.name)?.get(own)?.as_str()).unwrap_or_default();
    if cells.contains_key(title) && name.is_empty() && !name_was.is_empty() {
        names.remove(own);
        row.insert(title.to_owned(), kind::name_in(&names, shape.language).into());
    } else if name != name_was {
        names.insert(own.to_owned(), name.into());
    } else if !own_is.is_empty() && own_is != own_was || name.is_empty() {
        row.insert(title.to_owned(), any.into());
    } else if own_is.is_empty() && !own_was.is_empty() {
        // It is the name, which stays.
        names.insert(own.to_owned(), own_was.into());
    }
    row.insert(column.name.clone(), Value::Object(names));
}
