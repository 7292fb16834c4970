//! Rows with a letter each, to symbols.
//!
//! A table of all bytes takes a look-up a row. Comparing many letters at once with each of the few that are variables takes a
//! third of that time.

use super::symbols::{Codes, NARROW, Symbols};
use crate::budget::{Budget, ROWS_A_LOOK, Stopped};

/// Letters that are compared at once: some vectors of the processor.
const AT_ONCE: usize = 32;

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
            // How many there are stands outside of the loop, so that what they are compared with stays in registers.
            match known.len() {
                0..=2 => write_codes::<2>(codes, letters, &known),
                3..=4 => write_codes::<4>(codes, letters, &known),
                _ => write_codes::<NARROW>(codes, letters, &known),
            }
        }
        Ok(Self { codes: Codes::Bytes(codes), masks: Vec::new() })
    }
}

/// Writes the code of each letter, of which at most `MOST` have another one than 0.
fn write_codes<const MOST: usize>(codes: &mut [u8], letters: &[u8], known: &[(u8, u8)]) {
    // Where there are fewer, no letter gets the code 0 in addition.
    let known: [(u8, u8); MOST] = std::array::from_fn(|at| known.get(at).copied().unwrap_or_default());
    let code = |letter: u8| known.iter().fold(0, |codes, &(own, code)| codes | if letter == own { code } else { 0 });
    let (codes, last_codes) = codes.as_chunks_mut::<AT_ONCE>();
    let (letters, last_letters) = letters.as_chunks::<AT_ONCE>();
    for (codes, letters) in codes.iter_mut().zip(letters) {
        for (own, &letter) in codes.iter_mut().zip(letters) {
            *own = code(letter);
        }
    }
    for (own, &letter) in last_codes.iter_mut().zip(last_letters) {
        *own = code(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_labels() {
        let budget = Budget::unlimited();
        let letters: Vec<u8> = (0..1000_usize).map(|row| b"ABCDZ\0\xff"[row * row % 7]).collect();
        for variables in [1, 2, 3, 4, 5, 8, 9] {
            let mut table = vec![None; 128];
            for (variable, letter) in b"ABCDEFGHI"[..variables].iter().enumerate() {
                table[usize::from(*letter)] = Some(variable as u8);
            }
            for rows in [0, 1, 31, 32, 33, 1000] {
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
