//! `RowSymbols`: conditions of rows computed straight to the symbols that a pattern matches.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rowpattern_core::budget::Tick;
use rowpattern_core::expression::{
    Before, ByteRows, ColumnTable, RowCondition, SymbolsError, Type, ValueColumn, keep_byte_conditions,
    keep_conditions, keep_text_conditions,
};
use rowpattern_core::rows::{Partitions, Symbols, SymbolsBuilder};
use rowpattern_macros::catch_panics;

use super::arguments::{self, variable};
use super::arrow::{ArrowArray, Integers, Values};
use super::booleans::{Booleans, Run};
use super::cancel_argument::{Cancel, account};
use super::counted::{counted, there_are_rows};
use super::errors::{QueryError, problem, rows_error};
use super::key_columns::{self, ChunkTexts};
use super::limits::CallLimits;
use super::numbers::{optional_number, whole};
use super::pattern::Pattern;
use super::typed_columns::typed_column;
use super::{ffi, nodes, readers};

/// Conditions of fewer rows are computed in less time than those of each number of eight bits.
const MANY_ROWS: usize = 1 << 10;

/// Which variables' conditions hold at each row, for one match: `Pattern.match` and the like take it as `rows`.
///
/// Conditions come from three places, and a variable may have several of each: all of them have to be true. A variable without any
/// is true of every row.
///
/// Args:
///     pattern: whose variables the conditions are of.
///     rows: how many rows there are.
///     conditions: (variable, condition), as nested tuples as `evaluate` takes them, over `columns`.
///     columns: (type, Arrow column), in the order of the rows.
///     partitions: as for `Pattern.match`; where a condition reads a row of another partition, the value is NULL.
///     table_conditions: (variable, condition) that read their own row alone, over `table_columns`.
///     table_columns: (type, Arrow column), in the order of the table, each with as many rows.
///     order: for each row, the table's row (an Arrow column of whole numbers below 2**32). None where the table is in order.
///     computed: (variable, Arrow column of booleans), in the order of the rows.
///     before: what was made before of these rows, in their order, for up to eight variables; it is taken, and the conditions come
///         in addition.
///     numbers: which of `columns`, by their places, are of doubles without NaN, as the caller supposes; where one has NaN, RowsError
///         is raised. Looking here takes a third of the time of a look before.
///     threads: the most threads; where there are many rows, each takes some of them.
///     timeout_seconds: the most seconds that it may take; None is no limit.
///     memory_limit_mb: the most megabytes of 2**20 bytes for the symbols, and for columns that are copied.
///     cancel: as for `Pattern.match`.
///
/// Raises:
///     RowsError: a column cannot be read as its type, or has another number of rows, or has NaN where `numbers` says that it has none.
///     UnknownVariableError: the pattern has no such variable.
///     ValueError: `numbers` names a column that is not of doubles; a condition names what there is not, has parts whose types do not fit, or reads another row of the table.
///     QueryError: a value does not fit into its type, or there is another error of that kind; or a condition nests too deep.
///     QueryLimitError: a limit was passed.
///     MemoryError: there is not enough memory.
///
/// Takes time linear in the rows; the interpreter is released meanwhile.
///
/// Example:
///     >>> import pyarrow as pa
///     >>> import rowpattern
///     >>> from rowpattern import _core
///     >>> x, before = (("read", "BIGINT", 0, None, False, 0, distance) for distance in (0, -1))
///     >>> rises = ("call", "BOOLEAN", ">", (x, before))
///     >>> pattern = rowpattern.compile("A UP+")
///     >>> rows = _core.RowSymbols(pattern, 4, [("UP", rises)], [("BIGINT", pa.array([1, 3, 4, 2]))])
///     >>> [(match.start, match.end) for match in pattern.find_iter(rows)]
///     [(0, 3)]
#[pyclass(frozen, module = "rowpattern._core")]
pub struct RowSymbols {
    /// None when a match has taken it.
    symbols: Mutex<Option<Symbols>>,
    variables: usize,
    rows: usize,
}

#[catch_panics]
#[pymethods]
impl RowSymbols {
    #[new]
    #[pyo3(signature = (
        pattern, rows, conditions = Vec::new(), columns = Vec::new(), *, partitions = None, table_conditions = Vec::new(),
        table_columns = Vec::new(), order = None, computed = Vec::new(), before = None, numbers = Vec::new(), threads = 1,
        timeout_seconds = None, memory_limit_mb = None, cancel = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn new(
        py: Python<'_>,
        pattern: &Bound<'_, Pattern>,
        #[pyo3(from_py_with = whole)] rows: usize,
        conditions: Vec<(String, Bound<'_, PyAny>)>,
        columns: Vec<(String, Bound<'_, PyAny>)>,
        partitions: Option<&Bound<'_, PyAny>>,
        table_conditions: Vec<(String, Bound<'_, PyAny>)>,
        table_columns: Vec<(String, Bound<'_, PyAny>)>,
        order: Option<&Bound<'_, PyAny>>,
        computed: Vec<(String, Bound<'_, PyAny>)>,
        before: Option<&Bound<'_, Self>>,
        numbers: Vec<usize>,
        #[pyo3(from_py_with = whole)] threads: usize,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        #[pyo3(from_py_with = account)] cancel: Cancel,
    ) -> PyResult<Self> {
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
        if threads == 0 {
            return Err(PyValueError::new_err("threads must be at least 1"));
        }
        let names = &pattern.get().compiled.variables;
        let making = Making { py, names, rows, threads, limits: &limits };
        let order = order.map(|order| imported(order, "the order")).transpose()?;
        let order = order.as_deref().map(|chunks| making.order(chunks)).transpose()?;
        let of_table = OverColumns::read(&making, &table_conditions, &table_columns, "column of the table")?;
        if of_table.programs.iter().any(|condition| !condition.is_of_one_row()) {
            return Err(PyValueError::new_err("a condition over the table's columns reads another row than its own"));
        }
        let known = before.map(|known| known.get().take(names.len())).transpose()?;
        let mut before = if known.is_some() { Before::Noted } else { Before::Nothing };
        let mut symbols = match known {
            Some(known) => making.builder_of(known)?,
            None => making.builder()?,
        };
        let in_table;
        if !of_table.programs.is_empty() {
            if matches!(before, Before::Noted) {
                return Err(PyValueError::new_err("give table_conditions, or what was made of them before, not both"));
            }
            symbols.all_rows().fill(0..rows);
            of_table.keep_in_table(&making, &mut symbols)?;
            before = Before::Noted;
            if let Some(order) = &order {
                in_table = std::mem::replace(&mut symbols, making.builder()?);
                before = Before::OfRows(&in_table, order);
            }
        }
        let mut own = OverColumns::read(&making, &conditions, &columns, "column")?;
        own.ask_for_numbers(&numbers)?;
        own.keep(&making, &mut symbols, before, &arguments::partitions(partitions, rows, &limits)?)?;
        for (name, column) in &computed {
            making.keep_computed(&mut symbols, name, column)?;
        }
        let symbols = symbols.finish(&limits.budget).map_err(|reason| limits.error(reason))?;
        Ok(Self { symbols: Mutex::new(Some(symbols)), variables: names.len(), rows })
    }

    fn __len__(&self) -> usize {
        self.rows
    }

    fn __repr__(&self) -> String {
        format!("<rowpattern._core.RowSymbols of {}>", counted(self.rows, "row"))
    }
}

impl RowSymbols {
    /// Brings the symbols in an order, where they are bytes.
    ///
    /// Args:
    ///     order: is given them, if they are bytes, and gives them in order; None where they are in order already.
    pub fn bring_in_order<R, E>(
        &self,
        order: impl FnOnce(Option<&[u8]>) -> Result<(R, Option<Vec<u8>>), E>,
    ) -> Result<R, E> {
        let place = || self.symbols.lock().unwrap_or_else(PoisonError::into_inner);
        // No lock is held meanwhile: who waits for it may have the interpreter's.
        let symbols = place().take();
        let (found, in_order) = match order(symbols.as_ref().and_then(Symbols::bytes)) {
            Ok((found, in_order)) => (Ok(found), in_order),
            Err(error) => (Err(error), None),
        };
        *place() = in_order.map(Symbols::of_bytes).or(symbols);
        found
    }

    /// Takes the symbols out, for a pattern of so many variables.
    pub fn take(&self, variables: usize) -> PyResult<Symbols> {
        if variables != self.variables {
            return Err(rows_error("these rows were made for a pattern with other variables"));
        }
        let taken = self.symbols.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.ok_or_else(|| rows_error("these rows were matched before; make them again"))
    }
}

/// What all parts of the work need.
pub struct Making<'m> {
    pub py: Python<'m>,
    pub names: &'m [String],
    pub rows: usize,
    pub threads: usize,
    pub limits: &'m CallLimits,
}

impl Making<'_> {
    fn builder(&self) -> PyResult<SymbolsBuilder> {
        let builder = SymbolsBuilder::new(self.names.len(), self.rows, &self.limits.budget);
        builder.map_err(|reason| self.limits.error(reason))
    }

    /// For rows of which something is known.
    fn builder_of(&self, known: Symbols) -> PyResult<SymbolsBuilder> {
        self.same_rows(known.len(), "what was made before")?;
        let builder = SymbolsBuilder::of_symbols(self.names.len(), known);
        builder.ok_or_else(|| rows_error("what was made before is of more than eight variables; give the conditions"))
    }

    /// The order of rows, as 32 bits each.
    fn order<'o>(&self, chunks: &'o [ArrowArray]) -> PyResult<Cow<'o, [u32]>> {
        let found = if let [ArrowArray { values: Values::Integers(Integers::U32(rows)), valid: None, .. }] = chunks {
            Cow::Borrowed(&rows[..])
        } else {
            let mut found = Vec::new();
            for number in readers::decode(self.py, chunks, readers::WholeNumbers, "the order", Some(self.limits))? {
                let row = number.and_then(|number| u32::try_from(number).ok());
                self.limits.reserve(&mut found, 1)?;
                found.push(row.ok_or_else(|| rows_error("the order names a row that the table does not have"))?);
            }
            Cow::Owned(found)
        };
        self.same_rows(found.len(), "the order")?;
        Ok(found)
    }

    pub fn same_rows(&self, found: usize, name: &str) -> PyResult<()> {
        let rows = self.rows;
        if found == rows {
            return Ok(());
        }
        Err(rows_error(format!("{}, but {name} has {found}", there_are_rows(rows))))
    }

    /// Does work with the interpreter released.
    fn without_lock(&self, work: impl FnOnce(&mut Tick<'_>) -> Result<(), SymbolsError> + Send) -> PyResult<()> {
        let mut signals = self.limits.signals();
        let done = self.py.detach(|| work(&mut || signals.tick()));
        if let Some(raised) = signals.raised {
            return Err(raised);
        }
        done.map_err(|error| match error {
            SymbolsError::Stopped(reason) => self.limits.error(reason),
            SymbolsError::Evaluation(number, error) => {
                QueryError::new_err(format!("condition {number}: {}", problem(error)))
            }
            SymbolsError::Rows => rows_error("the order names a row that the table does not have"),
            SymbolsError::NotANumber => rows_error("a column that was said to have numbers has NaN"),
            SymbolsError::Text => rows_error("a text is not valid UTF-8, or out of its column's range"),
        })
    }

    fn keep_conditions(
        &self,
        symbols: &mut SymbolsBuilder,
        tables: &[ColumnTable<'_>],
        conditions: &[RowCondition],
        before: Before<'_>,
    ) -> PyResult<()> {
        let (threads, budget) = (self.threads, &self.limits.budget);
        self.without_lock(|tick| keep_conditions(symbols, tables, conditions, before, threads, budget, tick))
    }

    fn keep_computed(&self, symbols: &mut SymbolsBuilder, name: &str, column: &Bound<'_, PyAny>) -> PyResult<()> {
        let variable = variable(self.py, self.names, name)?;
        let column = Booleans::Arrow(imported(column, &format!("the condition of {name}"))?);
        self.same_rows(column.len(), &format!("the condition of {name}"))?;
        let mut rows = symbols.all_rows();
        column.for_each_run(self.py, name, self.limits, |first, run| match run {
            Run::Bytes(bytes) => rows.keep(variable, first, bytes.iter().map(|&byte| byte != 0)),
            Run::Bits(bits) => rows.keep(variable, first, bits.iter()),
            Run::Values(values) => rows.keep(variable, first, values.iter().map(|&value| value == Some(true))),
        })
    }
}

/// The chunks of a column.
fn imported(column: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<ArrowArray>> {
    let chunks = ffi::arrow_arrays(column, name, None)?;
    chunks.ok_or_else(|| rows_error(format!("{name} must be a column of Arrow, with its PyCapsule interface")))
}

/// Conditions and the columns that they read.
pub struct OverColumns {
    pub programs: Vec<RowCondition>,
    types: Vec<Type>,
    arrays: Vec<Vec<ArrowArray>>,
    /// What columns are called in errors.
    called: &'static str,
}

impl OverColumns {
    pub fn read(
        making: &Making<'_>,
        conditions: &[(String, Bound<'_, PyAny>)],
        columns: &[(String, Bound<'_, PyAny>)],
        called: &'static str,
    ) -> PyResult<Self> {
        let types = columns.iter().map(|(kind, _)| nodes::typed(kind)).collect::<PyResult<Vec<_>>>()?;
        let programs = conditions.iter().map(|(name, node)| {
            let variable = variable(making.py, making.names, name)?;
            let program = RowCondition::new(variable, &nodes::expression(node)?, &types);
            program.map_err(|error| PyValueError::new_err(error.to_string()))
        });
        let programs = programs.collect::<PyResult<_>>()?;
        let arrays = columns.iter().enumerate();
        let arrays = arrays.map(|(number, (_, column))| imported(column, &format!("{called} {number}")));
        Ok(Self { programs, types, arrays: arrays.collect::<PyResult<_>>()?, called })
    }

    /// Has NaN refused in these columns.
    pub fn ask_for_numbers(&mut self, columns: &[usize]) -> PyResult<()> {
        for &column in columns {
            let asked = RowCondition::without_nan(column, &self.types);
            let message = || PyValueError::new_err(format!("column {column} is not of doubles"));
            self.programs.push(asked.ok_or_else(message)?);
        }
        Ok(())
    }

    fn keep(
        &self,
        making: &Making<'_>,
        symbols: &mut SymbolsBuilder,
        before: Before<'_>,
        partitions: &Partitions,
    ) -> PyResult<()> {
        if self.programs.is_empty() && matches!(before, Before::Noted) {
            return Ok(());
        }
        let columns = self.columns(making, |arrays| arrays)?;
        let table = ColumnTable { columns: &columns, rows: making.rows, partitions };
        making.keep_conditions(symbols, &[table], &self.programs, before)
    }

    /// As [`Self::keep`], with each row on its own: chunks are read where they lie, and conditions of one text are computed once
    /// for each different text.
    fn keep_in_table(mut self, making: &Making<'_>, symbols: &mut SymbolsBuilder) -> PyResult<()> {
        for column in 0..self.types.len() {
            if self.has_kept_texts(making, symbols, column)? || self.has_kept_bytes(making, symbols, column)? {
                self.programs.retain(|program| program.columns() != [column]);
            }
        }
        if self.programs.is_empty() {
            return Ok(());
        }
        let lengths = |chunks: &[ArrowArray]| chunks.iter().map(|chunk| chunk.rows).collect::<Vec<_>>();
        let chunks = self.arrays.first().map(|chunks| lengths(chunks)).unwrap_or_default();
        if chunks.len() < 2 || self.arrays.iter().any(|other| lengths(other) != chunks) {
            return self.keep(making, symbols, Before::Noted, &Partitions::one(making.rows));
        }
        let parts = (0..chunks.len()).map(|at| self.columns(making, |arrays| arrays.get(at..=at).unwrap_or_default()));
        let parts = parts.collect::<PyResult<Vec<_>>>()?;
        let partitions: Vec<_> = chunks.iter().map(|&rows| Partitions::one(rows)).collect();
        let tables: Vec<_> = parts
            .iter()
            .zip(&partitions)
            .map(|(columns, partitions)| ColumnTable { columns, rows: partitions.rows(), partitions })
            .collect();
        making.keep_conditions(symbols, &tables, &self.programs, Before::Noted)
    }

    /// Whether the conditions that read this column alone were computed, once for each different text.
    fn has_kept_texts(&self, making: &Making<'_>, symbols: &mut SymbolsBuilder, column: usize) -> PyResult<bool> {
        let conditions: Vec<_> = self.programs.iter().filter(|program| program.columns() == [column]).collect();
        let Some(texts) = self.texts(column).filter(|_| !conditions.is_empty()) else { return Ok(false) };
        let chunks: Vec<_> = texts.iter().map(|(chunk, texts)| texts.rows(chunk)).collect();
        making.same_rows(chunks.iter().map(|chunk| chunk.rows).sum(), &self.name(column))?;
        let (place, threads, budget) = ((column, self.types.len()), making.threads, &making.limits.budget);
        making
            .without_lock(|tick| keep_text_conditions(symbols, &chunks, &conditions, place, threads, budget, tick))
            .map(|()| true)
    }

    /// Whether the conditions that read this column alone were computed, once for each number of eight bits.
    fn has_kept_bytes(&self, making: &Making<'_>, symbols: &mut SymbolsBuilder, column: usize) -> PyResult<bool> {
        let conditions: Vec<_> = self.programs.iter().filter(|program| program.columns() == [column]).collect();
        let Some(chunks) = self.bytes(column).filter(|_| !conditions.is_empty()) else { return Ok(false) };
        making.same_rows(chunks.iter().map(|chunk| chunk.numbers.len()).sum(), &self.name(column))?;
        let (place, threads, budget) = ((column, self.types.len()), making.threads, &making.limits.budget);
        let mut are_kept = false;
        making.without_lock(|tick| {
            are_kept = keep_byte_conditions(symbols, &chunks, &conditions, place, threads, budget, tick)?;
            Ok(())
        })?;
        Ok(are_kept)
    }

    /// A column as numbers of eight bits; None where it has others, or few rows.
    fn bytes(&self, column: usize) -> Option<Vec<ByteRows<'_>>> {
        let (kind, chunks) = (*self.types.get(column)?, self.arrays.get(column)?);
        let is_of = |least: i128, most| kind == Type::Rank || kind.whole_range() == Some((least, most));
        if chunks.iter().map(|chunk| chunk.rows).sum::<usize>() < MANY_ROWS {
            return None;
        }
        let bytes = chunks.iter().filter(|chunk| chunk.rows > 0).map(|chunk| {
            let valid = key_columns::bits(chunk.valid.as_ref());
            match &chunk.values {
                Values::Integers(Integers::U8(numbers)) if is_of(0, u8::MAX.into()) => {
                    Some(ByteRows { valid, numbers, are_signed: false })
                }
                Values::Integers(Integers::I8(numbers)) if is_of(i8::MIN.into(), i8::MAX.into()) => {
                    Some(ByteRows { valid, numbers: numbers.inner().as_slice(), are_signed: true })
                }
                _ => None,
            }
        });
        bytes.collect()
    }

    /// A column as texts; None where it has others, or texts in an encoding that is read otherwise.
    fn texts(&self, column: usize) -> Option<Vec<(&ArrowArray, ChunkTexts<'_>)>> {
        let (Some(Type::Varchar), Some(chunks)) = (self.types.get(column), self.arrays.get(column)) else {
            return None;
        };
        chunks.iter().map(|chunk| Some((chunk, ChunkTexts::of(&chunk.values)?))).collect()
    }

    fn name(&self, column: usize) -> String {
        format!("{} {column}", self.called)
    }

    pub fn columns<'a>(
        &'a self,
        making: &Making<'_>,
        chunks: impl Fn(&'a [ArrowArray]) -> &'a [ArrowArray],
    ) -> PyResult<Vec<ValueColumn<'a>>> {
        let each = self.arrays.iter().zip(&self.types).enumerate().map(|(number, (arrays, &kind))| {
            let name = self.name(number);
            let rows = arrays.iter().fold(0, |rows: usize, chunk| rows.saturating_add(chunk.rows));
            making.same_rows(rows, &name)?;
            if self.programs.iter().all(|program| !program.columns().contains(&number)) {
                return Ok(ValueColumn::Null(chunks(arrays).iter().map(|chunk| chunk.rows).sum()));
            }
            typed_column(making.py, chunks(arrays), kind, &name, Some(making.limits))
        });
        each.collect()
    }
}
