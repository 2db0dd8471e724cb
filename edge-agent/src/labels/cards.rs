//! Control codes as a PDF to print and cut: A4, twelve cards a page, each a
//! DataMatrix that a gloved hand finds, the code, and what it does.

use datamatrix::{DataMatrix, SymbolList};
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str};

use super::bitmap::{Bitmap, Typesetter};

/// One card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The control code, as scanned.
    pub code: String,
    /// What it does, in the plant's first language.
    pub meaning: String,
    /// The same in English, for where no font has the other's script.
    pub english: String,
}

/// A code that has no DataMatrix (too long, or empty).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the control code {0:?} cannot be drawn as a DataMatrix")]
pub struct CardError(String);

const POINTS_PER_MM: f32 = 72.0 / 25.4;
const PAGE_MM: (f32, f32) = (210.0, 297.0);
const COLUMNS: usize = 3;
const ROWS: usize = 4;
/// Side of the code, quiet zone apart.
const CODE_MM: f32 = 34.0;
/// Height of meaning set as a picture, in millimetres and in dots.
const PICTURE_MM: f32 = 6.0;
const PICTURE_DOTS: u32 = 72;

/// The cards as a PDF. A meaning outside Latin-1 is set with the typesetter;
/// where it has no font for it, or there is none, the card says it in English.
///
/// # Errors
/// [`CardError`] for a code that cannot be drawn.
pub fn pdf(cards: &[Card], mut typesetter: Option<&mut Typesetter>) -> Result<Vec<u8>, CardError> {
    let mut pdf = Pdf::new();
    let mut next = 1;
    let mut new_ref = || {
        let made = Ref::new(next);
        next += 1;
        made
    };
    let (catalog, tree, font) = (new_ref(), new_ref(), new_ref());
    let mut pages = Vec::new();
    for sheet in cards.chunks(COLUMNS * ROWS) {
        let (page_id, content_id) = (new_ref(), new_ref());
        let mut content = Content::new();
        let mut pictures = Vec::new();
        for (place, card) in sheet.iter().enumerate() {
            let cell = cell(place);
            draw_code(&mut content, card, cell)?;
            text(&mut content, &card.code, cell.0 + 4.0 * POINTS_PER_MM, cell.1 + 13.0 * POINTS_PER_MM, 9.0);
            let at = (cell.0 + 4.0 * POINTS_PER_MM, cell.1 + 4.0 * POINTS_PER_MM);
            let latin = card.meaning.chars().all(|c| (c as u32) < 256);
            let setter = typesetter.as_deref_mut().filter(|_| !latin);
            let picture = setter.and_then(|setter| setter.line(&card.meaning, PICTURE_DOTS, 700));
            let Some(picture) = picture else {
                let said = if latin { &card.meaning } else { &card.english };
                text(&mut content, said, at.0, at.1 + 2.0, 12.0);
                continue;
            };
            let name = format!("P{place}");
            draw_picture(&mut content, &name, &picture, at);
            pictures.push((name, new_ref(), picture));
        }
        let mut page = pdf.page(page_id);
        page.media_box(Rect::new(0.0, 0.0, PAGE_MM.0 * POINTS_PER_MM, PAGE_MM.1 * POINTS_PER_MM));
        page.parent(tree);
        page.contents(content_id);
        let mut resources = page.resources();
        resources.fonts().pair(Name(b"F"), font);
        let mut objects = resources.x_objects();
        for (name, id, _) in &pictures {
            objects.pair(Name(name.as_bytes()), *id);
        }
        objects.finish();
        resources.finish();
        page.finish();
        pdf.stream(content_id, &content.finish());
        for (_, id, picture) in &pictures {
            // An image mask paints where its bits are 0; ours are 1 where black.
            let inverted: Vec<u8> = picture.rows.iter().map(|byte| !byte).collect();
            let mut image = pdf.image_xobject(*id, &inverted);
            image.width(picture.width as i32);
            image.height(picture.height as i32);
            image.image_mask(true);
            image.bits_per_component(1);
        }
        pages.push(page_id);
    }
    pdf.catalog(catalog).pages(tree);
    let count = pages.len() as i32;
    pdf.pages(tree).kids(pages).count(count);
    pdf.type1_font(font).base_font(Name(b"Helvetica-Bold")).encoding_predefined(Name(b"WinAnsiEncoding"));
    Ok(pdf.finish())
}

/// Lower left corner of a place on the sheet, in points.
fn cell(place: usize) -> (f32, f32) {
    let width = PAGE_MM.0 / COLUMNS as f32 * POINTS_PER_MM;
    let height = PAGE_MM.1 / ROWS as f32 * POINTS_PER_MM;
    let (row, column) = (place / COLUMNS, place % COLUMNS);
    (column as f32 * width, (ROWS - 1 - row) as f32 * height)
}

fn draw_code(content: &mut Content, card: &Card, cell: (f32, f32)) -> Result<(), CardError> {
    let code = DataMatrix::encode(card.code.as_bytes(), SymbolList::default())
        .map_err(|_| CardError(card.code.clone()))?;
    let bitmap = code.bitmap();
    let (wide, high) = (bitmap.width() as f32, bitmap.height() as f32);
    let module = CODE_MM * POINTS_PER_MM / wide.max(high);
    let (left, top) = (cell.0 + 18.0 * POINTS_PER_MM, cell.1 + 68.0 * POINTS_PER_MM);
    for (x, y) in bitmap.pixels() {
        content.rect(left + x as f32 * module, top - (y as f32 + 1.0) * module, module, module);
    }
    content.fill_nonzero();
    // The line to cut along.
    let width = PAGE_MM.0 / COLUMNS as f32 * POINTS_PER_MM;
    let height = PAGE_MM.1 / ROWS as f32 * POINTS_PER_MM;
    content.set_stroke_gray(0.7);
    content.rect(cell.0 + 2.0, cell.1 + 2.0, width - 4.0, height - 4.0);
    content.stroke();
    Ok(())
}

fn text(content: &mut Content, text: &str, x: f32, y: f32, size: f32) {
    let latin: Vec<u8> = text.chars().filter_map(|c| u8::try_from(c as u32).ok()).collect();
    content.begin_text();
    content.set_font(Name(b"F"), size);
    content.next_line(x, y);
    content.show(Str(&latin));
    content.end_text();
}

fn draw_picture(content: &mut Content, name: &str, picture: &Bitmap, at: (f32, f32)) {
    let height = PICTURE_MM * POINTS_PER_MM;
    let width = height * picture.width as f32 / picture.height as f32;
    content.save_state();
    content.transform([width, 0.0, 0.0, height, at.0, at.1]);
    content.x_object(Name(name.as_bytes()));
    content.restore_state();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirteen_cards_make_two_pages() {
        let card =
            Card { code: "TWC-DONE-5A".into(), meaning: "Done: record it".into(), english: String::new() };
        let made = pdf(&vec![card; 13], None).unwrap();
        assert!(made.starts_with(b"%PDF-1."));
        let text = String::from_utf8_lossy(&made);
        assert_eq!(text.matches("/Type /Page\n").count(), 2, "{text}");
        assert_eq!(text.matches("(TWC-DONE-5A) Tj").count(), 13);
    }

    #[test]
    fn without_a_font_a_card_speaks_english() {
        let card =
            Card { code: "TWC-DONE-5A".into(), meaning: "पूरा".into(), english: "DONE".into() };
        let made = pdf(&[card], None).unwrap();
        assert!(String::from_utf8_lossy(&made).contains("(DONE) Tj"));
    }

    #[test]
    fn a_code_too_long_is_named() {
        let card = Card { code: "X".repeat(4000), meaning: String::new(), english: String::new() };
        assert!(pdf(&[card], None).is_err());
    }
}
