//! Models of how queries wait for their turn, run in thousands of schedules that shuttle chooses:
//! `RUSTFLAGS="--cfg shuttle" cargo test --release -p rowpattern-core --test admission_schedules`.
//!
//! A turn that is lost leaves a thread waiting, which shuttle reports as a deadlock. A place that is lost shows in the figures at the
//! end, and in the next model query, which would not be admitted. Models have no time: a time limit that is over is a query that
//! stops waiting at any point.
#![cfg(shuttle)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rowpattern_core::admission::{Admission, Entrance, QueryPlace, Turn};
use rowpattern_core::cancellation::{Cancellation, Sleeper};
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Mutex;
use shuttle::thread::{self, JoinHandle};

const SCHEDULES: usize = 3000;

/// How many queries of the model work, and the most that may.
struct Working {
    now: AtomicUsize,
    most: usize,
}

impl Working {
    fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { now: AtomicUsize::new(0), most })
    }

    /// One more query works for a moment, in which others may run.
    fn work(&self) {
        assert!(self.now.fetch_add(1, Ordering::SeqCst) < self.most, "more work at once than may");
        thread::yield_now();
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until the turn has come, however long that takes.
fn wait(turn: &Turn) {
    assert!(turn.wait(Duration::MAX), "woken without a turn or a cancellation");
}

/// Nobody works or waits, and so many queries can begin at once.
fn check_nothing_is_left(admission: &Arc<Admission>, limit: usize) {
    let figures = admission.figures();
    assert_eq!((figures.running, figures.waiting), (0, 0));
    let places: Vec<_> = (0..limit).map(|_| QueryPlace::new(Arc::clone(admission))).collect();
    assert!(places.iter().all(|place| matches!(place.enter(), Entrance::Entered)));
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn so_many_work_at_once_and_all_have_their_turn() {
    shuttle::check_random(
        || {
            let (admission, working) = (Arc::new(Admission::new(2, 10)), Working::new(2));
            let threads = (0..4)
                .map(|_| {
                    let (admission, working) = (Arc::clone(&admission), Arc::clone(&working));
                    thread::spawn(move || {
                        let place = QueryPlace::new(admission);
                        for again in [false, true] {
                            if again {
                                if let Some(turn) = place.enter_again() {
                                    wait(&turn);
                                    place.take();
                                }
                            } else if let Entrance::Queued(turn) = place.enter() {
                                wait(&turn);
                                place.take();
                            }
                            working.work();
                            // The second time it is dropped with its place.
                            assert!(again || place.leave());
                        }
                    })
                })
                .collect();
            join(threads);
            check_nothing_is_left(&admission, 2);
        },
        SCHEDULES,
    );
}

#[test]
fn who_stops_waiting_takes_nobody_s_turn_and_keeps_no_place() {
    shuttle::check_random(
        || {
            let (admission, working) = (Arc::new(Admission::new(1, 10)), Working::new(1));
            let threads = (0..4)
                .map(|_| {
                    let (admission, working) = (Arc::clone(&admission), Arc::clone(&working));
                    thread::spawn(move || {
                        let place = QueryPlace::new(admission);
                        if let Entrance::Queued(turn) = place.enter() {
                            // Its time is over, perhaps at the moment at which its turn comes.
                            if thread_rng().gen_bool(0.5) {
                                thread::yield_now();
                                return place.give_up(&turn);
                            }
                            wait(&turn);
                            place.take();
                        }
                        working.work();
                    })
                })
                .collect();
            join(threads);
            check_nothing_is_left(&admission, 1);
        },
        SCHEDULES,
    );
}

#[test]
fn a_cancellation_wakes_who_waits() {
    shuttle::check_random(
        || {
            let admission = Arc::new(Admission::new(1, 10));
            let first = QueryPlace::new(Arc::clone(&admission));
            assert!(matches!(first.enter(), Entrance::Entered));
            // One is cancelled by its own token, one with the token that stands above that.
            let above = Arc::new(Cancellation::default());
            let own = Arc::new(Cancellation::with_parent(Arc::clone(&above)));
            let waiting = [Arc::clone(&own), Arc::new(Cancellation::with_parent(Arc::clone(&above)))].map(|token| {
                let admission = Arc::clone(&admission);
                thread::spawn(move || {
                    let place = QueryPlace::new(admission);
                    let Entrance::Queued(turn) = place.enter() else { panic!("the place is taken") };
                    let sleeper: Arc<dyn Sleeper> = Arc::clone(&turn) as Arc<dyn Sleeper>;
                    token.wake(&sleeper);
                    // The place is left only when both have ended.
                    assert!(!turn.wait(Duration::MAX) && token.is_cancelled());
                    place.give_up(&turn);
                })
            });
            assert!(own.cancel(Some("first".into())));
            assert!(above.cancel(None));
            join(waiting.into());
            assert!(first.leave());
            check_nothing_is_left(&admission, 1);
        },
        SCHEDULES,
    );
}

#[test]
fn of_each_kind_the_first_to_come_is_served_first() {
    shuttle::check_random(
        || {
            let admission = Arc::new(Admission::new(1, 10));
            let first = QueryPlace::new(Arc::clone(&admission));
            assert!(matches!(first.enter(), Entrance::Entered));
            let served = Arc::new(Mutex::new(Vec::new()));
            let threads = (0..6)
                .map(|number| {
                    let (is_long, gives_up) = (thread_rng().gen_bool(0.5), thread_rng().gen_bool(0.2));
                    let place = QueryPlace::new(Arc::clone(&admission));
                    place.add_search(Duration::from_secs(u64::from(is_long)));
                    let Entrance::Queued(turn) = place.enter() else { panic!("the place is taken") };
                    let served = Arc::clone(&served);
                    thread::spawn(move || {
                        if gives_up {
                            return place.give_up(&turn);
                        }
                        wait(&turn);
                        place.take();
                        served.lock().unwrap().push((is_long, number));
                    })
                })
                .collect();
            assert!(first.leave());
            join(threads);
            let served = served.lock().unwrap();
            for kind in [false, true] {
                let of_kind: Vec<i32> = served.iter().filter(|each| each.0 == kind).map(|each| each.1).collect();
                assert!(of_kind.is_sorted(), "{of_kind:?}");
            }
            drop(served);
            check_nothing_is_left(&admission, 1);
        },
        SCHEDULES,
    );
}

#[test]
fn who_makes_way_comes_back_and_its_other_threads_wait_meanwhile() {
    shuttle::check_random(
        || {
            let (admission, working) = (Arc::new(Admission::new(1, 10)), Working::new(1));
            let threads = (0..3)
                .map(|number| {
                    let (admission, working) = (Arc::clone(&admission), Arc::clone(&working));
                    thread::spawn(move || {
                        let place = Arc::new(QueryPlace::new(admission));
                        if let Entrance::Queued(turn) = place.enter() {
                            wait(&turn);
                            place.take();
                        }
                        let helper = {
                            let place = Arc::clone(&place);
                            thread::spawn(move || (0..2).for_each(|_| place.wait_while_away()))
                        };
                        for _ in 0..2 {
                            working.work();
                            let gives_up = number == 0 && thread_rng().gen_bool(0.3);
                            let went_on = place.make_way(|turn| {
                                if gives_up {
                                    return Err(());
                                }
                                wait(turn);
                                Ok(())
                            });
                            if went_on.is_err() {
                                assert!(!place.is_held());
                                break;
                            }
                        }
                        helper.join().unwrap();
                    })
                })
                .collect();
            join(threads);
            check_nothing_is_left(&admission, 1);
        },
        SCHEDULES,
    );
}

#[test]
fn a_higher_limit_reaches_those_who_wait() {
    shuttle::check_random(
        || {
            let (admission, working) = (Arc::new(Admission::new(1, 10)), Working::new(3));
            let first = QueryPlace::new(Arc::clone(&admission));
            assert!(matches!(first.enter(), Entrance::Entered));
            let threads = (0..3)
                .map(|_| {
                    let (admission, working) = (Arc::clone(&admission), Arc::clone(&working));
                    thread::spawn(move || {
                        let place = QueryPlace::new(admission);
                        if let Entrance::Queued(turn) = place.enter() {
                            wait(&turn);
                            place.take();
                        }
                        working.work();
                    })
                })
                .collect();
            // The first place is left when all others have ended.
            admission.set_limits(2, 10);
            join(threads);
            assert_eq!(admission.figures().running, 1);
            drop(first);
            check_nothing_is_left(&admission, 2);
        },
        SCHEDULES,
    );
}
