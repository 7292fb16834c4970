//! Which rows that conditions name go on with the current row of the search.

use crate::expression::{Condition, Expression, Given, Operation};
use crate::rows::{At, VariableSet};

/// For what is computed elsewhere, by variable and expression: whether each argument goes on with the current row.
#[derive(Debug, Default)]
pub struct Follows(Vec<(u8, usize, Box<[bool]>)>);

impl Follows {
    /// Of the conditions of variables, by number.
    pub fn of_conditions(conditions: &[Option<Condition>], sets: &[VariableSet]) -> Self {
        let mut follows = Self::default();
        for (variable, condition) in (0..).zip(conditions) {
            if let Some(condition) = condition {
                follows.add(variable, condition.expression(), sets);
            }
        }
        follows
    }

    /// For an expression that a variable's condition asks for; empty where it has none.
    pub fn of(&self, variable: u8, expression: usize) -> &[bool] {
        let known = self.0.iter().find(|(of, number, _)| (*of, *number) == (variable, expression));
        known.map_or(&[], |(_, _, follows)| follows)
    }

    fn add(&mut self, variable: u8, part: &Expression, sets: &[VariableSet]) {
        if let Operation::Computed(number, given) = &part.operation {
            // The row that is tested is mapped to the variable, and so is the last one of each set with it.
            let grows = |set: Option<usize>| {
                set.is_none_or(|set| sets.get(set).is_some_and(|variables| variables.contains(variable)))
            };
            let follows = given.iter().map(|given| match given {
                Given::Row(At { set, first, .. }) => !first && grows(*set),
                Given::Rows(set) => grows(*set),
                Given::Value(_) => false,
            });
            self.0.push((variable, *number, follows.collect()));
        }
        part.for_each_part(|part| self.add(variable, part, sets));
    }
}
