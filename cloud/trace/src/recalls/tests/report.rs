//! The report as PDF, in English and Telugu.

use std::sync::Arc;

use platform::i18n::{I18n, Lang, Texts};

use super::*;
use crate::recalls::report;

pub(super) async fn told(site: &Site, id: Uuid) -> report::Told {
    run(site, async |tx| {
        let view = read::view(tx, id).await?;
        Ok(report::Told {
            owner: "Meera".to_owned(),
            searched: report::searched(tx, &view.recall).await?,
            letters: read::letters(tx, id).await?,
            responses: read::responses(tx, id, None, 100).await?.responses,
            units: read::units(tx, id, "", None, None, 100).await?.units,
            items: crate::pages::items::Items::default(),
            effect: read::effectiveness(tx, id).await?,
            history: read::history(tx, id).await?,
            view,
        })
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn the_report_says_what_why_where_who_and_how_much() {
    let site = site().await;
    let id = begun(&site, &Wish { reason: "Cracked *bolts* #[x]".into(), ..wish() }).await;
    acted(&site, id, Action::Activate).await.unwrap();
    let answer = crate::recalls::model::Answer {
        uid: bolt(2),
        outcome: "destroyed".into(),
        reference: "SO-9".into(),
        ..Default::default()
    };
    run(&site, async |tx| crate::recalls::respond::respond(tx, id, &answer, |_| Ok(()), now()).await)
        .await
        .unwrap();
    let mut told = told(&site, id).await;
    told.view.recall.plants_behind = Some(vec!["VSK".into()]);
    let telugu = platform::i18n::Names::from(serde_json::json!({ "te": "బోల్టు" }));
    told.items = [("BOLT".to_owned(), "Hex bolt".to_owned(), telugu)].into_iter().collect();
    let all = Arc::new(I18n::new().with_all(crate::recalls::TEXTS));
    for (lang, bolt_is, words) in [
        (
            Lang::En,
            "BOLT Hex bolt",
            ["Recall report RCL-2025-0001", "With a customer", "Accounted for", "Signatures"],
        ),
        (Lang::Te, "BOLT బోల్టు", ["రీకాల్ నివేదిక RCL-2025-0001", "కస్టమర్ దగ్గర", "లెక్క దొరికింది", "సంతకాలు"]),
    ] {
        let texts = Texts::new(all.clone(), lang);
        let behind = texts.t1("recalls-behind", "plants", "VSK");
        let data = report::data(&told, &texts, chrono_tz::Asia::Kolkata, "SAIF", now());
        assert!(data["sections"].to_string().contains(bolt_is), "{lang:?}: {data}");
        let pages = print::text(crate::paper::TEMPLATE, &data).unwrap();
        // Words are set apart by where lines break, not by what they say.
        let plain = |text: &str| text.split_whitespace().collect::<String>();
        let said = plain(&pages.join(" "));
        for word in words.into_iter().chain([
            "Cracked *bolts* #[x]",
            "HEAT-9",
            "Meera",
            "lakshmi@acme.example",
            "ACME",
            "SO-9",
            &bolt(2),
            &behind,
        ]) {
            assert!(said.contains(&plain(word)), "{lang:?}: {word} in {said}");
        }
        assert!(print::pdf(crate::paper::TEMPLATE, &data).unwrap().starts_with(b"%PDF-"));
    }
}

#[tokio::test]
async fn the_report_says_what_was_searched_for_and_by_whom() {
    let site = site().await;
    site.sql(
        "insert into scopes (tenant_id, scope_id, name, criteria, members, through_batch) \
         values (app.tenant(), '01900000-0000-7000-8000-000000000009', 'Oven window', \
                 '{\"event\": {\"machine\": \"OVEN-1\"}}', 1, 1); \
         insert into scope_members (tenant_id, scope_id, key) \
         select app.tenant(), '01900000-0000-7000-8000-000000000009', key from uid_registry \
         where item = 'BOLT' and plant = 'VSK'",
    )
    .await;
    let scope = Some(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0009));
    let id = begun(&site, &Wish { lot: String::new(), scope, descendants: false, ..wish() }).await;
    // It is out of the lists; the recall that came of it stands.
    site.sql("update scopes set deleted_at = now()").await;
    let mut told = told(&site, id).await;
    let all = I18n::new()
        .with_all(crate::pages::TEXTS)
        .with_all(crate::scopes::TEXTS)
        .with_all(crate::recalls::TEXTS);
    let texts = Texts::new(Arc::new(all), Lang::En);
    let said = |told: &report::Told| {
        report::data(told, &texts, chrono_tz::UTC, "SAIF", now())["sections"].to_string()
    };
    let whole = said(&told);
    for part in ["What was searched for", "by user:test.", "Passed a machine or station: Machine OVEN-1"] {
        assert!(whole.contains(part), "{part} in {whole}");
    }
    // The conditions of others may tell of plants that a reader has no rights at.
    let reader = Cx::new(site.tenant, "user:reader").at(platform::ctx::Plants::some(["VSK"]));
    let recall = told.view.recall.clone();
    let searched = site.db.db.tx(&reader, async |tx| report::searched(tx, &recall).await).await.unwrap();
    assert_eq!(searched.as_ref().map(|one| one.criteria.is_none()), Some(true));
    told.searched = searched;
    let part = said(&told);
    assert!(part.contains("The conditions are not shown") && !part.contains("OVEN-1"), "{part}");
    // Of a lot there is nothing to tell.
    let id = begun(&site, &wish()).await;
    assert!(self::told(&site, id).await.searched.is_none());
}

#[tokio::test]
async fn which_plants_were_behind_is_noted_with_the_list() {
    let site = site().await;
    let texts = Texts::new(Arc::new(I18n::new().with_all(crate::recalls::TEXTS)), Lang::En);
    let says = async |seen: &'static str| {
        site.sql(seen).await;
        let id = begun(&site, &wish()).await;
        report::behind(&texts, &told(&site, id).await.view.recall).unwrap()
    };
    let heard = "update agents set last_seen_at = timestamptz '2026-02-01 10:00+00', queued_events = 0 where kind = 'plant'";
    assert_eq!(says(heard).await, "Every plant was connected then and had nothing waiting.");
    let waits = "update agents set queued_events = 3 where plant_code = 'VSK'";
    assert_eq!(says(waits).await, "These plants may have known more then: VSK.");
}
