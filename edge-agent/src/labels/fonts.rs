//! Which fonts set what a printer or a PDF cannot: the plant's own first, then
//! the Noto fonts of the scripts in which stations speak, where they usually are.

use std::path::{Path, PathBuf};

use super::bitmap::{FontError, Typesetter};

/// Where the system keeps its Noto fonts.
const FOLDERS: [&str; 3] =
    ["/usr/share/fonts/truetype/noto", "/usr/share/fonts/noto", "/usr/local/share/fonts/noto"];
/// One for each script.
const FILES: [&str; 4] = [
    "NotoSans-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansBengali-Regular.ttf",
    "NotoSansTelugu-Regular.ttf",
];

/// The fonts that this machine has, in the order in which they are tried.
fn installed() -> Vec<PathBuf> {
    let found = |file: &&str| {
        let mut places = FOLDERS.iter().map(|folder| Path::new(folder).join(file));
        places.find(|path| path.is_file())
    };
    FILES.iter().filter_map(found).collect()
}

/// A typesetter with the plant's own font, where it names one, and those of the
/// system. `None`, after telling so, where there is none at all: then text
/// outside ASCII is left out or stands in English.
#[must_use]
pub fn find(own: Option<&Path>) -> Option<Typesetter> {
    let files: Vec<PathBuf> = own.map(Path::to_owned).into_iter().chain(installed()).collect();
    let mut usable = Vec::new();
    for file in files {
        match Typesetter::read(&file) {
            Ok(bytes) => usable.push(bytes),
            Err(error) => tracing::error!(%error, "labels are made without that font"),
        }
    }
    let made = Typesetter::new(usable);
    made.inspect_err(|error: &FontError| tracing::warn!(%error, "text outside ASCII is not printed")).ok()
}

/// Puts fonts off until the first line needs them: most labels are ASCII, and
/// fonts take memory.
#[derive(Default)]
pub struct Fonts {
    own: Option<PathBuf>,
    loaded: Option<Option<Typesetter>>,
}

impl Fonts {
    /// With the plant's own font first, where it names one.
    #[must_use]
    pub fn new(own: Option<PathBuf>) -> Self {
        Self { own, loaded: None }
    }

    /// The typesetter, found at the first call.
    pub fn typesetter(&mut self) -> Option<&mut Typesetter> {
        self.loaded.get_or_insert_with(|| find(self.own.as_deref())).as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_font_that_is_missing_leaves_those_of_the_system() {
        if installed().len() < FILES.len() {
            assert!(std::env::var_os("CI").is_none(), "CI must have the Noto fonts");
            eprintln!("skipped: the Noto fonts are not installed");
            return;
        }
        let mut fonts = Fonts::new(Some("/nonexistent.ttf".into()));
        let setter = fonts.typesetter().unwrap();
        for text in ["इस्पात", "ইস্পাত", "ఉక్కు", "Ø 25 µm", "गियर 24 teeth"]
        {
            assert!(setter.line(text, 24, 400).is_some(), "{text}");
        }
        assert!(setter.line("漢字", 24, 400).is_none(), "no font here has it: never boxes");
    }
}
