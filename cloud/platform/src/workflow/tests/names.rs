//! Names of workflows, stages and roles by language, as each reader sees them.

use super::*;
use crate::i18n::{I18n, Texts};
use crate::workflow::store::{definitions as written, instances, report, rounds};
use crate::workflow::{inbox, show, view};

const NAMED: &str = r#"{ "workflow_id": "plan", "name": "Plan", "names": { "te": "ప్రణాళిక" },
  "stages": [{ "name": "Head", "names": { "te": "విభాగాధిపతి" }, "approver_role": "LINE_LEAD", "sla_hours": 24 }] }"#;

fn reader(lang: Lang) -> Texts {
    Texts::new(std::sync::Arc::new(I18n::new().with_all(TEXTS)), lang)
}

crate::in_every_placement! {
async fn each_reader_sees_a_stage_in_the_own_language() {
    let office = Office::new().await;
    office
        .as_system(async |tx| {
            sqlx::query(
                "insert into roles (tenant_id, role, name, names, permissions)
                 values ($1, 'LINE_LEAD', 'Line lead', '{\"te\": \"లైన్ లీడ్\"}', '{workflow.decide}')",
            )
            .bind(office.tenant)
            .execute(tx.conn())
            .await?;
            Ok(())
        })
        .await;
    let [starter, lead] = [office.person("Starter", &["BUYER"]).await, office.person("Lead", &["LINE_LEAD"]).await];
    let id = office.publish(NAMED, None).await;
    let request = office.raise(starter, "plan", "5").await;
    let standing = office.standing(&request).await;

    let page = office
        .as_system(async |tx| Ok(inbox::page(tx, &office.subjects, lead, inbox::Part::default(), 10, office.now).await))
        .await
        .unwrap();
    let entry = &page.entries[0];
    assert_eq!(entry.stage_names.say(Lang::Te, &entry.stage_name), "విభాగాధిపతి");
    assert_eq!(entry.stage_names.say(Lang::Hi, &entry.stage_name), "Head");

    // Whoever is asked is told it in the language in which the notice is read.
    let told = "select body #>> '{values,stage@te}' from outbox where channel = 'notice' and kind = 'workflow.asked'";
    assert_eq!(office.ask(told).await, ["విభాగాధిపతి"]);

    let (round, history, kept, titles, roles, definition) = office
        .as_system(async |tx| {
            let round = rounds::find(tx, standing.instance_id, standing.round).await?;
            let history = instances::history(tx, standing.instance_id).await?;
            let kept = report::kept(tx, office.later(-1), office.later(1), office.now).await?;
            let workflows = ["plan".to_owned(), "gone".to_owned()];
            let titles = view::titles(tx, workflows.iter()).await?;
            let definition = written::find(tx, id, false).await?;
            Ok((round, history, kept, titles, view::roles(tx).await?, definition))
        })
        .await;
    assert_eq!(round.unwrap().stage_names.of(Lang::Te), Some("విభాగాధిపతి"));
    let opened = history.iter().find(|one| one.what == "opened").unwrap();
    assert_eq!(opened.stage_names.of(Lang::Te), Some("విభాగాధిపతి"));
    assert_eq!((kept[0].stage_name.as_str(), kept[0].stage_names.of(Lang::Te)), ("Head", Some("విభాగాధిపతి")));
    let (telugu, hindi) = (reader(Lang::Te), reader(Lang::Hi));
    assert_eq!(view::title(&telugu, &titles, "plan"), "ప్రణాళిక");
    assert_eq!(view::title(&hindi, &titles, "plan"), "Plan");
    assert_eq!(view::title(&telugu, &titles, "gone"), "gone", "of what is not written any more, its code");
    assert_eq!(view::role_name(&telugu, &roles, "LINE_LEAD"), "లైన్ లీడ్");
    assert_eq!(view::role_name(&hindi, &roles, "LINE_LEAD"), "Line lead");
    assert_eq!(definition.unwrap().revision.names.of(Lang::Te), Some("ప్రణాళిక"));

    // The drawing, and what programs read.
    let shown = office
        .as_system(async |tx| {
            Ok(show::instance(tx, &office.subjects, standing.instance_id, Some(lead), &|_| false, office.now).await)
        })
        .await
        .unwrap();
    let drawn = view::draw(&telugu, &shown.roles, shown.definition.as_ref().unwrap());
    assert_eq!((drawn[0].name.as_str(), drawn[0].approvers[0].as_str()), ("విభాగాధిపతి", "లైన్ లీడ్"));
    let program = serde_json::to_value(&page).unwrap();
    assert_eq!(program["entries"][0]["workflow"], "plan");
    assert_eq!(program["entries"][0]["workflow_name"], "Plan");
    assert_eq!(program["entries"][0]["workflow_names"], serde_json::json!({ "te": "ప్రణాళిక" }));
    assert_eq!(program["entries"][0]["stage_name"], "Head");
    assert_eq!(program["entries"][0]["stage_names"], serde_json::json!({ "te": "విభాగాధిపతి" }));

    // Of one workflow, or one plant: what is of another does not wait here.
    for (workflow, plant, there) in [("plan", "", 1), ("other", "", 0), ("", "KOL", 0), ("", "VSK", 0)] {
        let part = inbox::Part::of(workflow, plant, None).unwrap();
        let page = office
            .as_system(async |tx| Ok(inbox::page(tx, &office.subjects, lead, part, 10, office.now).await))
            .await
            .unwrap();
        assert_eq!(page.entries.len(), there, "{workflow} {plant}");
    }
    assert!(inbox::Part::of("a\0b", "", None).is_err());

    // A role that a workflow asks is not deleted; what asks it is told by its name.
    let naming = office.as_system(async |tx| naming_role(tx, "LINE_LEAD").await).await;
    assert_eq!((naming.len(), naming[0].names.of(Lang::Te)), (1, Some("ప్రణాళిక")));
}
}
