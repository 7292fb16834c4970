//! The tables of both passes over groups of rows ([`super::group_symbols`]).
//!
//! A group's *number* stands for the sets of its rows, and for which of them begin a partition: that is all that the forward pass
//! needs to know of the rows. Backward, the set behind a group and the group's symbol give its number and the set of its first
//! row, in one look-up; forward, the state before it and its number give what it adds to the answer, and the state behind it.
//! All tables fill when they are first asked, as in a lazy DFA; who asks fills them ([`super::Tables`]).

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;

use super::group_symbols::{Borders, GroupSymbols, MOST_ROWS};

/// A group that has no number yet, and how many there can be.
pub const UNKNOWN_GROUP: u16 = u16::MAX;
/// The state of an item that is not computed yet.
pub const UNKNOWN_STATE: u16 = u16::MAX;

/// What the backward pass does at a group.
#[derive(Debug, Clone, Copy)]
pub struct GroupStep {
    /// The set of the group's first row.
    pub set: u16,
    /// The group's number.
    pub group: u16,
}

/// A step that is not known yet.
pub const UNKNOWN_STEP: GroupStep = GroupStep { set: 0, group: UNKNOWN_GROUP };

/// What the forward pass does at a group, by the state before it.
#[derive(Debug, Clone, Copy)]
pub struct GroupItem {
    /// The state behind the group.
    pub state: u16,
    /// Four times four bits, for the group's rows in order.
    pub flags: u16,
    /// The variables of the matched rows, a byte each, without those between.
    pub variables: u32,
}

impl GroupItem {
    /// Where the bits stand that say at which rows a match begins, before which one ends, and which belong to one: where one
    /// begins and the row belongs to none, it is empty.
    pub const BEGINS: u32 = 0;
    pub const ENDS: u32 = 4;
    pub const MATCHED: u32 = 8;
    /// Which of the matched rows, without those between, stand in an exclusion.
    pub const EXCLUDED: u32 = 12;

    /// How many rows belong to a match.
    #[inline]
    pub fn matched(self) -> usize {
        // The number of bits of each number of four bits.
        (0x4332_3221_3221_2110_u64 >> (4 * (self.flags >> Self::MATCHED & 15)) & 7) as usize
    }

    /// Whether each of the matched rows stands in an exclusion (1) or not (0).
    #[inline]
    pub fn excluded(self) -> [u8; MOST_ROWS] {
        let bits = u32::from(self.flags >> Self::EXCLUDED);
        (bits.wrapping_mul(0x0020_4081) & 0x0101_0101).to_le_bytes()
    }
}

/// An item that is not known yet.
pub const UNKNOWN_ITEM: GroupItem = GroupItem { state: UNKNOWN_STATE, flags: 0, variables: 0 };

/// The items of groups.
#[derive(Debug, Clone, Copy)]
pub struct GroupItems<'g> {
    items: &'g [GroupItem],
    states: usize,
}

/// How many groups before a place say which state is before it, in most cases.
const GROUPS_TO_GUESS: usize = 8;

impl<'g> GroupItems<'g> {
    /// The state behind groups, as the last of them say it where no match reaches over them; None where their items are not known.
    pub fn guess(self, numbers: &[u16]) -> Option<usize> {
        let outside = self.states.checked_sub(1)?;
        let last = numbers.get(numbers.len().saturating_sub(GROUPS_TO_GUESS)..).unwrap_or_default();
        last.iter().try_fold(outside, |state, &number| {
            let item = self.of_group(number).get(state).filter(|item| item.state != UNKNOWN_STATE)?;
            Some(usize::from(item.state))
        })
    }

    /// The items of a group by state; empty where none is known.
    #[inline]
    pub fn of_group(self, group: u16) -> &'g [GroupItem] {
        let at = usize::from(group) * self.states;
        self.items.get(at..at + self.states).unwrap_or_default()
    }
}

/// There is room for so many sets at least.
const LEAST_SET_BITS: u32 = 3;

/// How many chains of groups the backward pass follows side by side, and the least groups of a chain that are worth it.
const CHAINS: usize = 4;
const LEAST_CHAIN: usize = 32;

/// The sets of a group's rows, in order, and which of the rows begin a partition, as bits.
pub type RowSets = ([u16; MOST_ROWS], u8);

/// See the module.
#[derive(Debug)]
pub struct Groups {
    /// The numbers of groups' symbols.
    pub symbols: GroupSymbols,
    /// There is room for `1 << set_bits` sets.
    set_bits: u32,
    /// At `symbol << set_bits | set`.
    steps: Vec<GroupStep>,
    rows: Vec<RowSets>,
    /// Which rows begin a match where no other match holds them, as bits.
    begins: Vec<u8>,
    numbers: HashTable<u16>,
    /// What the forward pass does at a group: at `group * states + state`.
    items: Vec<GroupItem>,
    /// How many states there are before a row.
    states: usize,
}

impl Groups {
    /// Nothing is known yet, for groups of 4, 2 or 1 rows.
    pub fn new(rows: usize, states: usize) -> Self {
        Self {
            symbols: GroupSymbols::new(rows),
            set_bits: LEAST_SET_BITS,
            steps: Vec::new(),
            rows: Vec::new(),
            begins: Vec::new(),
            numbers: HashTable::new(),
            items: Vec::new(),
            states,
        }
    }

    /// Forgets everything but the classes of codes, and gives the memory back.
    pub fn clear(&mut self) {
        let mut symbols = GroupSymbols::new(self.symbols.rows());
        std::mem::swap(&mut symbols, &mut self.symbols);
        symbols.clear();
        *self = Self { symbols, ..Self::new(self.symbols.rows(), self.states) };
    }

    /// How many states there are before a row.
    pub fn states(&self) -> usize {
        self.states
    }

    /// How many groups have numbers.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bytes on the heap; those of `items` when all groups have them, if the transducer is used.
    pub fn memory_bytes(&self, transduced: bool) -> usize {
        let items = if transduced { self.items.capacity().max(self.rows.len() * self.states) } else { 0 };
        self.symbols.memory_bytes()
            + self.steps.capacity() * size_of::<GroupStep>()
            + self.rows.capacity() * (size_of::<RowSets>() + size_of::<u8>())
            + self.numbers.capacity() * (size_of::<u16>() + size_of::<u8>())
            + items * size_of::<GroupItem>()
    }

    /// The step from a set behind a group of this symbol.
    #[inline]
    pub fn step(&self, symbol: usize, set: u32) -> GroupStep {
        self.steps.get(symbol << self.set_bits | set as usize).copied().unwrap_or(UNKNOWN_STEP)
    }

    /// Makes room for steps from so many sets. To be called when there are more sets, before steps from them are looked up.
    pub fn grow(&mut self, sets: usize) {
        if sets > 1 << self.set_bits {
            let bits = sets.next_power_of_two().trailing_zeros();
            let mut steps = Vec::new();
            for of_symbol in self.steps.chunks_exact(1 << self.set_bits) {
                steps.extend_from_slice(of_symbol);
                steps.resize(steps.len() + (1 << bits) - (1 << self.set_bits), UNKNOWN_STEP);
            }
            (self.set_bits, self.steps) = (bits, steps);
        }
    }

    /// Notes a step, of a symbol that there is and a set that there is room for.
    pub fn set_step(&mut self, symbol: usize, set: u32, step: GroupStep) {
        let least = self.symbols.len() << self.set_bits;
        if self.steps.len() < least {
            self.steps.resize(least, UNKNOWN_STEP);
        }
        self.steps[symbol << self.set_bits | set as usize] = step;
    }

    /// The number of a group, which may be new; `begins` are the rows that begin a match, as bits.
    pub fn intern(&mut self, rows: RowSets, begins: u8) -> u16 {
        let hash = hash_of(&rows);
        let known = &self.rows;
        if let Some(&number) = self.numbers.find(hash, |&number| known[usize::from(number)] == rows) {
            return number;
        }
        let number = self.rows.len() as u16;
        self.rows.push(rows);
        self.begins.push(begins);
        let known = &self.rows;
        self.numbers.insert_unique(hash, number, |&number| hash_of(&known[usize::from(number)]));
        number
    }

    /// Writes the sets of the rows of groups, of which each has so many.
    pub fn write_sets<const ROWS: usize>(&self, numbers: &[u16], sets: &mut [u16]) {
        for (&number, sets) in numbers.iter().zip(sets.as_chunks_mut::<ROWS>().0) {
            let (of_group, _) = &self.rows[usize::from(number)];
            for (set, of_row) in sets.iter_mut().zip(of_group) {
                *set = *of_row;
            }
        }
    }

    /// The sets of a group's rows, and which of them begin a partition.
    pub fn row_sets(&self, group: u16) -> RowSets {
        self.rows[usize::from(group)]
    }

    /// For each group, which of its rows begin a match where no other match holds them, as bits.
    pub fn begins(&self) -> &[u8] {
        &self.begins
    }

    /// What the forward pass does.
    pub fn items(&self) -> GroupItems<'_> {
        GroupItems { items: &self.items, states: self.states }
    }

    /// Notes an item.
    pub fn set_item(&mut self, group: u16, state: usize, item: GroupItem) {
        let least = self.rows.len() * self.states;
        if self.items.len() < least {
            self.items.resize(least, UNKNOWN_ITEM);
        }
        self.items[usize::from(group) * self.states + state] = item;
    }

    /// Goes down over whole groups of rows, from the set behind them, as far as the tables know the steps. Gives how many groups
    /// are left.
    ///
    /// Args: the rows' codes, the borders of each group (empty: there are none), and where the groups' numbers go.
    pub fn descend<const ROWS: usize>(
        &self,
        codes: &[[u8; ROWS]],
        borders: &[Borders],
        numbers: &mut [u16],
        set: &mut u32,
    ) -> usize {
        let numbers = &mut numbers[..codes.len()];
        if borders.is_empty() {
            self.descend_symbols(|at| self.symbols.get(codes[at], Borders::default()), numbers, set)
        } else {
            let borders = &borders[..codes.len()];
            self.descend_symbols(|at| self.symbols.get(codes[at], borders[at]), numbers, set)
        }
    }

    /// As [`Self::descend`], for groups of one row whose codes are more than a byte.
    pub fn descend_wide(&self, codes: &[u32], borders: &[Borders], numbers: &mut [u16], set: &mut u32) -> usize {
        self.descend_symbols(|at| self.symbols.get_wide(codes[at], borders[at]), &mut numbers[..codes.len()], set)
    }

    /// Goes down in chains side by side, as a look-up waits for the one before it in its chain only.
    ///
    /// The topmost chain begins with the true set. The others begin with a guess, and nearly always come to the true sets within
    /// some groups, as patterns forget what lies far behind. So in the end, each chain's first groups are computed once more, down
    /// to one that is what it was: all below it is then right.
    #[inline]
    fn descend_symbols(&self, symbol: impl Fn(usize) -> usize, numbers: &mut [u16], set: &mut u32) -> usize {
        let length = numbers.len() / CHAINS;
        if length < LEAST_CHAIN {
            return self.descend_chain(symbol, 0, numbers, set);
        }
        // What does not divide is of the topmost chain.
        let top = (CHAINS - 1) * length;
        let left = self.descend_chain(|at| symbol(top + at), length, &mut numbers[top..], set);
        if left > length {
            return top + left;
        }
        let (guess, mut sets) = (*set, [*set; CHAINS]);
        for at in (0..length).rev() {
            let steps: [GroupStep; CHAINS] =
                std::array::from_fn(|chain| self.step(symbol(chain * length + at), sets[chain]));
            if steps.iter().any(|step| step.group == UNKNOWN_GROUP) {
                // Only true sets may fill the tables.
                *set = sets[CHAINS - 1];
                return self.descend_chain(symbol, 0, &mut numbers[..=top + at], set);
            }
            for (chain, step) in steps.iter().enumerate() {
                numbers[chain * length + at] = step.group;
                sets[chain] = u32::from(step.set);
            }
        }
        let mut from = sets[CHAINS - 1];
        for chain in (0..CHAINS - 1).rev() {
            let first = chain * length;
            if from != guess {
                let is_known = self.mend_chain(|at| symbol(first + at), &mut numbers[first..first + length], &mut from);
                match is_known {
                    Mended::All => {}
                    Mended::Joined => from = sets[chain],
                    Mended::Unknown(left) => {
                        *set = from;
                        return first + left;
                    }
                }
                continue;
            }
            from = sets[chain];
        }
        *set = from;
        0
    }

    /// Goes down to the group `to`, one group after another. Gives how many groups are left, those below `to` too.
    #[inline]
    fn descend_chain(&self, symbol: impl Fn(usize) -> usize, to: usize, numbers: &mut [u16], set: &mut u32) -> usize {
        let mut from = *set;
        for at in (to..numbers.len()).rev() {
            let step = self.step(symbol(at), from);
            if step.group == UNKNOWN_GROUP {
                *set = from;
                return at + 1;
            }
            numbers[at] = step.group;
            from = u32::from(step.set);
        }
        *set = from;
        to
    }

    /// Computes a chain once more, down to a group that has the right number.
    fn mend_chain(&self, symbol: impl Fn(usize) -> usize, numbers: &mut [u16], set: &mut u32) -> Mended {
        for (at, number) in numbers.iter_mut().enumerate().rev() {
            let step = self.step(symbol(at), *set);
            if step.group == UNKNOWN_GROUP {
                return Mended::Unknown(at + 1);
            }
            if *number == step.group {
                return Mended::Joined;
            }
            (*number, *set) = (step.group, u32::from(step.set));
        }
        Mended::All
    }
}

/// What came of a chain that was computed once more.
enum Mended {
    /// All its numbers have changed.
    All,
    /// From a group on it is what it was.
    Joined,
    /// So many groups are left, as a step is not known.
    Unknown(usize),
}

fn hash_of((sets, firsts): &RowSets) -> u64 {
    let mut hasher = foldhash::fast::FixedState::default().build_hasher();
    hasher.write_u64(sets.iter().fold(0, |word, &set| word << 16 | u64::from(set)));
    hasher.write_u8(*firsts);
    hasher.finish()
}
