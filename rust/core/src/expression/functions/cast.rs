//! Casts between whole numbers, floating point and booleans. `try_cast` is the same with NULL for the error.

use super::super::error::EvaluationError;

/// The least and the greatest value of a type of whole numbers: [`super::super::Type::whole_range`].
pub type Range = (i128, i128);

/// A whole number that is held in 64 bits, cast to a type of them.
pub fn int_to_int(value: i64, (least, greatest): Range) -> Result<i64, EvaluationError> {
    if (least..=greatest).contains(&i128::from(value)) { Ok(value) } else { Err(EvaluationError::Conversion) }
}

/// A whole number that is held in 64 bits, cast to a type that is held in 128.
pub fn int_to_wide(value: i64, range: Range) -> Result<i128, EvaluationError> {
    wide_to_wide(i128::from(value), range)
}

/// A whole number that is held in 128 bits, cast to a type that is held in 64.
pub fn wide_to_int(value: i128, range: Range) -> Result<i64, EvaluationError> {
    i64::try_from(wide_to_wide(value, range)?).map_err(|_| EvaluationError::Conversion)
}

/// A whole number that is held in 128 bits, cast to a type of them.
pub fn wide_to_wide(value: i128, (least, greatest): Range) -> Result<i128, EvaluationError> {
    if (least..=greatest).contains(&value) { Ok(value) } else { Err(EvaluationError::Conversion) }
}

/// A double, cast to a type of whole numbers: the nearest one, halves to the even one.
pub fn double_to_whole(value: f64, (least, greatest): Range) -> Result<i128, EvaluationError> {
    let rounded = value.round_ties_even();
    // The greatest value is not a double where it has more than 53 bits: the one above it is.
    if !(rounded >= least as f64 && rounded < (greatest / 2 + 1) as f64 * 2.0) {
        return Err(EvaluationError::Conversion);
    }
    wide_to_wide(rounded as i128, (least, greatest))
}

/// A double, cast to a type of whole numbers that is held in 64 bits.
pub fn double_to_int(value: f64, range: Range) -> Result<i64, EvaluationError> {
    wide_to_int(double_to_whole(value, range)?, range)
}

/// A float, cast to a type of whole numbers.
pub fn float_to_whole(value: f32, range: Range) -> Result<i128, EvaluationError> {
    double_to_whole(f64::from(value), range)
}

/// A float, cast to a type of whole numbers that is held in 64 bits.
pub fn float_to_int(value: f32, range: Range) -> Result<i64, EvaluationError> {
    double_to_int(f64::from(value), range)
}

/// A whole number that is held in 64 bits, cast to `DOUBLE`.
pub fn int_to_double(value: i64) -> f64 {
    value as f64
}

/// A whole number that is held in 64 bits, cast to `FLOAT`.
pub fn int_to_float(value: i64) -> f32 {
    value as f32
}

/// A whole number that is held in 128 bits, cast to `DOUBLE`.
pub fn wide_to_double(value: i128) -> f64 {
    value as f64
}

/// A whole number that is held in 128 bits, cast to `FLOAT`.
pub fn wide_to_float(value: i128) -> f32 {
    value as f32
}

/// `DOUBLE`, cast to `FLOAT`: an error where a finite value is too large.
pub fn double_to_float(value: f64) -> Result<f32, EvaluationError> {
    let float = value as f32;
    if float.is_infinite() && value.is_finite() { Err(EvaluationError::Conversion) } else { Ok(float) }
}

/// `FLOAT`, cast to `DOUBLE`.
pub fn float_to_double(value: f32) -> f64 {
    f64::from(value)
}

/// A whole number that is held in 64 bits, cast to `BOOLEAN`.
pub fn int_to_bool(value: i64) -> bool {
    value != 0
}

/// A whole number that is held in 128 bits, cast to `BOOLEAN`.
pub fn wide_to_bool(value: i128) -> bool {
    value != 0
}

/// `DOUBLE`, cast to `BOOLEAN`.
pub fn double_to_bool(value: f64) -> bool {
    value != 0.0
}

/// `FLOAT`, cast to `BOOLEAN`.
pub fn float_to_bool(value: f32) -> bool {
    value != 0.0
}

/// `BOOLEAN`, cast to a type of whole numbers that is held in 64 bits.
pub fn bool_to_int(value: bool) -> i64 {
    i64::from(value)
}

/// `BOOLEAN`, cast to a type of whole numbers that is held in 128 bits.
pub fn bool_to_wide(value: bool) -> i128 {
    i128::from(value)
}

/// `BOOLEAN`, cast to `DOUBLE`.
pub fn bool_to_double(value: bool) -> f64 {
    f64::from(value)
}

/// `BOOLEAN`, cast to `FLOAT`.
pub fn bool_to_float(value: bool) -> f32 {
    f32::from(value)
}
