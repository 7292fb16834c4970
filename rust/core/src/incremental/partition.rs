//! A partition of which rows may still come.

use std::collections::VecDeque;

use super::decision::{MatchDecides, RowsDecide};
use super::failed_ways::FailedWays;
use super::kept_rows::KeptRows;
use super::rules::StreamRules;
use super::search::{Decision, Looks, SearchOutcome, SearchRules, WaitingSearch};
use crate::matcher::SearchError;
use crate::rows::{NARROW, Skip, SkipError, Span, Target, VariableSet};

/// A match that is certain, or a row that is certainly in none.
#[derive(Debug)]
pub(super) struct Decided {
    /// The number of its first row.
    pub start: u64,
    /// The match's number in its partition, from 1; 0 for a row in no match.
    pub number: i64,
    /// The positions of its rows.
    pub positions: Box<[u32]>,
    /// The number of the row that decided it; the one behind the last where the clock or the end did.
    pub deciding_row: u64,
    /// The number behind the last row of matches before it.
    pub covered: u64,
}

impl Decided {
    /// The number of the row behind the last.
    pub fn end(&self) -> u64 {
        self.start + self.positions.len() as u64
    }

    /// The number of the row behind the last one that is shown.
    pub fn shown_end(&self) -> u64 {
        self.end().max(self.start + 1)
    }

    /// The number of the row behind the last one that is read.
    pub fn read_end(&self, rules: &StreamRules) -> u64 {
        self.shown_end() + if self.number > 0 { rules.match_behind } else { 0 }
    }
}

/// The state of a partition before rows were added that may have to be taken back.
#[derive(Debug, Default)]
struct BeforeStep {
    is_new: bool,
    end: u64,
    head: u64,
    covered: u64,
    matches: i64,
    reach: u64,
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
    /// The number of the first row at which it is not decided whether a match begins.
    pub head: u64,
    /// The number behind the last row that is in a match.
    pub covered: u64,
    /// How many matches it had.
    pub matches: i64,
    /// No row comes any more.
    pub ended: bool,
    /// A match had nowhere to skip to.
    pub failed: Option<SkipError>,
    /// The time past which it is looked at again, as is noted; the largest number where nothing is.
    pub looked_at: i64,
    /// What is decided and not yet given.
    pub held: VecDeque<Decided>,
    search: WaitingSearch,
    /// Searches of rows before the head, where matches are given each when it is certain.
    waiting: Vec<WaitingSearch>,
    failures: FailedWays,
    /// The number of the furthest row that was looked at.
    reach: u64,
    before: BeforeStep,
}

impl OpenPartition {
    pub fn new(key: &[u8], rules: &StreamRules) -> Self {
        Self {
            key: key.into(),
            last_key: None,
            rows: KeptRows::new(rules.variables <= NARROW),
            head: 0,
            covered: 0,
            matches: 0,
            ended: false,
            failed: None,
            looked_at: i64::MAX,
            held: VecDeque::new(),
            search: WaitingSearch::default(),
            waiting: Vec::new(),
            failures: FailedWays::default(),
            reach: 0,
            before: BeforeStep { is_new: true, ..BeforeStep::default() },
        }
    }

    /// Goes on with the search from these rows, as it was before it was stored.
    pub fn resume_from(&mut self, head: u64, covered: u64, matches: i64, waiting: &[u64]) {
        (self.head, self.covered, self.matches) = (head, covered, matches);
        self.search.restart(head);
        self.waiting = waiting.iter().map(|&start| WaitingSearch::at(start)).collect();
        // What was looked at was decided before.
        self.reach = self.rows.end();
    }

    /// Notes the state before rows are added that may have to be taken back.
    pub fn note_before(&mut self, horizon: u64) {
        let first = self.rows.end().saturating_sub(horizon).max(self.rows.first());
        self.before = BeforeStep {
            is_new: self.before.is_new,
            end: self.rows.end(),
            head: self.head,
            covered: self.covered,
            matches: self.matches,
            reach: self.reach,
            held: self.held.len(),
            waiting: self.waiting.iter().map(|search| search.start).collect(),
            sets: (first..self.rows.end()).map(|row| self.rows.set(row)).collect(),
            last_key: self.last_key,
        };
    }

    /// Takes back the rows that were added last, and what followed from them; false where the partition was new.
    pub fn undo(&mut self) -> bool {
        let before = std::mem::take(&mut self.before);
        self.rows.truncate(before.end);
        let first = before.end.saturating_sub(before.sets.len() as u64);
        (first..).zip(before.sets).for_each(|(row, set)| self.rows.set_again(row, set));
        self.resume_from(before.head, before.covered, before.matches, &before.waiting);
        (self.reach, self.last_key) = (before.reach, before.last_key);
        self.held.truncate(before.held);
        (self.failed, self.ended) = (None, false);
        self.failures.clear();
        !before.is_new
    }

    /// Whether none of its rows was kept yet.
    pub fn is_new(&self) -> bool {
        self.before.is_new
    }

    /// What came is kept from now on.
    pub fn keep(&mut self) {
        self.before = BeforeStep::default();
    }

    /// The number of the first row of a match that is open, or of one that is not given yet; the row behind the last otherwise.
    pub fn first_pending(&self) -> u64 {
        let searched = self.waiting.first().map_or(self.head, |search| search.start.min(self.head));
        self.held.front().map_or(searched, |held| searched.min(held.start))
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
        self.first_pending() >= self.rows.end()
    }

    /// The first number of the rows to be kept.
    pub fn keep_from(&self, rules: &StreamRules) -> u64 {
        let of_matches = self.first_pending().saturating_sub(rules.match_before);
        // Of a partition that is remembered its last row says which one it is.
        let tail = rules.tail().max(u64::from(rules.remembers()));
        of_matches.min(self.rows.end().saturating_sub(tail))
    }

    /// The latest key that its next row may have: without one it ends when time is past that, and a row behind it begins another
    /// partition. None where that is not limited.
    pub fn rows_until(&self, rules: &StreamRules) -> Option<i64> {
        self.last_key.zip(rules.idle).map(|(last, idle)| last.saturating_add(idle))
    }

    /// Whether something would be kept of it if it had not ended.
    pub fn was_open(&self, rules: &StreamRules) -> bool {
        let end = self.rows.end();
        rules.remembers() || self.reach >= end || self.held.iter().any(|held| held.read_end(rules) > end)
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

    /// Bytes on the heap, and its own.
    pub fn memory_bytes(&self) -> usize {
        let held = self.held.iter().map(|held| held.positions.len() * size_of::<u32>() + size_of::<Decided>());
        let waiting = self.waiting.iter().map(|search| search.memory_bytes() + size_of::<WaitingSearch>());
        size_of::<Self>()
            + self.key.len()
            + self.rows.memory_bytes()
            + self.search.memory_bytes()
            + waiting.sum::<usize>()
            + self.failures.memory_bytes()
            + held.sum::<usize>()
    }

    /// Searches on, by rows alone.
    pub fn advance(
        &mut self,
        rules: &StreamRules,
        clock: Option<i64>,
        looks: &mut Looks<'_, '_>,
    ) -> Result<(), SearchError> {
        let mut failures = std::mem::take(&mut self.failures);
        let is_of_start = rules.fails_by_start();
        let mut decision = RowsDecide { failed: &mut failures, is_of_start };
        let found = self.advance_by(rules, clock, &mut decision, |_, _| (), looks);
        self.failures = failures;
        found
    }

    /// Searches on, with conditions that read the match so far; the kept rows are these of their columns.
    pub fn advance_with(
        &mut self,
        rules: &StreamRules,
        clock: Option<i64>,
        decision: &mut MatchDecides<'_>,
        bounds: (usize, usize),
        looks: &mut Looks<'_, '_>,
    ) -> Result<(), SearchError> {
        decision.enter(bounds, self.rows.first());
        self.advance_by(rules, clock, decision, MatchDecides::number, looks)
    }

    fn advance_by<D: Decision>(
        &mut self,
        rules: &StreamRules,
        clock: Option<i64>,
        decision: &mut D,
        number: impl Fn(&mut D, i64),
        looks: &mut Looks<'_, '_>,
    ) -> Result<(), SearchError> {
        let search_rules = SearchRules {
            automaton: &rules.automaton,
            horizons: &rules.horizons,
            widths: &rules.widths,
            longest: rules.longest,
            clock,
        };
        if rules.each_when_certain {
            return self.advance_each(&search_rules, decision, looks);
        }
        while self.head < self.rows.end() && self.failed.is_none() {
            number(decision, self.matches + 1);
            if self.search.start != self.head {
                self.search.restart(self.head);
            }
            match self.search.run(&self.rows, self.ended, &search_rules, decision, &mut self.reach, looks)? {
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
            let mut reach = search.start;
            let found = search.run(&self.rows, self.ended, rules, decision, &mut reach, looks);
            self.reach = self.reach.max(reach);
            match found {
                Ok(SearchOutcome::Waits) => kept.push(search),
                Ok(SearchOutcome::Nothing) => {}
                Ok(SearchOutcome::Found) => {
                    self.matches += 1;
                    let (start, positions) = (search.start, search.found());
                    let (number, covered) = (self.matches, self.covered);
                    self.held.push_back(Decided { start, number, positions, deciding_row: reach, covered });
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

    /// The head's match was found.
    fn found(&mut self, rules: &StreamRules) {
        let start = self.head;
        let positions = self.search.found();
        let end = start + positions.len() as u64;
        self.matches += 1;
        let (number, deciding_row, covered) = (self.matches, self.reach, self.covered);
        let decided = Decided { start, number, positions, deciding_row, covered };
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
                self.failed = Some(error);
                self.matches -= 1;
            }
        }
    }

    /// Moves the head on; rows that it passes, and that are in no match, are given.
    fn pass(&mut self, rules: &StreamRules, next: u64) {
        if rules.unmatched {
            for row in self.head.max(self.covered)..next {
                let (deciding_row, covered) = (self.reach, self.covered);
                let positions = Box::default();
                self.held.push_back(Decided { start: row, number: 0, positions, deciding_row, covered });
            }
        }
        self.head = next;
    }
}

fn next_start(rules: &StreamRules, found: &Decided) -> Result<u64, SkipError> {
    let (start, end) = (found.start as usize, found.end() as usize);
    let mut target = Target::default();
    if let Skip::ToFirst(variables) | Skip::ToLast(variables) = &rules.skip {
        for (row, &position) in (start..).zip(&found.positions) {
            if variables.contains(rules.automaton.variable(position)) {
                target.note(row);
            }
        }
    }
    let next = rules.skip.next_start(start, end, target);
    let span = Span { partition: 0, number: found.number as usize, start, end };
    next.map(|next| next as u64).map_err(|problem| SkipError { problem, span })
}
