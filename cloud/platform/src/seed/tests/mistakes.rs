//! Every mistake is told at once, and nothing is written then.

use super::*;

const PLANT: &str = r#"
[tenant]
code = "saif"
name = "Saif"
nmae = "Saif"

[company]
code = "C1"

[plant]
code = "KOL"
name = "Kolkata"
time_zone = "Asia/Calcuta"
languages = ["en", "xx"]

[[stations]]
code = "D1"
series = "grn"
anything = "else"
"#;

const REFERENCE: &str = r#"tenant = "SAIF"
itmes = []

[[items]]
item = "A"
names = { en = "A", fr = "A" }
type = "RM"
base_unit = "kg"
tracking = "batch"
gtin = "08901234567891"

[[items]]
item = "B"
names = { hi = "B" }
type = "FG"
base_unit = "pcs"
tracking = "unit"

[[items]]
item = "B"
names = { en = "B" }
type = "FG"
base_unit = "pcs"
tracking = "unit"

[[bom_lines]]
parent = "B"
line = 10
child = "AA"
quantity = "1,5"

[[bom_lines]]
parent = "B"
line = 10
child = "A"
quantity = 0
unit = "kg"

[[bom_lines]]
parent = "A"
line = 10
child = "B"
quantity = 1

[[suppliers]]
code = "S1"
name = "One"

[[purchase_orders]]
number = "PO-1"
plant = "VSK"
supplier = "S2"
ordered_at = "2025-01-15T10:30:00"
due_on = "2025-02-30"
lines = [
    { line = 1, item = "A", quantity = "1", unit = "pcs" },
    { line = 1, item = "A", quantity = "1.0000001" },
]

[[purchase_orders]]
number = "PO-1"
plant = "KOL"
supplier = "S1"
ordered_at = "2025-01-15T10:30:00Z"
due_on = "2025-01-14"
lines = []

[[transfer_orders]]
number = "ST-1"
from_plant = "KOL"
to_plant = "KOL"
ordered_at = "2025-01-15T10:30:00Z"

[[operators]]
operator = "P-1"
name = "One"
badge = "BADGE-1"
pin = "12"
language = "fr"

[[operators]]
operator = "P-2"
name = "Two"
badge = "BADGE-1"
language = "en"
plants = ["KOLX", "VSK"]

[[reasons]]
reason = "R"
purpose = "scrp"
texts = "R"
"#;

async fn mistakes(test: &TestDb, plant: &str, reference: &str) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let [plant_file, reference_file] = ["plant.toml", "ref.toml"].map(|name| folder.path().join(name));
    std::fs::write(&plant_file, plant).unwrap();
    std::fs::write(&reference_file, reference).unwrap();
    let done = seed(&test.db, CA, &[plant_file], Some(&reference_file), None, today(), false).await;
    let Err(SeedErrors::Mistakes(found)) = done else { panic!("{done:?}") };
    let base = format!("{}/", folder.path().display());
    found.iter().map(|mistake| mistake.to_string().replace(&base, "")).collect()
}

async fn tenants(test: &TestDb) -> i64 {
    test.db
        .system_tx(async |system| {
            Ok::<_, DbError>(
                sqlx::query_scalar("select count(*) from control.tenants").fetch_one(system.conn()).await?,
            )
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn all_of_all_files_are_told_and_nothing_is_written() {
    let test = TestDb::new().await;
    let good = PLANT
        .replace("\"saif\"", "\"SAIF\"")
        .replace("nmae = \"Saif\"\n", "")
        .replace("code = \"C1\"", "code = \"C1\"\nname = \"C1\"")
        .replace("Calcuta", "Kolkata")
        .replace(", \"xx\"", "")
        .replace("\"grn\"", "\"GRN\"");
    let found = mistakes(&test, &good, REFERENCE).await;
    assert_eq!(found.join("\n"), EXPECTED.trim());
    assert_eq!(tenants(&test).await, 0);

    let found =
        mistakes(&test, PLANT, "tenant = \"SAIF\"\n[[locations]]\nplant = \"KOL\"\nlocation = \"D\"\n").await;
    assert_eq!(found.join("\n"), EXPECTED_PLANT.trim());
    assert_eq!(tenants(&test).await, 0);
}

#[tokio::test]
async fn lines_that_are_not_toml_do_not_hide_the_others() {
    let test = TestDb::new().await;
    let text = "tenant = \"SAIF\"\n[[reasons]]\nreason = R\npurpose = \"scrp\"\n";
    let plant = std::fs::read_to_string(configs().join("kolkata.toml")).unwrap();
    let found = mistakes(&test, &plant, text).await;
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("ref.toml:3:"), "{found:?}");
    assert!(found[1].starts_with("ref.toml:4:11: reasons[0].purpose: found \"scrp\""), "{found:?}");
}

#[tokio::test]
async fn files_that_disagree_and_names_that_others_have() {
    let test = TestDb::new().await;
    run(&test, None).await;
    let folder = TempDir::new().unwrap();
    let write = |name: &str, code: &str, tenant: &str, slug: &str| {
        let text = std::fs::read_to_string(configs().join("kolkata.toml")).unwrap();
        let text = text
            .replacen("code = \"SAIF\"", &format!("code = \"{code}\""), 1)
            .replacen("name = \"Saif Automations\"", &format!("name = \"{tenant}\""), 1)
            .replacen("id = \"saif-kolkata\"", &format!("id = \"{slug}\""), 1);
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let files =
        [write("1", "ZZZZ", "Z", "z"), write("2", "ZZZZ", "Y", "z"), write("3", "YYYY", "Y", "saif-kolkata")];
    let reference = folder.path().join("ref.toml");
    let text = "tenant = \"SAIF\"\n[[operators]]\noperator = \"P-9\"\nname = \"N\"\nbadge = \"BADGE-1001\"\nlanguage = \"en\"\n";
    std::fs::write(&reference, text).unwrap();
    let done = seed(&test.db, CA, &files, Some(&reference), None, today(), false).await;
    let Err(SeedErrors::Mistakes(found)) = done else { panic!("{done:?}") };
    let shown: Vec<(String, &str)> =
        found.iter().map(|m| (m.path.clone(), m.hint.as_deref().unwrap_or(&m.expected))).collect();
    let expected = [
        ("tenant.name", "the name of the tenant as in the other file, \"Z\""),
        ("plant.code", "one file per plant"),
        ("tenant.id", "tenant SAIF has it"),
        ("operators[0].badge", "operator P-1001 has it"),
    ];
    assert_eq!(shown, expected.map(|(path, said)| (path.to_owned(), said)));
}

#[tokio::test]
async fn a_reference_file_needs_its_tenant() {
    let test = TestDb::new().await;
    let done = seed(&test.db, CA, &[], Some(&reference()), None, today(), false).await;
    let Err(SeedErrors::Mistakes(found)) = done else { panic!("{done:?}") };
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].path, "tenant");
    let missing =
        seed(&test.db, CA, &["/nowhere.toml".into()], None, None, today(), false).await.unwrap_err();
    assert!(missing.to_string().starts_with("/nowhere.toml: cannot be read"), "{missing}");
}

const EXPECTED_PLANT: &str = include_str!("expected_plant.txt");
const EXPECTED: &str = include_str!("expected_reference.txt");
