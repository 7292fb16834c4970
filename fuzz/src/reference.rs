//! The standard's rules of preferment, written out: slow, and with no code of the product in it.
//!
//! [`scan`] tries every way in which a pattern can match from a row on, the most preferred first (ISO/IEC 19075-5,
//! section 4.14.7, "Preferment rules"), and takes the first. `tests/helpers/reference.py` says the same in Python.

/// A part of a pattern.
#[derive(Debug, Clone)]
pub enum Part {
    Variable(u8),
    Empty,
    Start,
    End,
    Sequence(Vec<Self>),
    Choice(Vec<Self>),
    Permute(Vec<Self>),
    Exclude(Box<Self>),
    Repeat { body: Box<Self>, least: u32, most: Option<u32>, greedy: bool },
}

impl Part {
    /// Writes the part as `PATTERN` text; variables are letters.
    pub fn text(&self) -> String {
        let several = |parts: &[Self], sign: &str| parts.iter().map(Self::text).collect::<Vec<_>>().join(sign);
        match self {
            Self::Variable(number) => char::from(b'A' + number).to_string(),
            Self::Empty => "()".to_owned(),
            Self::Start => "^".to_owned(),
            Self::End => "$".to_owned(),
            Self::Sequence(parts) => format!("({})", several(parts, " ")),
            Self::Choice(parts) => format!("({})", several(parts, " | ")),
            Self::Permute(parts) => format!("PERMUTE({})", several(parts, ", ")),
            Self::Exclude(body) => format!("{{- {} -}}", body.text()),
            Self::Repeat { body, least, most, greedy } => {
                let sign = match (least, most) {
                    (0, None) => "*".to_owned(),
                    (1, None) => "+".to_owned(),
                    (0, Some(1)) => "?".to_owned(),
                    (least, None) => format!("{{{least},}}"),
                    (least, Some(most)) if least == most => format!("{{{least}}}"),
                    (least, Some(most)) => format!("{{{least},{most}}}"),
                };
                format!("({}){sign}{}", body.text(), if *greedy { "" } else { "?" })
            }
        }
    }
}

/// A row of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped {
    pub variable: u8,
    pub excluded: bool,
}

/// A match in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    pub start: usize,
    pub rows: Vec<Mapped>,
}

/// Where the search goes on after a match.
#[derive(Debug, Clone, Copy)]
pub enum Skip {
    PastLastRow,
    ToNextRow,
    ToFirst(u8),
    ToLast(u8),
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// No row of the match is mapped to the variable to skip to.
    NotInMatch,
    /// The row to skip to is the match's first.
    FirstRow,
    /// There are more ways than can be tried, or a condition has no answer: the case proves nothing.
    Undecided,
}

/// Parts entered in one scan before it gives up.
const MOST_STEPS: usize = 50_000;

/// Whether the last of these rows, mapped so from a start on, may be mapped so; the third argument is the match's number.
pub type Holds<'a> = &'a mut dyn FnMut(usize, &[Mapped], usize) -> Result<bool, Problem>;

/// Finds the matches of a partition of so many rows: those before a problem, and the problem.
pub fn scan(pattern: &Part, rows: usize, skip: Skip, holds: Holds<'_>) -> (Vec<Match>, Option<Problem>) {
    let mut found = Vec::new();
    let mut search = Search { rows, steps: 0, start: 0, number: 0, mapped: Vec::new(), holds };
    let mut row = 0;
    while row < rows {
        search.start = row;
        search.number = found.len() + 1;
        search.mapped.clear();
        match search.ways(pattern, row, false, &mut |_, _| Ok(true)) {
            Err(problem) => return (found, Some(problem)),
            Ok(false) => row += 1,
            Ok(true) => {
                found.push(Match { start: row, rows: search.mapped.clone() });
                match next_start(skip, row, &search.mapped) {
                    Ok(next) => row = next,
                    Err(problem) => return (found, Some(problem)),
                }
            }
        }
    }
    (found, None)
}

fn next_start(skip: Skip, start: usize, mapped: &[Mapped]) -> Result<usize, Problem> {
    if mapped.is_empty() {
        return Ok(start + 1);
    }
    let place = match skip {
        Skip::PastLastRow => return Ok(start + mapped.len()),
        Skip::ToNextRow => return Ok(start + 1),
        Skip::ToFirst(variable) => mapped.iter().position(|row| row.variable == variable),
        Skip::ToLast(variable) => mapped.iter().rposition(|row| row.variable == variable),
    };
    match place {
        None => Err(Problem::NotInMatch),
        Some(0) => Err(Problem::FirstRow),
        Some(place) => Ok(start + place),
    }
}

struct Search<'a> {
    rows: usize,
    steps: usize,
    start: usize,
    number: usize,
    mapped: Vec<Mapped>,
    holds: Holds<'a>,
}

/// What has to match behind a part: called with the row after it, for one way after the other until one succeeds.
type Then<'t, 'a> = &'t mut dyn FnMut(&mut Search<'a>, usize) -> Result<bool, Problem>;

impl<'a> Search<'a> {
    fn ways(&mut self, part: &Part, row: usize, excluded: bool, then: Then<'_, 'a>) -> Result<bool, Problem> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(Problem::Undecided);
        }
        match part {
            Part::Empty => then(self, row),
            Part::Start => Ok(row == 0 && then(self, row)?),
            Part::End => Ok(row == self.rows && then(self, row)?),
            Part::Variable(variable) => {
                if row == self.rows {
                    return Ok(false);
                }
                self.mapped.push(Mapped { variable: *variable, excluded });
                if (self.holds)(self.start, &self.mapped, self.number)? && then(self, row + 1)? {
                    return Ok(true);
                }
                self.mapped.pop();
                Ok(false)
            }
            Part::Sequence(parts) => self.sequence(&parts.iter().collect::<Vec<_>>(), row, excluded, then),
            Part::Choice(parts) => {
                for each in parts {
                    if self.ways(each, row, excluded, then)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Part::Permute(parts) => {
                for order in orders(parts.len()) {
                    let parts: Vec<&Part> = order.iter().map(|&number| &parts[number]).collect();
                    if self.sequence(&parts, row, excluded, then)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Part::Exclude(body) => self.ways(body, row, true, then),
            Part::Repeat { .. } => self.iterations(part, 0, row, excluded, then),
        }
    }

    fn sequence(&mut self, parts: &[&Part], row: usize, excluded: bool, then: Then<'_, 'a>) -> Result<bool, Problem> {
        let Some((first, rest)) = parts.split_first() else { return then(self, row) };
        self.ways(first, row, excluded, &mut |search, middle| search.sequence(rest, middle, excluded, then))
    }

    /// A loop of which so many iterations are done.
    fn iterations(
        &mut self,
        part: &Part,
        done: u32,
        row: usize,
        excluded: bool,
        then: Then<'_, 'a>,
    ) -> Result<bool, Problem> {
        let Part::Repeat { body, least, most, greedy } = part else { return Ok(false) };
        let (enough, more) = (done >= *least, most.is_none_or(|most| done < most));
        if enough && !greedy && then(self, row)? {
            return Ok(true);
        }
        let another = more
            && self.ways(body, row, excluded, &mut |search, middle| {
                if enough && middle == row {
                    // The minimum is met, and this iteration consumed nothing: it ends the loop.
                    return then(search, middle);
                }
                search.iterations(part, done + 1, middle, excluded, then)
            })?;
        Ok(another || (enough && *greedy && then(self, row)?))
    }
}

/// All orders of so many, in lexicographic order.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        let longer = |order: &Vec<usize>| {
            let order = order.clone();
            (0..count)
                .filter(|number| !order.contains(number))
                .map(|number| [order.as_slice(), &[number]].concat())
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}
