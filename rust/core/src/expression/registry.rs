//! Which calls are computed here, and how: by name, the types of arguments and that of the result.

use super::comparison::Comparison;
use super::elements::{AnyOperand, Build, with_scalar};
use super::types::Type;
use super::{calendar_calls, cast_calls, junction, logic, number_calls, text_calls};

/// Whether a call of these types is computed here.
///
/// ```
/// use rowpattern_core::expression::{Type, is_native};
/// assert!(is_native("+", &[Type::BigInt, Type::BigInt], Type::BigInt));
/// assert!(!is_native("+", &[Type::BigInt, Type::Double], Type::Double)); // the binder casts first
/// ```
pub fn is_native(name: &str, arguments: &[Type], result: Type) -> bool {
    lookup(name, arguments, result).is_some()
}

/// What makes the element of a call; None where it is not computed here.
pub fn lookup(name: &str, arguments: &[Type], result: Type) -> Option<Build> {
    language(name, arguments, result).or_else(|| {
        // NULL fits every type: that of the other argument, or of the result.
        let given = arguments.iter().copied().find(|&kind| kind != Type::Null).unwrap_or(result);
        let typed: Vec<Type> = arguments.iter().map(|&kind| if kind == Type::Null { given } else { kind }).collect();
        function(name, &typed, result)
    })
}

/// The one type of all that are not NULL, which is NULL where none is; None where there are several.
fn one_type<'t>(types: impl IntoIterator<Item = &'t Type>) -> Option<Type> {
    let mut found = Type::Null;
    for &kind in types {
        if kind != Type::Null && found != Type::Null && kind != found {
            return None;
        }
        if kind != Type::Null {
            found = kind;
        }
    }
    Some(found)
}

fn are_boolean<'t>(types: impl IntoIterator<Item = &'t Type>) -> bool {
    types.into_iter().all(|kind| matches!(kind, Type::Boolean | Type::Null))
}

/// Something of the arguments' own type.
fn of_one_type(kind: Type, build: impl Fn(Vec<AnyOperand>, Type) -> Option<AnyOperand> + 'static) -> Build {
    Box::new(move |operands| build(operands, kind))
}

/// Two operands.
fn pair(operands: Vec<AnyOperand>) -> Option<(AnyOperand, AnyOperand)> {
    let [one, two] = <[AnyOperand; 2]>::try_from(operands).ok()?;
    Some((one, two))
}

/// What has rules of its own for NULL.
fn language(name: &str, arguments: &[Type], result: Type) -> Option<Build> {
    let is_boolean = result == Type::Boolean;
    if let Some(comparison) = Comparison::named(name) {
        let ([_, _], true) = (arguments, is_boolean) else { return None };
        return Some(of_one_type(one_type(arguments)?, move |operands, kind| {
            let (one, two) = pair(operands)?;
            if kind == Type::Varchar {
                return comparison.build_of_texts(one, two);
            }
            with_scalar!(kind.physical(), K => comparison.build::<K>(one, two))
        }));
    }
    Some(match (name, arguments) {
        ("and" | "or", [_, ..]) if is_boolean && are_boolean(arguments) => {
            let deciding = name == "or";
            Box::new(move |operands| junction::junction(operands, deciding))
        }
        ("not", [_]) if is_boolean && are_boolean(arguments) => {
            Box::new(|operands| junction::not(operands.into_iter().next()?))
        }
        ("is null" | "is not null", [kind]) if is_boolean => {
            let is_negated = name == "is not null";
            of_one_type(*kind, move |operands, kind| {
                let operand = operands.into_iter().next()?;
                with_scalar!(kind.physical(), K => logic::is_null::<K>(operand, is_negated))
            })
        }
        ("in", [_, _, ..]) if is_boolean => of_one_type(
            one_type(arguments)?,
            |operands, kind| with_scalar!(kind.physical(), K => logic::in_list::<K>(operands)),
        ),
        ("between", [_, _, _]) if is_boolean => of_one_type(
            one_type(arguments)?,
            |operands, kind| with_scalar!(kind.physical(), K => logic::between::<K>(operands)),
        ),
        ("case", [_, _, _, ..]) if arguments.len() % 2 == 1 => {
            let (last, branches) = arguments.split_last()?;
            if !are_boolean(branches.iter().step_by(2)) {
                return None;
            }
            let values = branches.iter().skip(1).step_by(2).chain([last]);
            fits(one_type(values)?, result)?;
            of_one_type(result, |operands, kind| with_scalar!(kind.physical(), K => logic::case::<K>(operands)))
        }
        ("coalesce", [_, ..]) => {
            fits(one_type(arguments)?, result)?;
            of_one_type(result, |operands, kind| with_scalar!(kind.physical(), K => logic::coalesce::<K>(operands)))
        }
        ("greatest" | "least", [_, ..]) => {
            fits(one_type(arguments)?, result)?;
            let greatest = name == "greatest";
            of_one_type(
                result,
                move |operands, kind| with_scalar!(kind.physical(), K => logic::extreme::<K>(operands, greatest)),
            )
        }
        _ => return None,
    })
}

/// Whether a value of a type is one of another, as NULL is of each.
fn fits(kind: Type, result: Type) -> Option<()> {
    (kind == result || kind == Type::Null).then_some(())
}

/// Operators and functions that are NULL where an argument is.
fn function(name: &str, arguments: &[Type], result: Type) -> Option<Build> {
    if let [argument] = arguments
        && let Some(build) = cast_calls::lookup(name, *argument, result)
    {
        return Some(build);
    }
    number_calls::lookup(name, arguments, result)
        .or_else(|| calendar_calls::lookup(name, arguments, result))
        .or_else(|| text_calls::lookup(name, arguments, result))
}
