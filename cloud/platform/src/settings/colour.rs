//! Colours of a brand, and whether people can read them (WCAG 2.2, contrast).

/// A colour: red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

/// Least contrast of text (AA).
pub const READABLE: f64 = 4.5;

/// The lightest and the darkest ground on which text in a brand's colour stands in the
/// light look, and in the dark one: as in `app.css`.
const LIGHT_GROUNDS: [Colour; 3] =
    [Colour([0xff, 0xfe, 0xfb]), Colour([0xf6, 0xf4, 0xef]), Colour([0xef, 0xec, 0xe4])];
const DARK_GROUNDS: [Colour; 3] =
    [Colour([0x19, 0x21, 0x24]), Colour([0x11, 0x17, 0x1a]), Colour([0x0d, 0x12, 0x14])];
const WHITE: Colour = Colour([0xff; 3]);
/// What white cannot be read on, black can: the two contrasts multiply to 21.
const BLACK: Colour = Colour([0; 3]);

impl Colour {
    /// Of `#rrggbb`, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.trim().strip_prefix('#')?;
        if hex.len() != 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(hex, 16).ok()?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(Self([red, green, blue]))
    }

    fn luminance(self) -> f64 {
        let part = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(part);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Contrast with another, 1 to 21.
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// So much of it, of 100, in another.
    fn mixed(self, other: Self, share: u16) -> Self {
        let mut parts = [0; 3];
        for (at, part) in parts.iter_mut().enumerate() {
            let (a, b) = (u16::from(self.0[at]), u16::from(other.0[at]));
            // Of 255 and 100 parts at most.
            *part = u8::try_from((a * (100 - share) + b * share) / 100).unwrap_or(u8::MAX);
        }
        Self(parts)
    }

    /// The least contrast with these.
    fn least(self, grounds: &[Self]) -> f64 {
        grounds.iter().map(|ground| self.contrast(*ground)).fold(f64::INFINITY, f64::min)
    }

    /// The least contrast with these, and with the first of them tinted for what is chosen.
    fn read_on(self, grounds: &[Self; 3]) -> f64 {
        let [first, ..] = *grounds;
        self.least(grounds).min(self.contrast(self.tint(first)))
    }

    /// Contrast with the light pages' grounds, at the least: what a brand's colour is
    /// judged by.
    #[must_use]
    pub fn on_light(self) -> f64 {
        self.read_on(&LIGHT_GROUNDS)
    }

    /// The same hue, so much lighter that it can be read on dark pages.
    #[must_use]
    pub fn for_dark(self) -> Self {
        let lighter = (0..=20).map(|step| self.mixed(WHITE, step * 5));
        // White itself can be read.
        lighter.into_iter().find(|colour| colour.read_on(&DARK_GROUNDS) >= READABLE).unwrap_or(WHITE)
    }

    /// What can be read on it.
    #[must_use]
    pub fn over(self) -> Self {
        if self.contrast(WHITE) >= READABLE { WHITE } else { BLACK }
    }

    /// Somewhat nearer to what stands on it no more: a hint that it can be pressed.
    #[must_use]
    pub fn hovered(self) -> Self {
        if self.over() == WHITE { self.mixed(BLACK, 20) } else { self.mixed(WHITE, 25) }
    }

    /// A ground for what is chosen, tinted with it.
    #[must_use]
    pub fn tint(self, ground: Self) -> Self {
        ground.mixed(self, 12)
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// The style sheet of a brand: variables alone, for both looks. An empty text where it
/// has no colours of its own.
#[must_use]
pub fn sheet(primary: Option<Colour>, accent: Option<Colour>) -> String {
    let mut light = String::new();
    let mut dark = String::new();
    let [light_ground, ..] = LIGHT_GROUNDS;
    let [dark_ground, ..] = DARK_GROUNDS;
    if let Some(primary) = primary {
        for (out, colour, ground) in
            [(&mut light, primary, light_ground), (&mut dark, primary.for_dark(), dark_ground)]
        {
            out.push_str(&format!(
                "--tw-primary:{colour};--tw-primary-hover:{};--tw-on-primary:{};--tw-tint:{};",
                colour.hovered(),
                colour.over(),
                colour.tint(ground)
            ));
        }
    }
    if let Some(accent) = accent {
        light.push_str(&format!("--tw-copper:{accent};--tw-brand:{accent};"));
        let accent = accent.for_dark();
        dark.push_str(&format!("--tw-copper:{accent};--tw-brand:{accent};"));
    }
    if light.is_empty() {
        return String::new();
    }
    format!(":root{{{light}}}\n[data-bs-theme=\"dark\"]{{{dark}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_standard() {
        let of = |a: &str, b: &str| Colour::parse(a).unwrap().contrast(Colour::parse(b).unwrap());
        assert!((of("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        // Well-known pairs: just below and just above the mark.
        assert!((of("#777777", "#ffffff") - 4.478).abs() < 0.01);
        assert!((of("#767676", "#FFFFFF") - 4.542).abs() < 0.01);
        for wrong in ["", "#fff", "red", "#12345g", "123456", "#1234567"] {
            assert_eq!(Colour::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn whatever_is_taken_can_be_read_in_both_looks() {
        for red in (0..=255).step_by(51) {
            for green in (0..=255).step_by(51) {
                for blue in (0..=255).step_by(51) {
                    let colour = Colour([red, green, blue].map(|part: i32| u8::try_from(part).unwrap()));
                    let dark = colour.for_dark();
                    assert!(dark.least(&DARK_GROUNDS) >= READABLE, "{colour} becomes {dark}");
                    let chosen = dark.tint(DARK_GROUNDS[0]);
                    assert!(
                        dark.contrast(chosen) >= READABLE,
                        "{colour}: {dark} on {chosen}, what is chosen"
                    );
                    assert!(colour.over().contrast(colour) >= READABLE, "text on {colour}");
                    assert!(dark.over().contrast(dark) >= READABLE, "text on {dark}");
                    let hovered = colour.hovered();
                    assert!(
                        colour.over().contrast(hovered) >= READABLE,
                        "text on hovered {colour}: {hovered}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_sheet_holds_variables_alone() {
        let sheet = sheet(Colour::parse("#7a1f5c"), None);
        assert!(sheet.starts_with(":root{--tw-primary:#7a1f5c;") && !sheet.contains("copper"), "{sheet}");
        assert_eq!(super::sheet(None, None), "");
        // As dark as the grounds want it, and not enough for what is chosen on them.
        let plum = Colour::parse("#7a1f5c").unwrap().for_dark();
        assert!(plum.contrast(plum.tint(DARK_GROUNDS[0])) >= READABLE, "{plum}");
        // The product's own colours would be taken, too.
        for own in ["#0e5460", "#7d4e00"] {
            assert!(Colour::parse(own).unwrap().on_light() >= READABLE, "{own}");
        }
    }
}
