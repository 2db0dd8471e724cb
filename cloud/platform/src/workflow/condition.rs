//! Conditions such as `amount > 50000`: the Common Expression Language, parsed by
//! the `cel` crate, judged here for its types before it is published, and reckoned
//! in decimals, since CEL itself knows numbers with a floating point only.
//!
//! What an expression may cost is bounded before it runs: its length, its depth
//! and its parts are, and there are no loops (`all`, `exists`, `map`, `filter`),
//! so that each part is reckoned once.

use std::cmp::Ordering;
use std::str::FromStr;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SelectExpr, operators as op};
use cel::parser::Parser;
use rust_decimal::Decimal;
use serde_json::Value as Json;

/// Longest condition, in bytes.
pub const MAX_LENGTH: usize = 500;
/// Most parts (names, values, operators) of one condition.
pub const MAX_PARTS: usize = 100;
/// Deepest nesting.
const MAX_DEPTH: u16 = 32;
/// Stack of the parser, in bytes; of what it does not use, none is taken.
const STACK: usize = 128 * 1024 * 1024;
/// Methods of texts.
const METHODS: [&str; 3] = ["contains", "startsWith", "endsWith"];

/// The type of a document's field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A decimal; JSON holds it as a string or a number.
    Number,
    /// A text.
    Text,
    /// True or false.
    Bool,
    /// Known only when it is there: what an event or a webhook says.
    Any,
}

impl Type {
    /// Its name, for people who write conditions.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Text => "text",
            Self::Bool => "bool",
            Self::Any => "any",
        }
    }
}

/// A field that conditions can name.
pub type Field = (&'static str, Type);

/// Why a condition cannot be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Syntax,
    /// Longer than [`MAX_LENGTH`].
    #[error("longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// More than [`MAX_PARTS`] parts.
    #[error("more than {MAX_PARTS} parts")]
    TooLarge,
    /// A name that the document does not have; and those that it has.
    #[error("there is no field {0}; there are {1}")]
    Unknown(String, String),
    /// Something of CEL that conditions do not have.
    #[error("{0} cannot be used in a condition")]
    NotAllowed(String),
    /// An operator and the types that it does not take.
    #[error("{0} does not take {1}")]
    Types(String, String),
    /// It comes to something else than true or false.
    #[error("it comes to a {0}, not to true or false")]
    NotBool(&'static str),
}

/// Why a condition could not be judged for a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unjudged {
    /// The document has no value there.
    #[error("{0} has no value")]
    Missing(String),
    /// A value of another type than the operator takes.
    #[error("{0} does not take these values")]
    Types(String),
    /// Divided by zero, or a number that is too large.
    #[error("a number that cannot be reckoned")]
    Number,
}

/// A condition that was judged for its types.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// As it was written.
    pub source: String,
    expr: IdedExpr,
}

impl Condition {
    /// Reads a condition over a document of these fields.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn compile(source: &str, fields: &[Field]) -> Result<Self, Vec<ConditionError>> {
        if source.len() > MAX_LENGTH {
            return Err(vec![ConditionError::TooLong]);
        }
        let expr = parse(source)?;
        let mut judge = Judge { fields, parts: 0, wrong: Vec::new() };
        let found = judge.type_of(&expr.expr);
        let mut wrong = judge.wrong;
        if judge.parts > MAX_PARTS {
            wrong = vec![ConditionError::TooLarge];
        } else if wrong.is_empty() && !matches!(found, Type::Bool | Type::Any) {
            wrong.push(ConditionError::NotBool(found.name()));
        }
        if wrong.is_empty() { Ok(Self { source: source.to_owned(), expr }) } else { Err(wrong) }
    }

    /// Whether it holds for `document`.
    ///
    /// # Errors
    /// [`Unjudged`], as where the document lacks a value that it compares.
    pub fn holds(&self, document: &Json) -> Result<bool, Unjudged> {
        match reckon(&self.expr.expr, document)? {
            Val::Bool(holds) => Ok(holds),
            Val::Null => Err(Unjudged::Missing(self.source.clone())),
            _ => Err(Unjudged::Types(self.source.clone())),
        }
    }
}

/// The expression of a text. The parser goes deep into brackets before it counts
/// them, deeper than the stack of a worker; so it has one of its own.
fn parse(source: &str) -> Result<IdedExpr, Vec<ConditionError>> {
    let unread = || vec![ConditionError::Syntax];
    let read = || {
        let parsed = Parser::new().max_recursion_depth(MAX_DEPTH).parse(source);
        parsed.map_err(|_| unread())
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read);
        thread.map_err(|_| unread())?.join().map_err(|_| unread())?
    })
}

/// Goes over an expression once, collecting what is wrong with it.
struct Judge<'a> {
    fields: &'a [Field],
    parts: usize,
    wrong: Vec<ConditionError>,
}

impl Judge<'_> {
    fn not_allowed(&mut self, what: &str) -> Type {
        self.wrong.push(ConditionError::NotAllowed(what.to_owned()));
        Type::Any
    }

    fn type_of(&mut self, expr: &Expr) -> Type {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Type::Any;
        }
        match expr {
            Expr::Literal(LiteralValue::Boolean(_)) => Type::Bool,
            Expr::Literal(LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_)) => {
                Type::Number
            }
            Expr::Literal(LiteralValue::String(_)) => Type::Text,
            Expr::Literal(LiteralValue::Null) => Type::Any,
            Expr::Literal(LiteralValue::Bytes(_)) => self.not_allowed("b\"…\""),
            Expr::Ident(name) => self.field(name),
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(_) => self.not_allowed("all, exists, map, filter"),
            Expr::List(_) => self.not_allowed("[…]"),
            Expr::Map(_) | Expr::Struct(_) => self.not_allowed("{…}"),
            Expr::Unspecified => self.not_allowed("?"),
        }
    }

    fn field(&mut self, name: &str) -> Type {
        if let Some((_, found)) = self.fields.iter().find(|(known, _)| *known == name) {
            return *found;
        }
        let known: Vec<&str> = self.fields.iter().map(|(known, _)| *known).collect();
        self.wrong.push(ConditionError::Unknown(name.to_owned(), known.join(", ")));
        Type::Any
    }

    /// `event.quantity`, `has(event.quantity)`: only of what may hold anything.
    fn select(&mut self, select: &SelectExpr) -> Type {
        match self.type_of(&select.operand.expr) {
            Type::Any if select.test => Type::Bool,
            Type::Any => Type::Any,
            other => {
                let what = format!(".{}", select.field);
                self.wrong.push(ConditionError::Types(what, other.name().to_owned()));
                Type::Any
            }
        }
    }

    fn call(&mut self, call: &CallExpr) -> Type {
        let name = call.func_name.as_str();
        if name == op::IN {
            return self.is_in(call);
        }
        let mut taken: Vec<Type> = call.target.iter().map(|target| self.type_of(&target.expr)).collect();
        for argument in &call.args {
            taken.push(self.type_of(&argument.expr));
        }
        let all = |of: Type| taken.iter().all(|found| *found == of || *found == Type::Any);
        let same = all(Type::Number) || all(Type::Text) || all(Type::Bool);
        let (fits, result) = match name {
            op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT => (all(Type::Bool), Type::Bool),
            op::EQUALS | op::NOT_EQUALS => (same, Type::Bool),
            op::GREATER | op::GREATER_EQUALS | op::LESS | op::LESS_EQUALS => {
                (all(Type::Number) || all(Type::Text), Type::Bool)
            }
            op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::NEGATE => {
                (all(Type::Number), Type::Number)
            }
            op::CONDITIONAL => match taken[..] {
                [Type::Bool | Type::Any, yes, no] => (yes == no || yes == Type::Any || no == Type::Any, yes),
                _ => (false, Type::Any),
            },
            method if METHODS.contains(&method) && call.target.is_some() && taken.len() == 2 => {
                (all(Type::Text), Type::Bool)
            }
            other => return self.not_allowed(&spelled(other)),
        };
        if !fits {
            let types = taken.iter().map(|found| found.name()).collect::<Vec<_>>().join(", ");
            self.wrong.push(ConditionError::Types(spelled(name), types));
        }
        result
    }

    /// `plant in ["KOL", "VZG"]`.
    fn is_in(&mut self, call: &CallExpr) -> Type {
        let [value, list] = &call.args[..] else { return self.not_allowed("in") };
        let found = self.type_of(&value.expr);
        let Expr::List(list) = &list.expr else { return self.not_allowed("in") };
        for element in &list.elements {
            let one = self.type_of(&element.expr);
            if one != found && one != Type::Any && found != Type::Any {
                let types = format!("{}, {}", found.name(), one.name());
                self.wrong.push(ConditionError::Types("in".into(), types));
            }
        }
        Type::Bool
    }
}

/// An operator as people write it: `_>_` is `>`.
fn spelled(name: &str) -> String {
    name.replace(['_', '@'], "")
}

/// A value while a condition is reckoned.
#[derive(Debug, Clone, PartialEq)]
enum Val {
    Number(Decimal),
    Text(String),
    Bool(bool),
    Null,
    /// What `event` holds.
    Json(Json),
}

fn of_json(value: &Json) -> Val {
    match value {
        Json::Null => Val::Null,
        Json::Bool(value) => Val::Bool(*value),
        Json::Number(number) => Decimal::from_str(&number.to_string())
            .or_else(|_| Decimal::from_scientific(&number.to_string()))
            .map_or(Val::Null, Val::Number),
        Json::String(text) => Val::Text(text.clone()),
        other => Val::Json(other.clone()),
    }
}

fn literal(value: &LiteralValue) -> Result<Val, Unjudged> {
    Ok(match value {
        LiteralValue::Boolean(value) => Val::Bool(*value.inner()),
        LiteralValue::Int(value) => Val::Number(Decimal::from(*value.inner())),
        LiteralValue::UInt(value) => Val::Number(Decimal::from(*value.inner())),
        // The shortest digits that mean this double are the ones that were written.
        LiteralValue::Double(value) => {
            Val::Number(Decimal::from_str(&value.inner().to_string()).map_err(|_| Unjudged::Number)?)
        }
        LiteralValue::String(value) => Val::Text(value.inner().to_owned()),
        LiteralValue::Null => Val::Null,
        LiteralValue::Bytes(_) => return Err(Unjudged::Types("b\"…\"".into())),
    })
}

fn reckon(expr: &Expr, document: &Json) -> Result<Val, Unjudged> {
    match expr {
        Expr::Literal(value) => literal(value),
        Expr::Ident(name) => Ok(document.get(name).map_or(Val::Null, of_json)),
        Expr::Select(select) => {
            let held = match reckon(&select.operand.expr, document)? {
                Val::Json(held) => held.get(&select.field).map_or(Val::Null, of_json),
                _ => Val::Null,
            };
            Ok(if select.test { Val::Bool(held != Val::Null) } else { held })
        }
        Expr::Call(call) => reckon_call(call, document),
        _ => Err(Unjudged::Types("condition".into())),
    }
}

fn reckon_call(call: &CallExpr, document: &Json) -> Result<Val, Unjudged> {
    let name = call.func_name.as_str();
    let wrong = || Unjudged::Types(spelled(name));
    let of = |at: usize| call.args.get(at).map(|expr| reckon(&expr.expr, document)).ok_or_else(wrong)?;
    let truth = |value: Result<Val, Unjudged>| match value? {
        Val::Bool(value) => Ok(value),
        Val::Null => Err(Unjudged::Missing(spelled(name))),
        _ => Err(wrong()),
    };
    match name {
        // One side may settle it though the other cannot be judged.
        op::LOGICAL_AND | op::LOGICAL_OR => {
            let settles = name == op::LOGICAL_OR;
            match (truth(of(0)), truth(of(1))) {
                (Ok(value), _) | (_, Ok(value)) if value == settles => Ok(Val::Bool(settles)),
                (Ok(_), Ok(_)) => Ok(Val::Bool(!settles)),
                (Err(error), _) | (_, Err(error)) => Err(error),
            }
        }
        op::LOGICAL_NOT => Ok(Val::Bool(!truth(of(0))?)),
        op::CONDITIONAL => {
            if truth(of(0))? {
                of(1)
            } else {
                of(2)
            }
        }
        op::EQUALS => Ok(Val::Bool(equal(&of(0)?, &of(1)?))),
        op::NOT_EQUALS => Ok(Val::Bool(!equal(&of(0)?, &of(1)?))),
        op::GREATER | op::GREATER_EQUALS | op::LESS | op::LESS_EQUALS => {
            let order = compare(&of(0)?, &of(1)?, name)?;
            Ok(Val::Bool(match name {
                op::GREATER => order == Ordering::Greater,
                op::GREATER_EQUALS => order != Ordering::Less,
                op::LESS => order == Ordering::Less,
                _ => order != Ordering::Greater,
            }))
        }
        op::NEGATE => Ok(Val::Number(-number(&of(0)?, name)?)),
        op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE => {
            let (left, right) = (number(&of(0)?, name)?, number(&of(1)?, name)?);
            let result = match name {
                op::ADD => left.checked_add(right),
                op::SUBSTRACT => left.checked_sub(right),
                op::MULTIPLY => left.checked_mul(right),
                _ => left.checked_div(right),
            };
            result.map(Val::Number).ok_or(Unjudged::Number)
        }
        op::IN => {
            let value = of(0)?;
            let Some(Expr::List(list)) = call.args.get(1).map(|list| &list.expr) else { return Err(wrong()) };
            for element in &list.elements {
                if equal(&value, &reckon(&element.expr, document)?) {
                    return Ok(Val::Bool(true));
                }
            }
            Ok(Val::Bool(false))
        }
        _ => {
            let target = call.target.as_ref().ok_or_else(wrong)?;
            let text = match reckon(&target.expr, document)? {
                Val::Text(text) => text,
                Val::Null => return Err(Unjudged::Missing(spelled(name))),
                _ => return Err(wrong()),
            };
            let Val::Text(part) = of(0)? else { return Err(wrong()) };
            Ok(Val::Bool(match name {
                "contains" => text.contains(&part),
                "startsWith" => text.starts_with(&part),
                "endsWith" => text.ends_with(&part),
                _ => return Err(wrong()),
            }))
        }
    }
}

/// A number, also one that JSON holds as a string.
fn number(value: &Val, operator: &str) -> Result<Decimal, Unjudged> {
    match value {
        Val::Number(number) => Ok(*number),
        Val::Text(text) => Decimal::from_str(text.trim()).map_err(|_| Unjudged::Types(spelled(operator))),
        Val::Null => Err(Unjudged::Missing(spelled(operator))),
        _ => Err(Unjudged::Types(spelled(operator))),
    }
}

fn equal(left: &Val, right: &Val) -> bool {
    match (left, right) {
        (Val::Number(_), Val::Text(_)) | (Val::Text(_), Val::Number(_)) => {
            matches!((number(left, ""), number(right, "")), (Ok(left), Ok(right)) if left == right)
        }
        _ => left == right,
    }
}

fn compare(left: &Val, right: &Val, operator: &str) -> Result<Ordering, Unjudged> {
    match (left, right) {
        (Val::Text(left), Val::Text(right)) => Ok(left.cmp(right)),
        _ => Ok(number(left, operator)?.cmp(&number(right, operator)?)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const FIELDS: &[Field] =
        &[("amount", Type::Number), ("plant", Type::Text), ("urgent", Type::Bool), ("event", Type::Any)];

    fn holds(source: &str, document: Json) -> Result<bool, Unjudged> {
        Condition::compile(source, FIELDS).unwrap().holds(&document)
    }

    #[test]
    fn the_specifications_condition_is_exact_in_decimals() {
        for (amount, expected) in [
            (json!("50000"), false),
            (json!("50000.000001"), true),
            (json!("999999999999.999999"), true),
            (json!(50001), true),
            (json!("49999.999999"), false),
        ] {
            assert_eq!(holds("amount > 50000", json!({ "amount": amount })), Ok(expected), "{amount}");
        }
        // In doubles 0.1 + 0.2 is not 0.3.
        assert_eq!(holds("amount + 0.2 == 0.3", json!({ "amount": "0.1" })), Ok(true));
        assert_eq!(holds("amount / 0 > 1", json!({ "amount": "1" })), Err(Unjudged::Number));
    }

    #[test]
    fn texts_lists_and_what_an_event_says() {
        let document =
            json!({ "plant": "KOL", "urgent": true, "event": { "quantity": 4, "item": "RM-GEAR" } });
        for source in [
            r#"plant in ["VZG", "KOL"]"#,
            "urgent && plant == \"KOL\"",
            "event.quantity < 10 && event.item.startsWith(\"RM-\")",
            "has(event.item) && !has(event.lot)",
            "urgent ? plant != \"VZG\" : false",
            "amount > 5 || urgent",
            "-event.quantity < 0",
        ] {
            assert_eq!(holds(source, document.clone()), Ok(true), "{source}");
        }
        assert!(matches!(holds("amount > 5", document.clone()), Err(Unjudged::Missing(_))));
        assert!(matches!(holds("event.item > 5", document), Err(Unjudged::Types(_))));
    }

    #[test]
    fn mistakes_are_named_before_anything_runs() {
        let wrong = |source: &str| Condition::compile(source, FIELDS).unwrap_err();
        assert!(matches!(wrong("amount >")[..], [ConditionError::Syntax]));
        assert!(matches!(&wrong("amout > 5")[..], [ConditionError::Unknown(name, _)] if name == "amout"));
        assert!(matches!(wrong("plant > 5")[..], [ConditionError::Types(..)]));
        assert!(matches!(
            wrong("plant > 5 && amout > 1")[..],
            [ConditionError::Types(..), ConditionError::Unknown(..)]
        ));
        assert_eq!(wrong("amount + 1"), [ConditionError::NotBool("number")]);
        assert!(matches!(wrong("[1, 2].all(x, x > 0)")[..], [ConditionError::NotAllowed(_), ..]));
        assert!(matches!(wrong("size(plant) > 2")[..], [ConditionError::NotAllowed(_), ..]));
        assert_eq!(wrong(&"amount > 1 && ".repeat(60)), [ConditionError::TooLong]);
        assert_eq!(wrong(&format!("{}urgent", "urgent||".repeat(60))), [ConditionError::TooLarge]);
        assert!(matches!(
            wrong(&format!("{}urgent{}", "(".repeat(200), ")".repeat(200)))[..],
            [ConditionError::Syntax]
        ));
    }

    proptest! {
        /// Whatever is written, reading it ends without a panic, and so does judging.
        #[test]
        fn nothing_written_breaks_it(source in "[a-z0-9<>=&|!()\\[\\]{}\"'., +*/?:-]{0,80}") {
            if let Ok(condition) = Condition::compile(&source, FIELDS) {
                let _ = condition.holds(&json!({ "amount": "5", "plant": "KOL", "urgent": false }));
            }
        }

        /// Comparing is what comparing decimals is.
        #[test]
        fn comparing_is_exact(left in any::<i64>(), right in any::<i32>(), scale in 0_u32..7) {
            let left = Decimal::new(left, scale);
            let right = Decimal::new(i64::from(right), scale.min(4));
            let condition = Condition::compile(&format!("amount > {right}"), FIELDS).unwrap();
            prop_assert_eq!(condition.holds(&json!({ "amount": left.to_string() })), Ok(left > right));
        }
    }
}
