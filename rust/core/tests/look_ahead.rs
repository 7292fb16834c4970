//! How many rounds a search takes, and how long by what a round was measured to take.

#[path = "support/computed.rs"]
mod computed;

use computed::{ABOVE_A, Query, SUM, saw};
use rowpattern_core::backtrack::REQUESTS_A_ROUND;
use rowpattern_core::budget::Budget;

/// What the callbacks of a search were.
#[derive(Debug, Default)]
struct Asked {
    callbacks: usize,
    requests: usize,
    most: usize,
    /// Milliseconds, where one takes 1.13 for up to 100 requests and 3.7 for 10,000.
    cost: f64,
}

/// Searches in rounds, compares with the search at once, and counts.
fn asked(query: &Query) -> Asked {
    let mut asked = Asked::default();
    let found = query.in_rounds(&Budget::unlimited(), |requests, _, _| {
        asked.callbacks += 1;
        asked.requests += requests.len();
        asked.most = asked.most.max(requests.len());
        asked.cost += 1.13 + (3.7 - 1.13) * requests.len().saturating_sub(100) as f64 / 9_900.0;
        Ok(())
    });
    assert_eq!(found, query.at_once());
    assert!(!found.0.starts.is_empty(), "{query:?}");
    asked
}

#[test]
fn one_partition_needs_few_rounds_however_long_matches_are() {
    for period in [2, 3, 10, 30, 50, 70, 100, 300, 1_000, 3_000] {
        let rows = (10 * period).max(6_000);
        let query = Query::new("A B+", &ABOVE_A, saw(rows, period), vec![rows]);
        let asked = asked(&query);
        let speed = rows as f64 / asked.cost * 1_000.0;
        println!("matches of {period} rows: {asked:?}, {speed:.0} rows/s");
        assert!(asked.most <= REQUESTS_A_ROUND);
        assert!(speed > 30_000.0, "matches of {period} rows: {asked:?}");
    }
}

#[test]
fn starts_at_which_matches_fail_are_looked_ahead_too() {
    // B fails behind each start but the last but one; A is the start.
    let rows = 6_000;
    let mut column: Vec<i64> = (0..rows).rev().collect();
    column.push(9_999);
    let query = Query::new("A B", &ABOVE_A, column, vec![rows as usize + 1]);
    let asked = asked(&query);
    assert!(asked.callbacks <= 12, "{asked:?}");
    assert!(rows as f64 / asked.cost * 1_000.0 > 30_000.0, "{asked:?}");
}

#[test]
fn rows_that_aggregates_take_are_looked_ahead() {
    let rows = 6_000;
    let query = Query::new("A B+", &[None, Some(SUM), None], vec![1; rows], vec![rows]);
    let asked = asked(&query);
    // The sum stays below 9 for 8 rows.
    assert!(asked.callbacks <= 40, "{asked:?}");
    assert!(rows as f64 / asked.cost * 1_000.0 > 30_000.0, "{asked:?}");
}

#[test]
fn many_partitions_share_rounds() {
    for (partitions, rows, period) in [(10_000, 20, 3), (10_000, 20, 10), (1_000, 200, 20)] {
        let query = Query::new("A B+", &ABOVE_A, saw(partitions * rows, period), vec![rows; partitions]);
        let asked = asked(&query);
        let speed = (partitions * rows) as f64 / asked.cost * 1_000.0;
        println!("{partitions} partitions of {rows}, matches of {period} rows: {asked:?}, {speed:.0} rows/s");
        assert!(asked.most <= REQUESTS_A_ROUND);
        assert!(speed > 500_000.0, "matches of {period} rows: {asked:?}");
    }
}
