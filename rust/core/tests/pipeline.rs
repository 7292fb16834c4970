//! What a pipeline answers is what its steps answer one after another, wherever stretches and threads are cut.

#[path = "support/random_patterns.rs"]
mod random_patterns;

use std::time::Duration;

use proptest::prelude::*;
use random_patterns::{cases, pattern_and_rows};
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::expression::{Before, ColumnTable, Expression, RowCondition, Type, ValueColumn, keep_conditions};
use rowpattern_core::matcher::{Block, Compiled, Search, Sink};
use rowpattern_core::measures::{
    ChunkValues, ChunkedColumn, ColumnChunk, FoundMatches, ItemRead, MatchItems, Navigation, OrderedRows,
    PartitionRows, ReadOutput, Reference, ShownItems, TakenColumn, TakenValues, read_items,
};
use rowpattern_core::order::{KeyChunk, KeyValues, OrderCheck, SortKey};
use rowpattern_core::pipeline::{Pipeline, PipelineOutcome};
use rowpattern_core::rows::{At, Partitions, Skip, SymbolsBuilder, VariableSet};

/// All that a search finds.
#[derive(Default)]
struct Found {
    variables: Vec<u8>,
    starts: Vec<i64>,
    ends: Vec<i64>,
    matches: i64,
}

impl Sink for Found {
    const ROWS: bool = true;

    fn add(&mut self, block: Block<'_>, _: &Budget) -> Result<(), Stopped> {
        self.variables.extend_from_slice(block.variables);
        self.starts.extend_from_slice(block.starts);
        self.ends.extend_from_slice(block.ends);
        Ok(())
    }

    fn add_partition(&mut self, _: usize, matches: usize, _: &Budget) -> Result<(), Stopped> {
        self.matches += matches as i64;
        Ok(())
    }

    fn join(&mut self, _: Self, _: &Budget, _: &mut rowpattern_core::budget::Tick<'_>) -> Result<(), Stopped> {
        Ok(())
    }
}

/// A row is mapped to A where its first bit is set, to B where the second bit of the row before is, to C where the third bit of the
/// row behind is.
fn conditions(compiled: &Compiled) -> Vec<RowCondition> {
    let types = [Type::Boolean; 3];
    let of = |(number, name): (usize, &String)| {
        let column = usize::from(name.as_bytes()[0] - b'A');
        let at = At { set: None, first: false, offset: 0, rows: [0, -1, 1][column] };
        RowCondition::new(number as u8, &Expression::read(Type::Boolean, column, at), &types).unwrap()
    };
    compiled.variables.iter().enumerate().map(of).collect()
}

fn navigation(variables: Option<VariableSet>, first: bool, offset: usize, rows: i64) -> Navigation {
    Navigation { variables, first, offset, rows, running: false }
}

/// What is asked of each match.
fn reads<'a>(numbers: &'a ChunkedColumn<'a>, compiled: &Compiled) -> Vec<ItemRead<'a>> {
    let a = compiled.variable("A").map_or(VariableSet::NONE, VariableSet::of);
    let plain = |reference, output| ItemRead { reference, through_order: false, output };
    vec![
        plain(Reference::OwnRow, ReadOutput::Numbers),
        plain(Reference::Row(navigation(Some(a), false, 0, 0)), ReadOutput::Values(numbers)),
        plain(Reference::Row(navigation(None, true, 1, 0)), ReadOutput::Exists),
        plain(Reference::Row(navigation(None, false, 0, 1)), ReadOutput::Values(numbers)),
        plain(Reference::Row(navigation(None, true, 0, -2)), ReadOutput::Numbers),
        plain(Reference::Classifier(navigation(None, false, 0, 0)), ReadOutput::Numbers),
        plain(Reference::Count { variables: a, running: false }, ReadOutput::Numbers),
    ]
}

fn step_by_step(
    compiled: &Compiled,
    table: ColumnTable<'_>,
    conditions: &[RowCondition],
    skip: Skip,
    reads: &[ItemRead<'_>],
) -> Vec<TakenColumn> {
    let (budget, mut tick) = (Budget::unlimited(), || Ok(()));
    let mut symbols = SymbolsBuilder::new(compiled.variables.len(), table.rows, &budget).unwrap();
    keep_conditions(&mut symbols, &[table], conditions, Before::Nothing, 1, &budget, &mut tick).unwrap();
    let mut symbols = symbols.finish(&budget).unwrap();
    let search = Search::new(compiled, &mut symbols, table.partitions, 1, &budget);
    let (found, _) = search.run(skip, |_, _| Found::default(), &mut tick).into_result();
    let found = found.unwrap();
    let found = FoundMatches {
        starts: &found.starts,
        ends: &found.ends,
        variables: &found.variables,
        excluded: &[],
        partitions: &[(0, found.matches)],
        first_numbers: &[],
        first_variables: compiled.ends.first,
        last_variables: compiled.ends.last,
    };
    let items = MatchItems::new(&found, ShownItems::Matches, table.rows, &budget, &mut tick).unwrap();
    let rows = OrderedRows { partitions: PartitionRows { starts: &[0], rows: table.rows }, order: None };
    read_items(&found, &items, &rows, reads, 1, &budget, &mut tick).unwrap()
}

/// The answer of a pipeline over rows whose keys are these; None where it is unsuited.
fn by_pipeline(pipeline: &Pipeline<'_>, threads: usize) -> Option<Vec<TakenColumn>> {
    let (budget, mut tick) = (Budget::unlimited(), || Ok(()));
    let tables = (0..threads).map(|_| pipeline.compiled.take_tables()).collect();
    let (ended, tables) = pipeline.run(tables, &budget, &mut tick);
    assert_eq!(tables.len(), threads);
    pipeline.compiled.give_back_all(tables);
    match ended.unwrap() {
        PipelineOutcome::Answered(columns, _) => Some(columns),
        PipelineOutcome::Unsuited => None,
    }
}

/// Whether two columns have the same values; what is written of long lists takes longer than to find them.
fn are_equal(one: &TakenColumn, other: &TakenColumn) -> bool {
    let values = match (&one.values, &other.values) {
        (TakenValues::Numbers(one), TakenValues::Numbers(other)) => one == other,
        (TakenValues::W8(one), TakenValues::W8(other)) => one == other,
        (one, other) => format!("{one:?}") == format!("{other:?}"),
    };
    values && format!("{:?}", one.valid) == format!("{:?}", other.valid)
}

fn check(text: &str, masks: &[u8], skip: Skip, stretch: usize, threads: usize) -> Result<(), TestCaseError> {
    let compiled = Compiled::new(text).unwrap();
    let rows = masks.len();
    let columns: Vec<ValueColumn<'_>> =
        (0..3).map(|bit| masks.iter().map(|mask| Some(mask >> bit & 1 == 1)).collect()).collect();
    let partitions = Partitions::one(rows);
    let table = ColumnTable { columns: &columns, rows, partitions: &partitions };
    let conditions = conditions(&compiled);
    if !Pipeline::serves(&compiled, skip, &[]) {
        return Ok(());
    }
    let numbers: Vec<u64> = (0..rows as u64).map(|row| row * row).collect();
    let numbers = ChunkedColumn::new(vec![ColumnChunk { rows, valid: None, values: ChunkValues::W8(&numbers) }]);
    let reads = reads(&numbers, &compiled);
    let mut keys: Vec<i64> = (0..rows as i64).map(|row| row / 2).collect();
    let expected = step_by_step(&compiled, table, &conditions, skip, &reads);
    let (budget, mut tick) = (Budget::unlimited(), || Ok(()));
    for is_in_order in [true, false] {
        if !is_in_order {
            keys[rows / 3] = rows as i64;
        }
        let chunk = KeyChunk { rows, valid: None, values: KeyValues::I64(&keys) };
        let keys = [SortKey { chunks: vec![chunk], descending: false, nulls_first: false }];
        let order = OrderCheck::new(&keys, &budget, &mut tick).unwrap().unwrap();
        let (compiled, order, conditions, reads) = (&compiled, &order, &conditions[..], &reads[..]);
        let pipeline = Pipeline { compiled, order, table, conditions, skip, reads, stretch };
        // With tables that know nothing, and with filled ones.
        for _ in 0..2 {
            let found = by_pipeline(&pipeline, threads);
            prop_assert_eq!(found.as_ref().map(Vec::len), is_in_order.then_some(expected.len()));
            for (column, wanted) in found.iter().flatten().zip(&expected) {
                prop_assert!(are_equal(column, wanted), "{column:?} {wanted:?}");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn stretches_answer_what_steps_answer(
        (text, rows) in pattern_and_rows(8..70),
        repeat in prop_oneof![5 => Just(1_usize), 2 => Just(12), 1 => Just(60)],
        stretch in prop::sample::select(vec![4_usize, 8, 12, 64, 256, 2000]),
        threads in 1_usize..4,
    ) {
        for skip in [Skip::PastLastRow, Skip::ToNextRow] {
            check(&text, &rows.repeat(repeat), skip, stretch, threads)?;
        }
    }
}

#[test]
fn what_rows_far_behind_decide_is_left_to_others() {
    let compiled = Compiled::new("A* B").unwrap();
    // Whether a match begins at the first row is known at the last one.
    let masks: Vec<u8> = (0..20_000).map(|row| if row == 19_998 { 3 } else { 1 }).collect();
    let columns: Vec<ValueColumn<'_>> =
        (0..3).map(|bit| masks.iter().map(|mask| Some(mask >> bit & 1 == 1)).collect()).collect();
    let partitions = Partitions::one(masks.len());
    let table = ColumnTable { columns: &columns, rows: masks.len(), partitions: &partitions };
    let (budget, mut tick) = (Budget::unlimited(), || Ok(()));
    let order = OrderCheck::new(&[], &budget, &mut tick).unwrap().unwrap();
    let conditions = conditions(&compiled);
    let (compiled, order, conditions, skip) = (&compiled, &order, &conditions[..], Skip::PastLastRow);
    let pipeline = Pipeline { compiled, order, table, conditions, skip, reads: &[], stretch: 1024 };
    assert!(by_pipeline(&pipeline, 1).is_none());
    assert!(by_pipeline(&pipeline, 2).is_none());
    assert!(by_pipeline(&Pipeline { stretch: 20_000, ..pipeline }, 1).is_some());
}

#[test]
fn limits_end_it() {
    let compiled = Compiled::new("A+ B").unwrap();
    let columns: Vec<ValueColumn<'_>> =
        (0..3).map(|bit| (0..50_000).map(|row| Some(row % 3 != bit)).collect()).collect();
    let partitions = Partitions::one(50_000);
    let table = ColumnTable { columns: &columns, rows: 50_000, partitions: &partitions };
    let conditions = conditions(&compiled);
    let reads = [ItemRead { reference: Reference::OwnRow, through_order: false, output: ReadOutput::Numbers }];
    let order = OrderCheck::new(&[], &Budget::unlimited(), &mut || Ok(())).unwrap().unwrap();
    let (compiled, order, conditions, skip) = (&compiled, &order, &conditions[..], Skip::PastLastRow);
    let pipeline = Pipeline { compiled, order, table, conditions, skip, reads: &reads, stretch: 4096 };
    let ended = |budget: Budget, tick: &mut rowpattern_core::budget::Tick<'_>| {
        let tables = vec![compiled.take_tables(), compiled.take_tables()];
        pipeline.run(tables, &budget, tick).0.map(drop)
    };
    assert_eq!(ended(Budget::new(Some(Duration::ZERO), None), &mut || Ok(())), Err(Stopped::TimeLimit));
    assert_eq!(ended(Budget::new(None, Some(20_000)), &mut || Ok(())), Err(Stopped::MemoryLimit));
    assert_eq!(ended(Budget::unlimited(), &mut || Err(Stopped::ByCaller)), Err(Stopped::ByCaller));
    assert_eq!(ended(Budget::unlimited(), &mut || Ok(())), Ok(()));
}
