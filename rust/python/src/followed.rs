//! Objects that a value reaches, for its weight: plain containers and what holds nothing are followed here, all others are given
//! back to Python, which knows how their classes are weighed (`rowpattern/cache/weighing.py`).

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyCFunction, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyModule, PyNone, PySet,
    PyString, PyTuple, PyType,
};
use rowpattern_macros::catch_panics;

/// Containers whose referents are asked for at once.
const BATCH: usize = 256;

/// What was followed of some objects, each once.
#[pyclass(module = "rowpattern._core", name = "_Followed")]
pub struct Followed {
    /// Addresses of the objects that were met. Python keeps these objects alive: what holds them does not change meanwhile.
    met: HashTable<usize>,
    /// Objects that were counted.
    count: u64,
    /// Their bytes, without what is outside of Python's objects.
    bytes: u64,
}

/// What becomes of an object.
enum Class {
    /// It refers to nothing.
    Atom,
    /// It weighs what it is and what it refers to.
    Container,
    /// It counts nothing.
    Shared,
    Other,
}

#[catch_panics]
#[pymethods]
impl Followed {
    #[new]
    fn new() -> Self {
        Self { met: HashTable::new(), count: 0, bytes: 0 }
    }

    #[getter]
    fn count(&self) -> u64 {
        self.count
    }

    #[getter]
    fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Follows objects that were not met before, and returns those that Python has to weigh.
    ///
    /// Args:
    ///     items: the objects.
    ///     containers: classes beside Python's own whose instances weigh what they are and what they refer to.
    ///     most: how many objects are followed; containers beyond are returned.
    ///
    /// Takes time linear in what is followed.
    fn follow<'py>(
        &mut self,
        items: &Bound<'py, PyList>,
        containers: &Bound<'py, PySet>,
        most: u64,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let py = items.py();
        let size_of = py.import("sys")?.getattr("getsizeof")?;
        let referents_of = py.import("gc")?.getattr("get_referents")?;
        let (mut waiting, mut others) = (Vec::new(), Vec::new());
        let mut found = items.clone();
        loop {
            for item in found.iter() {
                if !self.is_new(item.as_ptr().addr()) {
                    continue;
                }
                match class_of(&item, containers)? {
                    Class::Atom => {
                        self.count = self.count.saturating_add(1);
                        self.bytes = self.bytes.saturating_add(size_of.call1((item,))?.extract()?);
                    }
                    Class::Container => waiting.push(item),
                    Class::Shared => {}
                    Class::Other => others.push(item),
                }
            }
            if waiting.is_empty() || self.count >= most {
                others.append(&mut waiting);
                return Ok(others);
            }
            let batch = waiting.split_off(waiting.len().saturating_sub(BATCH));
            self.count = self.count.saturating_add(batch.len() as u64);
            for item in &batch {
                self.bytes = self.bytes.saturating_add(size_of.call1((item,))?.extract()?);
            }
            found = referents_of.call1(PyTuple::new(py, batch)?)?.cast_into::<PyList>()?;
        }
    }
}

impl Followed {
    /// Notes an object by its address, and says whether it was not met before.
    fn is_new(&mut self, address: usize) -> bool {
        match self.met.entry(spread(address), |&other| other == address, |&other| spread(other)) {
            Entry::Vacant(place) => {
                place.insert(address);
                true
            }
            Entry::Occupied(_) => false,
        }
    }
}

/// The hash of an address: its bits go up to those by which the table chooses (Fibonacci hashing, Knuth, volume 3, 6.4).
fn spread(address: usize) -> u64 {
    (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn class_of(item: &Bound<'_, PyAny>, containers: &Bound<'_, PySet>) -> PyResult<Class> {
    if item.is_exact_instance_of::<PyString>()
        || item.is_exact_instance_of::<PyInt>()
        || item.is_exact_instance_of::<PyNone>()
        || item.is_exact_instance_of::<PyBool>()
        || item.is_exact_instance_of::<PyFloat>()
        || item.is_exact_instance_of::<PyBytes>()
        || item.is_exact_instance_of::<PyComplex>()
    {
        return Ok(Class::Atom);
    }
    if item.is_exact_instance_of::<PyTuple>()
        || item.is_exact_instance_of::<PyDict>()
        || item.is_exact_instance_of::<PyList>()
        || item.is_exact_instance_of::<PySet>()
        || item.is_exact_instance_of::<PyFrozenSet>()
        || containers.contains(item.get_type())?
    {
        return Ok(Class::Container);
    }
    let shared =
        item.is_instance_of::<PyType>() || item.is_instance_of::<PyModule>() || item.is_instance_of::<PyCFunction>();
    Ok(if shared { Class::Shared } else { Class::Other })
}
