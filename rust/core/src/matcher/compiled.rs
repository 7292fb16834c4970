//! A compiled row pattern: the unit that is cached and that threads share.

use std::hint;
use std::sync::{OnceLock, TryLockError};

use super::end_variables::EndVariables;
use super::tables::Tables;
use crate::automaton::{Automaton, MAX_FOLLOWERS};
use crate::pattern::{CompileError, LimitError, Node, RowPattern, parse};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// Tables that rest with a pattern; a thread more than these begins with new ones.
const RESTING_TABLES: usize = 2;

/// How often a thread looks whether another one has put its tables down.
const ATTEMPTS: usize = 64;

/// What the allocator takes beside what is asked for, over a pattern's dozens of small allocations; measured
/// with 10,000 patterns.
const ALLOCATOR_BYTES: usize = 512;

/// An immutable automaton, and the tables that fill while it matches.
///
/// A thread takes tables for itself while it matches and gives them back filled, so that threads never wait for
/// each other and a `fork` in the middle of a match leaves nothing locked in the child.
///
/// ```
/// use rowpattern_core::matcher::Compiled;
/// let compiled = Compiled::new("A B+").unwrap();
/// assert_eq!(compiled.variables, ["A", "B"]);
/// ```
#[derive(Debug)]
pub struct Compiled {
    /// The tree of the text.
    pub root: Node,
    /// The primary variables in the order in which they first stand in the text.
    pub variables: Vec<String>,
    /// What matching uses.
    pub automaton: Automaton,
    /// The variables of the first and last rows of matches.
    pub ends: EndVariables,
    tables: SharedTables,
    /// The same pattern for searches of the longest match; made when it is first asked for.
    all_ways: OnceLock<Box<Compiled>>,
    /// How many layers of variables it has ([`Self::layered`]); 1 where it has none.
    layers: usize,
}

/// Tables at rest.
#[derive(Debug, Default)]
struct SharedTables {
    resting: Mutex<Vec<Tables>>,
    bytes: AtomicUsize,
}

impl SharedTables {
    /// The tables, unless another thread holds them for longer than a few instructions take: whoever asks then does without them.
    ///
    /// Nobody waits here, as threads that are detached from the interpreter take tables: in a child of a fork, the thread that holds
    /// the lock may not exist.
    fn lock(&self) -> Option<MutexGuard<'_, Vec<Tables>>> {
        for _ in 0..ATTEMPTS {
            match self.resting.try_lock() {
                Ok(resting) => return Some(resting),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => hint::spin_loop(),
            }
        }
        None
    }
}

/// The number of a variable among names: its exact name, or else the name folded to upper case.
pub fn number_of(variables: &[String], name: &str) -> Option<u8> {
    let exact = |wanted: &str| variables.iter().position(|known| known == wanted);
    exact(name).or_else(|| exact(&name.to_uppercase())).map(|number| number as u8)
}

impl Compiled {
    /// Reads and compiles the text inside `PATTERN ( ... )`.
    pub fn new(text: &str) -> Result<Self, CompileError> {
        let RowPattern { root, variables } = parse(text)?;
        let automaton = Automaton::new(&root, variables.len())?;
        Ok(Self::of(root, variables, automaton, 1))
    }

    fn of(root: Node, variables: Vec<String>, automaton: Automaton, layers: usize) -> Self {
        let ends = EndVariables::of(&root);
        Self { root, variables, automaton, ends, tables: SharedTables::default(), all_ways: OnceLock::new(), layers }
    }

    /// The same pattern with an automaton that has all ways to match ([`Automaton::with_all_ways`]). Where this fails, it does so
    /// whenever it is asked.
    pub fn with_all_ways(&self) -> Result<&Self, LimitError> {
        if let Some(made) = self.all_ways.get() {
            return Ok(made);
        }
        let layers = self.layers;
        let plain = Automaton::with_all_ways(&self.root, self.variables.len() / layers)?;
        let automaton = if layers == 1 { Some(plain) } else { plain.layered(layers) };
        let hint = "fewer rows before a match that conditions read";
        let automaton = automaton.ok_or_else(|| LimitError::new("steps between rows", MAX_FOLLOWERS, None, hint))?;
        let made = Self::of(self.root.clone(), self.variables.clone(), automaton, layers);
        Ok(self.all_ways.get_or_init(|| Box::new(made)))
    }

    /// The same pattern with variables of their own for each of a match's first rows ([`Automaton::layered`]).
    ///
    /// Their names are those of the variables, U+0001 and the layer's number. None where there would be too many.
    pub fn layered(&self, layers: usize) -> Option<Self> {
        let automaton = self.automaton.layered(layers)?;
        let named = |layer| self.variables.iter().map(move |name| format!("{name}\u{1}{layer}"));
        let variables = (0..layers).flat_map(named).collect();
        // The tree has the numbers of the pattern's own variables.
        Some(Self { ends: EndVariables::ANY, ..Self::of(self.root.clone(), variables, automaton, layers) })
    }

    /// The number of a primary variable: its exact name, or else the name folded to upper case.
    pub fn variable(&self, name: &str) -> Option<u8> {
        number_of(&self.variables, name)
    }

    /// Tables for one thread's use.
    pub fn take_tables(&self) -> Tables {
        let resting = self.tables.lock().and_then(|mut resting| resting.pop());
        resting.unwrap_or_else(|| Tables::new(&self.automaton))
    }

    /// Gives tables back; true when the pattern's memory has changed by that.
    pub fn give_back(&self, tables: Tables) -> bool {
        let Some(mut resting) = self.tables.lock() else { return false };
        if resting.len() < RESTING_TABLES {
            resting.reserve_exact(1);
            resting.push(tables);
        }
        let own = resting.capacity() * size_of::<Tables>();
        let bytes = own + resting.iter().map(Tables::memory_bytes).sum::<usize>();
        // While the lock is held: of two threads the later one's sum stays.
        self.tables.bytes.swap(bytes, Ordering::Relaxed) != bytes
    }

    /// As [`Self::give_back`], for several.
    pub fn give_back_all(&self, tables: impl IntoIterator<Item = Tables>) -> bool {
        let mut changed = false;
        for tables in tables {
            changed |= self.give_back(tables);
        }
        changed
    }

    /// Bytes on the heap: the automaton, the tree, and tables at rest.
    pub fn memory_bytes(&self) -> usize {
        let names: usize = self.variables.iter().map(|name| name.capacity() + size_of::<String>()).sum();
        size_of::<Self>()
            + ALLOCATOR_BYTES
            + self.automaton.memory_bytes()
            + node_bytes(&self.root)
            + names
            + self.tables.bytes.load(Ordering::Relaxed)
            + self.all_ways.get().map_or(0, |made| made.memory_bytes())
    }
}

fn node_bytes(node: &Node) -> usize {
    match node {
        Node::Empty | Node::Variable(_) | Node::Anchor(_) => 0,
        Node::Concatenation(parts) | Node::Alternation(parts) | Node::Permutation(parts) => {
            parts.capacity() * size_of::<Node>() + parts.iter().map(node_bytes).sum::<usize>()
        }
        Node::Exclusion(body) | Node::Repetition { body, .. } => size_of::<Node>() + node_bytes(body),
    }
}
