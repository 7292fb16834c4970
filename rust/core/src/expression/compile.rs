//! Expressions as trees to elements, with all numbers and types checked.

use std::fmt;
use std::sync::Arc;

use super::columns::ValueColumn;
use super::difference::specialised;
use super::elements::{AnyOperand, Evaluated, Native, Operand, element, literal, with_scalar};
use super::ir::{Expression, Given, NumberedRow, Operation};
use super::registry::lookup;
use super::row_context::RowContext;
use super::sources::{
    Classifier, CombinedValue, ComputedValue, Exists, GivenOperand, MatchNumber, aggregate_value, combined_value,
    computed_value,
};
use super::types::Type;
use crate::rows::At;

/// What expressions may name.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'s> {
    /// The type of each column.
    pub columns: &'s [Type],
    /// How many sets of variables there are.
    pub sets: usize,
    /// The type of each aggregate.
    pub aggregates: &'s [Type],
}

/// An expression that cannot be compiled: what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError(pub String);

impl fmt::Display for ExpressionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for ExpressionError {}

/// A condition: its tree, and what it was compiled to.
pub struct Condition {
    expression: Expression,
    program: Operand<bool>,
}

impl fmt::Debug for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(formatter)
    }
}

impl Condition {
    /// Compiles an expression whose values are booleans.
    pub fn new(expression: Expression, scope: &Scope<'_>) -> Result<Self, ExpressionError> {
        if !matches!(expression.result, Type::Boolean | Type::Null) {
            let kind = expression.result;
            return Err(ExpressionError(format!("a condition has values of the type {kind}; they must be BOOLEAN")));
        }
        let program = bool::unwrap(compile(&expression, scope)?);
        let program = program.ok_or_else(|| ExpressionError("a condition is no boolean".into()))?;
        Ok(Self { expression, program })
    }

    /// The tree.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Whether it holds for the last row of the match so far; None is unknown.
    #[inline]
    pub fn evaluate<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<bool> {
        self.program.one(context)
    }
}

/// Whether a column can be read as one of a type.
pub fn holds(column: &ValueColumn<'_>, kind: Type) -> bool {
    column.physical().is_none_or(|physical| physical == kind.physical())
}

fn wrong<T>(what: &str) -> Result<T, ExpressionError> {
    Err(ExpressionError(what.into()))
}

/// Compiles an expression.
pub fn compile(expression: &Expression, scope: &Scope<'_>) -> Result<AnyOperand, ExpressionError> {
    let result = expression.result;
    let at = |at: At| match at.set {
        Some(set) if set >= scope.sets => wrong(&format!("there is no set {set}")),
        _ => Ok(at),
    };
    Ok(match &expression.operation {
        Operation::Literal(value) => with_scalar!(result.physical(), K => {
            let operand = literal::<K>(value);
            operand.map(K::wrap).ok_or_else(|| ExpressionError(format!("{value:?} is no literal of the type {result}")))?
        }),
        Operation::Read(column, place) => {
            let place = at(*place)?;
            match scope.columns.get(*column) {
                None => return wrong(&format!("there is no column {column}")),
                Some(Type::Null) => AnyOperand::Null,
                Some(&kind) if kind != result => {
                    return wrong(&format!("column {column} has the type {kind}, and is read as {result}"));
                }
                Some(_) => with_scalar!(result.physical(), K => K::wrap(Operand::Read(*column, place))),
            }
        }
        Operation::Exists(place) => typed(Type::Boolean, result, element(Exists(at(*place)?)))?,
        Operation::Classifier(place) => typed(Type::Varchar, result, element(Classifier(at(*place)?)))?,
        Operation::MatchNumber => typed(Type::BigInt, result, element(MatchNumber))?,
        Operation::Aggregate(number) => match scope.aggregates.get(*number) {
            None => return wrong(&format!("there is no aggregate {number}")),
            Some(&kind) => typed(kind, result, aggregate_value(*number, kind.physical()))?,
        },
        Operation::Call(name, arguments) => {
            let types: Vec<Type> = arguments.iter().map(|argument| argument.result).collect();
            let build = lookup(name, &types, result).ok_or_else(|| unknown(name, &types, result))?;
            let operands = arguments.iter().map(|argument| compile(argument, scope)).collect::<Result<_, _>>()?;
            let operand = build(operands).ok_or_else(|| unknown(name, &types, result))?;
            specialised(name, arguments, operand)
        }
        Operation::Computed(number, given) => {
            let given = given.iter().map(|given| {
                Ok(match given {
                    Given::Row(place) => GivenOperand::Row(at(*place)?),
                    Given::Rows(Some(set)) if *set >= scope.sets => return wrong(&format!("there is no set {set}")),
                    Given::Rows(set) => GivenOperand::Rows(*set),
                    Given::Value(expression) => GivenOperand::Value(compile(expression, scope)?),
                })
            });
            let value = ComputedValue { expression: *number, given: given.collect::<Result<_, _>>()? };
            computed_value(value, result.physical())
        }
        Operation::Combined(values, rows) => {
            for row in rows {
                at(row.at)?;
                if scope.columns.get(row.column) != Some(&Type::BigInt) {
                    return wrong(&format!("there is no column {} of numbers of rows", row.column));
                }
            }
            let combinations = rows.iter().try_fold(1_usize, |count, row: &NumberedRow| count.checked_mul(row.count));
            if combinations != Some(values.len()) || !holds(values, result) {
                return wrong(&format!("there are not as many values of the type {result} as combinations of rows"));
            }
            let value = CombinedValue { values: Arc::clone(values), rows: rows.clone() };
            combined_value(value, result.physical())
        }
    })
}

/// Something that has values of one type only.
fn typed(own: Type, result: Type, operand: AnyOperand) -> Result<AnyOperand, ExpressionError> {
    if own == result {
        return Ok(operand);
    }
    Err(ExpressionError(format!("a part has values of the type {own}, and is said to have {result}")))
}

fn unknown(name: &str, types: &[Type], result: Type) -> ExpressionError {
    let types: Vec<String> = types.iter().map(Type::to_string).collect();
    ExpressionError(format!("{name}({}) with values of the type {result} is not computed here", types.join(", ")))
}

/// Whether an expression reads the current row and rows at a fixed distance only, so that it can be computed in batches.
pub fn is_over_rows(expression: &Expression) -> bool {
    let own = match &expression.operation {
        Operation::Read(_, at) | Operation::Exists(at) => at.set.is_none() && !at.first && at.offset == 0,
        Operation::Classifier(_)
        | Operation::MatchNumber
        | Operation::Aggregate(_)
        | Operation::Computed(..)
        | Operation::Combined(..) => false,
        Operation::Literal(_) | Operation::Call(..) => true,
    };
    let mut parts = own;
    expression.for_each_part(|part| parts = parts && is_over_rows(part));
    parts
}
