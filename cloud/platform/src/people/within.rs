//! Who changes people and roles, and whether they hold what they would give, take or
//! change: the rule itself is [`beyond`].

use axum::http::StatusCode;

use super::error::PeopleError;
use super::model::{Given, Role, RoleLimit, User};
use super::store;
use crate::ctx::{Cx, Plants};
use crate::db::Tx;
use crate::i18n::{Texts, Value};
use crate::web::{Amount, AppState, Caller, EVERY, Grant, Permission, Problem, Rights, beyond};

/// Rights that are named in an error, at most.
const NAMED: usize = 5;

/// Rights that an act takes and whoever acts does not hold, by code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this reaches beyond your own rights ({}): somebody who holds them, or an administrator, can do it",
    .0.join(", ")
)]
pub struct Beyond(pub Vec<&'static str>);

impl Beyond {
    /// For people, in their language: what it takes, and who can do it.
    #[must_use]
    pub fn say(&self, texts: &Texts) -> String {
        if self.0.contains(&EVERY) {
            return texts.t("people-error-beyond-all");
        }
        let name = |code: &&str| texts.or(&format!("permission-{}", code.replace('.', "-")), code);
        let named: Vec<String> = self.0.iter().take(NAMED).map(name).collect();
        let rights = Value::from(named.join("; "));
        let more = self.0.len().saturating_sub(NAMED);
        let key = if more == 0 { "people-error-beyond" } else { "people-error-beyond-more" };
        texts.with(key, &[("rights", rights), ("more", Value::from(texts.number(more)))])
    }
}

impl From<Beyond> for Problem {
    fn from(error: Beyond) -> Self {
        let mut problem = Self::new(StatusCode::FORBIDDEN, "rights.beyond", error.to_string());
        problem.permission = error.0.first().copied();
        problem
    }
}

/// Who acts on people and roles.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// For the database and the audit.
    pub cx: &'a Cx,
    /// What they hold, of all permissions that there are; `None`: everything.
    held: Option<(&'a Rights, &'a [Permission])>,
}

impl<'a> By<'a> {
    /// Whoever asks, by page or API.
    #[must_use]
    pub fn caller(state: &'a AppState, caller: &'a Caller) -> Self {
        Self { cx: &caller.cx, held: Some((&caller.rights, &state.permissions[..])) }
    }

    /// Whoever runs the cloud, at its command line or as a super-administrator: not of the
    /// tenant, and so not bound by what somebody there holds.
    #[must_use]
    pub fn operator(cx: &'a Cx) -> Self {
        Self { cx, held: None }
    }

    /// Somebody with these rights.
    #[cfg(test)]
    pub(crate) fn holding(cx: &'a Cx, rights: &'a Rights, all: &'a [Permission]) -> Self {
        Self { cx, held: Some((rights, all)) }
    }

    /// The permissions that there are; whoever runs the cloud comes without them.
    pub(super) fn all(&self) -> Option<&'a [Permission]> {
        self.held.map(|(_, all)| all)
    }

    /// Asks that all of this is held.
    ///
    /// # Errors
    /// [`Beyond`], with what is not.
    pub fn holds(&self, wanted: impl IntoIterator<Item = Grant>) -> Result<(), Beyond> {
        let Some((rights, all)) = self.held else { return Ok(()) };
        let mut lacking: Vec<&'static str> = Vec::new();
        for grant in wanted {
            for code in beyond(rights, all, &grant) {
                if !lacking.contains(&code) {
                    lacking.push(code);
                }
            }
        }
        if lacking.is_empty() { Ok(()) } else { Err(Beyond(lacking)) }
    }

    /// Asks that everything is held, for what could make somebody an administrator in a
    /// roundabout way.
    ///
    /// # Errors
    /// [`Beyond`].
    pub fn holds_everything(&self) -> Result<(), Beyond> {
        self.holds([Grant { permissions: vec![EVERY.to_owned()], ..Grant::default() }])
    }

    /// Asks that these roles are the own ones to give and to take.
    pub(super) async fn require_given(&self, tx: &mut Tx, given: &[Given]) -> Result<(), PeopleError> {
        let known = Known::load(tx).await?;
        Ok(self.holds(known.grants(given))?)
    }

    /// Asks that a person has no more than whoever acts.
    pub(super) async fn require_person(&self, tx: &mut Tx, user: &User) -> Result<(), PeopleError> {
        self.require_given(tx, &user.given()).await
    }

    /// Asks that all that a role may is held, at all plants: whoever has it anywhere is
    /// concerned.
    pub(super) async fn require_role(&self, tx: &mut Tx, role: &str) -> Result<(), PeopleError> {
        self.require_given(tx, &[Given::everywhere(role)]).await
    }
}

/// What the roles of a tenant are.
pub(super) struct Known {
    pub roles: Vec<Role>,
    pub limits: Vec<RoleLimit>,
}

impl Known {
    pub(super) async fn load(tx: &mut Tx) -> Result<Self, sqlx::Error> {
        Ok(Self { roles: store::roles(tx).await?, limits: store::limits(tx).await? })
    }

    /// What a role given there is. One that is not known is taken for everything: what
    /// cannot be judged is nobody's but an administrator's to give.
    pub(super) fn grant(&self, code: &str, plants: &Plants) -> Grant {
        let role = self.roles.iter().find(|role| role.code == code);
        let own = self.limits.iter().filter(|limit| limit.role == code);
        Grant {
            permissions: role.map_or_else(|| vec![EVERY.to_owned()], |role| role.permissions.clone()),
            plants: plants.clone(),
            limits: own.map(|limit| (limit.permission.clone(), limit.limit.clone())).collect(),
        }
    }

    /// Up to which amount a role has a permission; `None` where it has no limit.
    pub(super) fn limit(&self, role: &str, permission: &str) -> Option<&Amount> {
        let own = |limit: &&RoleLimit| limit.role == role && limit.permission == permission;
        self.limits.iter().find(own).map(|limit| &limit.limit)
    }

    /// What these roles are.
    pub(super) fn grants(&self, given: &[Given]) -> Vec<Grant> {
        given.iter().map(|given| self.grant(&given.role, &given.plants)).collect()
    }
}
