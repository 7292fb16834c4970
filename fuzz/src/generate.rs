//! Patterns and skips made of arbitrary bytes. Where the bytes end, `arbitrary` gives zeros, so that everything ends.

use arbitrary::{Result, Unstructured};

use crate::reference::{Part, Skip};

/// A pattern over so many variables, most of several parts, which stand at most so deep in each other.
pub fn pattern(bytes: &mut Unstructured<'_>, variables: u8, depth: u32) -> Result<Part> {
    if bytes.ratio(1, 8)? {
        return part(bytes, variables, depth);
    }
    let parts = (0..bytes.int_in_range(2..=4)?).map(|_| part(bytes, variables, depth - 1)).collect::<Result<_>>()?;
    Ok(Part::Sequence(parts))
}

fn part(bytes: &mut Unstructured<'_>, variables: u8, depth: u32) -> Result<Part> {
    let several = |bytes: &mut Unstructured<'_>| {
        (0..bytes.int_in_range(2..=3)?).map(|_| part(bytes, variables, depth - 1)).collect::<Result<Vec<_>>>()
    };
    let kind = if depth == 0 { 0 } else { bytes.int_in_range(0..=15_u8)? };
    Ok(match kind {
        0..=3 => match bytes.int_in_range(0..=19_u8)? {
            19 => Part::Empty,
            18 => Part::Start,
            17 => Part::End,
            _ => Part::Variable(bytes.int_in_range(0..=variables - 1)?),
        },
        4..=7 => Part::Sequence(several(bytes)?),
        8..=9 => Part::Choice(several(bytes)?),
        10 => Part::Permute(several(bytes)?),
        11 => Part::Exclude(Box::new(part(bytes, variables, depth - 1)?)),
        _ => {
            let (least, most) = *bytes.choose(&[
                (0, None),
                (1, None),
                (0, Some(1)),
                (2, None),
                (1, Some(2)),
                (0, Some(2)),
                (2, Some(2)),
                (2, Some(3)),
                (1, Some(3)),
            ])?;
            let body = Box::new(part(bytes, variables, depth - 1)?);
            Part::Repeat { body, least, most, greedy: bytes.ratio(3, 5)? }
        }
    })
}

/// A skip, over so many variables.
pub fn skip(bytes: &mut Unstructured<'_>, variables: u8) -> Result<Skip> {
    let variable = bytes.int_in_range(0..=variables - 1)?;
    Ok(match bytes.int_in_range(0..=4_u8)? {
        0 | 1 => Skip::PastLastRow,
        2 => Skip::ToNextRow,
        3 => Skip::ToFirst(variable),
        _ => Skip::ToLast(variable),
    })
}
