//! What a page refers to, for those who walk through pages as a visitor does.

use std::collections::BTreeSet;

/// Paths on this site that a page names.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Refers {
    /// What a browser fetches to show it: style sheets, scripts, pictures, icons.
    pub loads: BTreeSet<String>,
    /// Where its links lead.
    pub leads: BTreeSet<String>,
}

/// Reads them out of a page.
#[must_use]
pub fn refers(page: &str) -> Refers {
    let mut found = Refers::default();
    for tag in page.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        let name = tag.split(char::is_whitespace).next().unwrap_or_default();
        let path = match name {
            "link" | "use" | "a" => attribute(tag, "href"),
            "script" => attribute(tag, "src"),
            // What is attached somewhere is shown small, and fetched when it comes into view.
            "img" if !tag.contains("loading=\"lazy\"") => attribute(tag, "src"),
            _ => None,
        };
        let Some(path) = path.filter(|path| path.starts_with('/') && !path.starts_with("//")) else {
            continue;
        };
        if name == "a" && !path.starts_with("/assets/") {
            found.leads.insert(path);
        } else {
            found.loads.insert(path);
        }
    }
    found
}

/// The value of an attribute, without the part after `#`.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!(" {name}=\"")).nth(1)?.split(['"', '#']).next()?;
    Some(value.replace("&amp;", "&").replace("&#38;", "&"))
}

/// Pages that differ in a code or a query only are of one kind.
#[must_use]
pub fn kind(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<_> =
        path.split('/').enumerate().map(|(nth, part)| if nth > 2 { "*" } else { part }).collect();
    format!("{}{}", parts.join("/"), if query.is_empty() { "" } else { "?" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_loads_what_its_head_names_and_leads_where_its_links_do() {
        let page = r##"<link rel="stylesheet" href="/trace.css"><script src="/assets/a.js" defer></script>
            <link rel="stylesheet" href="/brand/SAIF/3/colours.css"><svg><use href="/assets/icons.svg#tag"></use></svg>
            <img src="/files/1/content" alt="" loading="lazy"><img class="x" src="/brand/SAIF/3/logo">
            <a class="b" href="/items?a=1&amp;b=2#top">x</a><a href="https://elsewhere.example/">y</a><a href="#main">z</a>"##;
        let found = refers(page);
        let loads = [
            "/assets/a.js",
            "/assets/icons.svg",
            "/brand/SAIF/3/colours.css",
            "/brand/SAIF/3/logo",
            "/trace.css",
        ];
        assert_eq!(found.loads.iter().map(String::as_str).collect::<Vec<_>>(), loads);
        assert_eq!(found.leads.iter().map(String::as_str).collect::<Vec<_>>(), ["/items?a=1&b=2"]);
        assert_eq!(kind("/masters/items/row/IT-1"), kind("/masters/items/row/IT-2"));
        assert_ne!(kind("/masters/items"), kind("/masters/items?after=x"));
    }
}
