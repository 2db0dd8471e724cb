//! Shaped text as one-bit pictures, for scripts that a printer cannot set.

use std::path::Path;
use std::sync::Arc;

use cosmic_text::{Attrs, Buffer, Color, Family, FontSystem, Metrics, Shaping, SwashCache, fontdb};

/// Rows of dots, packed eight to a byte, most significant first; 1 is black.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitmap {
    /// Dots in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `height` rows of `ceil(width / 8)` bytes.
    pub rows: Vec<u8>,
}

impl Bitmap {
    /// Whether the dot is black.
    #[must_use]
    pub fn is_black(&self, x: u32, y: u32) -> bool {
        let at = (y * self.width.div_ceil(8) + x / 8) as usize;
        self.rows.get(at).is_some_and(|byte| byte & (0x80 >> (x % 8)) != 0)
    }
}

/// Where a font could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FontError {
    /// The file is missing or cannot be read.
    #[error("cannot read the font {path}: {source}")]
    Read {
        /// The font's path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no font.
    #[error("{path} is not a font that can be used")]
    NotAFont {
        /// The font's path.
        path: String,
    },
    /// There is no font at all.
    #[error("no font is named and none of the usual ones is installed")]
    None,
}

/// Sets lines of text. The first font goes first; what it lacks comes from the
/// others.
pub struct Typesetter {
    fonts: FontSystem,
    cache: SwashCache,
    family: String,
}

impl Typesetter {
    /// The bytes of the font file at `path`.
    ///
    /// # Errors
    /// [`FontError`] when the file cannot be read or holds no font.
    pub fn read(path: &Path) -> Result<Vec<u8>, FontError> {
        let shown = || path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| FontError::Read { path: shown(), source })?;
        let mut db = fontdb::Database::new();
        db.load_font_data(bytes.clone());
        if db.faces().next().is_none() {
            return Err(FontError::NotAFont { path: shown() });
        }
        Ok(bytes)
    }

    /// A typesetter with these fonts.
    ///
    /// # Errors
    /// [`FontError::None`] when there is none.
    pub fn new(fonts: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, FontError> {
        let mut db = fontdb::Database::new();
        let mut family = None;
        for bytes in fonts {
            let ids = db.load_font_source(fontdb::Source::Binary(Arc::new(bytes)));
            let first = ids.first().and_then(|id| db.face(*id)).and_then(|face| face.families.first());
            family = family.or(first.map(|(name, _)| name.clone()));
        }
        Ok(Self {
            family: family.ok_or(FontError::None)?,
            fonts: FontSystem::new_with_locale_and_db("en".into(), db),
            cache: SwashCache::new(),
        })
    }

    /// A typesetter for the font file at `path` alone.
    ///
    /// # Errors
    /// [`FontError`] when the file cannot be read or holds no font.
    pub fn from_file(path: &Path) -> Result<Self, FontError> {
        Self::new([Self::read(path)?])
    }

    /// One line of text, `height` dots high, cut off at `max_width` dots. `None`
    /// where no font has one of its characters.
    #[must_use]
    pub fn line(&mut self, text: &str, height: u32, max_width: u32) -> Option<Bitmap> {
        let size = height as f32 * 0.8;
        let mut buffer = Buffer::new(&mut self.fonts, Metrics::new(size, height as f32));
        let attrs = Attrs::new().family(Family::Name(&self.family));
        buffer.set_size(None, Some(height as f32));
        buffer.set_text(text, &attrs, Shaping::Advanced, None);
        buffer.shape_until_scroll(&mut self.fonts, false);
        // Glyph 0 of every font is the box that stands for what it lacks.
        if buffer.layout_runs().any(|run| run.glyphs.iter().any(|glyph| glyph.glyph_id == 0)) {
            return None;
        }
        let set_width = buffer.layout_runs().map(|run| run.line_w).fold(0.0_f32, f32::max);
        let width = (set_width.ceil() as u32).clamp(1, max_width.max(1));
        let per_row = width.div_ceil(8);
        let mut rows = vec![0_u8; (per_row * height) as usize];
        buffer.draw(&mut self.fonts, &mut self.cache, Color::rgb(0, 0, 0), |x, y, w, h, color| {
            if color.a() < 128 {
                return;
            }
            for dy in 0..h as i32 {
                for dx in 0..w as i32 {
                    let (Ok(x), Ok(y)) = (u32::try_from(x + dx), u32::try_from(y + dy)) else { continue };
                    if x < width && y < height {
                        rows[(y * per_row + x / 8) as usize] |= 0x80 >> (x % 8);
                    }
                }
            }
        });
        Some(Bitmap { width, height, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVANAGARI: &str = "/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf";

    #[test]
    fn a_missing_font_and_a_file_that_is_none_are_told() {
        assert!(matches!(Typesetter::from_file(Path::new("/nonexistent.ttf")), Err(FontError::Read { .. })));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"no font").unwrap();
        assert!(matches!(Typesetter::from_file(file.path()), Err(FontError::NotAFont { .. })));
    }

    #[test]
    fn hindi_is_shaped_into_dots() {
        let path = Path::new(DEVANAGARI);
        if !path.exists() {
            crate::testing::skipped(DEVANAGARI);
            return;
        }
        let mut setter = Typesetter::from_file(path).unwrap();
        let line = setter.line("इस्पात कुंडल", 24, 400).unwrap();
        let black: u32 = line.rows.iter().map(|byte| byte.count_ones()).sum();
        assert_eq!(line.height, 24);
        assert!(line.width > 60 && line.width <= 400, "width {}", line.width);
        assert!(black > 200, "{black} dots");
        // Shaped: the conjunct takes less room than its letters one by one.
        let joined = setter.line("स्प", 24, 400).unwrap().width;
        let apart = setter.line("स\u{200c}प", 24, 400).unwrap().width;
        assert!(joined <= apart, "{joined} against {apart}");
        assert_eq!(setter.line("इस्पात", 24, 10).unwrap().width, 10);
    }
}
