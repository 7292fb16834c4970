//! How the match that begins at a row is found: once by the automaton alone, once by going back.

use super::backward::BackwardPass;
use super::context::Context;
use super::error::SearchError;
use super::output::Output;
use super::sink::Sink;
use crate::budget::{Budget, Stopped};
use crate::rows::{Skip, Target};

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

/// Finds the match that begins at a row. Partitions, starts, skipping and numbers are the business of [`super::Scan`].
pub trait Strategy {
    /// Where the search goes on behind a match.
    fn skip(&self) -> &Skip;

    /// Rows will be of this partition: its first row, and the row behind its last.
    fn begin_partition(&mut self, context: &mut Context<'_>, begin: usize, end: usize) -> Result<(), Stopped>;

    /// Finds the preferred match that begins at a row, adds its rows to the output, and notes where the variables of the skip stand
    /// in it. Gives the row behind its last, which is its start where it is empty; None where there is no match.
    fn match_at<S: Sink>(
        &mut self,
        context: &mut Context<'_>,
        backward: &mut BackwardPass,
        candidate: Candidate,
        output: &mut Output<'_, S>,
        target: &mut Target,
    ) -> Result<Option<usize>, SearchError>;

    /// Takes back what was charged, before it is dropped.
    fn release(&mut self, budget: &Budget);
}
