//! All SQL of people, by noun: their look-up at sign-in, links and tries in the control
//! schema, and their rows in the tenant's.

mod roles;
mod sessions;
mod signin;
mod standing;
mod tries;
mod users;

pub(super) use roles::{
    limit_set, limits, plants, role_changed, role_delete, role_insert, role_people, role_permissions_set,
    role_rename, role_totp_set, roles,
};
pub(super) use sessions::{session_insert, sessions, sessions_end, sessions_end_but};
pub(super) use signin::{Login, invitation_find, invitation_insert, invitation_use, login_claim, logins};
pub(super) use standing::credentials;
pub(crate) use standing::{Standing, standing};
pub(super) use tries::{tries_forget, try_count, try_lock};
pub(crate) use tries::{try_succeeded, try_taken_back};
pub(crate) use users::names_of;
pub(super) use users::{
    holders, name_set, password_set, profile, profile_set, roles_set, signed_in, status_set, tenant_code,
    user, user_accept, user_changed, user_insert, users, users_beginning,
};
