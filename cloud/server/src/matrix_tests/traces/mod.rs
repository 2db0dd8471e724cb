//! Two tenants whose units, lots, documents and events bear the same numbers: what one of
//! them is answered holds nothing of the other, in pages and API, exports, passports and
//! proofs, in the files of the mirrors and in those of Parquet.

use analytics::mirror::{DIMENSIONS, FACTS, Mirrors};
use axum::body::Bytes;
use platform::files::Depot;
use prost::Message;
use proto::v1::{Event, Lot, Outcome, Reading, Reference, Role, Stage, Subject};
use serde_json::{Value, json};
use trace::ingest::{self, Batch, Ingest, Source};

use super::finding::start;
use super::read::text;
use super::*;

mod looks;
pub(super) mod office;
mod planted;
mod two;

use office::Office;
use two::Two;

pub(super) const STEEL: (&str, u64) = ("RM", 1);
pub(super) const PUMP: (&str, u64) = ("FG", 1);
/// The lot of both, by its id.
const LOT: u128 = 0x0190_0000_0000_7000_8000_0000_0000_0777;
/// An event of both, by its id.
pub(super) const MADE: u128 = 0x0190_0000_0000_7000_8000_0000_0000_0999;

#[tokio::test]
async fn the_same_numbers_lead_each_tenant_to_its_own() {
    let two = Two::new().await;
    for (own, other) in two.pairs() {
        finding::nothing(&looks::answers(&two, own, other).await);
        finding::nothing(&looks::acts(&two, own, other).await);
    }
}

#[tokio::test]
async fn a_passport_s_key_opens_nothing_at_another_tenant() {
    let two = Two::new().await;
    for (own, other) in two.pairs() {
        // A proof can be had once the tree has grown.
        let (grown, _) = two.send("GET", "/api/v1/proofs/heads/current", Some(By::Key(&own.key)), None).await;
        assert_eq!(grown, StatusCode::OK);
        let (status, page) = two.send("GET", &own.link, None, None).await;
        let page = text(&page);
        assert_eq!(status, StatusCode::OK, "{}: {page}", own.link);
        for told in ["NAME", "MILLS", "LOOK", "ISO", "CONTACT"] {
            assert!(page.contains(&own.own(told)), "{told} is not told: {page}");
        }
        let short = format!("/p/{}{}", own.code, own.random());
        let (status, history) = two.send("GET", &format!("{short}/history.json"), None, None).await;
        assert_eq!(status, StatusCode::OK, "{}", text(&history));
        finding::nothing(&looks::passports(&two, own, other).await);
        let key = format!("{}{}", own.code, own.random());
        let (at, with) = other.link.split_once("?k=").unwrap();
        assert_ne!(with, key);
        let none = two.send("GET", "/p/nonsense", None, None).await;
        assert_eq!(none.0, StatusCode::NOT_FOUND);
        for path in [
            // The same random letters under the other's name, and the key at the other's unit.
            format!("/p/{}{}", other.code, own.random()),
            format!("/p/{}{}/history.json", other.code, own.random()),
            format!("{at}?k={}{}", other.code, own.random()),
            format!("{at}?k={key}"),
            at.to_owned(),
        ] {
            assert_eq!(two.send("GET", &path, None, None).await, none, "{path}");
        }
    }
}

#[tokio::test]
async fn files_of_mirrors_and_exports_hold_one_tenant_s_rows() {
    let two = Two::new().await;
    for (own, other) in two.pairs() {
        finding::nothing(&looks::stored(&two, own, other).await);
    }
    // Who is erased takes both along, and nothing of the other.
    let [gone, stays] = &two.offices;
    let Two { mirrors, config, .. } = &two;
    let (settings, exports) = (config.mirrors(), config.state_dir.join("exports"));
    mirrors.forget(gone.tenant).await.unwrap();
    crate::tenant::forget_exports(config, gone.tenant).await.unwrap();
    let there = |office: &Office| {
        let folder = exports.join(office.tenant.to_string());
        (settings.path(office.tenant).exists(), folder.exists(), settings.out(office.tenant).exists())
    };
    assert_eq!(there(gone), (false, false, false));
    assert!(there(stays).0 && there(stays).1);
}
