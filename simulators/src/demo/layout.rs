//! Where the demo's files and programs lie, and plant files with free ports.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::ports::free_port;

/// Folders and programs of one demo.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The checkout that the demo was built from.
    pub root: PathBuf,
    /// Everything that the demo writes.
    pub state: PathBuf,
    /// Folder of the built programs.
    pub bin: PathBuf,
    /// Settings of the cloud besides the demo's own, as environment variables.
    pub settings: Vec<(String, String)>,
}

impl Layout {
    /// A layout whose state folder is `state`, made if it is not there. The
    /// programs are those beside the running one.
    ///
    /// # Errors
    /// When the folder cannot be made or the running program has no folder.
    pub fn new(state: &Path) -> anyhow::Result<Self> {
        let exe = std::env::current_exe().context("finding the running program")?;
        let mut bin = exe.parent().context("the running program has no folder")?.to_owned();
        // A test binary lies one folder deeper.
        if bin.ends_with("deps") {
            bin.pop();
        }
        std::fs::create_dir_all(state.join("logs")).with_context(|| format!("making {}", state.display()))?;
        let state = state.canonicalize().context("finding the state folder")?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .canonicalize()
            .context("finding the checkout")?;
        Ok(Self { root, state, bin, settings: Vec::new() })
    }

    /// A built program of the workspace.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Where what truly happened is written.
    #[must_use]
    pub fn truth(&self) -> PathBuf {
        self.state.join("truth.json")
    }

    /// The log of one process.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.state.join("logs").join(format!("{name}.log"))
    }
}

/// Replaces each `127.0.0.1:PORT` in a plant file by a free port, the same one
/// for the same text. Returns the new text and what became of each port.
///
/// # Errors
/// When no free port can be had.
pub fn with_free_ports(text: &str) -> anyhow::Result<(String, BTreeMap<u16, u16>)> {
    const HOST: &str = "127.0.0.1:";
    let mut ports = BTreeMap::new();
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(HOST) {
        let after = at + HOST.len();
        let digits = rest[after..].bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(&rest[..after]);
        let Ok(port) = rest[after..after + digits].parse::<u16>() else {
            rest = &rest[after..];
            continue;
        };
        let free = match ports.get(&port) {
            Some(free) => *free,
            None => {
                let free = free_port().context("finding a free port")?;
                ports.insert(port, free);
                free
            }
        };
        out.push_str(&free.to_string());
        rest = &rest[after + digits..];
    }
    out.push_str(rest);
    Ok((out, ports))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_replaced_alike_for_alike() {
        let text = "a = \"127.0.0.1:18831\"\nb = \"127.0.0.1:18832\"\nc = \"127.0.0.1:18831\" # 127.0.0.1:";
        let (out, ports) = with_free_ports(text).unwrap();
        assert_eq!(ports.len(), 2);
        assert_ne!(ports[&18831], ports[&18832]);
        assert_eq!(out.matches(&format!("127.0.0.1:{}", ports[&18831])).count(), 2);
        assert!(out.ends_with("# 127.0.0.1:"));
    }
}
