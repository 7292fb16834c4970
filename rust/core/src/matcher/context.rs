//! What a pass needs to look things up.

use super::compiled::Compiled;
use super::tables::Tables;
use crate::automaton::Automaton;
use crate::budget::{Budget, Stopped, Tick};
use crate::rows::Symbols;

/// The pattern, the rows, and the caller's tables and limits.
pub struct Context<'a> {
    /// The compiled pattern.
    pub automaton: &'a Automaton,
    /// The rows.
    pub symbols: &'a Symbols,
    /// The caller's own; they must have adopted the rows' symbols.
    pub tables: &'a mut Tables,
    /// What the whole search may take.
    pub budget: &'a Budget,
    /// Whether the caller asks for an end.
    pub tick: &'a mut Tick<'a>,
}

/// Work since the last look at the limits.
#[derive(Debug, Clone, Default)]
pub struct SinceLook(usize);

impl SinceLook {
    /// Counts some work, and looks at the limits where there was so much since the last look.
    #[inline]
    pub fn add(&mut self, context: &mut Context<'_>, work: usize, work_a_look: usize) -> Result<(), Stopped> {
        self.0 += work;
        if self.0 >= work_a_look {
            self.0 = 0;
            context.check()?;
        }
        Ok(())
    }
}

impl<'a> Context<'a> {
    /// Of a pattern and rows.
    pub fn new(
        compiled: &'a Compiled,
        symbols: &'a Symbols,
        tables: &'a mut Tables,
        budget: &'a Budget,
        tick: &'a mut Tick<'a>,
    ) -> Self {
        Self { automaton: &compiled.automaton, symbols, tables, budget, tick }
    }

    /// Looks at the limits, and at whether the caller asks for an end. To be called after [`Tables::rows_a_look`] rows.
    pub fn check(&mut self) -> Result<(), Stopped> {
        self.budget.check()?;
        (self.tick)()
    }
}
