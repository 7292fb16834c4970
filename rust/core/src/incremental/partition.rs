//! A partition of which rows may still come.

use std::collections::VecDeque;

use super::decided_match::{Decided, DecidedBy, next_start};
use super::decision::{MatchDecides, MatchRules, RowsDecide};
use super::failed_ways::FailedWays;
use super::kept_columns::{KeptColumns, ReadRows};
use super::kept_rows::KeptRows;
use super::key_entry::BYTES_OF_ENTRY;
use super::positions::Positions;
use super::rules::StreamRules;
use super::search::{Decision, Looks, PartitionEnd, SearchOutcome, SearchRules, WaitingSearch};
use crate::expression::MatchSoFar;
use crate::matcher::SearchError;
use crate::rows::{NARROW, SkipError, VariableSet};

/// Of so few rows, columns of conditions are not kept.
const FEW_ROWS: u64 = 32;

/// No match begins there.
const NO_START: usize = usize::MAX;

/// Bytes of what refers to a partition: its place in the table, the entry of its key, two entries among the timers.
const BYTES_OF_REFERENCES: usize = size_of::<usize>() + BYTES_OF_ENTRY + 2 * size_of::<(i64, u32)>();

/// The state of a partition before rows were added that may have to be taken back.
#[derive(Debug, Default)]
struct BeforeStep {
    is_new: bool,
    is_in_step: bool,
    end: u64,
    head: u64,
    covered: u64,
    matches: i64,
    decided_by: DecidedBy,
    held: usize,
    /// The starts of searches that waited, where matches are given each when it is certain.
    waiting: Vec<u64>,
    /// What was said of rows of which it was said again.
    sets: Vec<VariableSet>,
    last_key: Option<i64>,
}

/// A partition: its kept rows, and the search in it.
#[derive(Debug)]
pub(super) struct OpenPartition {
    /// Its keys, encoded.
    pub key: Box<[u8]>,
    /// The key of its last row by which the clock goes; None where no row has one.
    pub last_key: Option<i64>,
    pub rows: KeptRows,
    /// The columns of these that conditions read, where they are kept.
    pub columns: Option<Box<KeptColumns>>,
    /// The number of the first row at which it is not decided whether a match begins.
    pub head: u64,
    /// The number behind the last row that is in a match.
    pub covered: u64,
    /// How many matches it had.
    pub matches: i64,
    /// No row comes any more.
    pub ended: bool,
    /// The key behind which a row would have come too late for it, where that is why it has ended.
    pub ended_at: Option<i64>,
    /// A match had nowhere to skip to.
    pub failed: Option<(SkipError, Decided)>,
    /// The time past which it is looked at again, as is noted; the largest number where nothing is.
    pub looked_at: i64,
    /// What is decided and not yet given.
    pub held: VecDeque<Decided>,
    search: WaitingSearch,
    /// Searches of rows before the head, where matches are given each when it is certain.
    waiting: Vec<WaitingSearch>,
    failures: FailedWays,
    /// What the searches so far have gone by.
    decided_by: DecidedBy,
    before: BeforeStep,
}

impl OpenPartition {
    pub fn new(key: &[u8], rules: &StreamRules) -> Self {
        Self {
            key: key.into(),
            last_key: None,
            rows: KeptRows::new(rules.variables <= NARROW, rules.value_sources),
            columns: None,
            head: 0,
            covered: 0,
            matches: 0,
            ended: false,
            ended_at: None,
            failed: None,
            looked_at: i64::MAX,
            held: VecDeque::new(),
            search: WaitingSearch::default(),
            waiting: Vec::new(),
            failures: FailedWays::default(),
            decided_by: DecidedBy::default(),
            before: BeforeStep { is_new: true, ..BeforeStep::default() },
        }
    }

    /// Goes on with the search from these rows, as it was before it was stored.
    pub fn resume_from(&mut self, head: u64, covered: u64, matches: i64, waiting: &[u64]) {
        (self.head, self.covered, self.matches) = (head, covered, matches);
        self.search = WaitingSearch::at(head);
        self.waiting = waiting.iter().map(|&start| WaitingSearch::at(start)).collect();
        // What was looked at was decided before.
        self.decided_by = DecidedBy::from_row(self.rows.end().saturating_sub(1));
    }

    /// Notes the state before rows are added that may have to be taken back.
    pub fn note_before(&mut self) {
        self.before = BeforeStep {
            is_new: self.before.is_new,
            is_in_step: true,
            end: self.rows.end(),
            head: self.head,
            covered: self.covered,
            matches: self.matches,
            decided_by: self.decided_by,
            held: self.held.len(),
            waiting: self.waiting.iter().map(|search| search.start).collect(),
            sets: Vec::new(),
            last_key: self.last_key,
        };
    }

    /// Notes what is said of the last rows, of which it is said again.
    pub fn note_sets(&mut self, rows: u64) {
        let first = self.rows.end().saturating_sub(rows).max(self.rows.first());
        self.before.sets = (first..self.rows.end()).map(|row| self.rows.set(row)).collect();
    }

    /// Takes back the rows that were added last, and what followed from them, with the memory that these took; false where the
    /// partition was new.
    pub fn undo(&mut self) -> bool {
        let before = std::mem::take(&mut self.before);
        self.rows.truncate(before.end);
        let first = before.end.saturating_sub(before.sets.len() as u64);
        (first..).zip(before.sets).for_each(|(row, set)| self.rows.set_again(row, set));
        self.resume_from(before.head, before.covered, before.matches, &before.waiting);
        (self.decided_by, self.last_key) = (before.decided_by, before.last_key);
        self.held.truncate(before.held);
        (self.failed, self.ended, self.ended_at) = (None, false, None);
        self.failures.clear();
        self.columns = None;
        !before.is_new
    }

    /// Whether none of its rows was kept yet.
    pub fn is_new(&self) -> bool {
        self.before.is_new
    }

    /// Whether what it was before rows came is noted, as these may have to be taken back.
    pub fn is_in_step(&self) -> bool {
        self.before.is_in_step
    }

    /// What came is kept from now on.
    pub fn keep(&mut self) {
        self.before = BeforeStep::default();
    }

    /// The number of the first row of a match that is open, or of one that is not given yet; the row behind the last otherwise.
    /// So many of what it holds count as given.
    pub fn first_pending(&self, given: usize) -> u64 {
        let searched = self.searched();
        self.held.get(given).map_or(searched, |held| searched.min(held.start))
    }

    /// Where a search is to begin after a restart: what is held is found again.
    pub fn restart(&self) -> (u64, u64, i64, Vec<u64>) {
        let waiting: Vec<u64> = self.waiting.iter().map(|search| search.start).collect();
        let Some(held) = self.held.front() else { return (self.head, self.covered, self.matches, waiting) };
        if !waiting.is_empty() || self.held.iter().any(|each| each.start < held.start) {
            // Matches that are given each when it is certain are not numbered, and cover no row.
            let mut starts: Vec<u64> = self.held.iter().map(|held| held.start).chain(waiting).collect();
            starts.sort_unstable();
            return (self.head, self.covered, self.matches, starts);
        }
        let matches = self.held.iter().filter(|held| held.number > 0).count() as i64;
        (held.start, held.covered, self.matches - matches, Vec::new())
    }

    /// Whether nothing is open: no match has begun, and none waits to be given.
    pub fn is_idle(&self) -> bool {
        self.first_pending(0) >= self.rows.end()
    }

    /// The first number of the rows to be kept when so many of what it holds are given; None where nothing of it is kept.
    pub fn keep_from(&self, rules: &StreamRules, given: usize) -> Option<u64> {
        let pending = self.first_pending(given);
        if self.ended || (pending >= self.rows.end() && !rules.remembers()) {
            return None;
        }
        let of_matches = pending.saturating_sub(rules.match_before);
        // Of a partition that is remembered its last row says which one it is.
        let tail = rules.tail().max(u64::from(rules.remembers()));
        Some(of_matches.min(self.rows.end().saturating_sub(tail)))
    }

    /// Whether something would be kept of it if it had not ended.
    pub fn was_open(&self, rules: &StreamRules) -> bool {
        let waits = |held: &Decided| held.last_read(rules, &self.rows).is_none();
        rules.remembers() || self.decided_by.end || self.held.iter().any(waits)
    }

    /// The time at which it is to be looked at again, when it was at `clock`.
    pub fn deadline(&self, rules: &StreamRules, clock: Option<i64>) -> Option<i64> {
        if self.is_idle() && !rules.remembers() {
            return None;
        }
        let searched = self.waiting.first().map_or(self.head, |search| search.start);
        let limit = if rules.keyed() { self.rows.limit(searched) } else { None };
        let ends = limit.into_iter().flat_map(|limit| rules.deadlines(limit));
        // What is past was looked at.
        ends.chain(self.rows_until(rules)).filter(|&deadline| clock.is_none_or(|clock| deadline >= clock)).min()
    }

    /// Bytes on the heap, its own, and those of what refers to it.
    pub fn memory_bytes(&self) -> usize {
        self.bytes_beside_rows(0) + self.rows.memory_bytes()
    }

    /// As `memory_bytes`, without rows, and when so many of what it holds are given.
    pub fn bytes_beside_rows(&self, given: usize) -> usize {
        let bytes = |held: &Decided| held.positions.memory_bytes() + size_of::<Decided>();
        let held = self.held.iter().skip(given).map(bytes);
        let waiting = self.waiting.iter().map(|search| search.memory_bytes() + size_of::<WaitingSearch>());
        BYTES_OF_REFERENCES
            + size_of::<Self>()
            + self.key.len()
            + self.columns_bytes()
            + self.search.memory_bytes()
            + waiting.sum::<usize>()
            + self.failures.memory_bytes()
            + held.sum::<usize>()
    }

    /// Searches on, by rows alone.
    pub fn advance(
        &mut self,
        rules: &StreamRules,
        search_rules: &SearchRules<'_>,
        looks: &mut Looks<'_, '_>,
    ) -> Result<(), SearchError> {
        let mut failures = std::mem::take(&mut self.failures);
        let is_of_start = rules.fails_by_start();
        let mut decision = RowsDecide { failed: &mut failures, is_of_start };
        let found = self.advance_by(rules, search_rules, &mut decision, |_, _| (), looks);
        self.failures = failures;
        found
    }

    /// Whether it keeps the columns of conditions: of few rows it takes as long to read them again.
    pub fn keeps_columns(&self) -> bool {
        self.columns.is_some() || self.rows.len() as u64 >= 2 * FEW_ROWS
    }

    /// Searches on, with conditions that read the match so far.
    pub fn advance_with(
        &mut self,
        rules: &StreamRules,
        search_rules: &SearchRules<'_>,
        decision: &mut MatchDecides<'_>,
        looks: &mut Looks<'_, '_>,
    ) -> Result<(), SearchError> {
        self.advance_by(rules, search_rules, decision, MatchDecides::number, looks)
    }

    /// Searches on, with conditions that read the match so far, whose columns of all kept rows are kept here; `spare` is what a match
    /// so far may be made of.
    pub fn advance_by_kept(
        &mut self,
        rules: &StreamRules,
        search_rules: &SearchRules<'_>,
        of_match: &MatchRules<'_>,
        read: ReadRows,
        spare: &mut Option<MatchSoFar<'static>>,
        looks: &mut Looks<'_, '_>,
    ) -> Result<(), SearchError> {
        let mut kept = self.columns.take().unwrap_or_default();
        kept.add(&of_match.conditions.columns, read, &self.rows);
        let (so_far, bounds) = (kept.so_far.take().or_else(|| spare.take()), (0, kept.len()));
        let mut decision = match so_far {
            Some(so_far) => {
                MatchDecides::going_on(of_match, kept.columns(), bounds, kept.first(), so_far, looks.budget)?
            }
            None => MatchDecides::new(of_match, kept.columns(), bounds, kept.first()),
        };
        self.advance_by(rules, search_rules, &mut decision, MatchDecides::number, looks)?;
        let mut so_far = decision.into_so_far(looks.budget);
        if self.search.path_len() > 0 {
            kept.so_far = Some(so_far);
        } else if of_match.is_alike_everywhere() {
            so_far.begin(NO_START);
            *spare = Some(so_far);
        }
        let needed = self.searched().saturating_sub(rules.match_before);
        if needed + FEW_ROWS < self.rows.end() {
            kept.forget_before(needed);
            self.columns = Some(kept);
        }
        Ok(())
    }

    /// Whether the columns of conditions are those of all rows.
    pub fn has_columns(&self) -> bool {
        self.columns.as_ref().map_or(self.rows.end() == 0, |columns| columns.reach_to(self.rows.end()))
    }

    /// Bytes of the columns of conditions.
    pub fn columns_bytes(&self) -> usize {
        self.columns.as_ref().map_or(0, |columns| columns.memory_bytes())
    }

    /// The number of the first row that a search begins at.
    pub fn searched(&self) -> u64 {
        self.waiting.first().map_or(self.head, |search| search.start.min(self.head))
    }

    fn advance_by<D: Decision>(
        &mut self,
        rules: &StreamRules,
        search_rules: &SearchRules<'_>,
        decision: &mut D,
        number: impl Fn(&mut D, i64),
        looks: &mut Looks<'_, '_>,
    ) -> Result<(), SearchError> {
        if rules.each_when_certain {
            return self.advance_each(search_rules, decision, looks);
        }
        let end = self.partition_end();
        while self.head < self.rows.end() && self.failed.is_none() {
            if search_rules.begins.is_some_and(|begins| self.rows.holds_none_of(self.head, begins)) {
                // No match begins at the row, which decides that itself, as it does where a search fails at its first row.
                looks.step(1)?;
                self.decided_by.row = self.decided_by.row.max(self.head);
                self.pass(rules, self.head + 1);
                continue;
            }
            number(decision, self.matches + 1);
            if self.search.start != self.head {
                self.search.restart(self.head);
            }
            match self.search.run(&self.rows, end, search_rules, decision, &mut self.decided_by, looks)? {
                SearchOutcome::Waits => return Ok(()),
                SearchOutcome::Nothing => self.pass(rules, self.head + 1),
                SearchOutcome::Found => self.found(rules),
            }
        }
        self.search.restart(self.head);
        Ok(())
    }

    /// Goes on with all searches, as each match is given when it alone is certain.
    fn advance_each<D: Decision>(
        &mut self,
        rules: &SearchRules<'_>,
        decision: &mut D,
        looks: &mut Looks<'_, '_>,
    ) -> Result<(), SearchError> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut kept = Vec::new();
        let mut searches = waiting.drain(..);
        while let Some(mut search) = searches.next().or_else(|| {
            let start = self.head;
            self.head = self.rows.end().min(start + 1);
            (start < self.rows.end()).then(|| WaitingSearch::at(start))
        }) {
            let mut decided_by = DecidedBy::from_row(search.start);
            let found = search.run(&self.rows, self.partition_end(), rules, decision, &mut decided_by, looks);
            self.decided_by = self.decided_by.max(decided_by);
            match found {
                Ok(SearchOutcome::Waits) => kept.push(search),
                Ok(SearchOutcome::Nothing) => {}
                Ok(SearchOutcome::Found) => {
                    self.matches += 1;
                    let (start, positions) = (search.start, search.found());
                    let (number, by, covered) = (self.matches, decided_by, self.covered);
                    self.held.push_back(Decided { start, number, positions, by, covered });
                }
                Err(error) => {
                    kept.push(search);
                    kept.extend(searches);
                    self.waiting = kept;
                    return Err(error);
                }
            }
        }
        self.waiting = kept;
        Ok(())
    }

    fn partition_end(&self) -> PartitionEnd {
        PartitionEnd { ended: self.ended, time: self.ended_at }
    }

    /// The head's match was found.
    fn found(&mut self, rules: &StreamRules) {
        let start = self.head;
        let positions = self.search.found();
        let end = start + positions.len() as u64;
        self.matches += 1;
        let (number, by, covered) = (self.matches, self.decided_by, self.covered);
        let decided = Decided { start, number, positions, by, covered };
        if decided.positions.is_empty() {
            if rules.empty_takes_row {
                self.covered = self.covered.max(start + 1);
            }
            self.held.push_back(decided);
            self.pass(rules, start + 1);
            return;
        }
        self.covered = self.covered.max(end);
        let next = next_start(rules, &decided);
        match next {
            Ok(next) => {
                self.held.push_back(decided);
                self.pass(rules, next);
            }
            Err(error) => {
                self.failed = Some((error, decided));
                self.matches -= 1;
            }
        }
    }

    /// Moves the head on; rows that it passes, and that are in no match, are given.
    fn pass(&mut self, rules: &StreamRules, next: u64) {
        if rules.unmatched {
            for row in self.head.max(self.covered)..next {
                let (by, covered) = (self.decided_by, self.covered);
                let positions = Positions::default();
                self.held.push_back(Decided { start: row, number: 0, positions, by, covered });
            }
        }
        self.head = next;
    }
}
