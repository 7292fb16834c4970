//! One match after the other: an ordered depth-first search that waits where it needs a row that has not come.
//!
//! The path of the search is the most preferred way that may still succeed. So a match is certain exactly when the search reaches
//! Accept, and its path is all that has to be kept of a match that has begun.

use super::decided_match::DecidedBy;
use super::kept_rows::KeptRows;
use super::live::LiveAutomaton;
use super::positions::Positions;
use super::rules::{ConditionAhead, StreamRules};
use crate::automaton::ACCEPT;
use crate::budget::{Budget, Stopped, Tick};
use crate::matcher::SearchError;
use crate::rows::VariableSet;

/// Steps between two looks at the limits: about a tenth of a millisecond.
const STEPS_A_LOOK: usize = 1 << 12;

/// How many ways must fail from one start before they are noted: most searches hardly ever go back.
const FAILED_BEFORE_NOTES: u32 = 32;

/// What all searches of an advance go by.
#[derive(Clone, Copy)]
pub(super) struct SearchRules<'r> {
    pub automaton: &'r LiveAutomaton,
    /// By variable, how many rows behind its own its condition reads (NEXT): so long it is not known.
    pub horizons: &'r [u64],
    /// By variable, the values ahead that its condition reads: it is not known before these have come.
    pub ahead: &'r [Vec<ConditionAhead>],
    /// By variable, how far behind the match's first row a row of it can be.
    pub widths: &'r [Option<i64>],
    /// Whether the longest match is taken, and not the most preferred one.
    pub longest: bool,
    /// No later row has a key below this.
    pub clock: Option<i64>,
    /// Whether conditions are known with their own row, nothing bounds matches, and the first that is found is taken.
    pub is_plain: bool,
    /// Where searches are plain, the variables that a match can begin with, a bit each; None where they are not plain, a match can be
    /// empty, or it can begin with a variable that is not among the first eight.
    pub begins: Option<u8>,
}

impl<'r> SearchRules<'r> {
    /// What follows from what is asked of every partition, at this time.
    pub fn new(rules: &'r StreamRules, clock: Option<i64>) -> Self {
        let is_plain =
            !rules.longest && !rules.keyed() && rules.longest_horizon() == 0 && rules.values_ahead().next().is_none();
        Self {
            automaton: &rules.automaton,
            horizons: &rules.horizons,
            ahead: &rules.conditions_ahead,
            widths: &rules.widths,
            longest: rules.longest,
            clock,
            is_plain,
            begins: rules.automaton.begins_with().filter(|_| is_plain),
        }
    }
}

/// Whether a partition has ended.
#[derive(Clone, Copy)]
pub(super) struct PartitionEnd {
    /// No row of it comes any more.
    pub ended: bool,
    /// The key behind which a row would have come too late for it, where that is why it has ended.
    pub time: Option<i64>,
}

/// Looks at the limits now and then.
pub(super) struct Looks<'l, 't> {
    pub budget: &'l Budget,
    pub tick: &'l mut Tick<'t>,
    pub steps: usize,
}

impl Looks<'_, '_> {
    #[inline]
    pub fn step(&mut self, steps: usize) -> Result<(), Stopped> {
        self.steps += steps;
        if self.steps >= STEPS_A_LOOK {
            self.steps = 0;
            self.budget.check()?;
            (self.tick)()?;
        }
        Ok(())
    }
}

/// Takes the rows of a path one after another, and gives them back.
pub(super) trait Decision {
    /// A search begins at a row.
    fn begin(&mut self, start: u64) -> Result<(), SearchError>;

    /// A search goes on that has waited.
    fn resume(&mut self, search: &WaitingSearch, looks: &mut Looks<'_, '_>) -> Result<(), SearchError>;

    /// Whether the next row can be mapped to a position; it is then.
    fn takes(&mut self, position: u32, variable: u8, row: u64, looks: &mut Looks<'_, '_>) -> Result<bool, SearchError>;

    /// The number of the last row that is mapped to one of some variables, which the row to come is not; None where none is. Where
    /// that is not known, the row to come.
    fn last_row(&self, variables: VariableSet, row: u64) -> Option<u64>;

    /// Takes the last row back.
    fn undo(&mut self);

    /// Notes that no way on succeeds from the last row, mapped to a position, in a match that begins at `start`.
    fn note_failed(
        &mut self,
        position: u32,
        row: u64,
        start: u64,
        looks: &mut Looks<'_, '_>,
    ) -> Result<(), SearchError>;
}

/// How far a search came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SearchOutcome {
    /// It needs a row that has not come.
    Waits,
    /// There is a match.
    Found,
    /// No match begins there, whatever rows come.
    Nothing,
}

/// A place in the search: what may come next follows from the position.
#[derive(Debug, Clone, Copy)]
struct TriedFollowers {
    /// The position of the row before; [`ACCEPT`] at the match's start.
    position: u32,
    /// How many of its followers were tried.
    tried: u32,
}

/// The search for the match that begins at a row.
#[derive(Debug, Default)]
pub(super) struct WaitingSearch {
    /// The row's number in its partition.
    pub start: u64,
    choices: Vec<TriedFollowers>,
    /// The positions of the longest match so far.
    longest: Option<Vec<u32>>,
    /// How many ways have failed.
    failed: u32,
}

impl WaitingSearch {
    /// Of a row.
    pub fn at(start: u64) -> Self {
        Self { start, ..Self::default() }
    }

    /// Begins with another row, in the same memory.
    pub fn restart(&mut self, start: u64) {
        self.start = start;
        self.choices.clear();
        self.longest = None;
        self.failed = 0;
    }

    /// How many rows the path has.
    pub fn path_len(&self) -> usize {
        self.choices.len().saturating_sub(1)
    }

    /// The positions of the path's rows.
    pub fn path(&self) -> impl ExactSizeIterator<Item = u32> {
        self.choices.iter().skip(1).map(|choices| choices.position)
    }

    /// The positions of the rows of the match that was found.
    pub fn found(&self) -> Positions {
        self.longest.as_ref().map_or_else(|| self.path().into(), |longest| longest.iter().copied().into())
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        let longest = self.longest.as_ref().map_or(0, Vec::capacity);
        self.choices.capacity() * size_of::<TriedFollowers>() + longest * size_of::<u32>()
    }

    /// Goes on until a match is found, or there is none, or a row is needed that has not come.
    ///
    /// What it has gone by is noted in `by`.
    pub fn run<D: Decision>(
        &mut self,
        rows: &KeptRows,
        end: PartitionEnd,
        rules: &SearchRules<'_>,
        decision: &mut D,
        by: &mut DecidedBy,
        looks: &mut Looks<'_, '_>,
    ) -> Result<SearchOutcome, SearchError> {
        let automaton = rules.automaton;
        let PartitionEnd { ended, time: ended_at } = end;
        let end = rows.end();
        let limit = rows.limit(self.start);
        // The latest key of a row that can be mapped to a variable in a match that begins here.
        let latest = |variable: u8| {
            let (key, bound) = limit?;
            let width = rules.widths.get(usize::from(variable)).copied().flatten();
            Some(width.map_or(bound, |width| bound.min(key.saturating_add(width))))
        };
        if self.choices.is_empty() {
            self.choices.push(TriedFollowers { position: ACCEPT, tried: 0 });
            decision.begin(self.start)?;
        } else {
            decision.resume(self, looks)?;
        }
        loop {
            looks.step(1)?;
            let row = self.start + self.path_len() as u64;
            let Some(here) = self.choices.last_mut() else { return Ok(SearchOutcome::Nothing) };
            let position = here.position;
            let list =
                if position == ACCEPT { automaton.start(self.start == 0) } else { automaton.followers(position) };
            let Some(&next) = list.get(here.tried as usize) else {
                if position == ACCEPT {
                    return Ok(if self.longest.is_some() { SearchOutcome::Found } else { SearchOutcome::Nothing });
                }
                if row == end && automaton.ends_only_there(position) {
                    if !ended {
                        return Ok(SearchOutcome::Waits);
                    }
                    by.end = true;
                    self.keep_longest(rules);
                    return Ok(SearchOutcome::Found);
                }
                self.failed += 1;
                if self.failed > FAILED_BEFORE_NOTES {
                    decision.note_failed(position, row - 1, self.start, looks)?;
                }
                decision.undo();
                self.choices.pop();
                continue;
            };
            if next == ACCEPT {
                here.tried += 1;
                if !rules.longest {
                    return Ok(SearchOutcome::Found);
                }
                self.keep_longest(rules);
                continue;
            }
            let variable = automaton.variable(next);
            // Nothing else than the row's own conditions can refuse it: the checks below would all pass.
            if rules.is_plain && row < end {
                by.row = by.row.max(row);
                let takes = rows.holds(row, variable) && decision.takes(next, variable, row, looks)?;
                here.tried += 1;
                if takes {
                    self.choices.push(TriedFollowers { position: next, tried: 0 });
                }
                continue;
            }
            if let Some(latest) = latest(variable) {
                // The row is too late, or each row to come is; not where the partition had ended before.
                let is_past = if row < end {
                    rows.limit(row).is_some_and(|(key, _)| key > latest)
                } else {
                    rules.clock.is_some_and(|clock| clock > latest) && ended_at.is_none_or(|ended_at| latest < ended_at)
                };
                if is_past {
                    by.time = by.time.max(Some(latest));
                    here.tried += 1;
                    continue;
                }
            }
            let near = row + rules.horizons.get(usize::from(variable)).copied().unwrap_or_default();
            let needed = near_and_ahead(rows, row, near, rules.ahead.get(usize::from(variable)), decision);
            if let Some(needed) = needed.filter(|&needed| needed < end) {
                by.row = by.row.max(needed);
            } else if !ended {
                return Ok(SearchOutcome::Waits);
            } else {
                by.end = true;
                if row == end {
                    here.tried += 1;
                    continue;
                }
            }
            // After an error the same follower is tried again: it may be that a value is computed meanwhile.
            let takes = rows.holds(row, variable) && decision.takes(next, variable, row, looks)?;
            here.tried += 1;
            if takes {
                self.choices.push(TriedFollowers { position: next, tried: 0 });
            }
        }
    }

    /// Keeps the path, where it is longer than what was found so far and the longest is asked for.
    fn keep_longest(&mut self, rules: &SearchRules<'_>) {
        if rules.longest && self.longest.as_ref().is_none_or(|longest| longest.len() < self.path_len()) {
            self.longest = Some(self.path().collect());
        }
    }
}

/// The last row by which a condition is known at a row: one near it, and those of the values ahead that the condition reads; None
/// where one of these has not come.
#[inline]
fn near_and_ahead<D: Decision>(
    rows: &KeptRows,
    row: u64,
    near: u64,
    ahead: Option<&Vec<ConditionAhead>>,
    decision: &D,
) -> Option<u64> {
    let mut needed = near;
    for each in ahead.into_iter().flatten() {
        let behind = each.variables.map_or(Some(row), |variables| decision.last_row(variables, row));
        // Where no row is mapped to them yet, the value is NULL.
        if let Some(behind) = behind {
            needed = needed.max(rows.value_behind(behind, each.value)?);
        }
    }
    Some(needed)
}
