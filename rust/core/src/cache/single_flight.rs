//! One leader for one missing thing: others that ask for it meanwhile wait for the first.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use super::entry::KeyRef;
use crate::sync::{Condvar, Mutex};

/// A key, owned.
type OwnedKey = (u8, Box<str>);

/// Things that are being made, by key.
pub struct SingleFlight<T> {
    under_way: Mutex<HashMap<Arc<OwnedKey>, Arc<Flight<T>>>>,
}

/// One thing that is being made.
pub struct Flight<T> {
    state: Mutex<State<T>>,
    ended: Condvar,
    /// A forked child has no thread that makes what its parent was making.
    process: u32,
}

enum State<T> {
    UnderWay,
    Made(T),
    Abandoned,
}

/// Whether the caller computes the thing or waits for it.
pub enum Role<'f, T: Clone> {
    /// It makes the thing and calls [`Lease::complete`].
    Leader(Lease<'f, T>),
    /// It waits, with `Flight::wait`.
    Follower(Arc<Flight<T>>),
}

/// The duty to make a thing; dropping it says that it will not be made.
pub struct Lease<'f, T: Clone> {
    flights: &'f SingleFlight<T>,
    place: Arc<OwnedKey>,
    flight: Arc<Flight<T>>,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self { under_way: Mutex::new(HashMap::new()) }
    }
}

impl<T: Clone> SingleFlight<T> {
    /// The caller's role for a key.
    pub fn join(&self, key: KeyRef<'_>) -> Role<'_, T> {
        let process = std::process::id();
        let place = Arc::new((key.space(), Box::from(key.text())));
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = under_way.get(&place).filter(|flight| flight.process == process) {
            return Role::Follower(Arc::clone(flight));
        }
        let flight = Arc::new(Flight { state: Mutex::new(State::UnderWay), ended: Condvar::new(), process });
        under_way.insert(Arc::clone(&place), Arc::clone(&flight));
        Role::Leader(Lease { flights: self, place, flight })
    }
}

impl<T: Clone> Flight<T> {
    /// What the leader made, or `None` when it gave up.
    pub fn wait(&self) -> Option<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*state {
                State::Made(thing) => return Some(thing.clone()),
                State::Abandoned => return None,
                State::UnderWay => state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl<T: Clone> Lease<'_, T> {
    /// Hands the thing to those who wait. Call it when later callers will find the thing elsewhere.
    pub fn complete(self, thing: T) {
        *self.flight.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Made(thing);
    }
}

impl<T: Clone> Drop for Lease<'_, T> {
    fn drop(&mut self) {
        self.flights.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.place);
        let mut state = self.flight.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::UnderWay) {
            *state = State::Abandoned;
        }
        drop(state);
        self.flight.ended.notify_all();
    }
}
