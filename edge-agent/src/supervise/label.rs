//! Labels without a printer: the ZPL and a preview of each, as files.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::config::PlantFile;
use crate::labels::fonts::Fonts;
use crate::labels::layout::{LabelContent, Line, layout};
use crate::labels::svg::svg;
use crate::labels::zpl::zpl;

/// Writes `UID.zpl` and `UID.svg` for each UID into `out`, as the station's
/// printer makes them, and returns the files.
///
/// # Errors
/// When the station or its printer is not there, a text is no UID, or a file
/// cannot be written.
pub fn write_labels(
    plant: &PlantFile,
    station: &str,
    uids: &[String],
    lines: &[String],
    copy: u32,
    out: &Path,
) -> anyhow::Result<Vec<PathBuf>> {
    let named = plant.station(station).with_context(|| format!("there is no station {station}"))?;
    let code = named.printer.as_ref().with_context(|| format!("station {station} has no printer"))?;
    let printer = plant.printer(code).with_context(|| format!("there is no printer {code}"))?;
    let mut fonts = Fonts::new(printer.indic_font.clone());
    let lines: Vec<Line> = lines.iter().map(|line| Line::from(line.as_str())).collect();
    let mut written = Vec::new();
    for text in uids {
        let uid: uid::Uid = text.parse().with_context(|| format!("{text} is no UID"))?;
        let content = LabelContent { uid: uid.to_string(), lines: lines.clone(), copy };
        let label = layout(printer, &content, &mut fonts);
        for (ending, text) in [("zpl", zpl(&label)), ("svg", svg(&label))] {
            let file = out.join(format!("{uid}.{ending}"));
            std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
            written.push(file);
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Symbology;
    use crate::labels::layout::tests::printer;
    use crate::station::fixture;

    #[test]
    fn a_label_is_written_for_the_printer_and_for_people() {
        let mut plant = fixture::file(fixture::stations());
        plant.printers = vec![crate::config::Printer { code: "LBL1".into(), ..printer(Symbology::Qr) }];
        let folder = tempfile::tempdir().unwrap();
        let station = plant.stations[0].code.clone();
        let uids = ["UID-SAIF-KOL-RM-000001-A7".to_owned()];
        let lines = ["Steel coil".to_owned()];
        let files = write_labels(&plant, &station, &uids, &lines, 2, folder.path()).unwrap();
        let [zpl, svg] = files.as_slice() else { panic!("{files:?}") };
        for (file, wanted) in [(zpl, "^FDR2^FS"), (svg, ">R2<"), (zpl, "Steel coil"), (svg, "Steel coil")] {
            assert!(std::fs::read_to_string(file).unwrap().contains(wanted), "{wanted}");
        }
        let wrong = write_labels(&plant, "NOWHERE", &uids, &lines, 1, folder.path());
        assert!(wrong.unwrap_err().to_string().contains("NOWHERE"));
    }
}
