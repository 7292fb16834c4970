//! How the match that begins at a row is found: once by the automaton alone, once by going back.

use super::backward::BackwardPass;
use super::context::Context;
use super::error::SearchError;
use super::memo::Ending;
use super::output::Output;
use super::sink::Sink;
use crate::budget::{Budget, Stopped};
use crate::rows::Skip;

/// A row at which, by the backward pass, a match may begin.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// The row.
    pub start: usize,
    /// The partition's first row.
    pub begin: usize,
    /// The row behind the partition's last.
    pub end: usize,
    /// The number that the match will have in its partition, from 1.
    pub number: usize,
    /// What the match begins with where rows alone decide ([`super::Tables::first_choice`]).
    pub choice: u32,
}

/// A candidate, and what is looked up to find the match that begins there.
pub struct Attempt<'p, 'c> {
    /// The rows, the tables and the limits.
    pub context: &'p mut Context<'c>,
    /// It has reached the row.
    pub backward: &'p mut BackwardPass,
    /// Where the match may begin.
    pub candidate: Candidate,
}

/// How the match ends that begins at a row; None where there is no match.
pub type MatchResult = Result<Option<Ending>, SearchError>;

/// Finds the match that begins at a row. Partitions, starts, skipping and numbers are the business of [`super::Scan`].
pub trait Strategy {
    /// Where the search goes on behind a match.
    fn skip(&self) -> &Skip;

    /// Rows will be of this partition: its first row, and the row behind its last.
    fn begin_partition(&mut self, context: &mut Context<'_>, begin: usize, end: usize) -> Result<(), Stopped>;

    /// Finds the preferred match that begins at a row, and adds its rows to the output. An empty match ends at its start.
    fn match_at<S: Sink>(&mut self, attempt: Attempt<'_, '_>, output: &mut Output<'_, S>) -> MatchResult;

    /// Takes back what was charged, before it is dropped.
    fn release(&mut self, budget: &Budget);
}
