//! The modules of this cloud. A new one is a line here; what it brings along it says
//! itself (`docs/adding-a-module.md`).

use analytics::mirror::Mirrors;
use platform::files::Subject;
use platform::web::Module;
use trace::genealogy::Genealogy;
use trace::ingest::Committed;

/// What modules share with each other and with the parts of this process.
#[derive(Clone, Default)]
pub struct Shared {
    /// Where the ingest announces batches.
    pub committed: Committed,
    /// What went into what.
    pub genealogy: Genealogy,
    /// Where dashboards ask.
    pub mirrors: Mirrors,
}

/// All modules, in the order in which people see them in the navigation and on the page
/// of rights.
pub fn all(shared: &Shared) -> Vec<Module> {
    let Shared { committed, genealogy, mirrors } = shared;
    let mut all = vec![
        trace::module(committed, genealogy),
        trace::holds::module(genealogy),
        trace::scopes::module(genealogy),
        trace::recalls::module(committed, genealogy),
        trace::proofs::module(committed),
        trace::passports::module(),
        analytics::module(mirrors),
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
    Module::all_attached(&all(&Shared::default()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use platform::i18n::SHELL;

    use super::*;

    #[test]
    fn no_text_is_there_twice() {
        let modules = all(&Shared::default());
        let sources = SHELL.into_iter().chain(Module::all_texts(&modules));
        let mut times: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (lang, source) in sources {
            let names = source.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()));
            for name in names.filter_map(|line| line.split_once('=').map(|(name, _)| name.trim())) {
                *times.entry((lang.code(), name)).or_default() += 1;
            }
        }
        assert!(times.len() > 1000, "{}", times.len());
        // Of two only the first is ever shown.
        let twice: Vec<_> = times.into_iter().filter(|(_, times)| *times > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
}
