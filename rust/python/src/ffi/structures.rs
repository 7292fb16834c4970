//! The structures of Arrow's C data interface, and types read from them.
//!
//! They are declared here rather than taken from `arrow_data`, whose accessors assert what a producer should have done
//! (and so panic), turn negative numbers into huge ones, and follow NULL pointers. Here every field is looked at before
//! it is used.
#![allow(unsafe_code, reason = "reads C structures; each block says what it relies on")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::str::Utf8Error;

use arrow_schema::DataType;
use arrow_schema::ffi::FFI_ArrowSchema;

use crate::arrow::{ArrowKind, Field, IntegerKind, Storage, TextKind};

/// Types nest no deeper than this; reading them is recursive.
const DEEPEST: usize = 64;

/// `struct ArrowSchema`.
#[repr(C)]
pub struct CSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut CSchema,
    dictionary: *mut CSchema,
    release: Option<unsafe extern "C-unwind" fn(*mut CSchema)>,
    private_data: *mut c_void,
}

/// `struct ArrowArray`.
#[repr(C)]
pub struct CArray {
    pub length: i64,
    pub null_count: i64,
    pub offset: i64,
    pub n_buffers: i64,
    pub n_children: i64,
    pub buffers: *const *const c_void,
    pub children: *const *const CArray,
    pub dictionary: *const CArray,
    release: Option<unsafe extern "C-unwind" fn(*mut CArray)>,
    private_data: *mut c_void,
}

/// `struct ArrowArrayStream`.
#[repr(C)]
pub struct CStream {
    pub get_schema: Option<unsafe extern "C-unwind" fn(*mut CStream, *mut CSchema) -> c_int>,
    pub get_next: Option<unsafe extern "C-unwind" fn(*mut CStream, *mut CArray) -> c_int>,
    pub get_last_error: Option<unsafe extern "C-unwind" fn(*mut CStream) -> *const c_char>,
    release: Option<unsafe extern "C-unwind" fn(*mut CStream)>,
    private_data: *mut c_void,
}

macro_rules! owned {
    ($name:ident, $($null:ident: $value:expr),*) => {
        impl $name {
            /// A structure that holds nothing, as after its release.
            pub const fn released() -> Self {
                Self { $($null: $value,)* release: None, private_data: ptr::null_mut() }
            }

            pub fn is_released(&self) -> bool {
                self.release.is_none()
            }

            /// Takes the structure over; what it is taken from counts as released from then on.
            ///
            /// # Safety
            /// `from` must point to such a structure, aligned, that nobody else uses meanwhile.
            pub unsafe fn take(from: *mut Self) -> Self {
                // SAFETY: as the caller says.
                unsafe { ptr::replace(from, Self::released()) }
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                if let Some(release) = self.release {
                    // SAFETY: the interface says that a structure whose `release` is not NULL is to be released by it, once.
                    unsafe { release(self) }
                }
            }
        }

        // SAFETY: the interface lets structures move between threads, and be released in any of them.
        unsafe impl Send for $name {}
        // SAFETY: a shared structure is only read.
        unsafe impl Sync for $name {}
    };
}

owned!(CSchema, format: ptr::null(), name: ptr::null(), metadata: ptr::null(), flags: 0, n_children: 0,
    children: ptr::null_mut(), dictionary: ptr::null_mut());
owned!(CArray, length: 0, null_count: 0, offset: 0, n_buffers: 0, n_children: 0, buffers: ptr::null(),
    children: ptr::null(), dictionary: ptr::null());
owned!(CStream, get_schema: None, get_next: None, get_last_error: None);

impl CSchema {
    /// Reads the type and the name. Metadata is not looked at.
    pub fn field(&self) -> Result<Field, String> {
        self.field_at(0)
    }

    fn field_at(&self, depth: usize) -> Result<Field, String> {
        if depth >= DEEPEST {
            return Err(format!("its type nests more than {DEEPEST} deep"));
        }
        if self.is_released() {
            return Err("its schema was released: a capsule can be used once".into());
        }
        // SAFETY: a name that is not NULL ends with a zero byte, and lives as long as its structure.
        let name = unsafe { text(self.name) }.map_err(|_| "a name in its schema is not valid UTF-8")?;
        let name = name.unwrap_or_default().to_owned();
        let kind = self.kind(depth).map_err(|what| if name.is_empty() { what } else { format!("{name:?}: {what}") })?;
        Ok(Field { name, kind })
    }

    fn kind(&self, depth: usize) -> Result<ArrowKind, String> {
        // SAFETY: as with the name.
        let format = unsafe { text(self.format) }.map_err(|_| "the format string of its type is not valid UTF-8")?;
        let format = format.ok_or("the format string of its type is NULL")?;
        if self.n_children < 0 {
            return Err(format!("its type has {} children", self.n_children));
        }
        let integers = integer_kind(format);
        // SAFETY: a pointer to a dictionary's type is NULL or points to a structure that lives as long as this one.
        if let Some(dictionary) = unsafe { self.dictionary.as_ref() } {
            let keys = integers.ok_or_else(|| format!("the keys of its dictionary have the format {format:?}"))?;
            self.expect_children(0, format)?;
            return Ok(ArrowKind::Dictionary(keys, Box::new(dictionary.field_at(depth + 1)?.kind)));
        }
        let kind = match format {
            "n" => ArrowKind::Null,
            "b" => ArrowKind::Boolean,
            "g" => ArrowKind::Double,
            "u" => ArrowKind::Text(TextKind::Small),
            "U" => ArrowKind::Text(TextKind::Large),
            "vu" => ArrowKind::Text(TextKind::View),
            "+s" => {
                let fields = (0..self.n_children).map(|number| self.child(number)?.field_at(depth + 1));
                return fields.collect::<Result<_, _>>().map(ArrowKind::Record);
            }
            "+r" => {
                self.expect_children(2, format)?;
                let ends = self.child(0)?.field_at(depth + 1)?.kind;
                let ArrowKind::Integer(ends @ (IntegerKind::I16 | IntegerKind::I32 | IntegerKind::I64)) = ends else {
                    return Err(format!("the ends of its runs have the type {ends}"));
                };
                return Ok(ArrowKind::Runs(ends, Box::new(self.child(1)?.field_at(depth + 1)?.kind)));
            }
            _ => match (integers, storage(format)) {
                (Some(integers), _) => ArrowKind::Integer(integers),
                (None, Some(storage)) => ArrowKind::Stored(storage, type_of(format)?.to_string()),
                (None, None) => match other(format)? {
                    fixed @ ArrowKind::Fixed(_) => fixed,
                    other => return Ok(other),
                },
            },
        };
        self.expect_children(0, format)?;
        Ok(kind)
    }

    fn expect_children(&self, expected: i64, format: &str) -> Result<(), String> {
        if self.n_children == expected {
            return Ok(());
        }
        Err(format!("its type, of the format {format:?}, has {} children, not {expected}", self.n_children))
    }

    fn child(&self, number: i64) -> Result<&Self, String> {
        let missing = || format!("child {number} of its type is a NULL pointer");
        if self.children.is_null() {
            return Err(missing());
        }
        // SAFETY: `children` points to `n_children` pointers, of which this is one; each is NULL or points to a structure
        // that lives as long as this one.
        unsafe { (*self.children.offset(number as isize)).as_ref() }.ok_or_else(missing)
    }
}

fn integer_kind(format: &str) -> Option<IntegerKind> {
    Some(match format {
        "c" => IntegerKind::I8,
        "C" => IntegerKind::U8,
        "s" => IntegerKind::I16,
        "S" => IntegerKind::U16,
        "i" => IntegerKind::I32,
        "I" => IntegerKind::U32,
        "l" => IntegerKind::I64,
        "L" => IntegerKind::U64,
        _ => return None,
    })
}

/// A type of values of as many bytes each, or one whose values are never read: only its name is wanted.
fn other(format: &str) -> Result<ArrowKind, String> {
    let nested = [
        ("+l", "List"),
        ("+L", "LargeList"),
        ("+v", "ListView"),
        ("+w", "FixedSizeList"),
        ("+m", "Map"),
        ("+u", "Union"),
    ];
    if let Some((_, name)) = nested.iter().find(|(prefix, _)| format.starts_with(prefix)) {
        return Ok(ArrowKind::Other((*name).to_owned()));
    }
    Ok(match type_of(format)? {
        kind @ (DataType::Float16
        | DataType::Float32
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..)
        | DataType::Duration(_)
        | DataType::Interval(_)) => ArrowKind::Fixed(kind),
        kind => ArrowKind::Other(kind.to_string()),
    })
}

fn type_of(format: &str) -> Result<DataType, String> {
    let schema = FFI_ArrowSchema::try_new(format, Vec::new(), None);
    schema
        .and_then(|schema| DataType::try_from(&schema))
        .map_err(|_| format!("its type has the format {format:?}, which is not one of Arrow's"))
}

/// What values are stored as that only order rows; None for types that do not.
fn storage(format: &str) -> Option<Storage> {
    Some(match format {
        "z" => Storage::Bytes(TextKind::Small),
        "Z" => Storage::Bytes(TextKind::Large),
        "vz" => Storage::Bytes(TextKind::View),
        _ => {
            if let Some(width) = format.strip_prefix("w:") {
                return width.parse().ok().map(Storage::FixedBytes);
            }
            (format.strip_prefix("d:")?.split(',').nth(2) == Some("256")).then_some(Storage::Int256)?
        }
    })
}

/// A C string; None when it is NULL.
///
/// # Safety
/// A pointer that is not NULL must point to bytes that end with a zero, and live as long as `'a`.
unsafe fn text<'a>(pointer: *const c_char) -> Result<Option<&'a str>, Utf8Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(pointer) }.to_str().map(Some)
}
