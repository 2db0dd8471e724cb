//! The tables of a mirror: a star of facts around dimensions.

use duckdb::Connection;

/// Raised whenever the tables or what is put into them change: a file of another version
/// is thrown away and built anew.
pub const VERSION: i32 = 6;

/// The dimensions that are lists of codes. Each is a table `dim_<name>` with the columns
/// `id, plant, code, name, kind`; the row with id 0 stands for "not said". The kind of a lot
/// is the code of its supplier, that of an order the code of its partner: facts name the lot
/// and the orders, and these say whose they are.
pub const DIMENSIONS: [&str; 15] = [
    "agent",
    "plant",
    "item",
    "station",
    "machine",
    "operator",
    "shift",
    "operation",
    "reason",
    "supplier",
    "customer",
    "reading",
    "lot",
    "purchase_order",
    "sales_order",
];

/// The facts. Each has a column `day`, by which it is exported.
pub const FACTS: [&str; 5] =
    ["fact_lifecycle", "fact_reading", "fact_inspection", "fact_packing", "fact_genealogy"];

/// Facts that a correction can void; links are undone by rows of their own.
pub const VOIDABLE: [&str; 4] = ["fact_lifecycle", "fact_reading", "fact_inspection", "fact_packing"];

const TABLES: &str = "
create table mirror (
    version integer not null,
    -- Of this file alone: numbers of dimensions are those of one build.
    build varchar not null,
    generation bigint not null,
    placement varchar not null,
    -- Everything up to this batch is in the file, and nothing of a later one.
    through_batch bigint not null,
    -- When the cloud took that batch in.
    through_at timestamp,
    -- What units are was read again up to this batch, after the registry had taken it in.
    identified bigint not null,
    -- Whether it has once been up to date: before that its numbers are of the past only.
    built boolean not null
);
-- Every correction, by the ids of the events, so that a later one can be judged.
create table correction (event_id varchar not null, corrects varchar not null);
create table dim_date (
    day date not null, year smallint not null, month tinyint not null, week tinyint not null,
    weekday tinyint not null
);
-- An event; identity is (agent, epoch, seq).
create table fact_lifecycle (
    agent integer not null, epoch integer not null, seq bigint not null,
    -- Of the plant's clock, in UTC, and when the cloud took it in.
    happened_at timestamp not null, ingested_at timestamp not null,
    -- The date on which the shift began; without one, the plant's own date.
    day date not null,
    plant integer not null, station integer not null, machine integer not null, operator integer not null,
    shift integer not null, operation integer not null, item integer not null, supplier integer not null,
    customer integer not null, reason integer not null,
    stage smallint not null, action smallint not null, outcome smallint not null, attempt integer not null,
    -- UIDs that the event is about or made; the first of them, and how many it minted.
    units integer not null, key bigint, minted integer not null,
    -- Of PACKING and DISPATCH: goods that were packed or left, without their packages (goods.rs).
    goods integer not null,
    accepted decimal(18,6), rejected decimal(18,6),
    -- The lot of `key`, and the orders that the event refers to: they say whose it is.
    lot integer not null, purchase_order integer not null, sales_order integer not null,
    -- Whether the event itself says item and lot; else they are what is known of `key`.
    item_told boolean not null, lot_told boolean not null,
    -- Corrected away, and not put back.
    void boolean not null
);
create table fact_reading (
    agent integer not null, epoch integer not null, seq bigint not null, ordinal smallint not null,
    happened_at timestamp not null, day date not null,
    plant integer not null, station integer not null, machine integer not null, operator integer not null,
    shift integer not null, operation integer not null, item integer not null,
    stage smallint not null, attempt integer not null, key bigint,
    reading integer not null, value decimal(18,6), unit varchar not null, quality smallint not null,
    low decimal(18,6), high decimal(18,6),
    -- Beyond a limit; null where there is no value or no limit.
    outside boolean,
    item_told boolean not null,
    void boolean not null
);
-- A result: an event with an outcome, once for each UID.
create table fact_inspection (
    agent integer not null, epoch integer not null, seq bigint not null, ordinal smallint not null,
    happened_at timestamp not null, day date not null,
    plant integer not null, station integer not null, machine integer not null, operator integer not null,
    shift integer not null, operation integer not null, item integer not null, supplier integer not null,
    reason integer not null,
    stage smallint not null, outcome smallint not null, attempt integer not null, key bigint not null,
    lot integer not null, purchase_order integer not null, item_told boolean not null, lot_told boolean not null,
    void boolean not null
);
-- A UID of an event that packs (KIT, PACKING), sends away (DISPATCH) or brings back (RETURN), in
-- the order of the event; of a content the package that it went into or came out of.
create table fact_packing (
    agent integer not null, epoch integer not null, seq bigint not null, ordinal integer not null,
    happened_at timestamp not null, day date not null, plant integer not null,
    stage smallint not null, action smallint not null, role smallint not null,
    key bigint not null, package bigint, void boolean not null
);
-- A unit at an operation of a plant: the day and time of its first inspection there, and
-- whether every first result passed (firsts.rs).
create table unit_first (
    key bigint not null, plant integer not null, operation integer not null, day date not null,
    happened_at timestamp not null, passed boolean not null
);
-- What counts of a day at a plant, added up from the facts (sums.rs).
create table sum_day (
    day date not null, plant integer not null, events bigint, received bigint, operations bigint, packed bigint,
    dispatched bigint, scrapped bigint, refused bigint, first_results bigint, first_passed bigint, results bigint,
    rejects bigint, incoming bigint, incoming_passed bigint, limited bigint, outside bigint
);
create table sum_machine (day date not null, plant integer not null, machine integer not null, slots bigint);
-- A row of the genealogy; rows add up by their effect, see docs/mirror.md.
create table fact_genealogy (
    agent integer not null, epoch integer not null, seq bigint not null, ordinal smallint not null,
    happened_at timestamp not null, day date not null, plant integer not null,
    from_key bigint not null, to_key bigint not null, kind smallint not null, effect smallint not null,
    quantity decimal(18,6), unit varchar not null
);
";

/// Makes the tables in an empty file, for a tenant's generation at a place.
pub fn create(conn: &Connection, generation: i64, placement: &str) -> duckdb::Result<()> {
    let mut all = String::from("begin;\n");
    all.push_str(TABLES);
    for name in DIMENSIONS {
        // Names of this program's own.
        all.push_str(&format!(
            "create table dim_{name} (id integer not null, plant integer not null, code varchar not null, \
             name varchar not null, kind varchar not null);\n\
             insert into dim_{name} values (0, 0, '', '', '');\n"
        ));
    }
    conn.execute_batch(&all)?;
    conn.execute(
        "insert into mirror values (?, ?, ?, ?, 0, null, 0, false)",
        duckdb::params![VERSION, uuid::Uuid::now_v7().to_string(), generation, placement],
    )?;
    conn.execute_batch("commit")
}

/// Whether the file has tables at all.
pub fn is_empty(conn: &Connection) -> duckdb::Result<bool> {
    conn.query_row("select count(*) = 0 from duckdb_tables()", [], |row| row.get(0))
}
