//! Views of two people over a real Postgres.

use super::*;
use crate::i18n::assert_complete;
use crate::testing::TestDb;

#[test]
fn the_texts_are_complete() {
    assert_complete(TEXTS);
}

#[test]
fn an_address_names_its_view_or_that_none_is_meant() {
    let view = Uuid::nil();
    let shown = Resolved { current: Some(view), ..Resolved::default() };
    assert_eq!(
        shown.address("/audit", &[("actor", "a b"), ("to", "")]),
        format!("/audit?actor=a%20b&view={view}")
    );
    let none = Resolved::default();
    assert_eq!(none.address("/audit", &[("actor", "x")]), "/audit?actor=x");
    assert_eq!(none.address("/audit", &[("actor", "")]), "/audit?view=", "not the first view either");
}

fn pairs(given: &[(&str, &str)]) -> Pairs {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

crate::in_every_placement! {
async fn a_view_is_its_owners_or_everybodys_and_one_is_shown_first() {
    let test = TestDb::new().await;
    let tenant = test.tenant("SAIF", &["KOL"]).await;
    let other = Cx::new(test.tenant("OTHR", &["KOL"]).await, "user:one");
    let (one, two) = (Cx::new(tenant, "user:one"), Cx::new(tenant, "user:two"));
    let keep_view = async |cx: &Cx, name: &str, query: &str, shared, first| {
        let columns = vec!["item".to_owned(), "hsn".to_owned()];
        let wish =
            Keep { list: "items".into(), name: name.into(), query: query.into(), columns, shared, first };
        let id: Result<Uuid, DbError> = test.db.tx(cx, async |tx| service::keep(tx, cx, &wish).await).await;
        id.unwrap()
    };
    let asked = async |cx: &Cx, given: &[(&str, &str)]| {
        let given = pairs(given);
        let found: Result<Resolved, DbError> =
            test.db.tx(cx, async |tx| resolve(tx, cx, "items", given.clone()).await).await;
        found.unwrap()
    };
    let mine = keep_view(&one, "Lots", "tracking=lot&sort=-name", false, true).await;
    let ours = keep_view(&one, "Finished", "type_code=FG", true, false).await;
    // What one opens without anything is the first view; asking for something is not.
    let first = asked(&one, &[]).await;
    assert_eq!((first.current, first.columns.len()), (Some(mine), 2));
    assert_eq!(first.pairs, pairs(&[("tracking", "lot"), ("sort", "-name")]));
    assert_eq!(asked(&one, &[("view", "")]).await.pairs, pairs(&[]));
    assert_eq!(asked(&one, &[("q", "bolt")]).await.current, None);
    let narrowed = asked(&one, &[("view", &mine.to_string()), ("q", "bolt"), ("col", "name")]).await;
    assert_eq!((narrowed.pairs, narrowed.columns), (pairs(&[("q", "bolt")]), vec!["name".to_owned()]));
    // Another person has the shared one only; another tenant none.
    let of_two = asked(&two, &[("view", &mine.to_string())]).await;
    assert_eq!((of_two.current, of_two.views.len()), (None, 1));
    assert_eq!(asked(&two, &[("view", &ours.to_string())]).await.pairs, pairs(&[("type_code", "FG")]));
    assert!(asked(&other, &[]).await.views.is_empty());
    // The same name again is the same view; another becomes the first.
    assert_eq!(keep_view(&one, "Lots", "tracking=unit", false, false).await, mine);
    let now = keep_view(&one, "New", "", false, true).await;
    assert_eq!(asked(&one, &[]).await.current, Some(now));
}
}
