//! What is told beside an answer, where it comes in time: without it the answer is as true.

use platform::db::Tx;

use super::error::ScopeError;
use crate::projection::store::write;

/// Begins a look at something beside the answer.
///
/// # Errors
/// The database.
pub(super) async fn begin(tx: &mut Tx) -> Result<(), ScopeError> {
    // A statement that is cancelled ends all that was begun since.
    Ok(write::savepoint(tx).await?)
}

/// Ends it: what was found, or `None` where it took too long, or more was found than can be
/// told. The transaction goes on either way.
///
/// # Errors
/// Any other one of the look; the database.
pub(super) async fn settled<T>(tx: &mut Tx, looked: Result<T, ScopeError>) -> Result<Option<T>, ScopeError> {
    match looked {
        Ok(found) => {
            write::savepoint_release(tx).await?;
            Ok(Some(found))
        }
        Err(ScopeError::TooSlow | ScopeError::TooMany(_)) => {
            write::savepoint_undo(tx).await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scopes::store::told;
    use crate::testing::Site;

    #[tokio::test]
    async fn what_takes_too_long_beside_an_answer_does_not_end_it() {
        let site = Site::new().await;
        let done: Result<i32, ScopeError> = site
            .db
            .db
            .tx(&site.cx(), async |tx| {
                told::limit_time(tx, "2000").await?;
                begin(tx).await?;
                told::limit_time(tx, "20").await?;
                let slow = sqlx::query("select pg_sleep(5)").execute(tx.conn()).await;
                let slow = settled(tx, slow.map(|_| ()).map_err(ScopeError::from)).await?;
                assert_eq!(slow, None);
                begin(tx).await?;
                let many: Result<(), _> = Err(ScopeError::TooMany("all[0]".to_owned()));
                assert_eq!(settled(tx, many).await?, None);
                begin(tx).await?;
                assert_eq!(settled(tx, Ok(7)).await?, Some(7));
                let limit: String = sqlx::query_scalar("show statement_timeout").fetch_one(tx.conn()).await?;
                assert_eq!(limit, "2s", "the limit of before");
                Ok(sqlx::query_scalar("select 1").fetch_one(tx.conn()).await?)
            })
            .await;
        assert!(matches!(done, Ok(1)), "{done:?}");
    }
}
