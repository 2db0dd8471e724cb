//! What the endpoints of traceability ask for.

use platform::web::Permission;

/// See units, their history and their genealogy.
pub const TRACE_READ: Permission = Permission::read("trace.read");
/// See facts that disagree with the office.
pub const EXCEPTION_READ: Permission = Permission::read("exception.read");
/// See holds.
pub const HOLD_READ: Permission = Permission::read("hold.read");
/// Place a hold.
pub const HOLD_PLACE: Permission = Permission::write("hold.place");
/// Release a hold.
pub const HOLD_RELEASE: Permission = Permission::write("hold.release");
/// See plants and how current they are.
pub const PLANT_READ: Permission = Permission::read("plant.read");

/// All of them.
pub const PERMISSIONS: &[Permission] =
    &[TRACE_READ, EXCEPTION_READ, HOLD_READ, HOLD_PLACE, HOLD_RELEASE, PLANT_READ];
