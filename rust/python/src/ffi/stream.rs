//! Streams of Arrow's C stream interface, drained.
//!
//! A producer may need the interpreter (one written in Python, or one whose threads read through Python), may take long, or may
//! never come back. So a stream is drained in a thread of its own, without the interpreter's lock, while the caller's
//! thread waits and looks at signals. After Ctrl-C the caller leaves at once; the thread ends when the producer gives back
//! control.
#![allow(unsafe_code, reason = "calls C functions; each block says what it relies on")]

use std::ffi::{CStr, c_int};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

use super::exit::{Caller, may_wait, wait_forever};
use super::import::import;
use super::structures::{CArray, CSchema, CStream};
use crate::arrow::{ArrowArray, ArrowKind, Failure};
use crate::limits::CallLimits;

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
///     waits: whether the producer may need time. One that has its arrays in memory is asked in this thread, since another
///         one costs some 50 microseconds.
///     limits: looked at while the producer works; what it gives counts until the caller releases it.
pub fn drain(
    py: Python<'_>,
    stream: CStream,
    name: &str,
    waits: bool,
    limits: Option<&CallLimits>,
) -> PyResult<Vec<ArrowArray>> {
    let mut drained = Drained { name, kind: None, arrays: Vec::new() };
    if stream.is_released() {
        return Err(drained.failed("its stream was released: a capsule can be used once"));
    }
    if !(waits && may_wait(py)) {
        let mut messages = Vec::new();
        let sent = py.detach(|| {
            send_all(stream, Caller::Own, |message| {
                messages.push(message);
                true
            })
        });
        for message in messages {
            drained.take(message)?;
        }
        sent.map_err(|what| drained.failed(&what))?;
        return Ok(drained.finish());
    }
    let (sender, mut receiver) = mpsc::channel();
    let work = move || produce(stream, &sender);
    let started = thread::Builder::new().name("rowpattern-arrow".into()).spawn(work);
    started.map_err(|error| drained.failed(&format!("no thread can be started for its stream ({error})")))?;
    loop {
        // When this function returns, the receiver is dropped, and the thread cannot send any more.
        let from = &mut receiver;
        match py.detach(move || from.recv_timeout(INTERVAL)) {
            Ok(Message::End) => return Ok(drained.finish()),
            Ok(message) => {
                drained.take(message)?;
                if let (Some(limits), Some(array)) = (limits, drained.arrays.last()) {
                    limits.charge(array.least_bytes())?;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(drained.failed("its stream has no end")),
        }
        limits.map_or_else(|| py.check_signals(), |limits| limits.check(py))?;
    }
}

/// What was drained so far.
struct Drained<'a> {
    name: &'a str,
    kind: Option<ArrowKind>,
    arrays: Vec<ArrowArray>,
}

impl Drained<'_> {
    fn failed(&self, what: &str) -> PyErr {
        Failure::of(what).raise(self.name)
    }

    fn take(&mut self, message: Message) -> PyResult<()> {
        match message {
            Message::Schema(schema) => {
                let field = schema.field().map_err(|what| self.failed(&what))?;
                self.kind = Some(field.kind);
            }
            Message::Array(array) => {
                let Some(kind) = &self.kind else { return Err(self.failed("its stream has no schema")) };
                let imported = import(array, kind).map_err(|failure| match failure {
                    Failure::Malformed { what, .. } => {
                        let rows = self.arrays.iter().fold(0_usize, |rows, array| rows.saturating_add(array.rows));
                        self.failed(&format!("array {} of its stream, from row {rows} on: {what}", self.arrays.len()))
                    }
                    failure => failure.raise(self.name),
                });
                self.arrays.push(imported?);
            }
            Message::Failed(what) => return Err(self.failed(&what)),
            Message::End => {}
        }
        Ok(())
    }

    /// The arrays; one without rows where there is none, which shows the type.
    fn finish(mut self) -> Vec<ArrowArray> {
        if let (true, Some(kind)) = (self.arrays.is_empty(), &self.kind) {
            self.arrays.push(ArrowArray::empty(kind));
        }
        self.arrays
    }
}

/// Sends what a stream gives. What nobody receives is released.
fn produce(stream: CStream, sender: &Sender<Message>) {
    // The producer may take the interpreter's lock; in an interpreter that is ending, that ends the thread by unwinding it,
    // which Rust must not see (PyO3 does the same for its own threads).
    let hang = HangOnUnwind;
    let sent = send_all(stream, Caller::Background, |message| sender.send(message).is_ok());
    std::mem::forget(hang);
    let _ = sender.send(sent.err().map_or(Message::End, Message::Failed));
}

/// Sends schema and arrays, until one is not received, and releases the stream: the caller's next step may be to end the
/// process.
fn send_all(mut stream: CStream, caller: Caller, mut send: impl FnMut(Message) -> bool) -> Result<(), String> {
    let ended = (|| {
        let mut received = send(Message::Schema(caller.call(|| call_get_schema(&mut stream))?));
        while received {
            let array = caller.call(|| call_get_next(&mut stream))?;
            if array.is_released() {
                break;
            }
            received = send(Message::Array(array));
        }
        Ok(())
    })();
    caller.call(|| drop(stream));
    ended
}

/// Blocks for ever where a thread is unwound.
struct HangOnUnwind;

impl Drop for HangOnUnwind {
    fn drop(&mut self) {
        wait_forever();
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
