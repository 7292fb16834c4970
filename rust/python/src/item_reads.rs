//! Columns of an answer, as tuples say what each reads from matches.

use arrow_schema::DataType;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use rowpattern_core::measures::{ChunkValues, ChunkedColumn, ColumnChunk, ItemRead, Navigation, ReadOutput, Reference};

use super::arguments::variables;

/// A column to take values from, the type that they have in Arrow, and whether its rows are in the table's order.
pub type SourceColumn<'a> = (ChunkedColumn<'a>, DataType, bool);

/// One of the tuples that `AnswerItems.read` describes.
pub struct ItemColumn {
    reference: Reference,
    output: ItemOutput,
}

/// What there is of the row, or of the number, that is read.
enum ItemOutput {
    /// The value of the column of this number.
    Value(usize),
    /// The name of its variable.
    Name,
    Exists,
    /// Its own number; that of the table's row where this is true.
    Number(bool),
}

impl ItemColumn {
    /// Reads a tuple, of a pattern with these variables.
    pub fn new(py: Python<'_>, read: &Bound<'_, PyTuple>, names: &[String]) -> PyResult<Self> {
        let kind: String = read.get_item(0)?.extract()?;
        let row = || row_of(py, &read.get_item(1)?, names);
        let (reference, output) = match kind.as_str() {
            "value" => (row()?, ItemOutput::Value(read.get_item(2)?.extract()?)),
            "exists" => (row()?, ItemOutput::Exists),
            "row" => (row()?, ItemOutput::Number(read.get_item(2)?.extract()?)),
            "classifier" => match row()? {
                Reference::Row(navigation) => (Reference::Classifier(navigation), ItemOutput::Name),
                _ => return Err(PyValueError::new_err("a classifier needs navigation")),
            },
            "number" => (Reference::MatchNumber, ItemOutput::Number(false)),
            "match" => (Reference::Match, ItemOutput::Number(false)),
            "place" => (Reference::Place, ItemOutput::Number(false)),
            "count" => {
                let variables = variables(py, names, &read.get_item(1)?.extract::<Vec<String>>()?)?;
                (Reference::Count { variables, running: read.get_item(2)?.extract()? }, ItemOutput::Number(false))
            }
            other => return Err(PyValueError::new_err(format!("what is read is never {other:?}"))),
        };
        Ok(Self { reference, output })
    }

    /// As the core reads it; and the type of what it gives.
    ///
    /// Args:
    ///     sources: the columns whose numbers tuples have.
    ///     names: those of the variables.
    pub fn over<'a>(
        &self,
        sources: &'a [SourceColumn<'a>],
        names: &'a ChunkedColumn<'a>,
    ) -> PyResult<(ItemRead<'a>, DataType)> {
        let (through_order, output, kind) = match self.output {
            ItemOutput::Value(number) => {
                let (column, kind, through_order) =
                    sources.get(number).ok_or_else(|| PyValueError::new_err(format!("there is no column {number}")))?;
                (*through_order, ReadOutput::Values(column), kind.clone())
            }
            ItemOutput::Name => (false, ReadOutput::Values(names), DataType::Binary),
            ItemOutput::Exists => (false, ReadOutput::Exists, DataType::Boolean),
            ItemOutput::Number(in_table) => (in_table, ReadOutput::Numbers, DataType::Int64),
        };
        Ok((ItemRead { reference: self.reference, through_order, output }, kind))
    }
}

fn row_of(py: Python<'_>, row: &Bound<'_, PyAny>, names: &[String]) -> PyResult<Reference> {
    if row.is_none() {
        return Ok(Reference::OwnRow);
    }
    if row.is_instance_of::<PyString>() {
        return Ok(Reference::PartitionRow);
    }
    let (wanted, first, offset, rows, running): (Option<Vec<String>>, bool, usize, i64, bool) = row.extract()?;
    let variables = wanted.map(|wanted| variables(py, names, &wanted)).transpose()?;
    Ok(Reference::Row(Navigation { variables, first, offset, rows, running }))
}

/// Texts of 2 GiB together at most as one column: where each begins and ends, and all of them.
pub struct JoinedNames {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

impl JoinedNames {
    pub fn new(names: &[String]) -> Self {
        let (mut offsets, mut bytes) = (vec![0], Vec::new());
        for name in names {
            bytes.extend_from_slice(name.as_bytes());
            // A pattern's text is shorter than that.
            offsets.push(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        }
        Self { offsets, bytes }
    }

    pub fn column(&self) -> ChunkedColumn<'_> {
        let values = ChunkValues::Small(&self.offsets, &self.bytes);
        ChunkedColumn::new(vec![ColumnChunk { rows: self.offsets.len() - 1, valid: None, values }])
    }
}
