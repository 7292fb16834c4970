//! `Conditions`: compiled conditions that depend on the match, from nested tuples and Arrow columns.

use std::cell::RefCell;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rowpattern_core::backtrack::{Backtracking, MatchConditions, search_in_rounds};
use rowpattern_core::budget::Budget;
use rowpattern_core::condition::{Aggregate, Arithmetic, Comparison, Expression, Function, Given, ValueColumn};
use rowpattern_core::expression::Type;
use rowpattern_core::rows::{At, VariableSet};
use rowpattern_macros::catch_panics;

use super::arguments::variable;
use super::computing::{Computing, ResultTypes};
use super::errors::{QueryError, SkipError, rows_error};
use super::input::Input;
use super::iterator::MatchIterator;
use super::matches::Matches;
use super::numbers::{optional_number, whole};
use super::pattern::Pattern;
use super::readers::condition_column;
use super::sinks::MatchesSink;

/// Conditions of a pattern's variables over columns; `Pattern.match` and `Pattern.find_iter` take them.
///
/// Args:
///     pattern: the compiled pattern whose variables the conditions are of.
///     columns: Arrow columns of int64, float64, bool or text, all with the same number of rows.
///     sets: sets of primary variables, each a list of names, that navigation and aggregates name.
///     aggregates: (function, column or None, set or None), with `"count"`, `"sum"`, `"avg"`, `"min"` or `"max"`.
///     conditions: for each variable whose condition depends on the match, the condition as nested tuples, as
///         `rowpattern.sql.execute.match_dependent` writes them.
#[pyclass(frozen, module = "rowpattern._core")]
pub struct Conditions {
    pattern: Py<Pattern>,
    inner: MatchConditions,
    computed: ResultTypes,
    rows: usize,
}

#[catch_panics]
#[pymethods]
impl Conditions {
    #[new]
    fn new(
        py: Python<'_>,
        pattern: &Bound<'_, Pattern>,
        columns: Vec<Bound<'_, PyAny>>,
        sets: Vec<Vec<String>>,
        aggregates: Vec<(String, Option<usize>, Option<usize>)>,
        conditions: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let owner = pattern.clone().unbind();
        let pattern = pattern.get();
        let columns = columns.iter().map(condition_column).collect::<PyResult<Vec<_>>>()?;
        let rows = columns.first().map_or(0, ValueColumn::len);
        if columns.iter().any(|column| column.len() != rows) {
            return Err(rows_error("the columns of conditions have different numbers of rows"));
        }
        let variable = |name: &String| variable(py, &pattern.compiled.variables, name);
        let sets = sets
            .iter()
            .map(|names| names.iter().map(variable).collect::<PyResult<VariableSet>>())
            .collect::<PyResult<Vec<_>>>()?;
        let reader = ConditionReader {
            columns: columns.len(),
            sets: sets.len(),
            aggregates: aggregates.len(),
            computed: RefCell::default(),
        };
        let aggregates = aggregates
            .into_iter()
            .map(|(function, column, set)| {
                let function = match function.as_str() {
                    "count" => Function::Count,
                    "sum" => Function::Sum,
                    "avg" => Function::Avg,
                    "min" => Function::Min,
                    "max" => Function::Max,
                    other => return Err(PyValueError::new_err(format!("there is no aggregate {other}"))),
                };
                let column = column.map(|number| checked(number, reader.columns, "column")).transpose()?;
                let variables = set.map(|number| checked(number, reader.sets, "set")).transpose()?;
                Ok(Aggregate { function, column, variables: variables.map(|number| sets[number]) })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let mut nodes: Vec<Option<Expression>> = pattern.compiled.variables.iter().map(|_| None).collect();
        for (name, node) in conditions {
            let number = variable(&name.extract()?)?;
            nodes[usize::from(number)] = Some(reader.node(&node, 0)?);
        }
        let inner = MatchConditions { columns, sets, aggregates, conditions: nodes };
        Ok(Self { pattern: owner, inner, computed: reader.computed.into_inner(), rows })
    }

    /// Finds all matches, as columns: as `Pattern.match`, where these conditions have to hold too.
    ///
    /// Args:
    ///     rows: what is true of rows whatever the match, as `Pattern.match` takes it: a variable is tried only where its
    ///         column is true.
    ///     partitions: as for `Pattern.match`.
    ///     skip: as for `Pattern.match`.
    ///     threads: as for `Pattern.match`; one partition is never cut here.
    ///     timeout_seconds: as for `Pattern.match`.
    ///     memory_limit_mb: as for `Pattern.match`; the conditions' own columns do not count.
    ///     compute: what computes the parts `("computed", ...)` of conditions, called as `compute(number, arguments, wanted)` with the
    ///         number of an expression and, for each of its arguments, an Arrow array with a value for each request: row numbers (int64,
    ///         NULL where there is no such row), lists of them, or values. It gives `(values, known)`: an Arrow array of the
    ///         expression's values, and one of booleans, or None where all are known. The first `wanted` must be known; the
    ///         others are what the search will perhaps need. With such parts there is one thread.
    ///
    /// Raises:
    ///     What `Pattern.match` raises, and what `compute` raises.
    ///     QueryError: a whole number leaves 64 bits or is divided by zero.
    ///     ValueError: conditions have computed parts and there is no `compute`, or what it gives has another type or number of values.
    ///
    /// Tries ways to match in the order of preferment and goes back where a condition fails; a branch that agrees with one
    /// known to fail in the row, the position and all that conditions can still read is not tried again. Memory: the
    /// columns, the match, and 64 MiB of branches at most. Computed parts are asked for some 10,000 at a time, for many partitions
    /// together, and kept while their partition is searched.
    #[pyo3(
        name = "match",
        signature = (
            rows, *, partitions = None, skip = None, threads = 1, timeout_seconds = None, memory_limit_mb = None,
            compute = None
        )
    )]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn find_all(
        &self,
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = whole)] threads: usize,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        compute: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Matches> {
        let mut input = self.input(rows, partitions, skip, threads, (timeout_seconds, memory_limit_mb))?;
        let (found, failed) = self.search(py, &mut input, compute)?;
        failed.map_or_else(|| Ok(Matches::new(found, &self.pattern.get().compiled)), Err)
    }

    /// Iterates over the matches; they are found before it returns. Arguments and errors are those of `match`; a skip
    /// that has nowhere to go is raised after the matches before it.
    #[pyo3(
        signature = (
            rows, *, partitions = None, skip = None, timeout_seconds = None, memory_limit_mb = None, compute = None
        )
    )]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn find_iter(
        &self,
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        compute: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<MatchIterator> {
        let mut input = self.input(rows, partitions, skip, 1, (timeout_seconds, memory_limit_mb))?;
        let (found, failed) = self.search(py, &mut input, compute)?;
        if let Some(error) = failed.as_ref().filter(|error| !error.is_instance_of::<SkipError>(py)) {
            return Err(error.clone_ref(py));
        }
        Ok(MatchIterator::of_found(self.pattern.clone_ref(py), input, found, failed))
    }

    fn __repr__(&self) -> String {
        let count = self.inner.conditions.iter().flatten().count();
        format!("<rowpattern._core.Conditions: {count} over {} columns>", self.inner.columns.len())
    }
}

impl Conditions {
    fn input(
        &self,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        threads: usize,
        limits: (Option<f64>, Option<f64>),
    ) -> PyResult<Input> {
        let input = Input::read(self.pattern.get(), rows, partitions, skip, threads, limits)?;
        if input.symbols.len() != self.rows && !self.inner.columns.is_empty() {
            let (given, own) = (input.symbols.len(), self.rows);
            return Err(rows_error(format!("there are {given} rows, but the columns of conditions have {own}")));
        }
        Ok(input)
    }

    /// Searches, and gives what was found before an error too.
    fn search(
        &self,
        py: Python<'_>,
        input: &mut Input,
        compute: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(MatchesSink, Option<PyErr>)> {
        let pattern = self.pattern.bind(py);
        let (names, partitions) = (&pattern.get().compiled.variables, input.partitions.len());
        if self.computed.is_empty() {
            return Ok(input.search(pattern, |search, skip, tick| {
                let sink = |rows, budget: &Budget| MatchesSink::new(rows, partitions, budget);
                search.run_with(|| Backtracking::new(&self.inner, names, skip), sink, tick)
            }));
        }
        let Some(compute) = compute else {
            return Err(PyValueError::new_err("conditions have parts that are computed elsewhere; give compute=..."));
        };
        let mut computing = Computing::new(compute, &self.computed);
        let (found, failed) = input.search(pattern, |search, skip, tick| {
            let strategy = Backtracking::new(&self.inner, names, skip);
            search_in_rounds(
                search,
                strategy,
                MatchesSink::default(),
                &mut |asked, values| computing.compute(asked, values),
                tick,
            )
        });
        Ok((found, computing.raised.or(failed)))
    }
}

/// Conditions are read, evaluated and dropped by recursion; deeper ones could leave a thread's stack.
const DEEPEST: usize = 1_000;

/// Reads conditions over known numbers of columns, sets and aggregates.
struct ConditionReader {
    columns: usize,
    sets: usize,
    aggregates: usize,
    /// What was read so far.
    computed: RefCell<ResultTypes>,
}

/// The number of something of which `known` are known.
fn checked(number: usize, known: usize, what: &str) -> PyResult<usize> {
    if number < known {
        return Ok(number);
    }
    Err(PyValueError::new_err(format!("there is no {what} {number}")))
}

impl ConditionReader {
    fn at(&self, item: &Bound<'_, PyTuple>, from: usize) -> PyResult<At> {
        let set: Option<usize> = item.get_item(from)?.extract()?;
        Ok(At {
            set: set.map(|number| checked(number, self.sets, "set")).transpose()?,
            first: item.get_item(from + 1)?.extract()?,
            offset: item.get_item(from + 2)?.extract()?,
            rows: item.get_item(from + 3)?.extract()?,
        })
    }

    /// Reads `("computed", type, number, (arguments...))`.
    fn computed(&self, item: &Bound<'_, PyTuple>, depth: usize) -> PyResult<Expression> {
        let (name, number): (String, usize) = (item.get_item(1)?.extract()?, item.get_item(2)?.extract()?);
        let result = Type::named(&name);
        let result = result.ok_or_else(|| PyValueError::new_err(format!("conditions have no type {name:?}")))?;
        let mut given = Vec::new();
        for argument in item.get_item(3)?.try_iter()? {
            let argument = argument?.cast_into::<PyTuple>()?;
            given.push(match argument.get_item(0)?.extract::<String>()?.as_str() {
                "row" => Given::Row(self.at(&argument, 1)?),
                "rows" => {
                    let set: Option<usize> = argument.get_item(1)?.extract()?;
                    Given::Rows(set.map(|number| checked(number, self.sets, "set")).transpose()?)
                }
                _ => Given::Value(self.node(&argument, depth + 1)?),
            });
        }
        if *self.computed.borrow_mut().entry(number).or_insert(result) != result {
            return Err(PyValueError::new_err(format!("the computed expression {number} has two types")));
        }
        Ok(Expression::Computed(number, given))
    }

    /// Reads a part that stands below `depth` others.
    fn node(&self, item: &Bound<'_, PyAny>, depth: usize) -> PyResult<Expression> {
        if depth >= DEEPEST {
            return Err(QueryError::new_err(format!("a condition nests more than {DEEPEST} deep")));
        }
        let item = item.cast::<PyTuple>()?;
        let kind: String = item.get_item(0)?.extract()?;
        if kind == "computed" {
            return self.computed(item, depth);
        }
        let inner = |item: &Bound<'_, PyAny>| self.node(item, depth + 1);
        let part = |number: usize| inner(&item.get_item(number)?).map(Box::new);
        let parts =
            |number: usize| item.get_item(number)?.try_iter()?.map(|item| inner(&item?)).collect::<PyResult<Vec<_>>>();
        if let Some(comparison) = comparison(&kind) {
            return Ok(Expression::Compare(comparison, part(1)?, part(2)?));
        }
        if let Some(operation) = operation(&kind) {
            return Ok(Expression::Arithmetic(operation, part(1)?, part(2)?));
        }
        Ok(match kind.as_str() {
            "null" => Expression::Null,
            "bool" => Expression::Bool(item.get_item(1)?.extract()?),
            "int" => Expression::Int(item.get_item(1)?.extract()?),
            "float" => Expression::Float(item.get_item(1)?.extract()?),
            "text" => Expression::Text(item.get_item(1)?.extract::<String>()?.into()),
            "read" => {
                let column = checked(item.get_item(1)?.extract()?, self.columns, "column")?;
                Expression::Read(column, self.at(item, 2)?)
            }
            "label" => Expression::Classifier(self.at(item, 1)?),
            "match number" => Expression::MatchNumber,
            "aggregate" => Expression::Aggregate(checked(item.get_item(1)?.extract()?, self.aggregates, "aggregate")?),
            "and" => Expression::And(part(1)?, part(2)?),
            "or" => Expression::Or(part(1)?, part(2)?),
            "not" => Expression::Not(part(1)?),
            "is null" => Expression::IsNull(part(1)?),
            "in" => Expression::In(part(1)?, parts(2)?),
            "case" => {
                let mut branches = Vec::new();
                for branch in item.get_item(1)?.try_iter()? {
                    let branch = branch?.cast_into::<PyTuple>()?;
                    branches.push((inner(&branch.get_item(0)?)?, inner(&branch.get_item(1)?)?));
                }
                Expression::Case(branches, part(2)?)
            }
            "coalesce" => Expression::Coalesce(parts(1)?),
            "greatest" => Expression::Extreme(true, parts(1)?),
            "least" => Expression::Extreme(false, parts(1)?),
            "abs" => Expression::Abs(part(1)?),
            "negate" => Expression::Negate(part(1)?),
            "round" => Expression::Round(part(1)?, item.get_item(2)?.extract()?),
            "to float" => Expression::ToFloat(part(1)?),
            other => return Err(PyValueError::new_err(format!("conditions have no part {other:?}"))),
        })
    }
}

fn comparison(kind: &str) -> Option<Comparison> {
    Some(match kind {
        "=" => Comparison::Equal,
        "<>" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn operation(kind: &str) -> Option<Arithmetic> {
    Some(match kind {
        "+" => Arithmetic::Add,
        "-" => Arithmetic::Subtract,
        "*" => Arithmetic::Multiply,
        "/" => Arithmetic::Divide,
        "//" => Arithmetic::IntDivide,
        "%" => Arithmetic::Modulo,
        _ => return None,
    })
}
