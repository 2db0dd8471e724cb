//! The description of the API of super-administrators: a document of its own, for whoever
//! has a key of theirs. What tenants' programs call is described elsewhere
//! (`/api/openapi.json`).

use axum::{Json, Router};
use serde_json::{Value, json};

use super::AdminCaller;
use super::answers::{Databases, Erasures, Log, MadeTenant, Month, OneErasure, OneTenant, Plans, Tenants};
use super::api::NewPlan;
use super::audit_pages::Asked as AskedLog;
use super::configured_api::{Sent as Configured, Shown as Planned};
use super::erasure_pages::Asked as AskedErasures;
use super::features::{NewFeatures, TenantFeatures};
use super::making::Typed;
use super::tenant_store::Asked;
use super::tenants::{Extend, Give, NewStatus};
use crate::openapi::{self, Operation, group};
use crate::plans::Plan;
use crate::web::AppState;
use crate::web::routing::get;

/// At the head of the document.
const DESCRIPTION: &str = "\
For programs of whoever runs the cloud: tenants with their plan, usage and streams, and nothing of their \
business.

**Sign-in.** `Authorization: Bearer <key>`, with a key of `cloud admin key`; what tenants have opens nothing \
here. Every request stands in the log of super-administrators.

**Errors** are problem details (RFC 9457). **Lists** are read page by page: pass `next` as `after`, of the log and \
of erasures as `before`, until it is null. **Changes** name the `version` that was seen; a stale one answers 409.";

/// The operations of `/admin/api`.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let stale = "Somebody else changed it since this `version`.";
    let tenants = [
        Operation::get("/admin/api/tenants", "listTenants", "Tenants by code, with what they used last")
            .query::<Asked>()
            .answers::<Tenants>(),
        Operation::post("/admin/api/tenants", "makeTenant", "Makes a tenant with its first administrator")
            .takes::<Typed>()
            .creates::<MadeTenant>()
            .fails(422, "tenant.invalid", "A field is not right; each is named."),
        Operation::post(
            "/admin/api/tenants/configured",
            "makeConfiguredTenant",
            "Makes a tenant of its configuration, or shows what it comes to",
        )
        .takes::<Configured>()
        .answers::<Planned>()
        .creates::<MadeTenant>()
        .fails(
            422,
            "tenant.invalid",
            "Something is not right, or is somebody else's; all of it is named.",
        ),
        Operation::get("/admin/api/tenants/{tenant}", "tenant", "One tenant: plan, usage, streams")
            .uuid("tenant")
            .answers::<OneTenant>(),
        Operation::post("/admin/api/tenants/{tenant}/plan", "givePlan", "Gives a tenant another plan")
            .uuid("tenant")
            .takes::<Give>()
            .ends()
            .fails(409, "conflict.stale", stale)
            .fails(409, "plan.erasing", "Its erasure was begun, so that a part of it may be gone.")
            .fails(422, "plan.none", "There is no such plan, or it is given to nobody any more."),
        Operation::post(
            "/admin/api/tenants/{tenant}/trial",
            "extendTrial",
            "Lets a trial go on for some days",
        )
        .uuid("tenant")
        .takes::<Extend>()
        .ends()
        .fails(409, "plan.erasing", "Its erasure was begun, so that a part of it may be gone.")
        .fails(409, "plan.no_trial", "The tenant is on no trial."),
        Operation::post(
            "/admin/api/tenants/{tenant}/status",
            "setTenantStatus",
            "Suspends a tenant, or lets it in",
        )
        .uuid("tenant")
        .takes::<NewStatus>()
        .ends()
        .fails(409, "conflict.stale", stale)
        .fails(422, "plan.invalid", "It is to be suspended, and no reason is given.")
        .fails(409, "plan.erasing", "Its erasure was begun, so that a part of it may be gone.")
        .fails(409, "plan.trial_over", "Its trial is over: extend that, or give it a plan, first."),
        Operation::get(
            "/admin/api/tenants/{tenant}/features",
            "tenantFeatures",
            "What a tenant has of the product, and what can be switched",
        )
        .uuid("tenant")
        .answers::<TenantFeatures>()
        .tagged(),
        Operation::put(
            "/admin/api/tenants/{tenant}/features",
            "setTenantFeatures",
            "Says what a tenant has of the product",
        )
        .note("What is off answers 404 `feature.off`, within some seconds in every process; facts of plants are taken all the same.")
        .uuid("tenant")
        .takes::<NewFeatures>()
        .answers::<TenantFeatures>()
        .tagged()
        .must_match()
        .fails(409, "conflict.stale", stale)
        .fails(422, "tenant.invalid", "A name is empty, too long, or said twice."),
    ];
    let plans = [
        Operation::get("/admin/api/plans", "listPlans", "Every plan, retired ones last").answers::<Plans>(),
        Operation::post("/admin/api/plans", "makePlan", "Makes a plan")
            .takes::<NewPlan>()
            .creates::<Plan>()
            .tagged()
            .fails(422, "plan.invalid", "A field is not right; each is named."),
        Operation::get("/admin/api/plans/{plan}", "plan", "One plan")
            .means("plan", "The code of the plan.")
            .answers::<Plan>()
            .tagged(),
        Operation::put(
            "/admin/api/plans/{plan}",
            "changePlan",
            "Changes a plan, at once for all who have it",
        )
        .means("plan", "The code of the plan.")
        .takes::<NewPlan>()
        .answers::<Plan>()
        .tagged()
        .may_match()
        .fails(409, "conflict.stale", stale)
        .fails(422, "plan.invalid", "A field is not right; each is named.")
        .fails(
            428,
            "conflict.no_version",
            "Neither `If-Match` nor the body says which version was seen.",
        ),
        Operation::get("/admin/api/databases", "listDatabases", "The databases that tenants live in")
            .answers::<Databases>(),
        Operation::get("/admin/api/usage", "usage", "What every tenant used in a month")
            .query_with("month", json!({ "type": "string", "examples": ["2026-11"] }))
            .means("month", "Which; it has to be said.")
            .answers::<Month>(),
    ];
    let erasures = [
        Operation::get("/admin/api/erasures", "listErasures", "Erasures of tenants, the latest first")
            .query::<AskedErasures>()
            .answers::<Erasures>(),
        Operation::get("/admin/api/erasures/{erasure}", "erasure", "One erasure, with its certificate")
            .uuid("erasure")
            .answers::<OneErasure>(),
    ];
    let log = [
        Operation::get(
            "/admin/api/audit",
            "listAdminAudit",
            "What super-administrators did and looked at, newest first",
        )
        .query::<AskedLog>()
        .answers::<Log>(),
        Operation::get("/admin/api/openapi.json", "adminOpenapi", "This document")
            .answers_json(200, json!({ "type": "object", "required": ["openapi"] })),
    ];
    let all = [
        group("Tenants", tenants),
        group("Plans and usage", plans),
        group("Erasures", erasures),
        group("The log", log),
    ];
    all.concat().into_iter().map(Operation::signed_in).collect()
}

/// The document of these operations.
#[must_use]
pub fn document() -> Value {
    let mut document = openapi::document(&operations());
    document["info"]["title"] = "Tracewright, for super-administrators".into();
    document["info"]["description"] = DESCRIPTION.into();
    document["components"]["securitySchemes"] = json!({ "key": { "type": "http", "scheme": "bearer", "description": "A key of `cloud admin key`." } });
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (_, operation) in paths.filter_map(|(_, path)| path.as_object_mut()).flatten() {
        // Neither sessions nor `Idempotency-Key` are known here.
        operation["security"] = json!([{ "key": [] }]);
        operation["description"] = "For any key of a super-administrator.".into();
        if let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
            parameters.retain(|parameter| parameter["$ref"] != "#/components/parameters/IdempotencyKey");
        }
        for (_, answer) in operation["responses"].as_object_mut().into_iter().flatten() {
            if let Some(headers) = answer.get_mut("headers").and_then(Value::as_object_mut) {
                headers.remove("Idempotency-Replayed");
            }
        }
    }
    document
}

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/admin/api/openapi.json", get(served))
}

/// `GET /admin/api/openapi.json`
async fn served(_caller: AdminCaller) -> Json<Value> {
    Json(document())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_leads_nowhere_wrong_and_takes_keys_alone() {
        let mistakes = openapi::mistakes(&operations());
        assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
        let document = document();
        let text = document["paths"].to_string();
        for foreign in ["\"session\"", "parameters/IdempotencyKey", "Idempotency-Replayed"] {
            assert!(!text.contains(foreign), "{foreign}: {text}");
        }
        assert_eq!(document["paths"]["/admin/api/plans"]["get"]["security"], json!([{ "key": [] }]));
        assert!(document["components"]["schemas"]["AdminTenant"].is_object(), "{document}");
    }
}
