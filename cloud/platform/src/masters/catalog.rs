//! What Postgres' catalogue says of tables: columns, checks, foreign keys,
//! indexes; and the simple rules that its checks spell out.

use std::str::FromStr;

use rust_decimal::Decimal;
use serde_json::Value;

use super::kind::Range;
use crate::db::SystemTx;

/// A column.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Column {
    pub table_name: String,
    pub name: String,
    /// As in `numeric(18,6)`.
    pub type_name: String,
    pub required: bool,
    pub generated: bool,
    /// The expression, as in `'INR'::text`.
    pub default_text: Option<String>,
}

/// A check of a table.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Check {
    pub table_name: String,
    pub name: String,
    pub expression: String,
    pub columns: Vec<String>,
}

/// A foreign key, without the tenant.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct ForeignKey {
    pub table_name: String,
    pub columns: Vec<String>,
    pub target: String,
    pub target_columns: Vec<String>,
}

/// An index that begins with the tenant: its other plain columns.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Index {
    pub table_name: String,
    pub columns: Vec<String>,
    pub partial: bool,
}

/// All of it, of some tables.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    pub columns: Vec<Column>,
    pub checks: Vec<Check>,
    pub foreign_keys: Vec<ForeignKey>,
    pub indexes: Vec<Index>,
}

impl Catalog {
    /// Reads it.
    pub async fn read(tx: &mut SystemTx, tables: &[&str]) -> Result<Self, sqlx::Error> {
        let names = "from pg_class c join unnest($1::text[]) as wanted(name) on c.relname = wanted.name
                     and c.relnamespace = 'public'::regnamespace";
        let listed = |array: &str, relation: &str| {
            format!(
                "array(select a.attname::text from unnest({array}) with ordinality as listed(n, o)
                 join pg_attribute a on a.attrelid = {relation} and a.attnum = listed.n
                 where a.attname <> 'tenant_id' order by listed.o)"
            )
        };
        let columns = format!(
            "select c.relname::text as table_name, a.attname::text as name,
                    format_type(a.atttypid, a.atttypmod) as type_name, a.attnotnull as required,
                    a.attgenerated <> '' as generated, pg_get_expr(d.adbin, d.adrelid) as default_text
             {names} join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum order by 1, a.attnum"
        );
        let checks = format!(
            "select c.relname::text as table_name, k.conname::text as name,
                    pg_get_expr(k.conbin, k.conrelid) as expression, {} as columns
             {names} join pg_constraint k on k.conrelid = c.oid and k.contype = 'c' order by 1, 2",
            listed("k.conkey", "k.conrelid"),
        );
        let foreign_keys = format!(
            "select c.relname::text as table_name, {} as columns, t.relname::text as target, {} as target_columns
             {names} join pg_constraint k on k.conrelid = c.oid and k.contype = 'f'
             join pg_class t on t.oid = k.confrelid
             where t.relnamespace = 'public'::regnamespace order by 1, k.conname",
            listed("k.conkey", "k.conrelid"),
            listed("k.confkey", "k.confrelid"),
        );
        let indexes = format!(
            "select c.relname::text as table_name, {} as columns, i.indpred is not null as partial
             {names} join pg_index i on i.indrelid = c.oid and i.indexprs is null and i.indisvalid
             join pg_attribute first on first.attrelid = c.oid and first.attnum = i.indkey[0]
             where first.attname = 'tenant_id' order by 1",
            listed("string_to_array(i.indkey::text, ' ')::int2[]", "c.oid"),
        );
        let conn = tx.conn();
        Ok(Self {
            columns: all(conn, columns, tables).await?,
            checks: all(conn, checks, tables).await?,
            foreign_keys: all(conn, foreign_keys, tables).await?,
            indexes: all(conn, indexes, tables).await?,
        })
    }
}

async fn all<T>(conn: &mut sqlx::PgConnection, sql: String, tables: &[&str]) -> Result<Vec<T>, sqlx::Error>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    let tables: Vec<String> = tables.iter().map(|table| (*table).to_owned()).collect();
    sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(tables).fetch_all(conn).await
}

/// What a check of one column says, where it is of a simple form.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Rules {
    /// The words that are allowed.
    pub choices: Vec<String>,
    /// Characters at most.
    pub longest: Option<usize>,
    /// Where a number lies.
    pub range: Range,
    /// There is more in it than the above.
    pub more: bool,
}

/// Reads `tracking = ANY (ARRAY['unit'::text, …])`, `roles <@ ARRAY[…]`,
/// `char_length(name) <= 120`, `days >= 0 AND days <= 365`, `rate > (0)::numeric`.
pub(super) fn rules(expression: &str, column: &str) -> Rules {
    let mut rules = Rules::default();
    // A name that is a word of SQL, such as `position`, comes in quotes.
    let expression = expression.replace(&format!("\"{column}\""), column);
    for part in expression.split(" AND ") {
        let part = part.trim_matches(|c| matches!(c, '(' | ')' | ' '));
        let after = |head: String| part.strip_prefix(head.as_str());
        if let Some(list) =
            after(format!("{column} = ANY (ARRAY[")).or_else(|| after(format!("{column} <@ ARRAY[")))
        {
            rules.choices =
                list.split(", ").filter_map(|word| word.split('\'').nth(1).map(str::to_owned)).collect();
        } else if let Some(most) = after(format!("char_length({column}) <= ")).and_then(number) {
            rules.longest = usize::try_from(most.trunc().mantissa()).ok();
        } else if let Some(least) = after(format!("{column} >= ")).and_then(number) {
            rules.range.least = Some((least, true));
        } else if let Some(least) = after(format!("{column} > ")).and_then(number) {
            rules.range.least = Some((least, false));
        } else if let Some(most) = after(format!("{column} <= ")).and_then(number) {
            rules.range.most = Some(most);
        } else {
            rules.more = true;
        }
    }
    rules
}

/// A number as the catalogue writes one: `6`, `(0)::numeric`, `'0.5'::numeric`.
fn number(text: &str) -> Option<Decimal> {
    let digits: String = text
        .trim_start_matches(['(', '\''])
        .chars()
        .take_while(|c| c.is_ascii_digit() || matches!(c, '.' | '-'))
        .collect();
    let rest = text.trim_start_matches(['(', '\'']).get(digits.len()..)?;
    let plain = rest.trim_start_matches([')', '\'']);
    (plain.is_empty() || plain.starts_with("::")).then(|| Decimal::from_str(&digits).ok()).flatten()
}

/// A default as a value: of a text, a number, a flag, an empty list or object.
/// `None` for one that is computed.
pub(super) fn default(expression: &str) -> Option<Value> {
    let text = expression.strip_prefix('\'').and_then(|rest| rest.split('\'').next());
    match (expression, text) {
        ("true", _) => Some(true.into()),
        ("false", _) => Some(false.into()),
        (_, Some("{}")) if expression.ends_with("[]") => Some(Value::Array(Vec::new())),
        (_, Some("{}")) if expression.ends_with("jsonb") => Some(Value::Object(serde_json::Map::new())),
        (_, Some(text)) => Some(text.into()),
        _ => {
            let number = number(expression)?;
            i64::try_from(number.mantissa()).ok().filter(|_| number.scale() == 0).map(Value::from)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_checks_are_understood() {
        let tracking = rules("(tracking = ANY (ARRAY['unit'::text, 'lot'::text, 'none'::text]))", "tracking");
        assert_eq!((tracking.choices.len(), tracking.more), (3, false));
        assert_eq!(
            rules("(roles <@ ARRAY['supplier'::text, 'customer'::text])", "roles").choices[1],
            "customer"
        );
        assert_eq!(rules("(char_length(name) <= 120)", "name").longest, Some(120));
        let quoted = rules("((\"position\" >= 0) AND (\"position\" <= 9999))", "position");
        assert!(!quoted.more && quoted.range.most == Some(Decimal::from(9999)));
        let days = rules("((days >= 0) AND (days <= 365))", "days");
        assert_eq!((days.range.least, days.range.most), (Some((0.into(), true)), Some(365.into())));
        let rate = rules("(rate > (0)::numeric)", "rate");
        assert_eq!((rate.range.least, rate.more), (Some((0.into(), false)), false));
        assert!(rules("(type_code ~ '^[0-9A-Z]{2}$'::text)", "type_code").more);
    }

    #[test]
    fn simple_defaults_are_understood() {
        assert_eq!(default("'INR'::text"), Some("INR".into()));
        assert_eq!(default("0"), Some(0.into()));
        assert_eq!(default("false"), Some(false.into()));
        assert_eq!(default("'{}'::text[]"), Some(serde_json::json!([])));
        assert_eq!(default("'{}'::jsonb"), Some(serde_json::json!({})));
        assert_eq!(default("now()"), None);
    }
}
