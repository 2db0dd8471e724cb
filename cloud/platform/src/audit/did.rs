//! What was done, in words: the acts that the product writes down.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::list::AuditEntry;
use crate::i18n::Texts;
use crate::workflow::State;

/// Every act of what is no module of its own, sorted. Each has a text `audit-did-…`, with
/// `-` for the dot; which there are is read off the texts. Modules have the words of theirs
/// among their own.
#[cfg(test)]
const DID: &[&str] = &[
    "address.reachable",
    "address.unreachable",
    "agent.raise_epoch",
    "agent.reopen",
    "agent.revoke",
    "audit.export",
    "code.create",
    "code.redeem",
    "consent.give",
    "consent.withdraw",
    "dashboard.target",
    "delivery.replay",
    "delivery.replay_all",
    "events.import",
    "exception.assign",
    "exception.reopen",
    "exception.resolve",
    "file.add",
    "file.delete",
    "file.purge",
    "file.replace",
    "file.restore",
    "hold.grow",
    "hold.place",
    "hold.release",
    "key.create",
    "key.revoke",
    "mail.bounce_token",
    "mail.server",
    "mail.settings",
    "master.create",
    "master.delete",
    "master.export",
    "master.export_sensitive",
    "master.import",
    "master.look",
    "master.read",
    "master.restore",
    "master.update",
    "master.withdraw",
    "notice.preferences",
    "notice.times",
    "number.lend",
    "number.take_back",
    "number.void",
    "partner.write",
    "passport.end",
    "passport.make",
    "passport.set",
    "personal.erase",
    "personal.export",
    "personal.read",
    "personal.refuse",
    "phone.delete",
    "phone.set",
    "phone.verify",
    "plant.change",
    "plant.create",
    "proof.check",
    "proof.rotate",
    "recall.activate",
    "recall.ask",
    "recall.begin",
    "recall.cancel",
    "recall.change",
    "recall.close",
    "recall.consignee",
    "recall.hold_release",
    "recall.incomplete",
    "recall.respond",
    "recall.snapshot",
    "recall.write",
    "reference.publish",
    "reference.withdraw",
    "request.change",
    "request.done",
    "request.raise",
    "role.create",
    "role.delete",
    "role.limit",
    "role.permissions",
    "role.rename",
    "role.require_totp",
    "scope.again",
    "scope.delete",
    "scope.fail",
    "scope.keep",
    "scope.save",
    "scope.stop",
    "session.end",
    "session.start",
    "signin.failed",
    "signin.locked",
    "signin.provider",
    "signin.refused",
    "sms.settings",
    "tenant.addresses",
    "tenant.backup",
    "tenant.colours",
    "tenant.create",
    "tenant.erase",
    "tenant.export",
    "tenant.features",
    "tenant.logo",
    "tenant.move",
    "tenant.plan",
    "tenant.restore",
    "tenant.restored",
    "tenant.resume",
    "tenant.seed",
    "tenant.settings",
    "tenant.suspend",
    "tenant.trial",
    "tenant.update",
    "token.issue",
    "token.redeem",
    "token.reuse",
    "token.revoke",
    "token.signing_key",
    "user.backup_code",
    "user.backup_codes",
    "user.create",
    "user.forgot",
    "user.invite",
    "user.link",
    "user.link_identity",
    "user.password",
    "user.profile",
    "user.rename",
    "user.roles",
    "user.status",
    "user.totp_off",
    "user.totp_on",
    "user.totp_reset",
    "user.unlink",
    "view.delete",
    "view.share",
    "webhook.active",
    "webhook.create",
    "webhook.delete",
    "webhook.test",
    "workflow.call_key",
    "workflow.cancel",
    "workflow.decide",
    "workflow.delegate",
    "workflow.delegate_end",
    "workflow.discard",
    "workflow.draft",
    "workflow.escalate",
    "workflow.move",
    "workflow.publish",
    "workflow.resubmit",
    "workflow.retire",
    "workflow.start",
    "workflow.webhook",
    "workflow.webhook_end",
];

/// An act in the reader's words; its code where there are none.
pub(crate) fn said(texts: &Texts, action: &str) -> String {
    texts.or(&format!("audit-did-{}", action.replace('.', "-")), action)
}

/// An act in the reader's words, with what its row says of it: of a document on its way from
/// which state it went to which.
pub(super) fn told(texts: &Texts, entry: &AuditEntry) -> String {
    let said = said(texts, &entry.action);
    if entry.action != "workflow.move" {
        return said;
    }
    let state = |row: &Option<Value>| {
        let code = row.as_ref()?.get("state")?.as_str()?;
        Some(State::parse(code).map_or_else(|| code.to_owned(), |state| texts.or(&state.text_key(), code)))
    };
    match (state(&entry.before), state(&entry.after)) {
        (Some(from), Some(to)) => format!("{said}: {from} → {to}"),
        _ => said,
    }
}

/// Every act that has words, those of modules among them: its code, and what is said of it.
pub(super) fn all(texts: &Texts) -> Vec<(String, String)> {
    let codes = texts.keys("audit-did-").map(|key| key.replacen('-', ".", 1));
    codes.map(|code| (code.clone(), said(texts, &code))).collect()
}

/// The acts that are meant by a text as the page shows it: the one that is called so, else
/// those that have it in their words. `None` where it stands for itself, as a code does.
pub(super) fn meant(texts: &Texts, typed: &str) -> Option<Vec<String>> {
    let typed = typed.trim();
    if typed.is_empty() {
        return None;
    }
    let mut all = all(texts);
    if all.iter().any(|(code, _)| code == typed) {
        return None;
    }
    let typed = typed.to_lowercase();
    for (_, said) in &mut all {
        *said = said.to_lowercase();
    }
    let such = |fits: &dyn Fn(&str) -> bool| -> Vec<String> {
        all.iter().filter(|(_, said)| fits(said)).map(|(code, _)| code.clone()).collect()
    };
    let exact = such(&|said: &str| said == typed);
    let found = if exact.is_empty() { such(&|said: &str| said.contains(&typed)) } else { exact };
    (!found.is_empty()).then_some(found)
}

/// What may be meant by a code as people write it, such as `ITM-00002`: something of each
/// kind. `None` where it names its kind itself, as `items:ITM-00002` does.
pub(super) fn subjects(texts: &Texts, typed: &str) -> Option<Vec<String>> {
    let typed = typed.trim();
    if typed.is_empty() || typed.contains(':') || typed.contains('\0') {
        return None;
    }
    let masters = texts.keys("master-").filter(|name| !name.ends_with("-lead"));
    let kinds: BTreeSet<&str> = texts.keys("audit-kind-").chain(masters).collect();
    let mut written = vec![typed.to_owned(), typed.to_uppercase(), typed.to_lowercase()];
    written.sort();
    written.dedup();
    Some(written.iter().flat_map(|code| kinds.iter().map(move |kind| format!("{kind}:{code}"))).collect())
}

/// Who did something, or to what it was done, in the reader's words: the name of somebody who
/// has one, else the kind and the code or number: `Item ITM-00002`, `Approval RQ-000003`,
/// `Own fields Items grade`.
pub(crate) fn whom(texts: &Texts, names: &HashMap<String, String>, id: &str) -> String {
    if id == "system" {
        return texts.t("audit-system");
    }
    let name = names.get(id);
    let Some((kind, code)) = id.split_once(':') else {
        return name.map_or_else(|| id.to_owned(), String::clone);
    };
    match name {
        Some(name) if matches!(kind, "user" | "key" | "operator") => name.clone(),
        Some(name) => format!("{} {name}", kind_of(texts, kind)),
        None => match code.split_once(':') {
            // An own field of a master is called by both.
            Some((of, field)) if kind == "custom_fields" => {
                format!("{} {} {field}", kind_of(texts, kind), kind_of(texts, of))
            }
            _ => format!("{} {code}", kind_of(texts, kind)),
        },
    }
}

/// What things of a kind are called; its code where it has no text.
fn kind_of(texts: &Texts, kind: &str) -> String {
    let master = texts.or(&format!("master-{kind}"), kind);
    texts.or(&format!("audit-kind-{kind}"), &master)
}

/// What a field of a change is called, as the act means it where several mean different things
/// by it; its name where it has no text. A plant's own value is called by the plant as well.
pub(super) fn field(texts: &Texts, action: &str, name: &str) -> String {
    if let Some((of, plant)) = name.split_once('@') {
        return format!("{} · {plant}", field(texts, action, of));
    }
    let own = texts.or(&format!("field-{name}"), name);
    let usual = texts.or(&format!("audit-field-{name}"), &own);
    texts.or(&format!("audit-field-{}-{name}", action.replace('.', "-")), &usual)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use regex::Regex;

    use super::*;
    use crate::i18n::{I18n, Lang};

    /// What the patterns find in the sources that write acts down.
    fn written(folder: &Path, patterns: &[Regex], found: &mut BTreeSet<String>) {
        let tests = Regex::new(r"#\[cfg\(test\)\]\nmod \w+ \{").unwrap();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.contains("test") {
                continue;
            }
            if path.is_dir() {
                written(&path, patterns, found);
            } else if name.ends_with(".rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                // Tests stand at the end of a file; a module of its own may be named before.
                let source = tests.split(&source).next().unwrap();
                if !["audit::", "Entry {", "Kept {", "Act {", "record("]
                    .iter()
                    .any(|one| source.contains(one))
                {
                    continue;
                }
                for pattern in patterns {
                    found.extend(pattern.captures_iter(source).map(|one| one[1].to_owned()));
                }
            }
        }
    }

    /// How the sources name an act: in the entry, as what a helper writes, and as what one of
    /// several ways leads to.
    const ACTS: [&str; 6] = [
        r#"action: (?:if [^\n{]*\{ )?"([a-z_]{2,}\.[a-z_]+)""#,
        r#"action: if [^\n{]*\{ "[a-z_.]+" \} else \{ "([a-z_]{2,}\.[a-z_]+)""#,
        r#"\b(?:record|note|noted|audited)\(\s*tx,[^"();]*"([a-z_]{2,}\.[a-z_]+)""#,
        r#"=> (?:Some\(|\(|\{\s*)?"([a-z_]{2,}\.[a-z_]+)""#,
        r#"let action = (?:if [^\n{]*\{ )?"([a-z_]{2,}\.[a-z_]+)""#,
        r#"let action = if [^\n{]*\{ "[a-z_.]+" \} else \{ "([a-z_]{2,}\.[a-z_]+)""#,
    ];

    fn patterns(all: &[&str]) -> Vec<Regex> {
        all.iter().map(|one| Regex::new(one).unwrap()).collect()
    }

    /// The folders of the sources that write acts down.
    fn parts() -> Vec<std::path::PathBuf> {
        let cloud = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        ["platform", "trace", "analytics", "server"].map(|part| cloud.join(part).join("src")).into()
    }

    /// The acts that the sources of a folder write down.
    fn of_sources(folder: &Path) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        written(folder, &patterns(&ACTS), &mut found);
        found
    }

    /// What begins the line of an act's words.
    fn key_of(action: &str) -> String {
        format!("audit-did-{} =", action.replace('.', "-"))
    }

    #[test]
    fn every_act_has_words() {
        let mut found: BTreeSet<String> = parts().iter().flat_map(|part| of_sources(part)).collect();
        assert!(found.len() > 140, "{found:?}");
        // What who runs the installation does is in a log of its own.
        found.retain(|action| !action.starts_with("admin."));
        let missing: Vec<&String> = found.iter().filter(|action| !DID.contains(&action.as_str())).collect();
        assert!(missing.is_empty(), "no words for {missing:?}");
        assert!(DID.is_sorted());
        for (lang, source) in super::super::TEXTS {
            for action in DID {
                let key = key_of(action);
                assert!(source.lines().any(|line| line.starts_with(&key)), "{}: {key}", lang.code());
            }
        }
    }

    /// Names of fields that stand beside an act in the sources, in what was and what is.
    #[test]
    fn every_field_of_a_change_has_words() {
        let objects = [
            r"(?:before|after)(?:: | = |, )(?:Some\()?json!\(\{([^{}]*)\}",
            r"audit(?:ed|::record)?\([^;]*?json!\(\{([^{}]*)\}",
        ];
        let mut found = BTreeSet::new();
        parts().iter().for_each(|part| written(part, &patterns(&objects), &mut found));
        let name = Regex::new(r#""([a-z_]+)":"#).unwrap();
        let named = found.iter().flat_map(|object| name.captures_iter(object));
        let names: BTreeSet<String> = named.map(|one| one[1].to_owned()).collect();
        assert!(names.len() > 60, "{names:?}");
        let masters = crate::masters::texts();
        for (lang, own) in super::super::TEXTS {
            let masters = &masters.iter().find(|(of, _)| *of == lang).unwrap().1;
            let has = |source: &str, key: String| source.lines().any(|line| line.starts_with(&key));
            let missing: Vec<&String> = names
                .iter()
                .filter(|name| !has(own, format!("audit-field-{name} =")))
                .filter(|name| !has(masters, format!("field-{name} =")))
                .collect();
            assert!(missing.is_empty(), "{}: no words for {missing:?}", lang.code());
        }
    }

    #[test]
    fn a_field_is_called_as_its_act_means_it_and_with_its_plant() {
        let own = "field-days = Days\n";
        let i18n = I18n::new().with_all(super::super::TEXTS).with(Lang::En, own);
        let texts = Texts::new(Arc::new(i18n), Lang::En);
        assert_eq!(field(&texts, "workflow.decide", "left"), "Left to decide");
        assert_eq!(field(&texts, "hold.grow", "left"), "Labels that left it");
        assert_eq!(field(&texts, "master.update", "days@KOL"), "Days · KOL");
        assert_eq!(field(&texts, "master.update", "custom.grade"), "custom.grade");
    }

    #[test]
    fn acts_are_found_by_their_words_and_things_by_their_codes() {
        let own = "audit-did-gate_pass-enter = Let in at the gate\nmaster-items = Items\nmaster-items-lead = Goods\n";
        let i18n = I18n::new().with_all(super::super::TEXTS).with(Lang::En, own);
        let texts = Texts::new(Arc::new(i18n), Lang::En);
        let code = |code: &str| Some(vec![code.to_owned()]);
        assert_eq!(meant(&texts, " file ATTACHED "), code("file.add"));
        assert_eq!(meant(&texts, "let in at the gate"), code("gate_pass.enter"), "a module's");
        assert!(meant(&texts, "file").unwrap().len() > 3);
        for itself in ["file.add", "", "nothing of the kind"] {
            assert_eq!(meant(&texts, itself), None);
        }
        assert!(DID.iter().all(|code| all(&texts).iter().any(|(known, _)| known == code)));

        let found = subjects(&texts, "itm-00002").unwrap();
        assert!(
            found.contains(&"items:ITM-00002".to_owned()) && found.contains(&"role:itm-00002".to_owned())
        );
        assert!(!found.iter().any(|one| one.contains("-lead")), "{found:?}");
        assert_eq!((subjects(&texts, "items:A"), subjects(&texts, " ")), (None, None));
    }

    #[test]
    fn a_change_of_state_is_told_as_one_and_a_delegation_as_its_own() {
        for lang in Lang::ALL {
            let i18n = I18n::new().with_all(super::super::TEXTS).with_all(crate::workflow::TEXTS);
            let texts = Texts::new(Arc::new(i18n), lang);
            let row = |action: &str, before, after| AuditEntry {
                audit_id: uuid::Uuid::nil(),
                at: chrono::DateTime::UNIX_EPOCH,
                actor: String::new(),
                action: action.to_owned(),
                subject: String::new(),
                before,
                after,
                origin: None,
            };
            let state = |state: &str| Some(serde_json::json!({ "state": state }));
            let moved = told(&texts, &row("workflow.move", state("PENDING_APPROVAL"), state("REJECTED")));
            for part in
                ["audit-did-workflow-move", "workflow-state-pending-approval", "workflow-state-rejected"]
            {
                assert!(moved.contains(&texts.t(part)), "{moved}: {part}");
            }
            assert_eq!(
                told(&texts, &row("workflow.move", None, state("REJECTED"))),
                texts.t("audit-did-workflow-move")
            );
            let lent = told(&texts, &row("workflow.delegate", None, state("REJECTED")));
            assert_eq!(lent, texts.t("audit-did-workflow-delegate"));
            assert_ne!(lent, texts.t("audit-did-workflow-move"));
        }
        let i18n = I18n::new().with_all(super::super::TEXTS);
        let en = Texts::new(Arc::new(i18n), Lang::En);
        assert_eq!(said(&en, "workflow.move"), "State of an approval changed");
    }

    #[test]
    fn what_has_no_number_is_called_by_its_kind() {
        let own = "master-custom_fields = Own fields\nmaster-items = Items\n";
        let i18n = I18n::new().with_all(super::super::TEXTS).with(Lang::En, own);
        let texts = Texts::new(Arc::new(i18n), Lang::En);
        let names = HashMap::from([
            ("user:7".to_owned(), "Priya".to_owned()),
            ("workflow:9".to_owned(), "RQ-000003".to_owned()),
        ]);
        let called = |id: &str| whom(&texts, &names, id);
        assert_eq!(called("custom_fields:items:grade"), "Own fields Items grade");
        assert_eq!(called("items:ITM-00002"), "Items ITM-00002");
        assert_eq!((called("workflow:9"), called("user:7")), ("Approval RQ-000003".into(), "Priya".into()));
        assert_eq!((called("odd"), called("x:y:z")), ("odd".into(), "x y:z".into()));
    }

    /// Words that a module's texts lack for its acts, as `te: audit-did-gate-enter =`.
    fn lacking(module: &Path) -> Vec<String> {
        let acts = of_sources(module);
        let lacks = |lang: Lang| {
            let texts = std::fs::read_to_string(module.join(format!("texts/{}.ftl", lang.code())));
            let texts = texts.unwrap_or_default();
            let keys: Vec<String> = acts.iter().map(|action| key_of(action)).collect();
            let missing = keys.into_iter().filter(|key| !texts.lines().any(|line| line.starts_with(key)));
            missing.map(|key| format!("{}: {key}", lang.code())).collect::<Vec<_>>()
        };
        Lang::ALL.into_iter().flat_map(lacks).collect()
    }

    #[test]
    fn every_act_of_a_module_has_words_in_its_texts() {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("modules");
        // There may be none yet.
        for module in std::fs::read_dir(modules).into_iter().flatten() {
            let module = module.unwrap().path();
            let missing = lacking(&module.join("src"));
            assert!(
                missing.is_empty(),
                "{} has no words for what it writes down: {missing:?}",
                module.display()
            );
        }

        let folder = tempfile::tempdir().unwrap();
        let source =
            r#"audit::record(tx, Entry { action: "gate_pass.enter", subject: "", ..Entry::default() })"#;
        std::fs::write(folder.path().join("service.rs"), source).unwrap();
        std::fs::create_dir(folder.path().join("texts")).unwrap();
        for code in ["en", "hi", "bn"] {
            let text = "audit-did-gate_pass-enter = let in\n";
            std::fs::write(folder.path().join(format!("texts/{code}.ftl")), text).unwrap();
        }
        assert_eq!(lacking(folder.path()), ["te: audit-did-gate_pass-enter ="]);
    }
}
