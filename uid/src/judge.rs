//! Judging texts for people, as the programs' `uid check` does.

use crate::{TenantCode, Uid, clean_scan};

/// The UID of a text as typed or scanned, or why there is none, in a sentence;
/// places are counted in the text as it was given. `tenant` says whose links these
/// are: a serial number in a GS1 Digital Link does not name it. Any other text may
/// name any tenant.
///
/// # Errors
/// What is wrong, where, and what was expected; or that a tenant has to be named.
pub fn judge(text: &str, tenant: Option<TenantCode>) -> Result<Uid, String> {
    let scanned = clean_scan(text);
    let judged = match tenant {
        Some(own) => scanned.uid(own),
        None => scanned.uid_of_any().ok_or(
            "cannot be judged: a serial number does not say whose it is; name the tenant with --tenant",
        )?,
    };
    judged.map_err(|error| format!("not valid: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_judged_as_it_was_given() {
        let uid = "UID-SAIF-KOL-RM-000001-A7";
        assert_eq!(judge(uid, None).unwrap().to_string(), uid);
        assert_eq!(judge(&format!("]d1{}", uid.to_lowercase()), None).unwrap().to_string(), uid);
        let place = |text: &str| clean_scan(text).uid_of_any().unwrap().unwrap_err().fault().at;
        let wrong = "UID-SAIF-KOL-RM-000001-A8";
        assert_eq!(place(&format!("]d1{wrong}")), place(wrong) + 3);
        assert!(judge(&format!("]d1{wrong}"), None).unwrap_err().starts_with("not valid: "));
        let serial = judge(uid, None).unwrap().serial().to_string();
        let link = format!("https://id.example.com/01/09506000134352/21/{serial}");
        assert!(judge(&link, None).unwrap_err().contains("--tenant"), "nobody can say");
        assert_eq!(judge(&link, "SAIF".parse().ok()).unwrap().to_string(), uid);
    }
}
