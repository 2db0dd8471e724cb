//! One-time enrolment tokens: how a plant's agent proves, once, which agent it
//! is, before it has a certificate; and how it knows the cloud's authority.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Standing, store};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, SystemTx};

/// Every token begins with it.
pub const TOKEN_PREFIX: &str = "twe1";
/// How long a token can be used, unless told otherwise.
pub const TOKEN_VALID_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// A token's text is never longer.
const LONGEST: usize = 256;

/// Why a token was not issued or not taken.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Not of the form `twe1.….…`.
    #[error("this is not an enrolment token")]
    Malformed,
    /// No such token was ever issued here.
    #[error("this enrolment token is not known here")]
    Unknown,
    /// It was used before.
    #[error("this enrolment token was used already; ask for a new one")]
    Used,
    /// Its time is over.
    #[error("this enrolment token has expired; ask for a new one")]
    Expired,
    /// The tenant is suspended, or the agent revoked or gone.
    #[error("this agent may not enrol")]
    NotAllowed,
    /// The agent is set up for another plant than the token is for.
    #[error("this token is for plant {plant} of {tenant}, and the agent is set up for another one")]
    OtherPlant {
        /// Plant of the token.
        plant: String,
        /// Tenant's code of the token.
        tenant: String,
    },
    /// The system gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] rand::rand_core::OsError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A token as a person carries it: `twe1.<token>.<SHA-256 of the CA's DER>`,
/// both in base64url. Debug output keeps the secret out of logs.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText {
    secret: [u8; 32],
    /// SHA-256 of the DER of the authority that the agent is to trust.
    pub ca_fingerprint: [u8; 32],
}

impl TokenText {
    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenText").finish_non_exhaustive()
    }
}

impl fmt::Display for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [secret, ca] = [self.secret, self.ca_fingerprint].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        write!(f, "{TOKEN_PREFIX}.{secret}.{ca}")
    }
}

impl FromStr for TokenText {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let part = |text: &str| -> Option<[u8; 32]> { URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok() };
        let read = || {
            let text = Some(text.trim()).filter(|text| text.len() <= LONGEST)?;
            let (prefix, rest) = text.split_once('.')?;
            let (secret, ca) = rest.split_once('.')?;
            (prefix == TOKEN_PREFIX).then_some(())?;
            Some(Self { secret: part(secret)?, ca_fingerprint: part(ca)? })
        };
        read().ok_or(TokenError::Malformed)
    }
}

/// What a token is issued for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewToken {
    /// SHA-256 of the DER of the authority that the agent is to trust.
    pub ca_fingerprint: [u8; 32],
    /// The tenant.
    pub tenant: Uuid,
    /// Its agent that is to enrol.
    pub agent: Uuid,
    /// How long it can be used.
    pub valid_for: Duration,
}

/// What a used token proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// The tenant.
    pub tenant: Uuid,
    /// The tenant's code, as in UIDs.
    pub tenant_code: String,
    /// The agent.
    pub agent_id: Uuid,
    /// The plant's code; `None` for an import's agent.
    pub plant: Option<String>,
}

/// A new token for `agent`, valid for [`TOKEN_VALID_FOR`]. Earlier ones stay as
/// they are. An agent that was revoked may enrol again by it, and by no earlier
/// one; until it has, nothing of it is let in.
///
/// # Errors
/// [`TokenError::NotAllowed`] when the tenant has no such agent, or those of the
/// database.
pub async fn issue_token(
    db: &Db,
    ca_fingerprint: [u8; 32],
    tenant: Uuid,
    agent: Uuid,
) -> Result<String, TokenError> {
    issue_token_for(db, NewToken { ca_fingerprint, tenant, agent, valid_for: TOKEN_VALID_FOR }).await
}

/// As [`issue_token`], with a time of its own.
///
/// # Errors
/// As [`issue_token`].
pub async fn issue_token_for(db: &Db, new: NewToken) -> Result<String, TokenError> {
    let mut secret = [0; 32];
    OsRng.try_fill_bytes(&mut secret)?;
    let text = TokenText { secret, ca_fingerprint: new.ca_fingerprint };
    let seconds = i64::try_from(new.valid_for.as_secs()).unwrap_or(i64::MAX).min(366 * 24 * 3600);
    let cx = Cx::system(new.tenant);
    db.system_tx(async |system| {
        // A token that nobody was shown is harmless; a revoked agent that is expected
        // again, with its earlier tokens still good, would not be.
        system.home_first();
        let agent = system
            .enter(&cx, async |tx| store::agent_by_id(tx, new.agent).await.map_err(DbError::from))
            .await?
            .ok_or(TokenError::NotAllowed)?;
        if agent.status == "revoked" {
            reopen(system, &cx, &new).await?;
        }
        store::token_insert(system, &text.hash(), new.tenant, new.agent, seconds)
            .await
            .map_err(DbError::from)?;
        let entry = Entry {
            action: "token.issue",
            subject: &format!("agent:{}", new.agent),
            after: Some(json!({ "valid_seconds": seconds })),
            ..Entry::default()
        };
        system.enter(&cx, async |tx| audit::record(tx, entry.clone()).await).await?;
        Ok::<_, TokenError>(())
    })
    .await?;
    Ok(text.to_string())
}

/// Lets a revoked agent enrol again.
async fn reopen(system: &mut SystemTx, cx: &Cx, new: &NewToken) -> Result<(), DbError> {
    store::tokens_void(system, new.tenant, new.agent).await?;
    let entry = Entry {
        action: "agent.reopen",
        subject: &format!("agent:{}", new.agent),
        before: Some(json!({ "status": "revoked" })),
        after: Some(json!({ "status": "expected" })),
    };
    system
        .enter(cx, async |tx| {
            store::agent_expect(tx, new.agent).await?;
            audit::record(tx, entry.clone()).await
        })
        .await
}

/// Uses a token up, in a transaction of its own.
///
/// # Errors
/// [`TokenError`] says why it is not taken.
pub async fn redeem_token(db: &Db, text: &str) -> Result<Redeemed, TokenError> {
    db.system_tx(async |system| redeem_token_in(system, text).await).await
}

/// Uses a token up, within the transaction of the enrolment: it stays unused if
/// that fails. A tenant in a database of its own commits first, so that an enrolment
/// that was cut short can be done again with the same token.
///
/// # Errors
/// As [`redeem_token`].
pub async fn redeem_token_in(system: &mut SystemTx, text: &str) -> Result<Redeemed, TokenError> {
    let hash = text.parse::<TokenText>()?.hash();
    let Some(row) = store::token_use(system, &hash).await.map_err(DbError::from)? else {
        let state = store::token_state(system, &hash).await.map_err(DbError::from)?;
        return Err(match state {
            None => TokenError::Unknown,
            Some(state) if state.used => TokenError::Used,
            Some(_) => TokenError::Expired,
        });
    };
    let cx = Cx::system(row.tenant_id);
    let agent = system
        .enter(&cx, async |tx| store::agent_by_id(tx, row.agent_id).await.map_err(DbError::from))
        .await?;
    match agent {
        Some(agent) if agent.status != "revoked" && Standing::of(&row.status).admits() => {
            let subject = format!("agent:{}", row.agent_id);
            let entry = Entry {
                action: "token.redeem",
                subject: &subject,
                after: Some(json!({ "plant": agent.plant })),
                ..Entry::default()
            };
            let cx = Cx::new(row.tenant_id, subject.as_str());
            system.enter(&cx, async |tx| audit::record(tx, entry.clone()).await).await?;
            Ok(Redeemed {
                tenant: row.tenant_id,
                tenant_code: row.code,
                agent_id: row.agent_id,
                plant: agent.plant,
            })
        }
        _ => Err(TokenError::NotAllowed),
    }
}

/// Whether this text is a token of this agent and authority that could still
/// be used.
///
/// # Errors
/// [`DbError`]; a text that is no token is simply not open.
pub async fn token_is_open(
    db: &Db,
    text: &str,
    ca_fingerprint: [u8; 32],
    tenant: Uuid,
    agent: Uuid,
) -> Result<bool, DbError> {
    let Ok(text) = text.parse::<TokenText>() else {
        return Ok(false);
    };
    if text.ca_fingerprint != ca_fingerprint {
        return Ok(false);
    }
    let hash = text.hash();
    let state =
        db.system_tx(async |system| store::token_state(system, &hash).await.map_err(DbError::from)).await?;
    Ok(state.is_some_and(|state| {
        !state.used && !state.expired && state.tenant_id == tenant && state.agent_id == agent
    }))
}
