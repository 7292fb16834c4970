//! Text to tokens, one at a time.

use super::error::SyntaxError;

/// One word or sign of a row pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// An identifier, already folded to upper case.
    Name(String),
    /// A double-quoted identifier, exact.
    QuotedName(String),
    /// A number inside a quantifier; `None` when it is too large to hold.
    Number(Option<u32>),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `{`
    OpenBrace,
    /// `}`
    CloseBrace,
    /// `{-`
    OpenExclusion,
    /// `-}`
    CloseExclusion,
    /// `,`
    Comma,
    /// `|`
    Bar,
    /// `*`
    Star,
    /// `+`
    Plus,
    /// `?`
    Question,
    /// `^`
    Caret,
    /// `$`
    Dollar,
    /// The end of the text.
    End,
}

/// Signs; one that begins with another stands before it.
const SIGNS: [(&str, Token); 13] = [
    ("{-", Token::OpenExclusion),
    ("-}", Token::CloseExclusion),
    ("(", Token::Open),
    (")", Token::Close),
    ("{", Token::OpenBrace),
    ("}", Token::CloseBrace),
    (",", Token::Comma),
    ("|", Token::Bar),
    ("*", Token::Star),
    ("+", Token::Plus),
    ("?", Token::Question),
    ("^", Token::Caret),
    ("$", Token::Dollar),
];

impl Token {
    /// The token as a reader would write it, for messages.
    pub fn describe(&self) -> String {
        match self {
            Self::Name(name) => format!("'{name}'"),
            Self::QuotedName(name) => format!("'\"{}\"'", name.replace('"', "\"\"")),
            Self::Number(Some(number)) => format!("'{number}'"),
            Self::Number(None) => "a very large number".to_owned(),
            Self::End => "the end of the pattern".to_owned(),
            sign => {
                let written = SIGNS.iter().find(|(_, token)| token == sign).map_or("", |(written, _)| written);
                format!("'{written}'")
            }
        }
    }
}

/// Reads tokens from the front of a text.
pub struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token and the byte offset where it begins.
    pub fn next(&mut self) -> Result<(usize, Token), SyntaxError> {
        self.skip_blanks()?;
        let begin = self.at;
        let Some(first) = self.text[begin..].chars().next() else {
            return Ok((begin, Token::End));
        };
        let rest = &self.text[begin..];
        let (token, length) = if first == '"' {
            return self.quoted_name(begin);
        } else if first.is_ascii_digit() {
            let length = rest.bytes().take_while(u8::is_ascii_digit).count();
            (Token::Number(rest[..length].parse().ok()), length)
        } else if first == '_' || first.is_alphabetic() {
            let length = rest.find(|c: char| !(c == '_' || c.is_alphanumeric())).unwrap_or(rest.len());
            (Token::Name(rest[..length].to_uppercase()), length)
        } else if let Some((written, sign)) = SIGNS.iter().find(|(written, _)| rest.starts_with(written)) {
            (sign.clone(), written.len())
        } else {
            return Err(self.unexpected(begin, first));
        };
        self.at += length;
        Ok((begin, token))
    }

    fn unexpected(&self, at: usize, character: char) -> SyntaxError {
        let shown =
            if character.is_control() { format!("U+{:04X}", character as u32) } else { format!("'{character}'") };
        let message = format!(
            "unexpected character {shown}; a row pattern is made of variables, ( ) | * + ? {{n,m}} {{- -}} ^ $ \
             and PERMUTE"
        );
        SyntaxError::new(self.text, at, message)
    }

    fn quoted_name(&mut self, begin: usize) -> Result<(usize, Token), SyntaxError> {
        let mut name = String::new();
        let mut rest = self.text[begin + 1..].char_indices().peekable();
        while let Some((at, character)) = rest.next() {
            if character != '"' {
                name.push(character);
            } else if rest.peek().is_some_and(|&(_, next)| next == '"') {
                name.push('"');
                rest.next();
            } else if name.is_empty() {
                return Err(SyntaxError::new(self.text, begin, "a quoted variable needs a name between its quotes"));
            } else {
                self.at = begin + 1 + at + 1;
                return Ok((begin, Token::QuotedName(name)));
            }
        }
        Err(SyntaxError::new(self.text, begin, "this quoted variable has no closing '\"'"))
    }

    /// White space and SQL comments.
    fn skip_blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("--") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                let Some(length) = trimmed.find("*/") else {
                    return Err(SyntaxError::new(self.text, self.at, "this comment has no closing '*/'"));
                };
                self.at += length + 2;
            } else {
                return Ok(());
            }
        }
    }
}
