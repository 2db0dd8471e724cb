//! Declarations against their tables, and the texts of all of them.

use std::collections::BTreeSet;

use super::super::{declared, kind::Kind, shape::Shapes, texts};
use super::*;
use crate::i18n::assert_complete;

#[tokio::test]
async fn every_declaration_fits_its_table_and_is_said_in_words() {
    let office = Office::new().await;
    let owned = texts();
    let sources = owned.each_ref().map(|(lang, text)| (*lang, text.as_str()));
    assert_complete(sources);
    let english = owned[0].1.as_str();
    let said: BTreeSet<&str> =
        english.lines().filter_map(|line| line.split_once(" = ").map(|(key, _)| key)).collect();
    let mut silent: Vec<String> = Vec::new();
    let mut want = |key: String| {
        if !said.contains(key.as_str()) {
            silent.push(key);
        }
    };
    let mut names = BTreeSet::new();
    for shape in office.shapes.iter() {
        let master = shape.master;
        assert!(names.insert(master.name), "{} is declared twice", master.name);
        want(master.text_key());
        want(format!("{}-lead", master.text_key()));
        want(format!("masters-used-{}", master.name));
        for used in master.used_in {
            want(used.text.to_owned());
        }
        for permission in master.permissions.all() {
            assert!(permission.code.starts_with(&format!("masters.{}.", master.name)), "{}", permission.code);
            want(permission.text_key());
        }
        for column in &shape.columns {
            want(column.field.text_key());
            if let Kind::Choice(words) | Kind::Codes(words) = &column.kind {
                for word in words {
                    let of_program = column.field.words.is_some();
                    let own = format!("choice-{word}");
                    let text = if of_program && !said.contains(own.as_str()) {
                        format!("master-{word}")
                    } else {
                        own
                    };
                    want(text);
                }
            }
        }
        for check in &shape.checks {
            want(format!("masters-wrong-check-{}", check.name));
            want(format!("masters-fix-check-{}", check.name));
        }
        assert!(shape.columns.iter().any(|column| column.listed), "{} lists nothing", master.name);
        if let Some(member) = master.member {
            assert!(shape.column(member.list).is_some(), "{} does not show {}", master.name, member.list);
        }
        for column in &shape.columns {
            let text = matches!(column.kind, Kind::Text { .. });
            assert!(
                !(column.is_key && text && master.key.len() == 1)
                    || column.field.rule.is_some()
                    || shape.checks.iter().any(|check| check.fields == [column.name.clone()]),
                "{}: nothing says what a {} looks like; give it .rule(rules::code), or its column a check",
                master.name,
                column.name
            );
        }
    }
    assert!(
        silent.is_empty(),
        "add these texts to cloud/platform/src/masters/texts/en.ftl, hi.ftl, bn.ftl and te.ftl:\n{}",
        silent.join("\n")
    );
}

#[test]
fn every_mistake_has_words() {
    let sources = [
        include_str!("../check.rs"),
        include_str!("../extra/judge.rs"),
        include_str!("../barcodes.rs"),
        include_str!("../conversions.rs"),
        include_str!("../variants.rs"),
        include_str!("../import.rs"),
        include_str!("../kind.rs"),
        include_str!("../named.rs"),
        include_str!("../rules.rs"),
        include_str!("../service.rs"),
        include_str!("../sheet.rs"),
        include_str!("../twins.rs"),
        include_str!("../write.rs"),
        include_str!("../../numbering/judge.rs"),
        include_str!("../../numbering/pattern.rs"),
    ];
    let texts = super::super::texts();
    let mut count = 0;
    for key in sources.iter().flat_map(|source| source.split("Wrong::new(\"").skip(1)) {
        let key = key.split('"').next().unwrap();
        for prefix in ["masters-wrong-", "masters-fix-"] {
            assert!(texts[0].1.contains(&format!("\n{prefix}{key} = ")), "{prefix}{key}");
            count += 1;
        }
    }
    assert!(count > 80, "only {count} were found");
}

#[test]
fn built_in_roles_name_masters_that_there_are() {
    let codes: Vec<&str> = super::super::permissions().iter().map(|permission| permission.code).collect();
    for (role, held) in crate::people::BUILT_IN {
        for code in held.iter().filter(|code| code.starts_with("masters.")) {
            assert!(codes.iter().any(|known| crate::web::grants(code, known)), "{role}: {code}");
        }
    }
}

#[tokio::test]
async fn a_declaration_that_does_not_fit_is_refused() {
    use super::super::{Field, Master};
    const FIELDS: &[Field] = &[Field::new("unit").listed(), Field::new("colour")];
    const WRONG: &[Master] =
        &[Master { name: "paint", table: "units", key: &["unit"], fields: FIELDS, ..Master::NEW }];
    const SLOW: &[Master] = &[Master {
        name: "paint",
        table: "units",
        key: &["unit"],
        fields: &[Field::new("unit"), Field::new("dimension")],
        filters: &["dimension"],
        ..Master::NEW
    }];
    let test = TestDb::new().await;
    for (masters, says) in [(WRONG, "colour"), (SLOW, "no index begins with (tenant_id, dimension)")] {
        let told = Shapes::read(&test.db, masters, Secrets::none()).await.unwrap_err().to_string();
        assert!(told.contains(says), "{told}");
    }
    assert!(declared::ALL.len() >= 22);
}
