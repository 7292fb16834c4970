//! Several rows as one symbol.
//!
//! Both passes wait for each look-up before they can begin the next, so they look up a *group* of rows at once: four, two or one.
//! What decides about a group is, for each of its rows, the *class* of the row's code, and where partitions border on each other.
//! Codes get classes in the order in which they are met: two bits where four rows are a group, so that there can be four classes,
//! four bits where two are. The classes of a group are a byte. The distinct pairs of bytes and borders are few, and are numbered:
//! these are the group's symbols. Codes of more than a byte have no classes; they are numbered with their borders.

use std::collections::HashMap;

/// The most rows that a group has.
pub const MOST_ROWS: usize = 4;
/// A group's symbol that has no number yet.
pub const UNKNOWN_SYMBOL: usize = u16::MAX as usize;
/// A code that has no class yet: the place that it gives is behind all others.
const NO_CLASS: u16 = 1 << 15;
/// Borders of a group whose classes have no place yet.
const NO_BLOCK: u32 = 1 << 16;
/// The combinations of borders, and of rows that are missing.
const BORDERS: usize = 1 << 7;
/// The bytes that the classes of a group can be.
const BLOCK: usize = 1 << 8;

/// The partition borders in a group, and how many rows are missing in it.
///
/// Bit `n` says that a partition begins at the group's row `n`; there is one bit more, for the row behind the group. Rows are
/// missing at the end of the last group: they stand behind their partition's last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Borders(u8);

impl Borders {
    /// Where the bits of borders end.
    const MISSING_SHIFT: u32 = 5;

    /// A partition begins at the group's row `at`.
    #[inline]
    pub fn add(&mut self, at: usize) {
        self.0 |= 1 << at;
    }

    /// The last `rows` rows are missing.
    pub fn set_missing(&mut self, rows: usize) {
        self.0 |= (rows as u8) << Self::MISSING_SHIFT;
    }

    /// Whether a partition begins at the group's row `at`.
    pub fn begins(self, at: usize) -> bool {
        self.0 >> at & 1 == 1
    }

    /// How many rows are missing.
    pub fn missing(self) -> usize {
        usize::from(self.0 >> Self::MISSING_SHIFT)
    }
}

/// A code that would be one class more than there can be.
#[derive(Debug)]
pub struct TooManyClasses;

/// The numbers of groups' symbols.
#[derive(Debug)]
pub struct GroupSymbols {
    rows: usize,
    /// For each row of a group, the class of each code, at the row's place in the byte.
    classes: Box<[[u16; 256]; MOST_ROWS]>,
    class_count: usize,
    /// Where the symbols of groups with these borders begin.
    blocks: Box<[u32; BORDERS]>,
    /// At the block and the byte of classes: the number.
    symbols: Vec<u16>,
    wide: HashMap<(u32, Borders), u16, foldhash::fast::FixedState>,
    len: usize,
}

impl GroupSymbols {
    /// None yet, for groups of 4, 2 or 1 rows.
    pub fn new(rows: usize) -> Self {
        Self {
            rows,
            classes: Box::new([[NO_CLASS; 256]; MOST_ROWS]),
            class_count: 0,
            blocks: Box::new([NO_BLOCK; BORDERS]),
            symbols: Vec::new(),
            wide: HashMap::default(),
            len: 0,
        }
    }

    /// Forgets all numbers, but not the classes, and gives the memory back.
    pub fn clear(&mut self) {
        self.blocks.fill(NO_BLOCK);
        (self.symbols, self.wide, self.len) = (Vec::new(), HashMap::default(), 0);
    }

    /// How many rows a group has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many symbols have numbers.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.classes)
            + size_of_val(&*self.blocks)
            + self.symbols.capacity() * size_of::<u16>()
            + self.wide.capacity() * (size_of::<((u32, Borders), u16)>() + 2)
    }

    /// The symbol of a group with codes of a byte, or [`UNKNOWN_SYMBOL`].
    #[inline]
    pub fn get<const ROWS: usize>(&self, codes: [u8; ROWS], borders: Borders) -> usize {
        let mut classes = 0;
        for (of_row, code) in self.classes.iter().zip(codes) {
            classes |= of_row[usize::from(code)];
        }
        let block = self.blocks[usize::from(borders.0) & (BORDERS - 1)];
        self.symbols.get(block as usize + usize::from(classes)).map_or(UNKNOWN_SYMBOL, |&symbol| usize::from(symbol))
    }

    /// The symbol of a group of one row with a larger code, or [`UNKNOWN_SYMBOL`].
    pub fn get_wide(&self, code: u32, borders: Borders) -> usize {
        self.wide.get(&(code, borders)).map_or(UNKNOWN_SYMBOL, |&symbol| usize::from(symbol))
    }

    /// The symbol of a group, which may be new; missing rows may have any codes.
    ///
    /// There must be less than [`UNKNOWN_SYMBOL`] of them.
    pub fn intern(&mut self, codes: &[u8], borders: Borders) -> Result<usize, TooManyClasses> {
        let bits = u8::BITS as usize / self.rows;
        let mut byte = 0;
        for (row, &code) in codes.iter().enumerate() {
            if self.classes[0][usize::from(code)] == NO_CLASS {
                if self.class_count >> bits > 0 {
                    return Err(TooManyClasses);
                }
                for (row, classes) in self.classes[..self.rows].iter_mut().enumerate() {
                    classes[usize::from(code)] = (self.class_count as u16) << (row * bits);
                }
                self.class_count += 1;
            }
            byte |= self.classes[row][usize::from(code)];
        }
        let block = &mut self.blocks[usize::from(borders.0) & (BORDERS - 1)];
        if *block == NO_BLOCK {
            *block = self.symbols.len() as u32;
            self.symbols.resize(self.symbols.len() + BLOCK, UNKNOWN_SYMBOL as u16);
        }
        let symbol = &mut self.symbols[*block as usize + usize::from(byte)];
        if usize::from(*symbol) == UNKNOWN_SYMBOL {
            *symbol = self.len as u16;
            self.len += 1;
        }
        Ok(usize::from(*symbol))
    }

    /// As [`Self::intern`], for one row with a larger code.
    pub fn intern_wide(&mut self, code: u32, borders: Borders) -> usize {
        let symbol = *self.wide.entry((code, borders)).or_insert(self.len as u16);
        self.len = self.len.max(usize::from(symbol) + 1);
        usize::from(symbol)
    }
}
