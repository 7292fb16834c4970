//! `Conditions`: compiled conditions that depend on the match, from nested tuples and Arrow columns.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rowpattern_core::backtrack::{Asked, Backtracking, MatchConditions, StartConditions, search_in_rounds};
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::expression::{self, Aggregate, Condition, Function, Scope, Type, Value, ValueColumn};
use rowpattern_core::matcher::SearchError;
use rowpattern_core::rows::VariableSet;
use rowpattern_macros::catch_panics;

use super::arguments::variable;
use super::cancel_argument::{Cancel, account};
use super::computing::{ComputedExpressions, Computing};
use super::counted::{counted, there_are_rows};
use super::errors::{SkipError, rows_error};
use super::input::{Input, SkipAndChoice};
use super::iterator::MatchIterator;
use super::limits::CallLimits;
use super::matches::Matches;
use super::numbers::{optional_number, whole};
use super::pattern::Pattern;
use super::sinks::MatchesSink;
use super::typed_columns::typed_column;
use super::{ffi, nodes};

/// An aggregate as Python gives it.
type GivenAggregate = (String, Option<usize>, Option<usize>, String, Option<AggregateKey>);

/// What an aggregate takes beside its values.
#[derive(FromPyObject)]
enum AggregateKey {
    Column(usize),
    Separator(String),
    Numbers((String, usize)),
}

/// Conditions of a pattern's variables over columns; `Pattern.match` and `Pattern.find_iter` take them.
///
/// Args:
///     pattern: the compiled pattern whose variables the conditions are of.
///     columns: (type, Arrow column), all with the same number of rows. A type is named as DuckDB names it: BOOLEAN, TINYINT to
///         HUGEINT, UTINYINT to UBIGINT, FLOAT, DOUBLE, `DECIMAL(12,2)`, DATE, TIME, TIMESTAMP, TIMESTAMP_S, TIMESTAMP_MS,
///         TIMESTAMP_NS, TIMESTAMP WITH TIME ZONE, INTERVAL, VARCHAR; RANK is the place of an ordered category (whole numbers).
///     sets: sets of primary variables, each a list of names, that navigation and aggregates name.
///     aggregates: (function, column or None, set or None, type of its value, key), with `"count"`, `"sum"`, `"avg"`, `"min"`,
///         `"max"`, `"bool_and"`, `"bool_or"`, `"any_value"`, `"last_not_null"`, `"var_pop"`, `"var_samp"`, `"stddev_pop"`,
///         `"stddev_samp"`, `"arg_min"`, `"arg_max"` or `"string_agg"`, and DuckDB's type for it. Rows are counted without a
///         column. The key is the column of keys for `"arg_min"` and `"arg_max"`, the text between two texts for `"string_agg"`,
///         `("distinct", column)` for `"count"`, and exact `"sum"` and `"avg"`, that take each value once, where the column (BIGINT)
///         has one number for equal values, and None for all others.
///     conditions: for each variable whose condition depends on the match, the condition as nested tuples, whose types are those
///         of DuckDB's binder, with all casts written out:
///         `("literal", type, value)` (decimals as whole numbers of units, dates as days, times and timestamps as whole numbers of
///         their type's unit, intervals as months, days and microseconds), `("read", type, column, set, first, offset, rows)`,
///         `("exists", "BOOLEAN", set, first, offset, rows)`, `("classifier", "VARCHAR", set, first, offset, rows)`,
///         `("match number", "BIGINT")`, `("aggregate", type, number)`, `("call", type, name, (arguments, ...))` with what
///         `is_native` knows, `("computed", type, number, (given, ...))`, and `("combined", type, Arrow column, ((column, count, set, first,
///         offset, rows), ...))`: what was computed before for all combinations of what some rows have. The `column` of each has the
///         number of what a row has, below `count - 1`, which is the number of no row; the last one changes first.
///     starts: for each variable with a condition that the match's first row alone decides (`FIRST(price) > 10`), a column of
///         booleans: whether it is true of a match that begins at the row. Where it is not, the variable cannot be in the match.
///
/// Raises:
///     RowsError: a column cannot be read as its type, or the columns have different numbers of rows.
///     UnknownVariableError: the pattern has no such variable.
///     ValueError: a condition names what there is not, or has parts whose types do not fit.
///     QueryError: a condition nests too deep.
///
/// Columns are read once; takes time linear in their rows.
#[pyclass(frozen, module = "rowpattern._core")]
pub struct Conditions {
    pattern: Py<Pattern>,
    inner: MatchConditions,
    computed: ComputedExpressions,
    /// By variable, whether the condition of starts is true of a row.
    starts: Vec<Option<Vec<bool>>>,
    /// None where there is no column.
    rows: Option<usize>,
}

#[catch_panics]
#[pymethods]
impl Conditions {
    #[new]
    #[pyo3(signature = (pattern, columns, sets, aggregates, conditions, starts = None))]
    fn new(
        py: Python<'_>,
        pattern: &Bound<'_, Pattern>,
        columns: Vec<(String, Bound<'_, PyAny>)>,
        sets: Vec<Vec<String>>,
        aggregates: Vec<GivenAggregate>,
        conditions: &Bound<'_, PyDict>,
        starts: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let owner = pattern.clone().unbind();
        let pattern = pattern.get();
        let types = columns.iter().map(|(kind, _)| nodes::typed(kind)).collect::<PyResult<Vec<_>>>()?;
        let columns = columns
            .iter()
            .zip(&types)
            .enumerate()
            .map(|(number, ((_, column), &kind))| read_column(column, kind, &format!("column {number} of conditions")))
            .collect::<PyResult<Vec<_>>>()?;
        let variable = |name: &String| variable(py, &pattern.compiled.variables, name);
        let mut start_columns: Vec<Option<Vec<bool>>> = vec![None; pattern.compiled.variables.len()];
        for (name, column) in starts.into_iter().flatten() {
            let name: String = name.extract()?;
            let column = read_column(&column, Type::Boolean, &format!("the starts of {name}"))?;
            let holds = |row| column.value(row) == Value::Bool(true);
            start_columns[usize::from(variable(&name)?)] = Some((0..column.len()).map(holds).collect());
        }
        let lengths = columns.iter().map(ValueColumn::len).chain(start_columns.iter().flatten().map(Vec::len));
        let rows = lengths.clone().next();
        if lengths.clone().any(|length| Some(length) != rows) {
            return Err(rows_error("the columns of conditions have different numbers of rows"));
        }
        let sets = sets
            .iter()
            .map(|names| names.iter().map(variable).collect::<PyResult<VariableSet>>())
            .collect::<PyResult<Vec<_>>>()?;
        let aggregates = aggregates
            .into_iter()
            .map(|(name, column, set, result, key)| {
                let result = nodes::typed(&result)?;
                let column = column.map(|number| checked(number, types.len(), "column")).transpose()?;
                let set = set.map(|number| checked(number, sets.len(), "set")).transpose()?;
                let column_number = |number| checked(number, types.len(), "column");
                let (key, separator, distinct) = match key {
                    Some(AggregateKey::Column(number)) => (Some(column_number(number)?), None, None),
                    Some(AggregateKey::Separator(text)) => (None, Some(text.into_boxed_str()), None),
                    Some(AggregateKey::Numbers((word, number))) if word == "distinct" => {
                        (None, None, Some(column_number(number)?))
                    }
                    Some(AggregateKey::Numbers((word, _))) => {
                        return Err(PyValueError::new_err(format!("an aggregate's key is distinct, not {word}")));
                    }
                    None => (None, None, None),
                };
                let argument = column.map(|number| types[number]);
                let arguments: Vec<Type> = column.into_iter().chain(key).map(|number| types[number]).collect();
                let fits = |function: &Function| {
                    function.is_native(&arguments, result)
                        && distinct.is_none_or(|number| types[number] == Type::BigInt)
                        && (separator.is_none() || *function == Function::StringAgg)
                        && (distinct.is_none() || argument.is_some_and(|kind| function.takes_each_once(kind)))
                };
                let Some(function) = Function::named(&name).filter(fits) else {
                    let of = argument.map_or_else(|| "rows".to_owned(), |kind| kind.to_string());
                    return Err(PyValueError::new_err(format!(
                        "there is no aggregate {name} of {of} of the type {result}"
                    )));
                };
                let variables = set.map(|number| sets[number]);
                Ok(Aggregate { function, column, key, distinct, separator, argument, variables, result })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let results: Vec<Type> = aggregates.iter().map(|aggregate| aggregate.result).collect();
        let scope = Scope { columns: &types, sets: sets.len(), aggregates: &results };
        let mut nodes: Vec<Option<Condition>> = pattern.compiled.variables.iter().map(|_| None).collect();
        for (name, node) in conditions {
            let number = variable(&name.extract()?)?;
            let condition = Condition::new(nodes::expression(&node)?, &scope);
            nodes[usize::from(number)] = Some(condition.map_err(|error| PyValueError::new_err(error.to_string()))?);
        }
        let mut computed = ComputedExpressions::default();
        for condition in nodes.iter().flatten() {
            computed.add(condition.expression())?;
        }
        let inner = MatchConditions { columns, sets, aggregates, conditions: nodes };
        Ok(Self { pattern: owner, inner, computed, starts: start_columns, rows })
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
    ///     cancel: as for `Pattern.match`.
    ///     compute: what computes the parts `("computed", ...)` of conditions, called as `compute(number, arguments, wanted)` with the
    ///         number of an expression and, for each of its arguments, an Arrow array with a value for each request: row numbers (int64,
    ///         NULL where there is no such row), lists of them, or values. It gives `(values, known)`: an Arrow array of the
    ///         expression's values, and one of booleans, or None where all are known. The first `wanted` must be known; the
    ///         others are what the search will perhaps need. With such parts there is one thread.
    ///     prefer: as for `Pattern.match`. For the longest match all ways from a row are tried, each branch once.
    ///     latest_ends: as for `Pattern.match`.
    ///
    /// Raises:
    ///     What `Pattern.match` raises, and what `compute` raises.
    ///     ValueError: conditions have computed parts and there is no `compute`, or what it gives has another number of values.
    ///     QueryError: a value does not fit into its type, or there is another error of that kind.
    ///
    /// Tries ways to match in the order of preferment and goes back where a condition fails; a branch that agrees with one
    /// known to fail in the row, the position and all that conditions can still read is not tried again. Memory: the
    /// columns, the match, and 64 MiB of branches at most. Computed parts are asked for some 10,000 at a time, for many partitions
    /// together, and kept while their partition is searched.
    #[pyo3(
        name = "match",
        signature = (
            rows, *, partitions = None, skip = None, threads = 1, timeout_seconds = None, memory_limit_mb = None,
            cancel = None, compute = None, prefer = "first", latest_ends = None
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
        #[pyo3(from_py_with = account)] cancel: Cancel,
        compute: Option<&Bound<'_, PyAny>>,
        prefer: &str,
        latest_ends: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Matches> {
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
        let mut input =
            self.input(rows, partitions, skip, threads, limits)?.choosing(self.pattern.get(), prefer, latest_ends)?;
        let (found, failed) = self.search(py, &mut input, compute)?;
        failed.map_or_else(|| Ok(Matches::new(found, &self.pattern.get().compiled)), Err)
    }

    /// Iterates over the matches; they are found before it returns. Arguments and errors are those of `match`; a skip
    /// that has nowhere to go is raised after the matches before it.
    #[pyo3(
        signature = (
            rows, *, partitions = None, skip = None, timeout_seconds = None, memory_limit_mb = None, cancel = None,
            compute = None
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
        #[pyo3(from_py_with = account)] cancel: Cancel,
        compute: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<MatchIterator> {
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
        let mut input = self.input(rows, partitions, skip, 1, limits)?;
        let (found, failed) = self.search(py, &mut input, compute)?;
        if let Some(error) = failed.as_ref().filter(|error| !error.is_instance_of::<SkipError>(py)) {
            return Err(error.clone_ref(py));
        }
        Ok(MatchIterator::of_found(self.pattern.clone_ref(py), input, found, failed))
    }

    fn __repr__(&self) -> String {
        let count = self.inner.conditions.iter().flatten().count();
        format!("<rowpattern._core.Conditions: {count} over {}>", counted(self.inner.columns.len(), "column"))
    }
}

impl Conditions {
    /// As the core has them, and what computes the parts that are computed elsewhere; None where there are none.
    pub fn with_computing<'c>(
        &'c self,
        compute: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(&'c MatchConditions, Option<Computing<'c>>)> {
        if self.computed.is_empty() {
            return Ok((&self.inner, None));
        }
        let message = "conditions have parts that are computed elsewhere; give compute=...";
        let compute = compute.ok_or_else(|| PyValueError::new_err(message))?;
        Ok((&self.inner, Some(Computing::new(compute, &self.computed))))
    }

    fn input(
        &self,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        threads: usize,
        limits: CallLimits,
    ) -> PyResult<Input> {
        let input = Input::read(self.pattern.get(), rows, partitions, skip, threads, limits)?;
        let given = input.symbols.len();
        if let Some(own) = self.rows.filter(|&own| own != given) {
            return Err(rows_error(format!("{}, but the columns of conditions have {own}", there_are_rows(given))));
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
        let starts = self.starts.as_slice();
        let (inner, computing) = self.with_computing(compute)?;
        let Some(mut computing) = computing else {
            return Ok(input.search(pattern, |search, asked, tick| {
                let sink = |rows, budget: &Budget| MatchesSink::new(rows, partitions, budget);
                search.run_with(|| strategy(inner, names, starts, asked), sink, tick)
            }));
        };
        let (mut is_of_caller, mut is_asked_to_end) = (false, false);
        let (found, failed) = input.search(pattern, |search, asked, tick| {
            let compute = &mut |asked: &mut Asked, values: &mut Vec<_>| computing.compute(asked, values);
            let mut tick = || tick().inspect_err(|_| is_asked_to_end = true);
            let ended = search_in_rounds(search, || strategy(inner, names, starts, asked), compute, &mut tick);
            is_of_caller = ended.error == Some(SearchError::Stopped(Stopped::ByCaller));
            ended
        });
        // What was raised for partitions behind those with another error does not count.
        let raised = computing.raised.filter(|_| is_of_caller && !is_asked_to_end);
        Ok((found, raised.or(failed)))
    }
}

/// What finds the match at a row.
fn strategy<'a>(
    inner: &'a MatchConditions,
    names: &'a [String],
    starts: &'a [Option<Vec<bool>>],
    asked: SkipAndChoice<'a>,
) -> StartConditions<'a, Backtracking<'a>> {
    StartConditions::new(Backtracking::new(inner, names, asked.skip).choosing(asked.choice), starts)
}

/// Reads a column, and keeps it.
fn read_column(column: &Bound<'_, PyAny>, kind: Type, name: &str) -> PyResult<ValueColumn<'static>> {
    let Some(chunks) = ffi::arrow_arrays(column, name, None)? else {
        return Err(rows_error("the columns of conditions must be Arrow's"));
    };
    typed_column(column.py(), &chunks, kind, name, None).map(ValueColumn::into_owned)
}

/// The number of something of which `known` are known.
fn checked(number: usize, known: usize, what: &str) -> PyResult<usize> {
    if number < known {
        return Ok(number);
    }
    Err(PyValueError::new_err(format!("there is no {what} {number}")))
}

/// Whether the core computes a call of these types.
///
/// Args:
///     name: an operator, a part of the language or a function, as nodes of conditions name it; or an aggregate.
///     arguments: the types of its arguments, by DuckDB's names, as DuckDB's binder has cast them. An ordered category is `RANK`.
///     result: the type of its value.
///
/// What is not native has to be computed by DuckDB. Takes about a microsecond.
///
/// Raises:
///     Nothing: types that the core does not know make it False.
///
/// Example:
///     >>> from rowpattern import _core
///     >>> _core.is_native("negate", ("BIGINT",), "BIGINT")
///     True
///     >>> _core.is_native("negate", ("BLOB",), "BLOB")
///     False
#[catch_panics]
#[pyfunction]
pub fn is_native(name: &str, arguments: Vec<String>, result: &str) -> bool {
    let arguments: Option<Vec<Type>> = arguments.iter().map(|argument| Type::named(argument)).collect();
    let (Some(arguments), Some(result)) = (arguments, Type::named(result)) else { return false };
    let is_aggregate = |function: Function| function.is_native(&arguments, result);
    Function::named(name).is_some_and(is_aggregate) || expression::is_native(name, &arguments, result)
}
