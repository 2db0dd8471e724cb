//! Which workflows name a role, for whoever would delete it.

use serde_json::Value as Json;

use super::store;
use super::store::definitions::Called;
use crate::db::{DbError, Tx};

/// What workflows are called that name a role: published ones, drafts, and those that documents
/// still go through. At most 20.
///
/// # Errors
/// [`DbError`].
pub(crate) async fn naming_role(tx: &mut Tx, role: &str) -> Result<Vec<Called>, DbError> {
    let written = store::definitions::in_use(tx, &format!("\"{role}\"")).await?;
    let mut called: Vec<Called> = written
        .into_iter()
        .filter(|(_, source)| serde_json::from_str(source).is_ok_and(|json| names_role(&json, role)))
        .map(|(called, _)| called)
        .collect();
    called.dedup_by(|a, b| a.name == b.name);
    called.truncate(20);
    Ok(called)
}

/// Whether a definition asks a role, or escalates to it.
fn names_role(json: &Json, role: &str) -> bool {
    match json {
        Json::Object(fields) => fields.iter().any(|(key, value)| match value {
            Json::String(text) => {
                matches!(key.as_str(), "approver_role" | "role" | "escalate_to") && text == role
            }
            other => names_role(other, role),
        }),
        Json::Array(items) => items.iter().any(|item| names_role(item, role)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_as_approver_or_in_an_escalation() {
        let example: Json = serde_json::from_str(include_str!("example.json")).unwrap();
        for role in ["DEPT_HEAD", "ACCOUNTANT", "PLANT_MANAGER"] {
            assert!(names_role(&example, role), "{role}");
        }
        assert!(!names_role(&example, "APPROVE"), "what may be done is no role");
        let listed =
            serde_json::json!({ "stages": [{ "name": "BUYER", "approvers": [{ "role": "LINE_LEAD" }] }] });
        assert!(names_role(&listed, "LINE_LEAD") && !names_role(&listed, "BUYER"));
    }
}
