//! Attribute macros of rowpattern's Python bindings.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Block, ImplItem, Item, ReturnType, Signature, Type, parse_macro_input, parse_quote};

/// Turns panics of functions that Python calls into `rowpattern.errors.InternalError`.
///
/// Stands before `#[pymethods]` or `#[pyfunction]`. The body of each function runs in `crate::panics::guard`; a function
/// that returns no `PyResult` then returns one. Without it, `PyO3` raises its `PanicException`, which is no subclass of
/// `Exception` and passes through what callers write to contain errors.
#[proc_macro_attribute]
pub fn catch_panics(_: TokenStream, item: TokenStream) -> TokenStream {
    let mut item = parse_macro_input!(item as Item);
    match &mut item {
        Item::Impl(methods) => {
            for method in &mut methods.items {
                if let ImplItem::Fn(method) = method {
                    guard(&mut method.sig, &mut method.block);
                }
            }
        }
        Item::Fn(function) => guard(&mut function.sig, &mut function.block),
        _ => return quote!(compile_error!("catch_panics stands before an impl block or a function");).into(),
    }
    quote!(#item).into()
}

fn guard(signature: &mut Signature, block: &mut Block) {
    let body = &*block;
    let (guarded, output): (Block, ReturnType) = match &signature.output {
        output @ ReturnType::Type(_, kind) if is_result(kind) => {
            (parse_quote!({ crate::panics::guard(move || #body) }), output.clone())
        }
        output => {
            let kind: Type = match output {
                ReturnType::Type(_, kind) => (**kind).clone(),
                ReturnType::Default => parse_quote!(()),
            };
            // A closure of its own: the body may return early.
            let guarded = parse_quote!({
                crate::panics::guard(move || {
                    // Of a method that changes its object.
                    #[allow(unused_mut)]
                    let mut body = move || #body;
                    Ok(body())
                })
            });
            (guarded, parse_quote!(-> ::pyo3::PyResult<#kind>))
        }
    };
    signature.output = output;
    *block = guarded;
}

fn is_result(kind: &Type) -> bool {
    matches!(kind, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "PyResult"))
}
