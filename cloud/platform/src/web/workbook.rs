//! Excel workbooks: sheets with a head that stays in sight.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
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
    /// value as text: a spreadsheet's numbers lose digits of long decimals.
    pub rows: Vec<Vec<Value>>,
    /// Columns, counted from 0, in which a text that is a time ([`TIME`]) is written as one.
    pub times: Vec<u16>,
}

/// How a time stands in [`WorkSheet::rows`], as a clock shows it: `2025-01-20T09:00:00`.
pub const TIME: &str = "%Y-%m-%dT%H:%M:%S";

/// A time as a spreadsheet counts: days since the end of 1899. Nothing before March 1900,
/// until when its days are wrong.
fn serial(text: &str) -> Option<f64> {
    let at = NaiveDateTime::parse_from_str(text, TIME).ok()?;
    let since = at - NaiveDate::from_ymd_opt(1899, 12, 30)?.and_time(NaiveTime::MIN);
    let days = i32::try_from(since.num_days()).ok().filter(|days| *days > 60)?;
    let seconds = i32::try_from((since - chrono::Duration::days(days.into())).num_seconds()).ok()?;
    Some(f64::from(days) + f64::from(seconds) / 86_400.0)
}

/// A workbook of these sheets. No text in it is a formula; [`super::harmless`] sees to
/// it that it becomes none when the file is saved as another kind.
///
/// # Errors
/// More rows or longer texts than Excel takes.
pub fn workbook(sheets: &[WorkSheet]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let bold = Format::new().set_bold();
    let clock = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss");
    for told in sheets {
        let sheet = book.add_worksheet();
        let name: String =
            told.name.chars().filter(|letter| !"[]:*?/\\'".contains(*letter)).take(31).collect();
        sheet.set_name(name)?;
        for (column, head) in (0_u16..).zip(&told.heads) {
            sheet.write_string_with_format(0, column, head, &bold)?;
            sheet.set_column_width(column, 20)?;
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
                        let at = told.times.contains(&column).then(|| serial(text)).flatten();
                        match at {
                            Some(at) => sheet.write_number_with_format(line, column, at, &clock)?,
                            None => sheet.write_string(line, column, text)?,
                        };
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
            times: vec![0],
        };
        let bytes = workbook(&[sheet]).unwrap();
        assert!(bytes.starts_with(b"PK"));
    }

    #[test]
    fn times_are_days_as_a_spreadsheet_counts_them() {
        assert_eq!(serial("2025-01-20T12:00:00"), Some(45_677.5));
        assert_eq!(serial("1900-03-01T00:00:00"), Some(61.0));
        for text in ["1899-12-31T00:00:00", "2025-01-20T12:00:00Z", "2025-01-20", "GRN-2025", ""] {
            assert_eq!(serial(text), None, "{text}");
        }
    }
}
