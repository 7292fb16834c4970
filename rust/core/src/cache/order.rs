//! Places in the order of a number that each has: the tick of its last use, or its deadline.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// A place and its number.
type Numbered = (u64, u32);

/// Places in ascending order of their numbers.
///
/// Numbers mostly come in order (a new entry is used last and expires last), so a queue holds them: O(1). Those that do not
/// go to a heap: O(log n). Nothing is taken from the middle: a place that has another number now is an item out of date,
/// which the reader passes over and [`Order::retain`] drops.
#[derive(Default)]
pub struct Order {
    queue: VecDeque<Numbered>,
    others: BinaryHeap<Reverse<Numbered>>,
}

impl Order {
    /// Adds a place.
    pub fn push(&mut self, number: u64, place: u32) {
        if self.queue.back().is_none_or(|&(last, _)| last <= number) {
            self.queue.push_back((number, place));
        } else if self.queue.front().is_some_and(|&(first, _)| first > number) && self.others.is_empty() {
            self.queue.push_front((number, place));
        } else {
            self.others.push(Reverse((number, place)));
        }
    }

    /// The place with the least number.
    pub fn first(&self) -> Option<Numbered> {
        match (self.queue.front(), self.others.peek()) {
            (Some(&one), Some(&Reverse(other))) => Some(one.min(other)),
            (Some(&one), None) => Some(one),
            (None, other) => other.map(|&Reverse(other)| other),
        }
    }

    /// Takes the place with the least number.
    pub fn pop(&mut self) -> Option<Numbered> {
        let first = self.first()?;
        if self.queue.front() == Some(&first) { self.queue.pop_front() } else { self.others.pop().map(|item| item.0) }
    }

    /// How many there are, items out of date included.
    pub fn len(&self) -> usize {
        self.queue.len() + self.others.len()
    }

    /// Keeps the items that are not out of date.
    pub fn retain(&mut self, mut is_current: impl FnMut(u64, u32) -> bool) {
        self.queue.retain(|&(number, place)| is_current(number, place));
        self.others.retain(|&Reverse((number, place))| is_current(number, place));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Order;

    proptest! {
        #[test]
        fn pops_in_order(steps in prop::collection::vec(prop::option::of(0..50_u64), 0..200)) {
            let mut order = Order::default();
            let mut model = Vec::new();
            for (at, step) in steps.into_iter().enumerate() {
                if let Some(number) = step {
                    order.push(number, at as u32);
                    model.push((number, at as u32));
                    model.sort_unstable();
                } else {
                    let first = (!model.is_empty()).then(|| model.remove(0));
                    prop_assert_eq!(order.first(), first);
                    prop_assert_eq!(order.pop(), first);
                }
                prop_assert_eq!(order.len(), model.len());
            }
        }
    }
}
