//! One maker for one missing thing: others that ask for it meanwhile wait for the first.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::entry::{Key, KeyRef};

/// Things that are being made, by key.
pub struct Flights<T> {
    under_way: Mutex<HashMap<Arc<Key>, Arc<Flight<T>>>>,
}

/// One thing that is being made.
pub struct Flight<T> {
    state: Mutex<State<T>>,
    landed: Condvar,
    /// A forked child has no thread that makes what its parent was making.
    process: u32,
}

enum State<T> {
    UnderWay,
    Made(T),
    Abandoned,
}

/// What the caller is for a key.
pub enum Role<'f, T: Clone> {
    /// It makes the thing and calls [`Lease::land`].
    Maker(Lease<'f, T>),
    /// It waits, with [`Flight::wait`].
    Waiter(Arc<Flight<T>>),
}

/// The duty to make a thing; dropping it says that it will not be made.
pub struct Lease<'f, T: Clone> {
    flights: &'f Flights<T>,
    key: Arc<Key>,
    flight: Arc<Flight<T>>,
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self { under_way: Mutex::default() }
    }
}

impl<T: Clone> Flights<T> {
    /// The caller's role for a key.
    pub fn join(&self, key: KeyRef<'_>) -> Role<'_, T> {
        let process = std::process::id();
        let key = Arc::new(key.to_key());
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = under_way.get(&key).filter(|flight| flight.process == process) {
            return Role::Waiter(Arc::clone(flight));
        }
        let flight = Arc::new(Flight { state: Mutex::new(State::UnderWay), landed: Condvar::new(), process });
        under_way.insert(Arc::clone(&key), Arc::clone(&flight));
        Role::Maker(Lease { flights: self, key, flight })
    }
}

impl<T: Clone> Flight<T> {
    /// What the maker made, or `None` when it gave up.
    pub fn wait(&self) -> Option<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*state {
                State::Made(thing) => return Some(thing.clone()),
                State::Abandoned => return None,
                State::UnderWay => state = self.landed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl<T: Clone> Lease<'_, T> {
    /// Hands the thing to those who wait. Call it when later callers will find the thing elsewhere.
    pub fn land(self, thing: T) {
        *self.flight.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Made(thing);
    }
}

impl<T: Clone> Drop for Lease<'_, T> {
    fn drop(&mut self) {
        self.flights.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        let mut state = self.flight.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::UnderWay) {
            *state = State::Abandoned;
        }
        drop(state);
        self.flight.landed.notify_all();
    }
}
