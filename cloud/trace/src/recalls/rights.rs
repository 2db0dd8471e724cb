//! What the endpoints of recalls ask for.

use platform::web::Permission;

/// See recalls and drills.
pub const RECALL_READ: Permission = Permission::read("recall.read");
/// Begin and change recalls, enter what was answered, run drills.
pub const RECALL_MANAGE: Permission = Permission::write("recall.manage");
/// Put a recall into force, and close it.
pub const RECALL_ACTIVATE: Permission = Permission::write("recall.activate");

/// All of them.
pub const PERMISSIONS: &[Permission] = &[RECALL_READ, RECALL_MANAGE, RECALL_ACTIVATE];
