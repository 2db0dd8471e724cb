//! Pages and actions that one goes to by typing their names.

use super::Hit;
use crate::web::{AppState, Caller, Permission};

/// A page or an action.
#[derive(Debug, Clone)]
pub struct Command {
    /// Where it leads.
    pub href: String,
    /// The key of its name.
    pub text: String,
    /// It makes a new one of what the name says.
    pub new: bool,
    /// Who sees it.
    pub permission: Permission,
}

/// Those that the caller may use and whose name has words that begin as typed; all
/// of the navigation where nothing was typed. Names count in the caller's language
/// and in English.
pub(super) fn find(state: &AppState, caller: &Caller, text: &str, limit: usize) -> Vec<Hit> {
    let english = state.texts(crate::i18n::Lang::En);
    let pages = state.nav.iter().filter(|item| item.is_for(caller)).map(|item| {
        let names = (caller.t(item.label_key), english.t(item.label_key));
        (item.href.to_owned(), names, "search-pages")
    });
    let commands = state.commands.iter().filter(|command| caller.may(&command.permission)).map(|command| {
        let name = |texts: &crate::i18n::Texts| {
            let name = texts.t(&command.text);
            if command.new { texts.t1("search-new", "name", name) } else { name }
        };
        let group = if command.new { "search-commands" } else { "search-pages" };
        (command.href.clone(), (name(&caller.texts), name(&english)), group)
    });
    let mut found: Vec<(usize, Hit)> = Vec::new();
    let wanted = text.to_lowercase();
    let all: Box<dyn Iterator<Item = _>> =
        if text.is_empty() { Box::new(pages) } else { Box::new(pages.chain(commands)) };
    for (href, (said, english), group) in all {
        let rank = [&said, &english].into_iter().filter_map(|name| rank(name, &wanted)).min();
        let Some(rank) = rank else { continue };
        if found.iter().any(|(_, hit)| hit.href == href) {
            continue;
        }
        let hit = Hit { group: caller.t(group), title: said, detail: String::new(), href, exact: false };
        found.push((rank, hit));
    }
    found.sort_by_key(|(rank, _)| *rank);
    let limit = if text.is_empty() { usize::MAX } else { limit.max(6) };
    found.into_iter().take(limit).map(|(_, hit)| hit).collect()
}

/// How well a name fits: 0 when it begins so, 1 when each word that was typed
/// begins a word of it.
fn rank(name: &str, wanted: &str) -> Option<usize> {
    let name = name.to_lowercase();
    if name.starts_with(wanted) {
        return Some(0);
    }
    let begins = |word: &str| {
        name.split(|c: char| c.is_whitespace() || matches!(c, ':' | '-' | '/'))
            .any(|have| have.starts_with(word))
    };
    (!wanted.is_empty() && wanted.split_whitespace().all(begins)).then_some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_by_their_beginnings() {
        assert_eq!(rank("Unit conversions", "unit"), Some(0));
        assert_eq!(rank("Unit conversions", "con"), Some(1));
        assert_eq!(rank("New: Items", "new it"), Some(1));
        assert_eq!(rank("आइटम", "आइ"), Some(0));
        assert_eq!(rank("Items", "units"), None);
        assert_eq!(rank("Items", ""), Some(0));
    }
}
