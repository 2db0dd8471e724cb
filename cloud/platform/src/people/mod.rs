//! People of a tenant's office: invitation, password, sign-in, sessions, roles.
//!
//! Tables: `users`, `roles`, `user_roles`; in the control schema `logins`,
//! `invitations`, `signin_tries`, and the sessions that stand on a person. An
//! access key is no person, see [`crate::web::keys`].

mod error;
mod links;
mod model;
mod pages;
mod password;
mod service;
mod signin;
mod store;
#[cfg(test)]
mod tests;
mod throttle;

pub use error::PeopleError;
pub use links::{INVITATION_LIFETIME, Invitation, Invited, RESET_LIFETIME, accept, invite, link};
pub(crate) use model::email;
pub use model::{ADMIN, BUILT_IN, Role, Status, User};
pub use pages::router;
pub use service::{list, roles, roles_ensure};
pub use signin::{Attempt, Session, SignedIn, sign_in};
pub(crate) use store::{Standing, standing};

use crate::i18n::{Lang, Sources};
use crate::web::{NavItem, Permission};

/// See who there is.
pub const USER_READ: Permission = Permission::read("user.read");
/// Invite, give roles, shut out.
pub const USER_MANAGE: Permission = Permission::admin("user.manage");
/// Say what roles may do.
pub const ROLE_MANAGE: Permission = Permission::admin("role.manage");

/// What the endpoints here ask for.
pub const PERMISSIONS: &[Permission] = &[USER_READ, USER_MANAGE, ROLE_MANAGE];

/// The side navigation of people.
pub const NAV: [NavItem; 2] = [
    NavItem { href: "/users", label_key: "nav-users", icon: "people", permission: USER_READ },
    NavItem { href: "/roles", label_key: "nav-roles", icon: "key", permission: ROLE_MANAGE },
];

/// The texts of people.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];
