//! Values of Arrow arrays row by row, dictionaries and runs decoded.

use std::ops::Range;

use arrow_buffer::{Buffer, NullBuffer};
use rowpattern_core::memory;

use super::arrow::{ArrowArray, Failure, Integers, Text, Values, index, with_integers};

/// Rows of an array that encodes nothing else: its values, which rows are not NULL (all without it), and the rows to read.
pub struct ValueRows<'a> {
    pub values: &'a Values,
    pub valid: Option<&'a NullBuffer>,
    pub rows: Range<usize>,
}

/// Reads the values of a type that encodes nothing else.
pub trait Reader<'a> {
    /// What a row is read as.
    type Item: Copy;
    /// What it is read as where it is NULL.
    const NULL: Self::Item;
    /// What values must be, for errors.
    const EXPECTED: &'static str;

    /// Adds an item for each of the rows, all of which are there; or gives None, having added nothing, where values are of
    /// another type. Rows that are NULL may be added as anything where `valid` says so.
    fn read(&mut self, rows: ValueRows<'a>, items: &mut Vec<Self::Item>) -> Option<Result<(), Failure>>;
}

/// Reads arrays row by row, dictionaries and runs decoded.
pub struct Decoder<'a, R: Reader<'a>> {
    reader: R,
    /// The dictionary that was read last, and its items: parts of an array share it.
    dictionary: Option<(&'a ArrowArray, Vec<R::Item>)>,
    /// Address and number of the ends of runs that were found in order last: parts of an array share them too.
    ordered: (usize, usize),
}

impl<'a, R: Reader<'a>> Decoder<'a, R> {
    pub fn new(reader: R) -> Self {
        Self { reader, dictionary: None, ordered: (0, 0) }
    }

    /// Adds an item for each of these rows. The rows of failures are the array's.
    pub fn decode(
        &mut self,
        array: &'a ArrowArray,
        rows: Range<usize>,
        items: &mut Vec<R::Item>,
    ) -> Result<(), Failure> {
        memory::try_reserve(items, rows.len())?;
        match &array.values {
            Values::Null => items.extend(std::iter::repeat_n(R::NULL, rows.len())),
            Values::Dictionary(keys, dictionary) => self.by_keys(array, keys, dictionary, rows, items)?,
            Values::Runs { ends, offset, values } => {
                let begin = items.len();
                self.by_runs(ends, *offset, values, rows.clone(), items)?;
                // The record that the array stands in may be NULL.
                if let Some(valid) = &array.valid {
                    let items = items[begin..].iter_mut().zip(rows);
                    items.filter(|(_, row)| valid.is_null(*row)).for_each(|(item, _)| *item = R::NULL);
                }
            }
            values => {
                let read = self.reader.read(ValueRows { values, valid: array.valid.as_ref(), rows }, items);
                let other = || Failure::OtherType { found: values.name(), expected: R::EXPECTED };
                read.unwrap_or_else(|| Err(other()))?;
            }
        }
        Ok(())
    }

    fn by_keys(
        &mut self,
        array: &'a ArrowArray,
        keys: &Integers,
        dictionary: &'a ArrowArray,
        rows: Range<usize>,
        items: &mut Vec<R::Item>,
    ) -> Result<(), Failure> {
        let known = match self.dictionary.take() {
            Some((known, items)) if same_memory(known, dictionary) => items,
            _ => {
                let mut items = Vec::new();
                let read = self.decode(dictionary, 0..dictionary.rows, &mut items);
                read.map_err(|failure| failure.within("its dictionary"))?;
                items
            }
        };
        // The first row whose key is out of range. Noted and not returned from the loop, which is a third faster so.
        let mut wrong = None;
        let mut item = |row: usize, key: Option<usize>| {
            key.and_then(|key| known.get(key)).copied().unwrap_or_else(|| {
                wrong.get_or_insert(row);
                R::NULL
            })
        };
        with_integers!(keys, keys => {
            let keys = rows.clone().zip(&keys[rows.clone()]);
            match &array.valid {
                Some(valid) => items.extend(
                    keys.map(|(row, &key)| if valid.is_valid(row) { item(row, index(key)) } else { R::NULL }),
                ),
                None => items.extend(keys.map(|(row, &key)| item(row, index(key)))),
            }
        });
        if let Some(row) = wrong {
            let count = known.len();
            let key = shown(keys, row);
            return Err(Failure::at(row, format!("the dictionary has {count} values, but the key is {key}")));
        }
        self.dictionary = Some((dictionary, known));
        Ok(())
    }

    fn by_runs(
        &mut self,
        ends: &Integers,
        offset: usize,
        values: &'a ArrowArray,
        rows: Range<usize>,
        items: &mut Vec<R::Item>,
    ) -> Result<(), Failure> {
        self.check_order(ends)?;
        let (first, last) = (offset + rows.start, offset + rows.end);
        let mut row = first;
        let mut run =
            with_integers!(ends, ends => ends.partition_point(|&end| index(end).is_some_and(|end| end <= first)));
        let mut lengths = Vec::new();
        let begin = run;
        while row < last {
            let Some(end) = with_integers!(ends, ends => ends.get(run).and_then(|&end| index(end))) else {
                return Err(Failure::at(row - offset, "the runs end before the rows do"));
            };
            memory::try_reserve(&mut lengths, 1)?;
            lengths.push(end.min(last) - row);
            row = end.min(last);
            run += 1;
        }
        let mut of_runs = Vec::new();
        let read = self.decode(values, begin..run, &mut of_runs);
        read.map_err(|failure| failure.within("values of runs"))?;
        for (item, length) in of_runs.into_iter().zip(lengths) {
            items.extend(std::iter::repeat_n(item, length));
        }
        Ok(())
    }

    /// Checks that ends of runs grow from above 0 on, in one array and all its parts once.
    fn check_order(&mut self, ends: &Integers) -> Result<(), Failure> {
        let place = with_integers!(ends, ends => (ends.as_ptr() as usize, ends.len()));
        if self.ordered != place {
            let wrong = with_integers!(ends, ends => {
                let first = ends.first().filter(|&&end| end < 1).map(|_| 0);
                first.or_else(|| ends.windows(2).position(|pair| pair[0] >= pair[1]).map(|run| run + 1))
            });
            if let Some(run) = wrong {
                return Err(Failure::of(format!("the end of run {run} is not behind the end of the run before it")));
            }
            self.ordered = place;
        }
        Ok(())
    }
}

fn shown(keys: &Integers, row: usize) -> String {
    with_integers!(keys, keys => keys[row].to_string())
}

/// Whether two arrays of text are views of the same memory.
pub fn same_memory(one: &ArrowArray, other: &ArrowArray) -> bool {
    if std::ptr::eq(one, other) {
        return true;
    }
    let (Values::Text(first), Values::Text(second)) = (&one.values, &other.values) else { return false };
    let same = |one: &Buffer, other: &Buffer| one.as_ptr() == other.as_ptr() && one.len() == other.len();
    let valid = match (&one.valid, &other.valid) {
        (None, None) => true,
        (Some(one), Some(other)) => same(one.buffer(), other.buffer()) && one.offset() == other.offset(),
        _ => false,
    };
    let text = match (first, second) {
        (Text::Small { offsets, bytes }, Text::Small { offsets: others, bytes: other }) => {
            same(offsets.inner(), others.inner()) && same(bytes, other)
        }
        (Text::Large { offsets, bytes }, Text::Large { offsets: others, bytes: other }) => {
            same(offsets.inner(), others.inner()) && same(bytes, other)
        }
        (Text::Views { views, buffers }, Text::Views { views: others, buffers: other }) => {
            same(views, others) && buffers.len() == other.len() && buffers.iter().zip(other).all(|(a, b)| same(a, b))
        }
        _ => false,
    };
    one.rows == other.rows && valid && text
}
