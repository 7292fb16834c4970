//! Rows with a letter each, to symbols.
//!
//! A table of all bytes takes a look-up a row. Comparing many letters at once with each of the few that are variables takes a
//! third of that time.

use super::symbols::{Codes, NARROW, Symbols};
use crate::budget::{Budget, ROWS_A_LOOK, Stopped};

/// Letters that are compared at once: some vectors of the processor.
const AT_ONCE: usize = 64;

impl Symbols {
    /// Rows with a letter each, which is a byte: `table` gives the variable of each byte (`None`, or none there: of no variable).
    pub fn from_letters(
        variable_count: usize,
        table: &[Option<u8>],
        letters: &[u8],
        budget: &Budget,
    ) -> Result<Self, Stopped> {
        if variable_count > NARROW {
            return Self::from_labels(variable_count, table, letters, |&letter| usize::from(letter), budget);
        }
        let known = (0..=u8::MAX).zip(table);
        let known: Vec<(u8, u8)> = known.filter_map(|(letter, variable)| Some((letter, 1 << (*variable)?))).collect();
        let mut codes: Vec<u8> = budget.any(letters.len())?;
        for (codes, letters) in codes.chunks_mut(ROWS_A_LOOK).zip(letters.chunks(ROWS_A_LOOK)) {
            budget.check()?;
            let ((codes, last_codes), (letters, last)) = (codes.as_chunks_mut(), letters.as_chunks());
            for (codes, letters) in codes.iter_mut().zip(letters) {
                *codes = codes_of(letters, &known);
            }
            let mut rest = [0; AT_ONCE];
            rest[..last.len()].copy_from_slice(last);
            last_codes.copy_from_slice(&codes_of(&rest, &known)[..last.len()]);
        }
        Ok(Self { codes: Codes::Bytes(codes), masks: Vec::new() })
    }
}

#[inline]
fn codes_of(letters: &[u8; AT_ONCE], known: &[(u8, u8)]) -> [u8; AT_ONCE] {
    let mut codes = [0; AT_ONCE];
    for &(known, code) in known {
        for (own, &letter) in codes.iter_mut().zip(letters) {
            *own |= if letter == known { code } else { 0 };
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_labels() {
        let budget = Budget::unlimited();
        let letters: Vec<u8> = (0..1000_usize).map(|row| b"ABCDZ\0\xff"[row * row % 7]).collect();
        for variables in [1, 3, 8, 9] {
            let mut table = vec![None; 128];
            for (variable, letter) in b"ABCDEFGHI"[..variables].iter().enumerate() {
                table[usize::from(*letter)] = Some(variable as u8);
            }
            for rows in [0, 1, 63, 64, 65, 1000] {
                let letters = &letters[..rows];
                let found = Symbols::from_letters(variables, &table, letters, &budget).unwrap_or_else(|_| panic!());
                let place = |&letter: &u8| usize::from(letter);
                let labels = Symbols::from_labels(variables, &table, letters, place, &budget);
                let labels = labels.unwrap_or_else(|_| panic!());
                assert_eq!(found.len(), rows);
                assert!((0..rows).all(|row| found.set(row) == labels.set(row)));
            }
        }
    }
}
