//! Conditions that read one text of their row and nothing else: computed once for each different text.
//!
//! Columns of names of events, states and the like have few different texts. Looking a text up takes less time than comparing it
//! with several others. Only texts that are seen for the first time are checked to be UTF-8, and no texts are copied.

use std::ops::Range;

use super::batch::Batch;
use super::columns::ValueColumn;
use super::row_symbols::{RowCondition, SymbolsError, TableRows, each_morsel};
use crate::budget::{Budget, Tick};
use crate::order::{BitSlice, Dictionary, Hasher, KeyTexts, KeyValues, LONG, Short};
use crate::rows::{Partitions, SymbolsBuilder, SymbolsPiece, VariableSet};

/// The most different texts that a thread remembers; a batch that is begun may add some.
const MOST_TEXTS: usize = 1 << 14;

/// Places for short texts that were seen lately; a power of two.
const RECENT: usize = 1 << 8;

/// Texts of consecutive rows.
#[derive(Clone)]
pub struct TextRows<'a> {
    /// How many.
    pub rows: usize,
    /// Which are not NULL; all without it.
    pub valid: Option<BitSlice<'a>>,
    /// What they are, or the entries of a dictionary; None where all are NULL.
    pub texts: Option<&'a dyn KeyTexts>,
    /// For each row its entry, whole numbers, and how many entries there are; None where texts are those of the rows.
    pub places: Option<(KeyValues<'a>, usize)>,
}

impl<'a> TextRows<'a> {
    /// The text of a row that is not NULL.
    fn text(&self, row: usize) -> Result<&'a [u8], SymbolsError> {
        let at = match &self.places {
            None => Some(row),
            Some((places, _)) => places.entry(row),
        };
        at.zip(self.texts).and_then(|(at, texts)| texts.bytes_of(at)).ok_or(SymbolsError::Text)
    }
}

/// Notes which rows' conditions do not hold; the others are left as they are. Takes time linear in the rows, divided by the threads
/// where there are many.
///
/// Args:
///     symbols: of as many rows as the chunks have together.
///     chunks: the texts, one chunk after another.
///     conditions: all read this column, of `columns`, of their own row and nothing else.
///     threads: the most threads.
///     budget: the limits.
///     tick: called now and then in this thread.
pub fn keep_text_conditions<'t>(
    symbols: &mut SymbolsBuilder,
    chunks: &[TextRows<'t>],
    conditions: &[&RowCondition],
    (column, columns): (usize, usize),
    threads: usize,
    budget: &Budget,
    tick: &mut Tick<'_>,
) -> Result<(), SymbolsError> {
    let program = TextProgram { conditions, column, columns };
    let hasher = Hasher::default();
    let keep = |seen: &mut Seen<'_, 't>, morsel: &TableRows, symbols: &mut SymbolsPiece<'_>| {
        let Some(chunk) = chunks.get(morsel.table) else { return Ok(()) };
        morsel.batches().try_for_each(|(rows, first)| seen.keep((morsel.table, chunk), rows, first, symbols))
    };
    let rows = chunks.iter().map(|chunk| chunk.rows);
    let seen = || Seen::new(&program, &hasher, budget);
    each_morsel(symbols, rows, (threads, budget, tick), seen, keep, Seen::release)
}

/// Conditions of one text.
struct TextProgram<'p> {
    conditions: &'p [&'p RowCondition],
    column: usize,
    columns: usize,
}

impl TextProgram<'_> {
    /// Calls with each condition's variable, and whether it holds of each of these texts.
    fn each(&self, texts: &[Option<&str>], mut call: impl FnMut(u8, &[bool])) -> Result<(), SymbolsError> {
        let rows = texts.len();
        let mut columns = vec![ValueColumn::Null(rows); self.columns];
        if let Some(column) = columns.get_mut(self.column)
            && texts.iter().any(Option::is_some)
        {
            *column = texts.iter().copied().collect();
        }
        let partitions = Partitions::one(rows);
        let batch = Batch { columns: &columns, partitions: &partitions, partition: 0, first: 0, rows };
        let mut holds = vec![false; rows];
        for (number, condition) in self.conditions.iter().enumerate() {
            let variable = condition.holds(&batch, &mut holds);
            if let Some(variable) = variable.map_err(|error| SymbolsError::Evaluation(number, error))? {
                call(variable, &holds);
            }
        }
        Ok(())
    }

    /// The variables whose conditions do not hold of a text.
    fn failing(&self, text: Option<&str>) -> Result<VariableSet, SymbolsError> {
        let mut failing = VariableSet::default();
        self.each(&[text], |variable, holds| {
            if holds != [true] {
                failing.insert(variable);
            }
        })?;
        Ok(failing)
    }
}

/// The texts that a thread has seen, and which conditions do not hold of them.
struct Seen<'s, 't> {
    program: &'s TextProgram<'s>,
    hasher: &'s Hasher,
    budget: &'s Budget,
    dictionary: Dictionary<'t>,
    /// Of NULL, once there was one, and of the dictionary's texts, by their codes.
    failing: Vec<VariableSet>,
    has_null: bool,
    /// Short texts that were seen lately and their codes; a hash of the text is its place.
    recent: [(Short, u16); RECENT],
    /// Of a batch.
    keys: Vec<Short>,
    /// Of a batch: the number of the text, counted from 1; 0 is NULL. There are fewer than [`UNSEEN`].
    codes: Vec<u16>,
    /// Of the chunk with this number: the codes of its dictionary's entries, [`UNSEEN`] before they are looked up.
    of_entries: (Option<usize>, Vec<u16>),
    /// Of a batch: the entries of rows.
    places: Vec<u64>,
}

/// No text has this code.
const UNSEEN: u16 = u16::MAX;

impl<'s, 't> Seen<'s, 't> {
    fn new(program: &'s TextProgram<'s>, hasher: &'s Hasher, budget: &'s Budget) -> Self {
        Self {
            program,
            hasher,
            budget,
            dictionary: Dictionary::new(),
            failing: Vec::new(),
            has_null: false,
            recent: [(LONG, 0); RECENT],
            keys: Vec::new(),
            codes: Vec::new(),
            of_entries: (None, Vec::new()),
            places: Vec::new(),
        }
    }

    /// Notes which conditions do not hold of some of a chunk's rows, whose symbols begin at `first`.
    fn keep(
        &mut self,
        (number, chunk): (usize, &TextRows<'t>),
        rows: Range<usize>,
        first: usize,
        symbols: &mut SymbolsPiece<'_>,
    ) -> Result<(), SymbolsError> {
        let is_null = |row: usize| chunk.valid.is_some_and(|valid| !valid.get(row));
        let Some(texts) = chunk.texts else {
            return self.keep_each(&vec![None; rows.len()], first, symbols);
        };
        let has_many_entries = chunk.places.as_ref().is_some_and(|(_, entries)| *entries > MOST_TEXTS);
        if has_many_entries || self.dictionary.len() >= MOST_TEXTS {
            let each = rows.map(|row| if is_null(row) { Ok(None) } else { utf8(chunk.text(row)?).map(Some) });
            return self.keep_each(&each.collect::<Result<Vec<_>, _>>()?, first, symbols);
        }
        self.codes.clear();
        if let Some((places, entries)) = &chunk.places {
            self.number_entries((number, texts, *entries), places, rows, is_null)?;
        } else {
            let mut keys = std::mem::take(&mut self.keys);
            keys.clear();
            texts.shorts(rows.clone(), chunk.valid, &mut keys).map_err(|_| SymbolsError::Text)?;
            for (row, &key) in rows.zip(&keys) {
                let code = if is_null(row) { self.null()? } else { self.code(key, || chunk.text(row))? };
                self.codes.push(code);
            }
            self.keys = keys;
        }
        symbols.without(first, &self.codes, &self.failing);
        Ok(())
    }

    /// Adds the codes of rows that are entries of a chunk's dictionary: each entry is looked up once.
    fn number_entries(
        &mut self,
        (chunk, texts, entries): (usize, &'t dyn KeyTexts, usize),
        places: &KeyValues<'_>,
        rows: Range<usize>,
        is_null: impl Fn(usize) -> bool,
    ) -> Result<(), SymbolsError> {
        let (of_chunk, mut of_entries) = std::mem::take(&mut self.of_entries);
        if of_chunk != Some(chunk) {
            of_entries.clear();
            self.budget.reserve(&mut of_entries, entries)?;
            of_entries.resize(entries, UNSEEN);
        }
        let mut numbers = std::mem::take(&mut self.places);
        numbers.resize(rows.len(), 0);
        places.integers(rows.clone(), &mut numbers).ok_or(SymbolsError::Text)?;
        let mut codes = std::mem::take(&mut self.codes);
        codes.resize(rows.len(), 0);
        for ((row, &place), code) in rows.zip(&numbers).zip(&mut codes) {
            *code = if is_null(row) {
                self.null()?
            } else {
                let place = usize::try_from(place).map_err(|_| SymbolsError::Text)?;
                let known = of_entries.get_mut(place).ok_or(SymbolsError::Text)?;
                if *known == UNSEEN {
                    *known = self.looked_up(texts.bytes_of(place).ok_or(SymbolsError::Text)?)?;
                }
                *known
            };
        }
        (self.places, self.codes) = (numbers, codes);
        self.of_entries = (Some(chunk), of_entries);
        Ok(())
    }

    /// As [`Self::keep`], without looking texts up.
    fn keep_each(
        &self,
        texts: &[Option<&str>],
        first: usize,
        symbols: &mut SymbolsPiece<'_>,
    ) -> Result<(), SymbolsError> {
        self.program.each(texts, |variable, holds| symbols.keep(variable, first, holds.iter().copied()))
    }

    fn null(&mut self) -> Result<u16, SymbolsError> {
        if !self.has_null {
            let failing = self.program.failing(None)?;
            self.begin_codes()?;
            self.failing.iter_mut().take(1).for_each(|of_null| *of_null = failing);
            self.has_null = true;
        }
        Ok(0)
    }

    /// Makes a place for NULL.
    fn begin_codes(&mut self) -> Result<(), SymbolsError> {
        if self.failing.is_empty() {
            self.budget.reserve(&mut self.failing, 1)?;
            self.failing.push(VariableSet::default());
        }
        Ok(())
    }

    #[inline]
    fn code(&mut self, key: Short, text: impl Fn() -> Result<&'t [u8], SymbolsError>) -> Result<u16, SymbolsError> {
        // The top bits of a product depend on all bits of the other number.
        let mixed = (key.0 ^ key.1.rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let place = (mixed >> 56) as usize & (RECENT - 1);
        if let Some((known, code)) = self.recent.get(place)
            && *known == key
            && key != LONG
        {
            return Ok(*code);
        }
        let code = self.looked_up(text()?)?;
        if let Some(recent) = self.recent.get_mut(place) {
            *recent = (key, code);
        }
        Ok(code)
    }

    fn looked_up(&mut self, text: &'t [u8]) -> Result<u16, SymbolsError> {
        self.begin_codes()?;
        let code = self.dictionary.number(self.hasher, text, self.budget)? as usize + 1;
        if code == self.failing.len() {
            self.budget.reserve(&mut self.failing, 1)?;
            self.failing.push(self.program.failing(Some(utf8(text)?))?);
        }
        Ok(code as u16)
    }

    /// Takes back what was charged.
    fn release(self) {
        self.budget.release_vector(&self.failing);
        self.budget.release_vector(&self.of_entries.1);
        self.dictionary.release(self.budget);
    }
}

fn utf8(text: &[u8]) -> Result<&str, SymbolsError> {
    std::str::from_utf8(text).map_err(|_| SymbolsError::Text)
}
