//! What the endpoints of suspects and scopes ask for.

use platform::web::Permission;

/// Look for suspects, and see scopes.
pub const SCOPE_READ: Permission = Permission::read("scope.read");
/// Keep a scope, and delete one.
pub const SCOPE_WRITE: Permission = Permission::write("scope.write");

/// All of them.
pub const PERMISSIONS: &[Permission] = &[SCOPE_READ, SCOPE_WRITE];
