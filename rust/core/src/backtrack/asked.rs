//! Requests of one expression, as columns: what is handed to whoever computes it.

use crate::budget::{Budget, Stopped};
use crate::expression::{Argument, Request, Value};
use crate::rows::NOWHERE;

/// One argument of many requests.
#[derive(Debug)]
pub enum ArgumentColumn {
    /// Row numbers; [`NOWHERE`] where navigation leads to none.
    Row(Vec<i64>),
    /// Lists of row numbers.
    Rows {
        /// The lists, one after another.
        rows: Vec<i64>,
        /// Where each ends.
        ends: Vec<usize>,
    },
    /// Values of one type, or NULL.
    Value(Vec<Value>),
}

impl ArgumentColumn {
    fn like(argument: &Argument) -> Self {
        match argument {
            Argument::Row(_) => Self::Row(Vec::new()),
            Argument::Rows(_) => Self::Rows { rows: Vec::new(), ends: Vec::new() },
            Argument::Value(_) => Self::Value(Vec::new()),
        }
    }

    fn takes(&self, argument: &Argument) -> bool {
        matches!(
            (self, argument),
            (Self::Row(_), Argument::Row(_))
                | (Self::Rows { .. }, Argument::Rows(_))
                | (Self::Value(_), Argument::Value(_))
        )
    }

    /// Adds an argument of this kind, and gives the bytes that were charged beside those of its vectors of numbers.
    fn push(&mut self, argument: &Argument, budget: &Budget) -> Result<usize, Stopped> {
        match (self, argument) {
            (Self::Row(all), Argument::Row(row)) => {
                budget.reserve(all, 1)?;
                all.push(row.map_or(NOWHERE, |row| row as i64));
            }
            (Self::Rows { rows: all, ends }, Argument::Rows(rows)) => {
                budget.reserve(all, rows.len())?;
                budget.reserve(ends, 1)?;
                all.extend(rows.iter().map(|&row| row as i64));
                ends.push(all.len());
            }
            (Self::Value(all), Argument::Value(value)) => {
                let text = if let Value::Text(text) = value { text.len() } else { 0 };
                let bytes = 2 * size_of::<Value>() + text;
                budget.charge(bytes)?;
                all.push(value.clone());
                return Ok(bytes);
            }
            _ => {}
        }
        Ok(0)
    }

    fn clear(&mut self) {
        match self {
            Self::Row(all) => all.clear(),
            Self::Rows { rows, ends } => {
                rows.clear();
                ends.clear();
            }
            Self::Value(all) => all.clear(),
        }
    }

    fn release(&self, budget: &Budget) {
        match self {
            Self::Row(all) => budget.release_vector(all),
            Self::Rows { rows, ends } => {
                budget.release_vector(rows);
                budget.release_vector(ends);
            }
            Self::Value(_) => {}
        }
    }
}

/// Requests of one expression.
#[derive(Debug, Default)]
pub struct Asked {
    /// The expression, by its number among those that are computed elsewhere.
    pub expression: usize,
    /// Its arguments.
    pub arguments: Vec<ArgumentColumn>,
    /// How many requests there are.
    pub requests: usize,
    /// How many of them, from the first on, a search waits for. The others are what it will perhaps need.
    pub wanted: usize,
    bytes: usize,
}

impl Asked {
    /// No requests yet; all will be like this one.
    pub fn like(request: &Request) -> Self {
        let arguments = request.arguments.iter().map(ArgumentColumn::like).collect();
        Self { expression: request.expression, arguments, requests: 0, wanted: 0, bytes: 0 }
    }

    /// Whether a request is of the expression, with arguments of the same kinds.
    pub fn takes(&self, request: &Request) -> bool {
        self.expression == request.expression
            && self.arguments.len() == request.arguments.len()
            && self.arguments.iter().zip(&request.arguments).all(|(column, argument)| column.takes(argument))
    }

    /// Adds such a request.
    pub fn push(&mut self, request: &Request, budget: &Budget) -> Result<(), Stopped> {
        for (column, argument) in self.arguments.iter_mut().zip(&request.arguments) {
            self.bytes += column.push(argument, budget)?;
        }
        self.requests += 1;
        Ok(())
    }

    /// Forgets the requests; their room stays.
    pub fn clear(&mut self, budget: &Budget) {
        self.arguments.iter_mut().for_each(ArgumentColumn::clear);
        (self.requests, self.wanted) = (0, 0);
        budget.release(std::mem::take(&mut self.bytes));
    }

    /// Takes back what was charged, before it is dropped.
    pub fn release(&self, budget: &Budget) {
        self.arguments.iter().for_each(|column| column.release(budget));
        budget.release(self.bytes);
    }

    /// A request again.
    pub fn request(&self, at: usize) -> Request {
        let row = |row: i64| usize::try_from(row).ok();
        let argument = |column: &ArgumentColumn| match column {
            ArgumentColumn::Row(all) => Argument::Row(row(all[at])),
            ArgumentColumn::Rows { rows, ends } => {
                let begin = if at == 0 { 0 } else { ends[at - 1] };
                Argument::Rows(rows[begin..ends[at]].iter().filter_map(|&number| row(number)).collect())
            }
            ArgumentColumn::Value(all) => Argument::Value(all[at].clone()),
        };
        Request { expression: self.expression, arguments: self.arguments.iter().map(argument).collect() }
    }
}
