//! Who stands at the machine and gives a command: for the log of super-administrators.

use std::os::unix::fs::MetadataExt;

use platform::admin::log::Who;

/// Longest name that the log keeps.
const LONGEST: usize = 80;

/// Who gives this command: `by` as it was said, else the account of the operating system.
/// From where is always the account and the machine, whatever was said.
pub fn who(by: Option<&str>) -> Who {
    let account = account();
    let said = by.map(printable).filter(|by| !by.is_empty());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = printable(&host);
    let host = if host.is_empty() { "this machine" } else { &host };
    Who {
        actor: format!("shell:{}", said.as_ref().unwrap_or(&account)),
        origin: Some(format!("{account}@{host}")),
    }
}

fn printable(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// The account that this process runs as; behind `sudo` with whose it was before.
fn account() -> String {
    let uid = std::fs::metadata("/proc/self").map(|it| it.uid()).ok();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = match uid {
        Some(uid) => named(&accounts, uid).unwrap_or_else(|| format!("uid {uid}")),
        None => "unknown".to_owned(),
    };
    match std::env::var("SUDO_USER").map(|before| printable(&before)) {
        Ok(before) if !before.is_empty() && before != name => format!("{name} (sudo of {before})"),
        _ => name,
    }
}

/// The name of an account in the text of `/etc/passwd`.
fn named(accounts: &str, uid: u32) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id.parse() == Ok(uid)).then(|| printable(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_nothing_is_the_account() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\nasha:x:1000:1000::/home/asha:/bin/sh\nbroken\n";
        assert_eq!(named(accounts, 1000).as_deref(), Some("asha"));
        assert_eq!(named(accounts, 7), None);
        let account = account();
        assert!(!account.is_empty());
        assert_eq!(who(None).actor, format!("shell:{account}"));
        assert_eq!(who(Some("  ")).actor, format!("shell:{account}"));
        let said = who(Some("Asha\u{1b}[2J, ticket 4711"));
        assert_eq!(said.actor, "shell:Asha[2J, ticket 4711");
        assert!(said.origin.unwrap().starts_with(&format!("{account}@")), "whatever was said");
        assert_eq!(who(Some(&"x".repeat(500))).actor.len(), "shell:".len() + LONGEST);
    }
}
