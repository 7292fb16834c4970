//! Calls of functions over text.

use super::elements::{Build, binary, ternary, unary};
use super::functions::{pattern, text};
use super::types::Type;

type S = String;

/// What makes the element of a call; None where it is none of these.
pub fn lookup(name: &str, arguments: &[Type], result: Type) -> Option<Build> {
    match (arguments, result) {
        ([Type::Varchar], Type::BigInt) => match name {
            "length" | "len" | "char_length" | "character_length" => unary::<S, i64, _>(text::length),
            "strlen" => unary::<S, i64, _>(text::byte_length),
            _ => None,
        },
        ([Type::Varchar], Type::Integer) => match name {
            "unicode" | "ord" => unary::<S, i64, _>(text::code_point),
            "ascii" => unary::<S, i64, _>(text::ascii),
            _ => None,
        },
        ([Type::Varchar], Type::Varchar) => match name {
            "trim" => unary::<S, S, _>(|text: &str| text::trim(text).to_owned()),
            "ltrim" => unary::<S, S, _>(|text: &str| text::ltrim(text).to_owned()),
            "rtrim" => unary::<S, S, _>(|text: &str| text::rtrim(text).to_owned()),
            _ => None,
        },
        ([Type::Integer], Type::Varchar) if name == "chr" => unary::<i64, S, _>(text::character),
        ([Type::Varchar, Type::Varchar], Type::Boolean) => match name {
            "starts_with" | "^@" | "prefix" => binary::<S, S, bool, _>(text::starts_with),
            "ends_with" | "suffix" => binary::<S, S, bool, _>(text::ends_with),
            "contains" => binary::<S, S, bool, _>(text::contains),
            "like" | "~~" => binary::<S, S, bool, _>(pattern::like),
            "not like" | "!~~" => binary::<S, S, bool, _>(pattern::not_like),
            _ => None,
        },
        ([Type::Varchar, Type::Varchar, Type::Varchar], Type::Boolean) => match name {
            "like_escape" => ternary::<S, S, S, bool, _>(pattern::like_escape),
            "not_like_escape" => ternary::<S, S, S, bool, _>(pattern::not_like_escape),
            _ => None,
        },
        ([Type::Varchar, Type::Varchar], Type::BigInt) => match name {
            "instr" | "position" | "strpos" => binary::<S, S, i64, _>(text::position),
            _ => None,
        },
        ([Type::Varchar, Type::Varchar], Type::Varchar) => match name {
            "||" => binary::<S, S, S, _>(text::concat),
            "trim" => binary::<S, S, S, _>(|text: &str, characters: &str| text::trim_of(text, characters).to_owned()),
            "ltrim" => binary::<S, S, S, _>(|text: &str, characters: &str| text::ltrim_of(text, characters).to_owned()),
            "rtrim" => binary::<S, S, S, _>(|text: &str, characters: &str| text::rtrim_of(text, characters).to_owned()),
            _ => None,
        },
        ([Type::Varchar, Type::BigInt], Type::Varchar) => match name {
            "substring" | "substr" => {
                binary::<S, i64, S, _>(|text: &str, offset| text::substring_from(text, offset).map(str::to_owned))
            }
            "left" => binary::<S, i64, S, _>(|text: &str, count| text::left(text, count).map(str::to_owned)),
            "right" => binary::<S, i64, S, _>(|text: &str, count| text::right(text, count).to_owned()),
            _ => None,
        },
        ([Type::Varchar, Type::BigInt, Type::BigInt], Type::Varchar) if matches!(name, "substring" | "substr") => {
            ternary::<S, i64, i64, S, _>(|text: &str, offset, count| {
                text::substring(text, offset, count).map(str::to_owned)
            })
        }
        _ => None,
    }
}
