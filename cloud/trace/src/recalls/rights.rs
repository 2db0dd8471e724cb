//! What the endpoints of recalls ask for.

use platform::web::{Caller, Permission};

/// See recalls and drills.
pub const RECALL_READ: Permission = Permission::read("recall.read");
/// Begin and change recalls, enter what was answered, run drills.
pub const RECALL_MANAGE: Permission = Permission::write("recall.manage");
/// Put a recall into force, and close it.
pub const RECALL_ACTIVATE: Permission = Permission::write("recall.activate");

/// All of them.
pub const PERMISSIONS: &[Permission] = &[RECALL_READ, RECALL_MANAGE, RECALL_ACTIVATE];

// What the masters ask for whoever looks at partners and at the people there.
const CONTACTS_VIEW: Permission = Permission::read("masters.contacts.view");
const CUSTOMERS_VIEW: Permission = Permission::read("masters.customers.view");
const SUPPLIERS_VIEW: Permission = Permission::read("masters.suppliers.view");

/// Whose telephone numbers and addresses a reader sees: those that they may see in the masters.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    /// Those of people at partners.
    pub contacts: bool,
    /// Customers' own.
    pub customers: bool,
    /// Suppliers' own.
    pub suppliers: bool,
}

impl Sight {
    /// What a caller sees.
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        Self {
            contacts: caller.may(&CONTACTS_VIEW),
            customers: caller.may(&CUSTOMERS_VIEW),
            suppliers: caller.may(&SUPPLIERS_VIEW),
        }
    }

    /// Whether it shows somebody at a consignee of this kind; `own` is the partner's own number.
    #[must_use]
    pub fn shows(self, own: bool, kind: &str) -> bool {
        match (own, kind) {
            (false, _) => self.contacts,
            (true, "supplier") => self.suppliers,
            (true, _) => self.customers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_shown_to_whoever_sees_it_in_the_masters() {
        let sight = Sight { contacts: false, customers: true, suppliers: false };
        assert!(!sight.shows(false, "customer") && !sight.shows(true, "supplier"));
        assert!(sight.shows(true, "customer") && sight.shows(true, "installation"));
        assert!(Sight { contacts: true, customers: false, suppliers: false }.shows(false, "supplier"));
    }
}
