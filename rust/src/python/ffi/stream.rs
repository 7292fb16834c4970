//! Streams of Arrow's C stream interface, drained.
//!
//! A producer may need the interpreter (one written in Python, or one whose threads read through Python), may take long, or may
//! never come back. So a stream is drained in a thread of its own, without the interpreter's lock, while the caller's
//! thread waits and looks at signals. After Ctrl-C the caller leaves at once; the thread ends when the producer gives back
//! control.
#![allow(unsafe_code, reason = "calls C functions; each block says what it relies on")]

use std::ffi::{CStr, c_int};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

use super::import::import;
use super::structures::{CArray, CSchema, CStream};
use crate::python::arrow::{ArrowArray, Failure, Kind};
use crate::python::errors::rows_error;

/// How often signals are looked at while the producer works.
const INTERVAL: Duration = Duration::from_millis(30);

enum Message {
    /// First of all.
    Schema(CSchema),
    Array(CArray),
    /// After the last array.
    End,
    Failed(String),
}

/// Reads all arrays of a stream.
///
/// Args:
///     name: what is read, for errors.
pub fn drain(py: Python<'_>, stream: CStream, name: &str) -> PyResult<Vec<ArrowArray>> {
    let failed = |what: &str| rows_error(format!("cannot read {name} from Arrow: {what}"));
    if stream.is_released() {
        return Err(failed("its stream was released: a capsule can be used once"));
    }
    let (sender, mut receiver) = mpsc::channel();
    let abandoned = Abandoned(Arc::new(AtomicBool::new(false)));
    let flag = Arc::clone(&abandoned.0);
    let work = move || produce(stream, &sender, &flag);
    let started = thread::Builder::new().name("rowpattern-arrow".into()).spawn(work);
    started.map_err(|error| failed(&format!("no thread can be started for its stream ({error})")))?;
    let mut kind: Option<Kind> = None;
    let mut arrays = Vec::new();
    loop {
        let from = &mut receiver;
        match py.detach(move || receive(from)) {
            Received::Nothing => py.check_signals()?,
            Received::Message(Message::Schema(schema)) => {
                kind = Some(schema.field().map_err(|what| failed(&what))?.kind);
            }
            Received::Message(Message::Array(array)) => {
                let Some(kind) = &kind else { return Err(failed("its stream has no schema")) };
                let rows: usize = arrays.iter().map(|array: &ArrowArray| array.rows).sum();
                arrays.push(import(array, kind).map_err(|failure| match failure {
                    Failure::Malformed { what, .. } => {
                        failed(&format!("array {}, from row {rows} on: {what}", arrays.len()))
                    }
                    failure => failure.raise(name),
                })?);
                py.check_signals()?;
            }
            Received::Message(Message::End) => {
                if let (true, Some(kind)) = (arrays.is_empty(), &kind) {
                    arrays.push(ArrowArray::empty(kind));
                }
                return Ok(arrays);
            }
            Received::Message(Message::Failed(what)) => return Err(failed(&what)),
        }
    }
}

enum Received {
    Message(Message),
    Nothing,
}

fn receive(receiver: &mut Receiver<Message>) -> Received {
    match receiver.recv_timeout(INTERVAL) {
        Ok(message) => Received::Message(message),
        Err(RecvTimeoutError::Timeout) => Received::Nothing,
        Err(RecvTimeoutError::Disconnected) => {
            Received::Message(Message::Failed("its stream ended without an end".into()))
        }
    }
}

/// Tells the thread, when it is dropped, that nobody wants more.
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends what a stream gives. What nobody receives is released.
fn produce(stream: CStream, sender: &Sender<Message>, abandoned: &AtomicBool) {
    // The producer may take the interpreter's lock; in an interpreter that is ending, that ends the thread by unwinding it,
    // which Rust must not see (PyO3 does the same for its own threads).
    let hang = HangOnUnwind;
    // The stream is released before its last message: the caller's next step may be to end the process.
    let last = send_all(stream, sender, abandoned).err().map_or(Message::End, Message::Failed);
    std::mem::forget(hang);
    let _ = sender.send(last);
}

fn send_all(mut stream: CStream, sender: &Sender<Message>, abandoned: &AtomicBool) -> Result<(), String> {
    let mut received = sender.send(Message::Schema(call_get_schema(&mut stream)?)).is_ok();
    while received && !abandoned.load(Ordering::Relaxed) {
        let array = call_get_next(&mut stream)?;
        if array.is_released() {
            break;
        }
        received = sender.send(Message::Array(array)).is_ok();
    }
    Ok(())
}

/// Blocks for ever where a thread is unwound.
struct HangOnUnwind;

impl Drop for HangOnUnwind {
    fn drop(&mut self) {
        loop {
            thread::park();
        }
    }
}

fn call_get_schema(stream: &mut CStream) -> Result<CSchema, String> {
    let get_schema = stream.get_schema.ok_or("its stream has no function get_schema")?;
    let mut schema = CSchema::released();
    // SAFETY: a stream that is not released is to be asked so, by one thread at a time.
    let code = unsafe { get_schema(stream, &raw mut schema) };
    if code == 0 { Ok(schema) } else { Err(last_error(stream, code)) }
}

fn call_get_next(stream: &mut CStream) -> Result<CArray, String> {
    let get_next = stream.get_next.ok_or("its stream has no function get_next")?;
    let mut array = CArray::released();
    // SAFETY: as in `call_get_schema`.
    let code = unsafe { get_next(stream, &raw mut array) };
    if code == 0 { Ok(array) } else { Err(last_error(stream, code)) }
}

fn last_error(stream: &mut CStream, code: c_int) -> String {
    let text = stream.get_last_error.and_then(|get_last_error| {
        // SAFETY: the last call failed, so the stream is to be asked why; the text is NULL, or ends with a zero byte and
        // stands until the next call.
        let text = unsafe { get_last_error(stream) };
        // SAFETY: as above.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    });
    let system = || std::io::Error::from_raw_os_error(code).to_string();
    format!("its producer failed: {}", text.filter(|text| !text.is_empty()).unwrap_or_else(system))
}
