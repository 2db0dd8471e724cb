//! The fonts that documents are set in: those of the scripts of the product, where
//! the system keeps them. `deploy/setup.sh` installs them by package, as for labels.

use std::path::Path;
use std::sync::LazyLock;

use typst::foundations::Bytes;
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;

/// Families for a template's `text(font: …)`: what the first lacks the next one has.
pub const FONTS: [&str; 5] =
    ["Noto Sans", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Telugu", "DejaVu Sans"];

/// Where the system keeps fonts.
const FOLDERS: [&str; 4] = [
    "/usr/share/fonts/truetype/noto",
    "/usr/share/fonts/noto",
    "/usr/local/share/fonts/noto",
    "/usr/share/fonts/truetype/dejavu",
];
/// The files, plain and bold.
const FILES: [&str; 10] = [
    "NotoSans-Regular.ttf",
    "NotoSans-Bold.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansDevanagari-Bold.ttf",
    "NotoSansBengali-Regular.ttf",
    "NotoSansBengali-Bold.ttf",
    "NotoSansTelugu-Regular.ttf",
    "NotoSansTelugu-Bold.ttf",
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
];

type Fonts = (LazyHash<FontBook>, Vec<Font>);

/// The fonts that this machine has, read once.
pub(crate) fn all() -> &'static Fonts {
    static ALL: LazyLock<Fonts> = LazyLock::new(|| {
        let found =
            |file: &&str| FOLDERS.iter().find_map(|folder| std::fs::read(Path::new(folder).join(file)).ok());
        let fonts: Vec<Font> =
            FILES.iter().filter_map(found).flat_map(|bytes| Font::iter(Bytes::new(bytes))).collect();
        (LazyHash::new(FontBook::from_fonts(&fonts)), fonts)
    });
    &ALL
}
