//! The modules of this cloud. A new one is a line here; what it brings along it says
//! itself (`docs/adding-a-module.md`).

use platform::files::Subject;
use platform::web::Module;
use trace::ingest::Committed;

/// All modules, in the order in which people see them in the navigation and on the page
/// of rights. `committed` is where the ingest announces batches.
pub fn all(committed: &Committed) -> Vec<Module> {
    let mut all = vec![
        trace::module(committed),
        trace::proofs::module(committed),
        trace::passports::module(),
        platform::seed::module(),
        platform::workflow::module(),
        platform::masters::module(),
        platform::numbering::module(),
        platform::views::module(),
        platform::people::module(),
        platform::tokens::module(),
        platform::web::module(),
        platform::notify::module(),
        platform::plans::module(),
        platform::admin::module(),
        platform::organisation::module(),
        platform::settings::module(),
        platform::audit::module(),
        platform::personal::module(),
        platform::search::module(),
        platform::files::module(),
    ];
    // Last: it describes the others.
    all.push(platform::openapi::module(Module::all_operations(&all)));
    all
}

/// What files can be attached to.
pub fn attached() -> Vec<Subject> {
    Module::all_attached(&all(&Committed::default()))
}
