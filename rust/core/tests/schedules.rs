//! Models of what threads share, run in thousands of schedules that shuttle chooses:
//! `RUSTFLAGS="--cfg shuttle" cargo test --release -p rowpattern-core --test schedules`.
#![cfg(shuttle)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rowpattern_core::cache::{
    Cache, Clock, ENTRY_BYTES, KeyRef, Limits, Offered, Policy, Put, Role, SingleFlight, Threads,
};
use rowpattern_core::matcher::Compiled;
use shuttle::thread;

const SCHEDULES: usize = 3000;

/// A value that counts its copies.
type Value = Arc<u64>;
type Model = Cache<Box<str>, Value>;

fn cache(entries: usize, bytes: u64, policy: Policy) -> Arc<Model> {
    let limits = Limits { entries, bytes, time_to_live: None, policy };
    Arc::new(Cache::new(limits, Arc::new(Clock::Manual(0.into())), Threads::Parallel))
}

fn key(text: &str) -> KeyRef<'_> {
    KeyRef::new(0, text)
}

fn put(cache: &Model, text: &str, value: &Value, bytes: u64) -> Put {
    let offered = Offered { value: Arc::clone(value), bytes, cost: Duration::ZERO };
    cache.put(key(text), text.into(), offered, &mut Vec::new(), Arc::clone)
}

fn get(cache: &Model, text: &str) -> Option<u64> {
    cache.get(key(text), &mut Vec::new(), Arc::clone, |value| **value)
}

fn check(cache: &Model, entries: usize, bytes: u64) {
    let counts = cache.statistics(&mut Vec::new());
    let left = counts.evictions() + counts.expirations + counts.replacements + counts.invalidations;
    assert_eq!(counts.insertions, counts.entries as u64 + left);
    assert!(counts.entries <= entries && counts.bytes <= bytes);
}

#[test]
fn a_value_that_was_removed_is_gone_from_all_levels() {
    shuttle::check_random(
        || {
            let cache = cache(10, u64::MAX / 2, Policy::Lru);
            let value = Arc::new(1);
            put(&cache, "k", &value, 1);
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    let cache = Arc::clone(&cache);
                    thread::spawn(move || {
                        let (first, second) = (get(&cache, "k"), get(&cache, "k"));
                        // Nobody puts it in again.
                        assert!(first.is_some() || second.is_none());
                        usize::from(first.is_some()) + usize::from(second.is_some())
                    })
                })
                .collect();
            cache.invalidate(key("k"), &mut Vec::new());
            assert_eq!(get(&cache, "k"), None);
            let found: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
            assert_eq!(Arc::strong_count(&value), 1);
            let counts = cache.statistics(&mut Vec::new());
            assert_eq!((counts.hits, counts.hits + counts.misses), (found as u64, 5));
            check(&cache, 10, u64::MAX);
        },
        SCHEDULES,
    );
}

#[test]
fn a_replaced_value_is_never_missing_and_never_comes_back() {
    shuttle::check_random(
        || {
            let cache = cache(10, u64::MAX / 2, Policy::Lru);
            let values: Vec<Value> = (0..3).map(Arc::new).collect();
            put(&cache, "k", &values[0], 1);
            let reader = {
                let cache = Arc::clone(&cache);
                thread::spawn(move || {
                    let mut last = 0;
                    for _ in 0..3 {
                        let found = get(&cache, "k").expect("there is no hole while it is replaced");
                        assert!(found >= last);
                        last = found;
                    }
                })
            };
            for value in &values[1..] {
                put(&cache, "k", value, 1);
                assert_eq!(get(&cache, "k"), Some(**value));
            }
            reader.join().unwrap();
            cache.clear(&mut Vec::new());
            assert!(values.iter().all(|value| Arc::strong_count(value) == 1));
        },
        SCHEDULES,
    );
}

#[test]
fn limits_hold_when_each_call_returns() {
    for policy in [Policy::Lru, Policy::TinyLfu] {
        shuttle::check_random(
            move || {
                let bytes = 2 * ENTRY_BYTES + 200;
                let cache = cache(2, bytes, policy);
                let threads: Vec<_> = (0..3_u64)
                    .map(|number| {
                        let cache = Arc::clone(&cache);
                        thread::spawn(move || {
                            for step in 0..2_u64 {
                                let text = ["a", "b", "c"][((number + step) % 3) as usize];
                                let found = get(&cache, text);
                                assert!(found.is_none_or(|found| found < 3));
                                put(&cache, text, &Arc::new(number), 90 * step);
                                check(&cache, 2, bytes);
                                cache.reweigh(key(text), 60, &mut Vec::new(), |_| true);
                                check(&cache, 2, bytes);
                            }
                        })
                    })
                    .collect();
                cache.change_limits(&mut Vec::new(), |limits| limits.entries = 1);
                check(&cache, 1, bytes);
                for thread in threads {
                    thread.join().unwrap();
                }
                check(&cache, 1, bytes);
            },
            SCHEDULES,
        );
    }
}

#[test]
fn one_leader_makes_what_many_ask_for() {
    shuttle::check_random(
        || {
            let flights = Arc::new(SingleFlight::<usize>::default());
            let (leaders, abandoned) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let threads: Vec<_> = (0..3)
                .map(|number| {
                    let (flights, leaders) = (Arc::clone(&flights), Arc::clone(&leaders));
                    let abandoned = Arc::clone(&abandoned);
                    thread::spawn(move || {
                        loop {
                            match flights.join(key("k")) {
                                Role::Leader(lease) => {
                                    assert_eq!(leaders.fetch_add(1, Ordering::SeqCst), 0);
                                    thread::yield_now();
                                    leaders.fetch_sub(1, Ordering::SeqCst);
                                    if number == 0 && abandoned.fetch_add(1, Ordering::SeqCst) == 0 {
                                        // It gives up once; somebody else has to make it.
                                        drop(lease);
                                        continue;
                                    }
                                    lease.complete(number);
                                    return number;
                                }
                                Role::Follower(flight) => {
                                    if let Some(made) = flight.wait() {
                                        return made;
                                    }
                                }
                            }
                        }
                    })
                })
                .collect();
            for thread in threads {
                assert!(thread.join().unwrap() < 3);
            }
        },
        SCHEDULES,
    );
}

#[test]
fn tables_that_rest_are_weighed() {
    shuttle::check_random(
        || {
            let compiled = Arc::new(Compiled::new("A (B|C)+").unwrap());
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let compiled = Arc::clone(&compiled);
                    thread::spawn(move || {
                        let tables = compiled.take_tables();
                        thread::yield_now();
                        compiled.give_back(tables);
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            let tables = compiled.take_tables();
            assert!(!compiled.give_back(tables), "the weight was that of the tables at rest");
        },
        SCHEDULES,
    );
}
