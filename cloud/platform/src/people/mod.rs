//! People of a tenant's office: invitation, password, sign-in, sessions, roles.
//!
//! Tables: `users`, `roles`, `user_roles`; in the control schema `logins`,
//! `invitations`, `signin_tries`, and the sessions that stand on a person. An
//! access key is no person, see [`crate::web::keys`].

mod account_pages;
mod api;
mod error;
mod forgot;
mod limits_pages;
mod link_pages;
mod links;
mod list_pages;
mod matrix_pages;
mod model;
mod pages;
mod part;
pub(crate) mod password;
mod provider;
mod refused;
mod role_pages;
mod roles;
mod search;
mod second_step;
mod service;
mod settings;
mod settings_pages;
mod signin;
mod step_api;
mod step_pages;
mod steps;
mod store;
#[cfg(test)]
mod tests;
mod throttle;
pub(crate) mod totp;
mod totp_pages;
mod totp_store;
mod tried;
mod within;

pub use error::PeopleError;
pub use links::{
    FORGOT_LIFETIME, INVITATION_LIFETIME, Invitation, Invited, RESET_LIFETIME, accept, invite, link,
};
pub use model::{ADMIN, BUILT_IN, Given, Role, RoleLimit, Status, User};
pub(crate) use model::{MOST_PLANTS, browser_text, email as clean_email, name as clean_name};
pub use pages::router;
pub(crate) use pages::{role_name, ticked, ticked_of_many};
pub use password::Weakness;
pub use provider::{Providers, reseal as reseal_provider};
pub use roles::{RoleUses, limit_set, limits};
pub use search::SEARCHERS;
pub(crate) use second_step::Enrolment;
pub use second_step::reseal;
#[cfg(test)]
pub(crate) use service::enable;
pub use service::{beyond_of, give, give_as_seen, list, may_go, plants, roles, roles_ensure, roles_set};
pub(crate) use settings::speak;
pub use signin::{Attempt, Session, SignedIn, sign_in};
pub(crate) use signin::{Count, count as count_try, counts};
pub(crate) use step_pages::enrolment_html;
pub(crate) use store::{Standing, names_of, standing, try_succeeded, try_taken_back};
pub(crate) use throttle::Counted;
pub use within::{Beyond, By};

use crate::i18n::{Lang, Sources};
use crate::notify::Kind;
use crate::openapi::Operation;
use crate::web::{Module, NavGroup, NavItem, Permission, Seen};

/// See who there is.
pub const USER_READ: Permission = Permission::read("user.read");
/// Invite, give roles, shut out.
pub const USER_MANAGE: Permission = Permission::admin("user.manage");
/// Say what roles may do.
pub const ROLE_MANAGE: Permission = Permission::admin("role.manage");

/// The own password was set anew.
pub const ACCOUNT_PASSWORD: Kind = Kind::own("account.password");
/// Two-step sign-in is asked for from now on.
pub const ACCOUNT_TOTP_ON: Kind = Kind::own("account.totp_on");
/// Two-step sign-in is asked for no more.
pub const ACCOUNT_TOTP_OFF: Kind = Kind::own("account.totp_off");
/// Somebody followed an invitation.
pub const PEOPLE_JOINED: Kind = Kind::shown("people.joined").to_whom_may(USER_MANAGE);

/// The kinds of notices of this part.
pub const KINDS: &[Kind] = &[ACCOUNT_PASSWORD, ACCOUNT_TOTP_ON, ACCOUNT_TOTP_OFF, PEOPLE_JOINED];

/// What the endpoints here ask for.
pub const PERMISSIONS: &[Permission] = &[USER_READ, USER_MANAGE, ROLE_MANAGE];

/// What the routes here are under `/api`, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    [api::operations(), step_api::operations(), limits_pages::operations(), provider::operations()].concat()
}

/// The side navigation of people.
pub const NAV: [NavItem; 2] = [
    NavItem {
        group: NavGroup::Setup,
        href: "/users",
        label_key: "nav-users",
        icon: "people",
        seen: Seen::With(USER_READ),
    },
    NavItem {
        group: NavGroup::Setup,
        href: "/roles",
        label_key: "nav-roles",
        icon: "key",
        seen: Seen::With(ROLE_MANAGE),
    },
];

/// The texts of people.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// What the server has to know of people and roles.
#[must_use]
pub fn module() -> Module {
    Module::new("people")
        .routes(router())
        .operations(operations())
        .nav(NAV)
        .permissions(PERMISSIONS)
        .texts(TEXTS)
        .kinds(KINDS)
        .views(&["people"])
        .searchers(&SEARCHERS)
}
