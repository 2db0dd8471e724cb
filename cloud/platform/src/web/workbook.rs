//! Excel workbooks: sheets with a head that stays in sight.

use rust_xlsxwriter::{Format, Workbook, XlsxError};
use serde_json::Value;

/// A sheet of a workbook.
#[derive(Debug, Clone, Default)]
pub struct WorkSheet {
    /// Its name; Excel takes 31 characters, and none of `[]:*?/\`.
    pub name: String,
    /// The heads of its columns.
    pub heads: Vec<String>,
    /// Its rows. Numbers and flags are written as such, null as nothing, every other
    /// value as text: a spreadsheet's numbers lose the digits of decimals.
    pub rows: Vec<Vec<Value>>,
}

/// A workbook of these sheets. No text in it is a formula; [`super::harmless`] sees to
/// it that it becomes none when the file is saved as another kind.
///
/// # Errors
/// More rows or longer texts than Excel takes.
pub fn workbook(sheets: &[WorkSheet]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let bold = Format::new().set_bold();
    for told in sheets {
        let sheet = book.add_worksheet();
        let name: String =
            told.name.chars().filter(|letter| !"[]:*?/\\'".contains(*letter)).take(31).collect();
        sheet.set_name(name)?;
        for (column, head) in (0_u16..).zip(&told.heads) {
            sheet.write_string_with_format(0, column, head, &bold)?;
            sheet.set_column_width(column, 18)?;
        }
        sheet.set_freeze_panes(1, 0)?;
        for (line, row) in (1_u32..).zip(&told.rows) {
            for (column, value) in (0_u16..).zip(row) {
                match value {
                    Value::Number(number) => {
                        sheet.write_number(line, column, number.as_f64().unwrap_or_default())?;
                    }
                    Value::Bool(flag) => {
                        sheet.write_boolean(line, column, *flag)?;
                    }
                    Value::Null => {}
                    Value::String(text) => {
                        sheet.write_string(line, column, text)?;
                    }
                    value => {
                        sheet.write_string(line, column, value.to_string())?;
                    }
                }
            }
        }
    }
    book.save_to_buffer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_are_written_and_names_that_excel_refuses_are_put_right() {
        let sheet = WorkSheet {
            name: "What is in it / was in it: [everything]".into(),
            heads: vec!["uid".into(), "n".into()],
            rows: vec![vec!["=1+1".into(), 7.into()], vec![Value::Null, true.into()]],
        };
        let bytes = workbook(&[sheet]).unwrap();
        assert!(bytes.starts_with(b"PK"));
    }
}
