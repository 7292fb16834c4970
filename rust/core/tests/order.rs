//! The order of rows beside the standard library's stable sort of the values themselves; of many rows, that each comes before the next.
//!
//! One file, as all tests make columns, and check their order, by the same code.

use std::cell::Cell;
use std::cmp::Ordering;
use std::sync::LazyLock;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::order::{
    BitSlice, Carried, KeyChunk, KeyTexts, KeyValues, LeftOut, OrderError, RowOrder, SortKey, order,
};

/// A column as its test has it.
#[derive(Debug, Clone)]
enum Column {
    Booleans(Vec<bool>),
    Small(Vec<i8>),
    Signed(Vec<i64>),
    Unsigned(Vec<u64>),
    Halved(Vec<i64>),
    Doubles(Vec<f64>),
    Wide(Vec<i128>),
    Texts(Vec<Vec<u8>>),
    Places(Vec<u8>, Vec<Option<Vec<u8>>>),
}

struct Listed<'l>(&'l [Vec<u8>]);

impl KeyTexts for Listed<'_> {
    fn bytes_of(&self, row: usize) -> Option<&[u8]> {
        self.0.get(row).map(Vec::as_slice)
    }
}

/// A value as it is compared.
#[derive(Debug, Clone, PartialEq)]
enum Value<'v> {
    Number(i128),
    Double(f64),
    Text(&'v [u8]),
}

fn compare_doubles(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

fn compare(one: &Value<'_>, other: &Value<'_>) -> Ordering {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.cmp(other),
        (Value::Double(one), Value::Double(other)) => compare_doubles(*one, *other),
        (Value::Text(one), Value::Text(other)) => one.cmp(other),
        _ => panic!("values of two types"),
    }
}

impl Column {
    fn value(&self, row: usize) -> Option<Value<'_>> {
        Some(match self {
            Self::Booleans(values) => Value::Number(values[row].into()),
            Self::Small(values) => Value::Number(values[row].into()),
            Self::Signed(values) => Value::Number(values[row].into()),
            Self::Unsigned(values) => Value::Number(values[row].into()),
            Self::Halved(values) => Value::Number((values[row] / 2).into()),
            Self::Doubles(values) => Value::Double(values[row]),
            Self::Wide(values) => Value::Number(values[row]),
            Self::Texts(values) => Value::Text(&values[row]),
            Self::Places(places, entries) => return entries[usize::from(places[row])].as_deref().map(Value::Text),
        })
    }
}

fn kinds(rows: usize) -> impl Strategy<Value = Column> {
    let texts = || {
        prop_oneof!["[ab]{0,3}", "x[ab\u{0}]{0,3}", "prefix of many bytes[ab\u{0}]{0,9}", ".{0,4}"]
            .prop_map(String::into_bytes)
    };
    prop_oneof![
        vec(any::<bool>(), rows).prop_map(Column::Booleans),
        vec(-2_i8..3, rows).prop_map(Column::Small),
        vec(prop_oneof![-3_i64..3, any::<i64>(), Just(i64::MIN), Just(i64::MAX)], rows).prop_map(Column::Signed),
        vec(prop_oneof![0_u64..3, any::<u64>(), Just(u64::MAX)], rows).prop_map(Column::Unsigned),
        vec(-5_i64..5, rows).prop_map(Column::Halved),
        vec(
            prop_oneof![any::<f64>(), Just(0.0), Just(-0.0), Just(f64::NAN), Just(-f64::NAN), Just(f64::INFINITY)],
            rows
        )
        .prop_map(Column::Doubles),
        (vec(-3_i64..9, rows), prop_oneof![2_i64..40, Just(1_000_000), Just(1 << 60)], -5_i64..5).prop_map(
            |(numbers, step, first)| Column::Signed(
                numbers.into_iter().map(|number| number.wrapping_mul(step).wrapping_add(first)).collect()
            )
        ),
        vec(prop_oneof![-3_i128..3, any::<i128>()], rows).prop_map(Column::Wide),
        vec(prop_oneof![-3_i128..3, Just(1_i128 << 70)], rows).prop_map(Column::Wide),
        vec((1_i128 << 90)..(1_i128 << 90) + 5, rows).prop_map(Column::Wide),
        vec(texts(), rows).prop_map(Column::Texts),
        (vec(0_u8..4, rows), vec(proptest::option::weighted(0.8, texts()), 4))
            .prop_map(|(places, entries)| Column::Places(places, entries)),
    ]
}

/// A key, with which rows are not NULL, and where the column is cut into two chunks.
#[derive(Debug, Clone)]
struct Asked {
    column: Column,
    valid: Option<Vec<bool>>,
    cut: usize,
    descending: bool,
    nulls_first: bool,
}

fn asked(rows: usize) -> impl Strategy<Value = Asked> {
    (kinds(rows), proptest::option::of(vec(any::<bool>(), rows)), 0..=rows, any::<bool>(), any::<bool>())
        .prop_map(|(column, valid, cut, descending, nulls_first)| Asked { column, valid, cut, descending, nulls_first })
}

impl Asked {
    fn value(&self, row: usize) -> Option<Value<'_>> {
        let is_valid = self.valid.as_ref().is_none_or(|valid| valid[row]);
        self.column.value(row).filter(|_| is_valid)
    }

    fn compare(&self, one: usize, other: usize) -> Ordering {
        match (self.value(one), self.value(other)) {
            (Some(one), Some(other)) => {
                let found = compare(&one, &other);
                if self.descending { found.reverse() } else { found }
            }
            (one, other) => {
                let found = one.is_none().cmp(&other.is_none());
                if self.nulls_first { found.reverse() } else { found }
            }
        }
    }
}

/// Bits, the first in the lowest bit of a byte, behind `before` others.
fn bits(flags: &[bool], before: usize) -> Vec<u8> {
    let mut bytes = vec![0; (flags.len() + before).div_ceil(8)];
    for (at, _) in flags.iter().enumerate().filter(|(_, flag)| **flag) {
        bytes[(at + before) / 8] |= 1 << ((at + before) % 8);
    }
    bytes
}

fn ordered(
    keys: &[Asked],
    partition_by: usize,
    rows: usize,
    threads: usize,
    left_out: Option<&LeftOut>,
    budget: &Budget,
) -> Result<Option<RowOrder>, OrderError> {
    let validity: Vec<_> = keys.iter().map(|key| key.valid.as_ref().map(|valid| bits(valid, 3))).collect();
    let booleans: Vec<_> = keys
        .iter()
        .map(|key| if let Column::Booleans(values) = &key.column { bits(values, 5) } else { Vec::new() })
        .collect();
    let texts: Vec<_> = keys
        .iter()
        .map(|key| match &key.column {
            Column::Texts(values) => [Listed(&values[..key.cut]), Listed(&values[key.cut..])],
            _ => [Listed(&[]), Listed(&[])],
        })
        .collect();
    let entries: Vec<_> = keys
        .iter()
        .map(|key| match &key.column {
            Column::Places(_, entries) => {
                let valid = bits(&entries.iter().map(Option::is_some).collect::<Vec<_>>(), 0);
                (valid, entries.iter().map(|entry| entry.clone().unwrap_or_default()).collect::<Vec<_>>())
            }
            _ => (Vec::new(), Vec::new()),
        })
        .collect();
    let entry_texts: Vec<_> = entries.iter().map(|(_, texts)| Listed(texts)).collect();
    let dictionaries: Vec<_> = entries
        .iter()
        .zip(&entry_texts)
        .map(|((valid, texts), listed)| KeyChunk {
            rows: texts.len(),
            valid: Some(BitSlice::new(valid, 0)),
            values: KeyValues::Texts(listed),
        })
        .collect();
    let of = |at: usize| {
        let key = &keys[at];
        let chunk = |number: usize| {
            let range = if number == 0 { 0..key.cut } else { key.cut..rows };
            let values = match &key.column {
                Column::Booleans(_) => KeyValues::Booleans(BitSlice::new(&booleans[at], 5 + range.start)),
                Column::Small(values) => KeyValues::I8(&values[range.clone()]),
                Column::Signed(values) => KeyValues::I64(&values[range.clone()]),
                Column::Unsigned(values) => KeyValues::U64(&values[range.clone()]),
                Column::Halved(values) => KeyValues::Divided(&values[range.clone()], 2),
                Column::Doubles(values) => KeyValues::F64(&values[range.clone()]),
                Column::Wide(values) => KeyValues::I128(&values[range.clone()]),
                Column::Texts(_) => KeyValues::Texts(&texts[at][number]),
                Column::Places(places, _) => {
                    KeyValues::Places(Box::new(KeyValues::U8(&places[range.clone()])), &dictionaries[at])
                }
            };
            let valid = validity[at].as_ref().map(|bytes| BitSlice::new(bytes, 3 + range.start));
            KeyChunk { rows: range.len(), valid, values }
        };
        SortKey { chunks: vec![chunk(0), chunk(1)], descending: key.descending, nulls_first: key.nulls_first }
    };
    let keys: Vec<_> = (0..keys.len()).map(of).collect();
    let bytes: Vec<_> = (0..rows).map(carried).collect();
    let carried = Carried { bytes: Some(&bytes), keys: true, left_out };
    order(&keys, partition_by, (rows, carried), threads, budget, &mut || Ok(()))
}

/// What a row carries.
fn carried(row: usize) -> u8 {
    (row % 251) as u8
}

fn check(keys: &[Asked], partition_by: usize, rows: usize, threads: usize) -> RowOrder {
    if rows < MANY {
        // Two of three rows, and all of some.
        let left_out = LeftOut(std::array::from_fn(|byte| byte % 3 > 0 || byte > 60));
        check_with(keys, partition_by, rows, threads, Some(&left_out));
    }
    check_with(keys, partition_by, rows, threads, None)
}

fn check_with(
    keys: &[Asked],
    partition_by: usize,
    rows: usize,
    threads: usize,
    left_out: Option<&LeftOut>,
) -> RowOrder {
    let found = ordered(keys, partition_by, rows, threads, left_out, &Budget::unlimited());
    let found = found.expect("an order").expect("an order");
    let compare = |keys: &[Asked], one: usize, other: usize| {
        keys.iter().map(|key| key.compare(one, other)).find(|found| found.is_ne()).unwrap_or(Ordering::Equal)
    };
    let mut wanted: Vec<usize> = (0..rows).collect();
    if rows < MANY {
        wanted.sort_by(|&one, &other| compare(keys, one, other));
    } else if let Some(order) = &found.order {
        // Without optimisation a sort of many rows takes seconds. In no other order does each of them come before the next one.
        assert_eq!(order.len(), rows);
        wanted = order.iter().map(|&row| row as usize).collect();
    }
    let comes_before = |one: usize, other: usize| compare(keys, one, other).then(one.cmp(&other)).is_lt();
    assert!(
        rows < MANY || wanted.windows(2).all(|pair| comes_before(pair[0], pair[1])),
        "each row before the next one"
    );
    let is_in_order = wanted.is_sorted();
    assert_eq!(found.order.is_none(), is_in_order, "None where rows are in order, and only there");
    assert_eq!(found.bytes.is_none(), is_in_order);
    if let Some(order) = &found.order {
        if let Some(LeftOut(left_out)) = left_out.filter(|_| order.len() < rows) {
            wanted.retain(|&row| !left_out[usize::from(carried(row))]);
        }
        assert!(order.iter().map(|&row| row as usize).eq(wanted.iter().copied()), "{order:?} {wanted:?}");
        let bytes = wanted.iter().map(|&row| carried(row));
        assert!(found.bytes.as_ref().is_some_and(|found| found.iter().copied().eq(bytes)), "what rows carry");
    }
    if let Some(found) = &found.keys {
        let values = wanted.iter().map(|&row| keys[partition_by].value(row));
        assert!(values.eq(found.iter().map(|&key| Some(Value::Number(key.into())))), "{found:?}");
    }
    let begins =
        |place: &usize| *place == 0 || compare(&keys[..partition_by], wanted[place - 1], wanted[*place]).is_ne();
    let starts: Vec<_> = (0..wanted.len()).filter(begins).map(|place| place as i64).collect();
    assert_eq!(found.starts, starts);
    found
}

fn questions() -> impl Strategy<Value = (usize, Vec<Asked>, usize, usize)> {
    (0_usize..40, 1_usize..5).prop_flat_map(|(rows, keys)| (Just(rows), vec(asked(rows), keys), 0..=keys, 1_usize..9))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn as_a_stable_sort((rows, keys, partition_by, threads) in questions()) {
        check(&keys, partition_by, rows, threads);
    }
}

/// Numbers that look like chance, the same ones in every run.
fn numbers(seed: u64, count: usize) -> impl Iterator<Item = u64> {
    let mut state = seed;
    (0..count).map(move |_| {
        // SplitMix64.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    })
}

fn key(column: Column) -> Asked {
    Asked { column, valid: None, cut: 0, descending: false, nulls_first: false }
}

// More than one bucket sorts at once.
const MANY: usize = 300_000;

/// Columns of many rows, whose codes are dense, spread over all bits, or mostly in one bucket.
static MANY_COLUMNS: LazyLock<Vec<(&'static str, Asked)>> = LazyLock::new(|| {
    let below = |seed, most| numbers(seed, MANY).map(move |number| number % most);
    let text = |number: u64| format!("https://an.example/with/a/long/path/{number:08}").into_bytes();
    vec![
        ("few values", key(Column::Unsigned(below(1, 50).collect()))),
        ("as many values as rows", key(Column::Unsigned(below(2, MANY as u64).collect()))),
        ("all bits", key(Column::Unsigned(numbers(3, MANY).collect()))),
        ("one far away", key(Column::Unsigned(below(4, 1 << 30).chain([u64::MAX]).skip(1).collect()))),
        ("powers of two", key(Column::Unsigned(numbers(5, MANY).map(|number| number >> (number % 64)).collect()))),
        ("doubles", key(Column::Doubles(numbers(6, MANY).map(f64::from_bits).collect()))),
        ("wide", key(Column::Wide(numbers(7, MANY).map(|number| i128::from(number >> 1).pow(2)).collect()))),
        ("few texts", key(Column::Texts(below(8, 20).map(text).collect()))),
        ("many texts", key(Column::Texts(below(9, MANY as u64).map(text).collect()))),
        (
            "names with numbers",
            key(Column::Texts(below(12, 90_000).map(|number| format!("user-{number:06}").into()).collect())),
        ),
        (
            "names of several lengths",
            key(Column::Texts(below(13, 9_999).map(|number| format!("u{number}").into()).collect())),
        ),
        (
            "short texts, some with zeros at the end",
            key(Column::Texts(below(14, 6).map(|number| vec![(number % 2) as u8; number as usize / 2]).collect())),
        ),
        (
            "texts with zeros at the end",
            key(Column::Texts(below(10, 1 << 20).map(|number| vec![0; (number % 30_000) as usize / 1_000]).collect())),
        ),
        (
            "many texts of one beginning, some of which end in it",
            key(Column::Texts(
                below(11, 1 << 20)
                    .map(|number| {
                        let mut text = b"12345678".to_vec();
                        text.truncate(if number.is_multiple_of(1000) { (number / 1000 % 9) as usize } else { 8 });
                        if text.len() == 8 && number.is_multiple_of(3) {
                            [text, number.to_be_bytes().to_vec()].concat()
                        } else {
                            text
                        }
                    })
                    .collect(),
            )),
        ),
    ]
});

#[test]
fn many_rows() {
    for (at, (name, one)) in MANY_COLUMNS.iter().enumerate() {
        println!("{name}");
        check(std::slice::from_ref(one), at % 2, MANY, 1 + at % 3);
        if at % 3 > 0 {
            continue;
        }
        let mut nulls = one.clone();
        nulls.valid = Some(numbers(20, MANY).map(|number| !number.is_multiple_of(5)).collect());
        nulls.descending = true;
        nulls.nulls_first = at % 2 == 0;
        let other = key(Column::Unsigned(numbers(21, MANY).map(|number| number % 1_000_000).collect()));
        // The second key, for rows whose first one is in few partitions.
        check(&[nulls, other], at / 3 % 3, MANY, 2);
    }
}

#[test]
fn rows_in_the_order_of_order_by_are_brought_to_their_partitions() {
    let users = key(Column::Unsigned(numbers(1, MANY).map(|number| number % 100_000).collect()));
    let times = key(Column::Signed((0..MANY as i64).map(|row| row / 3).collect()));
    check(&[users.clone(), times.clone()], 1, MANY, 2);
    check(&[times, users], 1, MANY, 2);
}

#[test]
fn the_first_key_of_order_by_comes_in_order_too() {
    // Whole seconds in microseconds, some with one that is none behind those that are looked at first.
    let seconds = |most| numbers(31, MANY).map(move |number| (number % most) as i64 * 1_000_000 - 7);
    let users = key(Column::Unsigned(numbers(30, MANY).map(|number| number % 20_000).collect()));
    for (name, times) in [
        ("seconds", seconds(2_592_000).collect::<Vec<_>>()),
        ("not all seconds", seconds(2_592_000).take(MANY - 1).chain([1]).collect()),
        ("few different ones", seconds(3).collect()),
        ("most of them near each other", seconds(100).take(MANY - 1).chain([1 << 40]).collect()),
    ] {
        for descending in [false, true] {
            let mut times = key(Column::Signed(times.clone()));
            (times.descending, times.cut) = (descending, 100_000);
            println!("{name}");
            assert!(check(&[users.clone(), times], 1, MANY, 2).keys.is_some(), "keys are known");
        }
    }
}

#[test]
fn events_come_in_visits() {
    // A user's events are near each other, many in one moment, so that groups of a bucket have none or dozens of them. The longer
    // times are apart, the more bits they take: 31 and fewer, as many as fit into one number with a row's place, and more.
    let users = numbers(40, MANY).map(|number| number % 5_000);
    let visits = users.zip(numbers(41, MANY)).map(|(user, number)| (user, user * 7_919 % 2_592_000 + number % 40));
    let (users, moments): (Vec<u64>, Vec<u64>) = visits.unzip();
    let users = key(Column::Unsigned(users));
    for scale in [1, 1_000_003, 1 << 40] {
        let far = |moment: u64| moment as i64 * scale + (moment % 2) as i64;
        let mut times = key(Column::Signed(moments.iter().copied().map(far).collect()));
        times.descending = scale == 1_000_003;
        check(&[users.clone(), times], 1, MANY, 2);
    }
}

#[test]
fn a_range_that_was_guessed_is_looked_at() {
    // Of the many rows some are looked at; these are in none of the stretches.
    let at = [MANY / 2 - 1, MANY - 1, 777];
    let least = 1_000_000_u64;
    for (name, others) in [
        ("below and above", [0, least * 1000, u64::MAX]),
        ("just outside", [least - 50 * 8, least + 2_050 * 8, least]),
        ("between two steps", [least + 4, least + 12, least + 801]),
    ] {
        let mut values: Vec<_> = numbers(50, MANY).map(|number| least + number % 2_000 * 8).collect();
        at.iter().zip(others).for_each(|(&row, other)| values[row] = other);
        for (descending, has_nulls) in [(false, false), (true, false), (false, true), (true, true)] {
            println!("{name}, descending {descending}, NULLs {has_nulls}");
            let mut one = key(Column::Unsigned(values.clone()));
            (one.descending, one.nulls_first) = (descending, descending);
            one.valid = has_nulls.then(|| numbers(51, MANY).map(|number| !number.is_multiple_of(3)).collect());
            check(&[one], 0, MANY, 2);
        }
    }
}

#[test]
fn limits_are_kept() {
    for (name, key) in &*MANY_COLUMNS {
        let key = std::slice::from_ref(key);
        let by_time = ordered(key, 1, MANY, 2, None, &Budget::new(Some(Duration::ZERO), None));
        assert_eq!(by_time.err(), Some(OrderError::Stopped(Stopped::TimeLimit)), "{name}");
        let by_memory = ordered(key, 1, MANY, 2, None, &Budget::new(None, Some(3 * MANY)));
        assert_eq!(by_memory.err(), Some(OrderError::Stopped(Stopped::MemoryLimit)), "{name}");
    }
}

#[test]
fn the_caller_stops_it_at_any_look() {
    let texts = numbers(1, MANY).map(|number| (number % 200_000).to_string().into_bytes()).collect();
    let texts = Column::Texts(texts);
    let Column::Texts(values) = &texts else { return };
    let listed = Listed(values);
    let chunk = KeyChunk { rows: MANY, valid: None, values: KeyValues::Texts(&listed) };
    let keys = [SortKey { chunks: vec![chunk], descending: false, nulls_first: false }];
    let looks = Cell::new(0);
    let asked = |most: usize| {
        looks.set(0);
        order(&keys, 1, (MANY, Carried::default()), 1, &Budget::unlimited(), &mut || {
            looks.set(looks.get() + 1);
            if looks.get() > most { Err(Stopped::ByCaller) } else { Ok(()) }
        })
    };
    assert!(asked(usize::MAX).is_ok());
    let all = looks.get();
    assert!(all > MANY / (1 << 16) * 3, "{all} looks");
    for most in (0..all).step_by(all / 7) {
        assert_eq!(asked(most), Err(OrderError::Stopped(Stopped::ByCaller)));
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let texts = [b"a".to_vec(), b"b".to_vec()];
    let listed = Listed(&texts);
    let of = |rows, values| {
        [SortKey { chunks: vec![KeyChunk { rows, valid: None, values }], descending: false, nulls_first: false }]
    };
    let asked = |keys: &[SortKey<'_>], rows| {
        order(keys, 0, (rows, Carried::default()), 1, &Budget::unlimited(), &mut || Ok(())).err()
    };
    let unreadable = |row, what| Some(OrderError::Unreadable { key: 0, row, what });
    let out_of_range = unreadable(2, "its offsets or view are out of range or order");
    assert_eq!(asked(&of(3, KeyValues::Texts(&listed)), 3), out_of_range);
    let dictionary = KeyChunk { rows: 2, valid: None, values: KeyValues::Texts(&listed) };
    let places = KeyValues::Places(Box::new(KeyValues::I8(&[1, 0, -1])), &dictionary);
    assert_eq!(asked(&of(3, places), 3), unreadable(2, "its key is out of the dictionary's range"));
    assert_eq!(asked(&of(3, KeyValues::I64(&[1, 2])), 3), unreadable(0, "its values are fewer than its rows"));
    assert_eq!(asked(&of(2, KeyValues::I64(&[1, 2])), 3), unreadable(3, "keys have different numbers of rows"));
    let carried = Carried { bytes: Some(&[0; 3]), keys: false, left_out: None };
    let found = order(&of(2, KeyValues::I64(&[1, 2])), 0, (2, carried), 1, &Budget::unlimited(), &mut || Ok(()));
    assert_eq!(found.err(), unreadable(3, "another number of rows carries bytes"));
}
