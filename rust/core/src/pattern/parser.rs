//! Tokens to tree, by recursive descent; the depth of the recursion is limited by [`MAX_NESTING`].

use super::error::{CompileError, LimitError, SyntaxError};
use super::lexer::{Lexer, Token};
use super::tree::{Anchor, Node};

/// The longest row pattern that is read, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 262_144;
/// How deep parentheses, `PERMUTE` and exclusions may stand in each other.
pub const MAX_NESTING: usize = 200;
/// The most primary variables in one row pattern.
pub const MAX_VARIABLES: usize = 256;

/// A row pattern that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPattern {
    /// The whole pattern.
    pub root: Node,
    /// The primary variables in the order in which they first stand in the text.
    pub variables: Vec<String>,
}

/// Reads the text that stands inside `PATTERN ( ... )`. Takes time and memory linear in the text.
pub fn parse(text: &str) -> Result<RowPattern, CompileError> {
    if text.len() > MAX_TEXT_BYTES {
        let hint = "split the pattern, or use a quantifier for what repeats";
        return Err(LimitError::new("bytes of text", MAX_TEXT_BYTES, Some(text.len()), hint).into());
    }
    let mut lexer = Lexer::new(text);
    let (at, token) = lexer.next()?;
    let mut parser = Parser { text, lexer, token, at, variables: Variables::default(), depth: 0 };
    if parser.token == Token::End {
        return Err(parser.error("the row pattern is empty; write () for the pattern of no row, in SQL PATTERN (())"));
    }
    let root = parser.alternation()?;
    match parser.token {
        Token::End => Ok(RowPattern { root, variables: parser.variables.names }),
        Token::Close => Err(parser.error("this ')' closes nothing; remove it or open a '(' before it")),
        Token::CloseExclusion => Err(parser.error("this '-}' closes nothing; open an exclusion with '{-' before it")),
        Token::Comma => Err(parser.error(
            "',' cannot stand here; write variables that follow each other without it, as A B, and PERMUTE(A, B) for any order",
        )),
        _ => Err(parser.error(&format!("{} cannot stand here", parser.token.describe()))),
    }
}

#[derive(Default)]
struct Variables {
    names: Vec<String>,
    numbers: std::collections::HashMap<String, u8>,
}

struct Parser<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    token: Token,
    /// Where `token` begins.
    at: usize,
    variables: Variables,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, message: &str) -> CompileError {
        SyntaxError::new(self.text, self.at, message).into()
    }

    fn advance(&mut self) -> Result<Token, CompileError> {
        let (at, token) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn alternation(&mut self) -> Result<Node, CompileError> {
        let mut alternatives = vec![if self.token == Token::Bar { Node::Empty } else { self.concatenation()? }];
        while self.token == Token::Bar {
            self.advance()?;
            alternatives.push(if self.ends_alternative() { Node::Empty } else { self.concatenation()? });
        }
        Ok(one_or(alternatives, Node::Alternation))
    }

    /// Whether an alternative behind a `|` is empty: it matches no row, as `()` does.
    fn ends_alternative(&self) -> bool {
        matches!(self.token, Token::Bar | Token::Close | Token::CloseExclusion | Token::Comma | Token::End)
    }

    fn concatenation(&mut self) -> Result<Node, CompileError> {
        let mut parts = Vec::new();
        while let Some(part) = self.quantified()? {
            parts.push(part);
        }
        if parts.is_empty() {
            let message = match &self.token {
                Token::Star | Token::Plus | Token::Question | Token::OpenBrace => format!(
                    "the quantifier {} has nothing before it to repeat; put a variable or a group first",
                    self.token.describe()
                ),
                found => format!(
                    "expected a variable, '(', '{{-', '^', '$' or PERMUTE, found {}; write () to match no row",
                    found.describe()
                ),
            };
            return Err(self.error(&message));
        }
        Ok(one_or(parts, Node::Concatenation))
    }

    /// A primary with its quantifier, or `None` where no primary begins.
    fn quantified(&mut self) -> Result<Option<Node>, CompileError> {
        let body = match &self.token {
            Token::Name(name) => {
                let name = name.clone();
                let begin = self.at;
                self.advance()?;
                if name == "PERMUTE" && self.token == Token::Open {
                    self.nested(Self::permutation)?
                } else {
                    self.variable(name, begin)?
                }
            }
            Token::QuotedName(name) => {
                let name = name.clone();
                let begin = self.at;
                self.advance()?;
                self.variable(name, begin)?
            }
            Token::Open => self.nested(Self::group)?,
            Token::OpenExclusion => self.nested(Self::exclusion)?,
            Token::Caret => {
                self.advance()?;
                Node::Anchor(Anchor::Start)
            }
            Token::Dollar => {
                self.advance()?;
                Node::Anchor(Anchor::End)
            }
            _ => return Ok(None),
        };
        self.quantifier(body).map(Some)
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Node, CompileError>) -> Result<Node, CompileError> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            let hint = "take out parentheses that are not needed";
            return Err(LimitError::new("levels of nesting", MAX_NESTING, None, hint).into());
        }
        let node = read(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn variable(&mut self, name: String, begin: usize) -> Result<Node, CompileError> {
        if let Some(&number) = self.variables.numbers.get(&name) {
            return Ok(Node::Variable(number));
        }
        let Ok(number) = u8::try_from(self.variables.names.len()) else {
            self.at = begin;
            let hint = "one variable can stand in several places of a pattern";
            return Err(LimitError::new("primary variables", MAX_VARIABLES, None, hint).into());
        };
        self.variables.numbers.insert(name.clone(), number);
        self.variables.names.push(name);
        Ok(Node::Variable(number))
    }

    fn group(&mut self) -> Result<Node, CompileError> {
        let opened = self.at;
        self.advance()?;
        if self.token == Token::Close {
            self.advance()?;
            return Ok(Node::Empty);
        }
        let body = self.alternation()?;
        self.close(Token::Close, opened, "'('", "')'")?;
        Ok(body)
    }

    fn exclusion(&mut self) -> Result<Node, CompileError> {
        let opened = self.at;
        self.advance()?;
        let body = self.alternation()?;
        self.close(Token::CloseExclusion, opened, "'{-'", "'-}'")?;
        Ok(Node::Exclusion(Box::new(body)))
    }

    fn permutation(&mut self) -> Result<Node, CompileError> {
        let opened = self.at;
        self.advance()?;
        let mut parts = vec![self.alternation()?];
        while self.token == Token::Comma {
            self.advance()?;
            parts.push(self.alternation()?);
        }
        self.close(Token::Close, opened, "the list of PERMUTE", "')' or ','")?;
        Ok(one_or(parts, Node::Permutation))
    }

    fn close(&mut self, wanted: Token, opened: usize, what: &str, sign: &str) -> Result<(), CompileError> {
        if self.token == wanted {
            self.advance()?;
            return Ok(());
        }
        if self.token == Token::End {
            self.at = opened;
            return Err(self.error(&format!("{what} that begins here is not closed; expected {sign}")));
        }
        let found = self.token.describe();
        Err(self.error(&format!("expected {sign} to close {what}, found {found}")))
    }

    fn quantifier(&mut self, body: Node) -> Result<Node, CompileError> {
        let (min, max) = match self.token {
            Token::Star => (0, None),
            Token::Plus => (1, None),
            Token::Question => (0, Some(1)),
            Token::OpenBrace => self.bounds()?,
            _ => return Ok(body),
        };
        self.advance()?;
        let greedy = self.token != Token::Question;
        if !greedy {
            self.advance()?;
        }
        if matches!(self.token, Token::Star | Token::Plus | Token::Question | Token::OpenBrace) {
            let message = "a quantifier cannot follow a quantifier; put parentheses around what it should repeat";
            return Err(self.error(message));
        }
        // What is repeated no times is known as a variable, and matches no row.
        Ok(if max == Some(0) { Node::Empty } else { Node::Repetition { body: Box::new(body), min, max, greedy } })
    }

    /// `{n}`, `{n,}`, `{n,m}`, `{,m}` or `{,}`, up to but not past the closing brace.
    fn bounds(&mut self) -> Result<(u32, Option<u32>), CompileError> {
        let opened = self.at;
        self.advance()?;
        let min = self.number()?;
        let comma = self.token == Token::Comma;
        if comma {
            self.advance()?;
        }
        let max = if comma { self.number()? } else { min };
        if self.token != Token::CloseBrace || (min.is_none() && !comma) {
            let found = self.token.describe();
            let message = format!("expected a quantifier {{n}}, {{n,}}, {{n,m}}, {{,m}} or {{,}}, found {found}");
            return Err(self.error(&message));
        }
        let min = min.unwrap_or(0);
        if max.is_some_and(|max| max < min) {
            self.at = opened;
            return Err(self.error("the lower bound of this quantifier is above its upper bound; exchange them"));
        }
        Ok((min, max))
    }

    fn number(&mut self) -> Result<Option<u32>, CompileError> {
        let Token::Number(number) = self.token else { return Ok(None) };
        let Some(number) = number else {
            let hint = "use {n,} for a repetition without an upper bound";
            return Err(LimitError::new("repetitions", u32::MAX as usize, None, hint).into());
        };
        self.advance()?;
        Ok(Some(number))
    }
}

/// A list of one part is that part.
fn one_or(mut parts: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => Node::Empty,
    }
}
