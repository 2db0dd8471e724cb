//! What the endpoints of traceability ask for.

use platform::web::Permission;

/// See units, their history and their genealogy.
pub const TRACE_READ: Permission = Permission::read("trace.read");
/// See facts that disagree with the office.
pub const EXCEPTION_READ: Permission = Permission::read("exception.read");
/// Resolve facts that disagree, reopen them, and take them on.
pub const EXCEPTION_RESOLVE: Permission = Permission::write("exception.resolve");
/// Say who is to resolve them.
pub const EXCEPTION_ASSIGN: Permission = Permission::write("exception.assign");
/// See holds.
pub const HOLD_READ: Permission = Permission::read("hold.read");
/// Place a hold.
pub const HOLD_PLACE: Permission = Permission::write("hold.place");
/// Release a hold.
pub const HOLD_RELEASE: Permission = Permission::write("hold.release");
/// See plants and how current they are.
pub const PLANT_READ: Permission = Permission::read("plant.read");

/// All of them.
pub const PERMISSIONS: &[Permission] = &[
    TRACE_READ,
    EXCEPTION_READ,
    EXCEPTION_RESOLVE,
    EXCEPTION_ASSIGN,
    HOLD_READ,
    HOLD_PLACE,
    HOLD_RELEASE,
    PLANT_READ,
];
