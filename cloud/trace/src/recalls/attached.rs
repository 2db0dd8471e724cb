//! Files of recalls and drills: letters, photos, what an authority wrote. Whoever may see a
//! recall sees all of them, at whichever plant; whoever manages recalls changes them while the
//! recall itself can be changed.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use platform::ctx::Cx;
use platform::db::{DbError, Tx};
use platform::files::{Right, Subject, Whose, id_of};
use platform::web::{Caller, Permission};

use super::model::{Recall, Status};
use super::{RECALL_MANAGE, RECALL_READ, approval, store};

/// Their name as a kind of thing.
pub const KIND: &str = "recalls";

const VIEW: &[Permission] = &[RECALL_READ];
const EDIT: &[Permission] = &[RECALL_MANAGE];

/// Recalls and drills, as what files are attached to; the key is a recall's id.
pub(crate) const ATTACHED: Subject = Subject {
    kind: KIND,
    whose: Whose::Each { view: VIEW, edit: EDIT, within, reach },
    stands,
    title: Some(title),
    href,
};

fn within(caller: &Caller) -> Cx {
    caller.at(&RECALL_READ)
}

fn href(_kind: &str, key: &str) -> String {
    format!("/recalls/{key}")
}

/// The recall of this key, if the transaction's plants have to do with it.
async fn seen(tx: &mut Tx, key: &str) -> Result<Option<Recall>, DbError> {
    let Some(id) = id_of(key) else { return Ok(None) };
    let Some(found) = store::recalls::find(tx, id).await? else { return Ok(None) };
    let all = tx.plants().is_all();
    Ok((all || !store::members::piles(tx, id).await?.is_empty()).then_some(found))
}

fn stands<'a>(tx: &'a mut Tx, _kind: &'static str, key: &'a str) -> BoxFuture<'a, Result<bool, DbError>> {
    async move { Ok(seen(tx, key).await?.is_some()) }.boxed()
}

fn title<'a>(
    tx: &'a mut Tx,
    _caller: &'a Caller,
    key: &'a str,
) -> BoxFuture<'a, Result<Option<String>, DbError>> {
    async move { Ok(seen(tx, key).await?.map(|recall| format!("{} {}", recall.number, recall.reason))) }
        .boxed()
}

fn reach<'a>(
    tx: &'a mut Tx,
    caller: &'a Caller,
    key: &'a str,
) -> BoxFuture<'a, Result<Option<Right>, DbError>> {
    async move {
        let Some(recall) = seen(tx, key).await? else { return Ok(None) };
        // What is asked for approval stays as it is until that is over.
        let open = match recall.state() {
            Status::Draft => {
                let asked = approval::standing(tx, recall.recall_id).await?;
                !asked.as_ref().is_some_and(approval::is_fixed)
            }
            state => state == Status::Active,
        };
        let may = open && caller.require(&RECALL_MANAGE).is_ok();
        Ok(Some(if may { Right::Edit } else { Right::View }))
    }
    .boxed()
}
