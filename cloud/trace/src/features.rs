//! What of this crate a tenant can be without: which module is of which feature.

use platform::web::Feature;

/// Units and what happens to them: traces, exceptions, holds, suspects, proofs. Facts of
/// plants are taken all the same.
pub const PRODUCTION: Feature = Feature { name: "production", within: &[] };
/// Recalls.
pub const RECALLS: Feature = Feature { name: "recalls", within: &["production", "service"] };
/// Product passports.
pub const PASSPORTS: Feature = Feature { name: "passports", within: &["sales", "service"] };
