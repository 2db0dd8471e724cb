//! What the endpoints of dashboards ask for.

use platform::web::Permission;

/// See dashboards, for the plants where one has this.
pub const DASHBOARD_READ: Permission = Permission::read("dashboard.read");
/// Set what figures should be.
pub const DASHBOARD_TARGETS: Permission = Permission::write("dashboard.targets");

/// All of them.
pub const PERMISSIONS: &[Permission] = &[DASHBOARD_READ, DASHBOARD_TARGETS];
