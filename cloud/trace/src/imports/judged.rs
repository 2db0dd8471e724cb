//! The first reading of a file: every row judged, all that is wrong listed, and the order in
//! which the right ones count.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use platform::tenancy::{At, Watch};
use platform::web::{csv_line, harmless};
use uid::Key;

use super::Mistake;
use super::order::{Births, Place};
use super::read::{Next, Rows};
use super::row::{Ground, born, judge};
use super::service::{BUFFER, End, ImportError, MOST_MISTAKES, ROWS, Report, Resume, Wish, of_file, rows_of};

/// What the first reading has found.
pub(super) struct Judged {
    pub(super) end: End,
    pub(super) rows: u64,
    pub(super) bad: u64,
    mistakes: Vec<Mistake>,
    all_mistakes: u64,
    errors: Option<PathBuf>,
    hints: Vec<Mistake>,
    /// The highest number of each plant and type.
    pub(super) highest: BTreeMap<(String, String), u64>,
    /// The right rows, in the order in which they count.
    pub(super) order: Vec<Place>,
}

impl Judged {
    /// The report, for as far as it is known now.
    pub(super) fn report(&mut self) -> Report {
        Report {
            end: self.end,
            rows: self.rows,
            bad: self.bad,
            mistakes: std::mem::take(&mut self.mistakes),
            all_mistakes: self.all_mistakes,
            errors: self.errors.clone(),
            hints: std::mem::take(&mut self.hints),
            before: 0,
            imported: 0,
            exceptions: 0,
            behind: 0,
            agent: None,
        }
    }
}

/// The file beside, in which all mistakes are listed.
fn errors_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".errors.csv");
    PathBuf::from(name)
}

/// The list of all mistakes, made with the first of them.
struct Errors {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Errors {
    /// One of a run before tells nothing any more.
    fn new(file: &Path) -> Result<Self, ImportError> {
        let path = errors_path(file);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(of_file(&path)(error)),
            _ => Ok(Self { path, file: None }),
        }
    }

    fn add(&mut self, mistake: &Mistake) -> Result<(), ImportError> {
        let Self { path, file } = self;
        let mut write = || -> io::Result<()> {
            if file.is_none() {
                let mut made = BufWriter::new(File::create(&*path)?);
                made.write_all(&csv_line(["line", "column", "problem"]))?;
                *file = Some(made);
            }
            let line = mistake.line.to_string();
            let (column, problem) = (harmless(mistake.column.clone()), harmless(mistake.problem.clone()));
            match file {
                Some(file) => file.write_all(&csv_line([line, column, problem])),
                None => Ok(()),
            }
        };
        write().map_err(of_file(path))
    }

    fn close(self) -> Result<Option<PathBuf>, ImportError> {
        let Some(mut file) = self.file else { return Ok(None) };
        file.flush().map_err(of_file(&self.path))?;
        Ok(Some(self.path))
    }
}

/// Tells how far the file is read; whether that is to stop here.
fn stops<R: BufRead>(rows: &Rows<R>, table: &str, watch: &mut Watch<'_>) -> bool {
    let (place, length) = rows.place();
    watch(&At::Bytes { table: table.into(), bytes: place + length }) == ControlFlow::Break(())
}

/// The labels that are born in a file; `None` when it was told to stop.
fn births(wish: &Wish, ground: &Ground, watch: &mut Watch<'_>) -> Result<Option<Births>, ImportError> {
    let mut births = Births::new(ground.tenant);
    let mut rows = rows_of(wish, BUFFER)?;
    let mut read: u64 = 0;
    loop {
        match rows.next_row().map_err(of_file(&wish.file))? {
            Next::End | Next::Broken(_) => return Ok(Some(births)),
            Next::Bad(_) => {}
            // Nothing is born by a row that is wrong.
            Next::Row(raw) if born(&raw).is_some() && judge(&raw, ground).is_err() => {
                births.leave_out(&raw);
            }
            Next::Row(raw) => births.add(&raw),
        }
        read += 1;
        if read.is_multiple_of(ROWS) && stops(&rows, "births", watch) {
            return Ok(None);
        }
    }
}

/// Judges every row. Those up to the place at which the import `stands` must be judged as
/// they were then: what was left out would come neither into the stream nor into the list.
pub(super) fn judge_all(
    wish: &Wish,
    ground: &Ground,
    stands: &Resume,
    watch: &mut Watch<'_>,
) -> Result<Judged, ImportError> {
    let mut births = births(wish, ground, watch)?;
    let mut judged = loop {
        if let Some(judged) = judge_rows(wish, ground, births.as_mut(), watch)? {
            break judged;
        }
    };
    if judged.end == End::Stopped {
        return Ok(judged);
    }
    // Quick where they stand in order already, as in most histories.
    judged.order.sort_unstable();
    let last = judged.order.iter().position(|place| place.line == stands.line);
    let right = last.filter(|_| stands.through_seq > 0).map_or(0, |at| at as u64 + 1);
    match right.cmp(&stands.through_seq) {
        Ordering::Less => Err(ImportError::Parted),
        Ordering::Equal => Ok(judged),
        Ordering::Greater => Err(ImportError::LeftOut(right - stands.through_seq)),
    }
}

/// Judges every row by these births, none where it was told to stop before they were known.
/// `None` where one of them turned out to be wrong itself: rows before it are judged again then.
fn judge_rows(
    wish: &Wish,
    ground: &Ground,
    births: Option<&mut Births>,
    watch: &mut Watch<'_>,
) -> Result<Option<Judged>, ImportError> {
    let mut errors = Errors::new(&wish.file)?;
    let mut judged = Judged {
        end: End::Done,
        rows: 0,
        bad: 0,
        mistakes: Vec::new(),
        all_mistakes: 0,
        errors: None,
        hints: Vec::new(),
        highest: BTreeMap::new(),
        order: Vec::new(),
    };
    let Some(births) = births else {
        judged.end = End::Stopped;
        return Ok(Some(judged));
    };
    let mut fell = false;
    // Each name that the masters lack is told once, where it comes first.
    let mut hinted: BTreeSet<String> = BTreeSet::new();
    let mut rows = rows_of(wish, BUFFER)?;
    loop {
        let wrong = match rows.next_row().map_err(of_file(&wish.file))? {
            Next::End => break,
            Next::Bad(wrong) | Next::Broken(wrong) => wrong,
            Next::Row(raw) => {
                let event = judge(&raw, ground).and_then(|event| match births.judge(&raw, &event) {
                    wrong if wrong.is_empty() => Ok(event),
                    wrong => Err(wrong),
                });
                match event {
                    Ok(event) => {
                        for key in event.subjects.iter().filter_map(|subject| Key::new(subject.key).ok()) {
                            let (plant, kind, number) = key.parts();
                            let highest =
                                judged.highest.entry((plant.to_string(), kind.to_string())).or_default();
                            *highest = number.max(*highest);
                        }
                        for hint in ground.masters.hints(&raw) {
                            if judged.hints.len() < MOST_MISTAKES && hinted.insert(hint.problem.clone()) {
                                judged.hints.push(hint);
                            }
                        }
                        let (offset, _) = rows.place();
                        judged.order.push(Place { at_us: event.occurred_at_us, line: raw.line, offset });
                        Vec::new()
                    }
                    Err(wrong) => {
                        fell |= births.leave_out(&raw);
                        wrong
                    }
                }
            }
        };
        judged.rows += 1;
        judged.bad += u64::from(!wrong.is_empty());
        for mistake in wrong {
            errors.add(&mistake)?;
            judged.all_mistakes += 1;
            if judged.mistakes.len() < MOST_MISTAKES {
                judged.mistakes.push(mistake);
            }
        }
        if judged.rows.is_multiple_of(ROWS) && stops(&rows, "checked", watch) {
            judged.end = End::Stopped;
            break;
        }
    }
    judged.errors = errors.close()?;
    Ok((judged.end == End::Stopped || !fell).then_some(judged))
}
