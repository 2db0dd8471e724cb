//! Imports into a real database.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use platform::tenancy::At;
use proto::chain;

use super::read::{Next, Rows};
use super::row::{Ground, judge};
use super::{End, Form, ImportError, Report, Wish, run};
use crate::ingest::{Committed, Ingest};
use crate::testing::{Site, uid};

const HEAD: &str = "uid,stage,occurred_at,item,quantity,unit,parent,inputs,supplier,supplier_lot,readings\n";

/// A history: bags that are received, and units that are made of one each.
fn history(units: u64) -> String {
    let mut text = HEAD.to_owned();
    for n in 1..=units {
        let (bag, unit) = (uid("KOL", "RM", n), uid("KOL", "FG", n));
        writeln!(text, "{bag},GRN,2024-01-15T10:30:00+05:30,STEEL,25.5,kg,,,XYZ,HEAT-{},", n % 7).unwrap();
        writeln!(
            text,
            "{unit},TRANSFORMATION,2024-02-15T10:30:00+05:30,PUMP,,,,{bag}=25.5 kg,,,temperature=18{}.5 C [170..190]",
            n % 10
        )
        .unwrap();
    }
    text
}

struct Lab {
    site: Site,
    ingest: Ingest,
    folder: tempfile::TempDir,
}

impl Lab {
    async fn new() -> Self {
        let site = Site::new().await;
        let ingest = Ingest::new(site.db.db.clone(), Committed::default());
        Self { site, ingest, folder: tempfile::tempdir().unwrap() }
    }

    fn wish(&self, name: &str, text: &str) -> Wish {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let form = if name.ends_with("csv") { Form::Csv } else { Form::JsonLines };
        Wish {
            tenant: self.site.tenant,
            code: "SAIF".parse().unwrap(),
            file,
            form,
            dry_run: false,
            skip_bad: false,
        }
    }

    async fn run(&self, wish: &Wish) -> Report {
        run(&self.ingest, wish, now(), &mut |_: &At| ControlFlow::Continue(())).await.unwrap()
    }

    /// Runs until so many batches are on their way.
    async fn cut(&self, wish: &Wish, batches: usize) -> Report {
        let mut seen = 0;
        let mut watch = |at: &At| {
            seen += usize::from(matches!(at, At::Bytes { table, .. } if table == "imported"));
            if seen >= batches { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        run(&self.ingest, wish, now(), &mut watch).await.unwrap()
    }

    /// The bytes of an import's events, in their order.
    async fn payloads(&self) -> Vec<Vec<u8>> {
        self.site
            .db
            .db
            .tx(&self.site.cx(), async |tx| {
                let sql = "select e.payload from lifecycle_events e \
                     join agents a on a.agent_id = e.agent_id and a.kind = 'import' order by e.agent_id, e.seq";
                Ok::<_, platform::db::DbError>(sqlx::query_scalar(sql).fetch_all(tx.conn()).await?)
            })
            .await
            .unwrap()
    }

    /// How many events there are; the chain of the import must be whole.
    async fn chained(&self) -> usize {
        let payloads: Vec<(uuid::Uuid, Vec<u8>)> = self
            .site
            .db
            .db
            .tx(&self.site.cx(), async |tx| {
                let sql = "select e.agent_id, e.payload from lifecycle_events e \
                     join agents a on a.agent_id = e.agent_id and a.kind = 'import' order by e.agent_id, e.seq";
                Ok::<_, platform::db::DbError>(sqlx::query_as(sql).fetch_all(tx.conn()).await?)
            })
            .await
            .unwrap();
        let mut head = None;
        for (agent, payload) in &payloads {
            let event = <proto::v1::Event as prost::Message>::decode(payload.as_slice()).unwrap();
            let before = match (event.seq, head) {
                (1, _) => chain::genesis(agent.as_bytes(), 1),
                (_, Some(head)) => head,
                (seq, None) => panic!("the first is {seq}"),
            };
            assert_eq!(event.prev_hash, before, "{}", event.seq);
            head = Some(chain::link(payload));
        }
        payloads.len()
    }
}

fn now() -> DateTime<Utc> {
    "2025-06-01T00:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn a_history_becomes_a_stream_like_any_other() {
    let lab = Lab::new().await;
    let wish = lab.wish("h.csv", &history(20));
    let dry = lab.run(&Wish { dry_run: true, ..wish.clone() }).await;
    assert_eq!((dry.end, dry.rows, dry.bad, dry.imported), (End::DryRun, 40, 0, 0));
    assert_eq!(lab.site.ask("select count(*)::text from agents where kind = 'import'").await, "0");
    let done = lab.run(&wish).await;
    assert_eq!((done.end, done.imported, done.exceptions), (End::Done, 40, 0));
    assert_eq!(lab.chained().await, 40);
    assert_eq!(lab.site.ask("select count(*)::text from lots").await, "7");
    assert_eq!(lab.site.ask("select count(*)::text from uid_links").await, "20");
    lab.site.project().await;
    assert_eq!(lab.site.ask("select kind from exceptions").await, "");
    // What was made of a bag is traced to it.
    let links = "select l.to_key::text from uid_links l order by l.to_key limit 1";
    assert_eq!(lab.site.ask(links).await, crate::testing::key(&uid("KOL", "FG", 1)).to_string());
    // No agent is ever given one of its numbers.
    let floors = "select type_code || next::text from uid_floors where plant_code = 'KOL' order by 1";
    assert_eq!(lab.site.ask(floors).await, "FG21 RM21");
    let audit = "select action || ' ' || (after->>'rows') from audit_log where action = 'events.import'";
    assert_eq!(lab.site.ask(audit).await, "events.import 40");

    // The same file again changes nothing.
    let again = lab.run(&wish).await;
    assert_eq!((again.end, again.before, again.imported), (End::Done, 40, 0));
    assert_eq!(lab.site.ask("select count(*)::text from lifecycle_events").await, "40");
    assert_eq!(lab.site.ask("select count(*)::text from ingest_batches").await, "1");
    assert_eq!(lab.site.ask(audit).await, "events.import 40");
}

#[tokio::test]
async fn it_goes_on_where_it_was_cut_off() {
    let lab = Lab::new().await;
    let units = 2000;
    let wish = lab.wish("h.csv", &history(units));
    let first = lab.cut(&wish, 1).await;
    assert_eq!((first.end, first.imported), (End::Stopped, 1024));
    let second = lab.cut(&wish, 2).await;
    assert_eq!((second.end, second.before, second.imported), (End::Stopped, 1024, 2048));
    // Two processes at once do no harm: what one has sent is a repeat of the other.
    let (one, two) = tokio::join!(lab.run(&wish), lab.run(&wish));
    assert_eq!((one.end, two.end), (End::Done, End::Done));
    assert_eq!(lab.chained().await as u64, 2 * units);
    assert_eq!(lab.site.ask("select count(*)::text from exceptions").await, "0");
    assert_eq!(lab.site.ask("select epoch::text from agents where kind = 'import'").await, "1");
    assert_eq!(lab.site.ask("select max(to_seq)::text from ingest_batches").await, "4000");
}

/// A file's lines after its head, the last one first.
fn turned(text: &str) -> String {
    let (head, rows) = text.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().rev().collect();
    format!("{head}\n{}\n", rows.join("\n"))
}

/// How often an event of an import happened before the one that its stream has before it.
const BACKWARD: &str = "select count(*)::text from (\
    select e.occurred_at < lag(e.occurred_at) over (partition by e.agent_id order by e.seq) as back \
    from lifecycle_events e join agents a on a.agent_id = e.agent_id and a.kind = 'import') t where back";

#[tokio::test]
async fn the_example_of_the_guide_is_imported() {
    let lab = Lab::new().await;
    let done = lab.run(&lab.wish("h.csv", include_str!("../../../../docs/examples/history.csv"))).await;
    assert_eq!((done.end, done.imported, done.mistakes), (End::Done, 2, Vec::new()));
    let named = "select number from event_references where type = 'customer'";
    assert_eq!(lab.site.ask(named).await, "HINDVALVE");
}

#[tokio::test]
async fn rows_count_by_their_time_wherever_they_stand() {
    let lab = Lab::new().await;
    let (sent, part, whole, coil) =
        (uid("KOL", "FG", 1), uid("KOL", "SF", 1), uid("KOL", "FG", 2), uid("KOL", "RM", 1));
    let at = |hour: u32| format!("2024-03-01T{hour:02}:00:00+05:30");
    // The newest first.
    let text = format!(
        "uid,stage,action,occurred_at,item,parent,location,outcome\n\
         {sent},DISPATCH,,{},,,,\n\
         {sent},INSPECTION,,{},,,,passed\n\
         {part},ASSEMBLY,delete,{},,{whole},,\n\
         {part},ASSEMBLY,add,{},,{whole},,\n\
         {sent},INSPECTION,,{},,,,failed\n\
         {coil},STORAGE,,{},,,RACK-9,\n\
         {coil},STORAGE,,{},,,RACK-8,\n\
         {coil},GRN,,{},STEEL,,,\n\
         {whole},COMMISSION,,{},PUMP,,,\n\
         {part},COMMISSION,,{},GEAR,,,\n\
         {sent},COMMISSION,,{},PUMP,,,\n",
        at(20),
        at(19),
        at(17),
        at(16),
        at(15),
        at(11),
        at(10),
        at(9),
        at(8),
        at(7),
        at(6)
    );
    let done = lab.run(&lab.wish("h.csv", &text)).await;
    assert_eq!((done.end, done.imported, done.exceptions), (End::Done, 11, 0));
    lab.chained().await;
    lab.site.project().await;
    assert_eq!(lab.site.ask("select kind from exceptions").await, "");
    let states = "select item || ' ' || custody || ' ' || quality || ' ' || location || ' ' || (parent_key is null) \
        from uid_registry order by item, custody";
    assert_eq!(
        lab.site.ask(states).await,
        "GEAR 1 1  true PUMP 1 1  true PUMP 4 1  true STEEL 1 1 RACK-9 true"
    );
    assert_eq!(lab.site.ask(BACKWARD).await, "0");
    // Where a row stood is known still.
    let last = lab.payloads().await.pop().unwrap();
    assert_eq!(super::seal::line_of(&last), Some(2));
}

#[tokio::test]
async fn a_file_out_of_order_goes_on_where_it_was_cut_off() {
    let lab = Lab::new().await;
    let units = 1500;
    let wish = lab.wish("h.csv", &turned(&history(units)));
    let first = lab.cut(&wish, 1).await;
    assert_eq!((first.end, first.imported), (End::Stopped, 1024));
    let second = lab.cut(&wish, 1).await;
    assert_eq!((second.before, second.imported), (1024, 1024));
    assert_eq!(lab.run(&wish).await.end, End::Done);
    assert_eq!(lab.chained().await as u64, 2 * units);
    assert_eq!(lab.site.ask(BACKWARD).await, "0");
    assert_eq!(lab.site.ask("select count(*)::text from exceptions").await, "0");
    let again = lab.run(&wish).await;
    assert_eq!((again.before, again.imported), (2 * units, 0));
}

#[tokio::test]
async fn what_rows_say_against_each_other_is_listed_too() {
    let lab = Lab::new().await;
    let (coil, unit) = (uid("KOL", "RM", 1), uid("KOL", "FG", 1));
    let at = "2024-03-01T10:00:00+05:30";
    let text = format!(
        "uid,stage,occurred_at,item,quantity,unit,parent,inputs,supplier,reference_type,reference_number\n\
         {coil},GRN,{at},STEEL,5000,kg,,,XYZ,po,PO-1\n\
         {coil},GRN,{at},STEEL,5000,kg,,,XYZ,po,PO-1\n\
         {unit},TRANSFORMATION,2024-03-02T10:00:00+05:30,PUMP,,,,{coil}=1.5 stone,,,\n\
         {coil},STORAGE,2018-03-01T10:00:00+05:30,,,,,,,,\n\
         {coil},PACKING,2024-03-03T10:00:00+05:30,,,,{coil},,,,\n\
         {coil},STORAGE,2024-03-04T10:00:00+05:30,,,,,,,dispatchnote,DN-1\n"
    );
    let report = lab.run(&Wish { dry_run: true, ..lab.wish("h.csv", &text) }).await;
    let told: Vec<(u64, &str)> =
        report.mistakes.iter().map(|mistake| (mistake.line, mistake.column.as_str())).collect();
    assert_eq!(told, [(3, "uid"), (4, "inputs"), (5, "uid"), (6, "parent"), (7, "reference_type")]);
    assert_eq!((report.rows, report.bad), (6, 5));
}

#[tokio::test]
async fn a_dispatch_of_a_history_names_its_customer_and_strangers_are_told_once() {
    let lab = Lab::new().await;
    lab.site
        .sql(
            "insert into partners (tenant_id, partner, name, roles) values \
                 (app.tenant(), 'ACME', 'Acme', '{customer}'), (app.tenant(), 'XYZ', 'Xyz', '{supplier}')",
        )
        .await;
    let (one, two) = (uid("KOL", "FG", 1), uid("KOL", "FG", 2));
    let text = format!(
        "uid,stage,occurred_at,item,supplier,supplier_lot,customer,sales_order,reference_type,reference_number\n\
         {one},GRN,2024-03-01T10:00:00+05:30,PUMP,NOBODY,L-1,,,,\n\
         {two},GRN,2024-03-01T10:00:00+05:30,PUMP,NOBODY,L-1,,,,\n\
         {one},DISPATCH,2024-03-02T10:00:00+05:30,,,,ACME,SO-1,challan,DC-1\n\
         {two},DISPATCH,2024-03-02T10:00:00+05:30,,,,BETA,,challan,DC-2\n"
    );
    let report = lab.run(&lab.wish("h.csv", &text)).await;
    assert_eq!((report.end, report.imported), (End::Done, 4));
    let told: Vec<(u64, &str)> = report.hints.iter().map(|hint| (hint.line, hint.column.as_str())).collect();
    assert_eq!(told, [(2, "supplier"), (5, "customer")]);
    let named = "select type || '=' || number from event_references \
        where type in ('customer', 'so', 'challan') order by seq, ordinal";
    assert_eq!(lab.site.ask(named).await, "challan=DC-1 so=SO-1 customer=ACME challan=DC-2 customer=BETA");
}

#[tokio::test]
async fn all_that_is_wrong_is_listed_and_nothing_is_imported() {
    let lab = Lab::new().await;
    let at = "2024-01-15T10:30:00+05:30";
    let good = uid("KOL", "RM", 1);
    let text = format!(
        "uid,stage,occurred_at,item,quantity\n\
         {good},GRN,{at},STEEL,1\n\
         UID-ZZZZ-ZZZ-ZZ-99999999999-E6,STORAGE,{at},,\n\
         {good},STORED,{at},,much\n\
         {good},STORAGE,2024-01-15,,\n\
         {good},STORAGE\n"
    );
    let mut wish = lab.wish("h.csv", &text);
    let report = lab.run(&wish).await;
    assert_eq!((report.end, report.rows, report.bad, report.imported), (End::Refused, 5, 4, 0));
    let told: Vec<(u64, &str)> =
        report.mistakes.iter().map(|mistake| (mistake.line, mistake.column.as_str())).collect();
    assert_eq!(told, [(3, "uid"), (4, "stage"), (4, "quantity"), (5, "occurred_at"), (6, "")]);
    assert!(report.mistakes[0].problem.contains("another tenant"), "{}", report.mistakes[0]);
    let errors: PathBuf = report.errors.unwrap();
    assert_eq!(errors, lab.folder.path().join("h.csv.errors.csv"));
    assert_eq!(std::fs::read_to_string(&errors).unwrap().lines().count(), 6);
    assert_eq!(lab.site.ask("select count(*)::text from agents where kind = 'import'").await, "0");
    assert_eq!(lab.site.ask("select count(*)::text from uid_floors").await, "0");

    wish.skip_bad = true;
    let report = lab.run(&wish).await;
    assert_eq!((report.end, report.bad, report.imported), (End::Done, 4, 1));
    assert_eq!(lab.chained().await, 1);
    // A file that is right leaves no list behind.
    let right = lab.wish("h.csv", &history(1));
    assert_eq!(lab.run(&right).await.errors, None);
    assert!(!errors.exists());
}

#[tokio::test]
async fn what_is_left_out_gives_birth_to_nothing() {
    let lab = Lab::new().await;
    let (again, never, made, sent) =
        (uid("KOL", "RM", 1), uid("KOL", "RM", 2), uid("KOL", "SF", 1), uid("KOL", "FG", 1));
    let day = |day: u32| format!("2024-01-{day:02}T10:30:00+05:30");
    // What is sent is made of what is made of a label whose birth names no item, and stands before it.
    let text = format!(
        "uid,stage,occurred_at,item,inputs\n\
         {sent},DISPATCH,{},,\n\
         {sent},TRANSFORMATION,{},PUMP,{made}\n\
         {made},TRANSFORMATION,{},GEAR,{never}\n\
         {again},GRN,{},,\n\
         {again},GRN,{},STEEL,\n\
         {again},STORAGE,{},,\n\
         {never},GRN,{},,\n\
         {never},STORAGE,{},,\n",
        day(9),
        day(8),
        day(7),
        day(1),
        day(1),
        day(2),
        day(1),
        day(2)
    );
    let wish = Wish { skip_bad: true, ..lab.wish("h.csv", &text) };
    let report = lab.run(&wish).await;
    let told: Vec<(u64, &str)> =
        report.mistakes.iter().map(|mistake| (mistake.line, mistake.column.as_str())).collect();
    let wrong = [(2, "uid"), (3, "inputs"), (4, "inputs"), (5, "item"), (8, "item"), (9, "uid")];
    assert_eq!(told, wrong);
    assert!(report.mistakes[0].problem.contains("on line 3"), "{}", report.mistakes[0]);
    assert_eq!((report.end, report.bad, report.imported), (End::Done, 6, 2));
    lab.site.project().await;
    assert_eq!(lab.site.ask("select kind from exceptions").await, "");
}

#[tokio::test]
async fn numbers_of_agents_are_left_alone() {
    let lab = Lab::new().await;
    lab.site
        .sql(
            "insert into uid_leases (tenant_id, plant_code, type_code, first, last, agent_id, epoch) \
             select app.tenant(), 'KOL', 'RM', 1, 100, agent_id, 1 from agents where name = 'KOL'; \
             insert into uid_floors (tenant_id, plant_code, type_code, next) values (app.tenant(), 'KOL', 'RM', 101)",
        )
        .await;
    let wish = lab.wish("h.csv", &history(1));
    let report = lab.run(&wish).await;
    // What is made of a label that is not born is wrong with it.
    assert_eq!((report.end, report.bad), (End::Refused, 2));
    assert!(report.mistakes[0].problem.contains("raise-epoch"), "{}", report.mistakes[0]);
    lab.site.sql("update uid_leases set burnt_at = now()").await;
    assert_eq!(lab.run(&wish).await.end, End::Done);
    // A floor is never lowered.
    assert_eq!(lab.site.ask("select next::text from uid_floors where type_code = 'RM'").await, "101");
}

#[tokio::test]
async fn what_was_left_out_and_is_right_now_is_not_passed_over_in_silence() {
    let lab = Lab::new().await;
    lab.site
        .sql(
            "insert into uid_leases (tenant_id, plant_code, type_code, first, last, agent_id, epoch) \
             select app.tenant(), 'KOL', 'RM', 1, 1, agent_id, 1 from agents where name = 'KOL'; \
             insert into uid_floors (tenant_id, plant_code, type_code, next) values (app.tenant(), 'KOL', 'RM', 2)",
        )
        .await;
    let wish = Wish { skip_bad: true, ..lab.wish("h.csv", &history(3)) };
    let report = lab.run(&wish).await;
    assert_eq!((report.end, report.bad, report.imported), (End::Done, 2, 4));
    assert_eq!((lab.run(&wish).await.before, lab.chained().await), (4, 4));
    lab.site.sql("update uid_leases set burnt_at = now()").await;
    let again = run(&lab.ingest, &wish, now(), &mut |_: &At| ControlFlow::Continue(())).await;
    assert!(matches!(again, Err(ImportError::LeftOut(2))), "{again:?}");
    assert_eq!(lab.chained().await, 4);
}

#[tokio::test]
async fn masters_that_changed_between_the_stop_and_the_resume_are_named() {
    let lab = Lab::new().await;
    lab.site
        .sql(
            "insert into items (tenant_id, item, name, type_code, base_unit, tracking) \
             values (app.tenant(), 'STEEL', 'Steel', 'RM', 'kg', 'lot')",
        )
        .await;
    let wish = lab.wish("h.csv", &history(3000));
    let cut = lab.cut(&wish, 1).await;
    assert!(cut.end == End::Stopped && cut.imported > 0, "{cut:?}");
    lab.site
        .sql(
            "update items set base_unit = 'pcs' where item = 'STEEL'; \
             insert into audit_log (tenant_id, audit_id, action, subject, before, after) \
             values (app.tenant(), gen_random_uuid(), 'master.update', 'items:STEEL', \
                     '{\"base_unit\": \"kg\"}', '{\"base_unit\": \"pcs\"}')",
        )
        .await;
    let told = run(&lab.ingest, &wish, now(), &mut |_: &At| ControlFlow::Continue(())).await.unwrap_err();
    let said = told.to_string();
    assert!(matches!(told, ImportError::PartedByMasters(_)), "{said}");
    assert!(said.contains("item STEEL is kept in pcs since") && said.contains("before in kg"), "{said}");
    // Put back, it comes to its end.
    lab.site
        .sql(
            "update items set base_unit = 'kg' where item = 'STEEL'; \
             insert into audit_log (tenant_id, audit_id, action, subject, before, after, at) \
             values (app.tenant(), gen_random_uuid(), 'master.update', 'items:STEEL', \
                     '{\"base_unit\": \"pcs\"}', '{\"base_unit\": \"kg\"}', now() + interval '1 second')",
        )
        .await;
    assert_eq!(lab.run(&wish).await.end, End::Done);
    assert_eq!(lab.chained().await, 6_000);
}

#[tokio::test]
async fn a_birth_that_is_known_is_an_exception() {
    let mut lab = Lab::new().await;
    let bag = uid("KOL", "RM", 1);
    let grn = crate::testing::event(proto::v1::Stage::Grn, "2024-01-01T00:00:00Z");
    lab.site.say("KOL", crate::testing::Say::mint(grn, &bag, proto::v1::Role::Subject, "STEEL"));
    lab.site.send("KOL").await;
    let wish = lab.wish("h.csv", &history(1));
    let report = lab.run(&wish).await;
    assert_eq!((report.end, report.imported, report.exceptions), (End::Done, 2, 1));
    assert_eq!(lab.site.ask("select kind from exceptions").await, "uid.second_birth");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let lab = Lab::new().await;
    let mut wish = lab.wish("h.csv", "");
    wish.file = lab.folder.path().join("gone.csv");
    let error = run(&lab.ingest, &wish, now(), &mut |_: &At| ControlFlow::Continue(())).await.unwrap_err();
    assert!(matches!(error, ImportError::File { .. }) && error.to_string().contains("gone.csv"), "{error}");
}

#[test]
fn csv_and_json_lines_make_the_same_events() {
    let ground = Ground {
        tenant: "SAIF".parse().unwrap(),
        plants: ["KOL".to_owned()].into(),
        leased: std::collections::BTreeMap::new(),
        masters: super::masters::Masters::default(),
        now: now(),
    };
    let events = |form: Form, text: &str| {
        let mut rows = Rows::new(form, text.as_bytes()).unwrap();
        let mut events = Vec::new();
        loop {
            match rows.next_row().unwrap() {
                Next::Row(raw) => events.push(judge(&raw, &ground).unwrap()),
                Next::End => return events,
                other => panic!("{other:?}"),
            }
        }
    };
    let csv = history(3);
    let mut json = String::new();
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    for line in lines {
        let fields: serde_json::Map<String, serde_json::Value> =
            names.iter().zip(line.split(',')).map(|(name, cell)| ((*name).to_owned(), cell.into())).collect();
        writeln!(json, "{}", serde_json::Value::Object(fields)).unwrap();
    }
    let (csv, json) = (events(Form::Csv, &csv), events(Form::JsonLines, &json));
    assert_eq!(csv.len(), 6);
    assert_eq!(csv, json);
}

/// The events of the month are used up: no history begins, one that has begun comes to its
/// end, and a look at a file is free.
#[tokio::test]
async fn no_history_begins_when_the_events_of_the_month_are_used_up() {
    let lab = Lab::new().await;
    let begun = lab.wish("begun.csv", &history(3000));
    let cut = lab.cut(&begun, 1).await;
    assert!(cut.end == End::Stopped && cut.imported > 0, "{cut:?}");
    let used: Result<(), platform::db::DbError> = lab
        .site
        .db
        .db
        .system_tx(async |system| {
            let sql = "update control.plans set events_month = 10 where is_default";
            sqlx::query(sql).execute(system.conn()).await?;
            let sql = "insert into control.usage (tenant_id, month, events, metered_at)
                       values ($1, '2025-06-01', 10, now())";
            sqlx::query(sql).bind(lab.site.tenant).execute(system.conn()).await?;
            Ok(())
        })
        .await;
    used.unwrap();
    let further = lab.wish("further.csv", &history(2));
    let refused = run(&lab.ingest, &further, now(), &mut |_: &At| ControlFlow::Continue(())).await;
    assert!(matches!(refused, Err(ImportError::Plan(_))), "{refused:?}");
    let look = Wish { dry_run: true, ..further };
    assert_eq!(lab.run(&look).await.end, End::DryRun);
    assert_eq!(lab.run(&begun).await.end, End::Done);
}

#[tokio::test]
async fn exceptions_are_counted_once_what_follows_from_the_events_is_worked_out() {
    let lab = Lab::new().await;
    let (one, two) = (uid("KOL", "FG", 1), uid("KOL", "FG", 2));
    let text = format!(
        "uid,stage,occurred_at,item,parent\n\
         {one},COMMISSION,2024-03-01T10:00:00+05:30,PUMP,\n\
         {two},COMMISSION,2024-03-01T10:00:00+05:30,PUMP,\n\
         {one},ASSEMBLY,2024-03-01T11:00:00+05:30,,{two}\n\
         {two},ASSEMBLY,2024-03-01T11:01:00+05:30,,{one}\n"
    );
    let mut report = lab.run(&lab.wish("h.csv", &text)).await;
    assert_eq!((report.end, report.bad, report.exceptions, report.behind > 0), (End::Done, 0, 0, true));
    let (db, tenant) = (&lab.site.db.db, lab.site.tenant);
    let mut quiet = |_: &At| ControlFlow::Continue(());
    // Nothing moves: no more than so far is known.
    let none = std::time::Duration::ZERO;
    super::settle(db, tenant, &mut report, none, &mut quiet).await.unwrap();
    assert_eq!((report.exceptions, report.behind > 0), (0, true));
    let waits = super::settle(db, tenant, &mut report, super::STILL, &mut quiet);
    let (waited, ()) = tokio::join!(waits, lab.site.project());
    waited.unwrap();
    assert_eq!((report.exceptions, report.behind), (1, 0));
    assert_eq!(lab.site.ask("select kind from exceptions").await, "uid.inside_itself");
}

#[test]
fn what_is_no_text_is_not_written_to_a_terminal_as_it_is() {
    let mistake = super::Mistake::new(1, "a\u{1b}[2J", "\"\u{7}\u{202e}x\" is no item");
    assert_eq!(mistake.to_string(), "line 1, a\\u{1b}[2J: \"\\u{7}\\u{202e}x\" is no item");
}
