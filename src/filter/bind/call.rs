//! Binds calls of functions, and the paths `list[n]` and `record.field`.

use sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Subscript, Value,
};

use super::super::functions;
use super::super::node::Node;
use super::coerce::text;
use super::{Binder, excerpt, names, unsupported};
use crate::error::Result;

/// `name(arguments)`.
pub(super) fn call(binder: &mut Binder, function: &Function, whole: &Expr) -> Result<Node> {
    let name = function.name.to_string();
    let name = name.trim_matches(['"', '`']);
    if function.over.is_some() {
        return Err(unsupported(
            format!("the window function {name}()"),
            "a filter looks at one row at a time",
        ));
    }
    if function.filter.is_some() || !function.within_group.is_empty() {
        return Err(unsupported(format!("the aggregate {name}()"), "a filter looks at one row at a time"));
    }
    let list = match &function.args {
        FunctionArguments::None => return without_parentheses(binder, function, name, whole),
        FunctionArguments::Subquery(_) => {
            return Err(unsupported("a subquery", "run it first, and pass its result"));
        }
        FunctionArguments::List(list) => list,
    };
    if list.duplicate_treatment.is_some() || !list.clauses.is_empty() || function.null_treatment.is_some() {
        return Err(unsupported(format!("`{}`", excerpt(whole)), "pass plain arguments"));
    }
    let mut arguments = vec![];
    for argument in &list.args {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => arguments.push(argument),
            // count(*) and the like: the name says best what is wrong.
            FunctionArg::Unnamed(_) => return functions::bind(name, vec![], &excerpt(whole)),
            _ => return Err(unsupported("named arguments", "pass them in order")),
        }
    }
    match (name.to_lowercase().as_str(), arguments.as_slice()) {
        ("get_field", [parent, field]) => {
            let (parent, field) = (binder.bind(parent)?, binder.bind(field)?);
            let field =
                text(&field).ok_or_else(|| unsupported("get_field of a column", "name the field: 'name'"))?;
            names::field(parent, field)
        }
        ("position", [part, text]) => binder.call("strpos", &[text, part], whole),
        ("if", _) => Err(unsupported("if()", "write CASE WHEN condition THEN a ELSE b END")),
        _ => binder.call(name, &arguments, whole),
    }
}

/// `current_date` and the like, unless a column has that name.
fn without_parentheses(binder: &mut Binder, function: &Function, name: &str, whole: &Expr) -> Result<Node> {
    if let [part] = function.name.0.as_slice()
        && let Some(name) = part.as_ident().filter(|name| binder.is_column(name))
    {
        return binder.bind(&Expr::Identifier(name.clone()));
    }
    binder.call(name, &[], whole)
}

/// `list[1]`, `record['field']`, and longer paths of them.
pub(super) fn access(binder: &mut Binder, root: &Expr, chain: &[AccessExpr], whole: &Expr) -> Result<Node> {
    let mut names = match root {
        Expr::Identifier(name) => vec![name.clone()],
        Expr::CompoundIdentifier(names) => names.clone(),
        _ => vec![],
    };
    let dots =
        if names.is_empty() { 0 } else { chain.iter().take_while(|access| dotted(access).is_some()).count() };
    names.extend(chain[..dots].iter().filter_map(dotted).cloned());
    let root = if dots == 0 { root.clone() } else { Expr::CompoundIdentifier(names) };
    let mut node = binder.bind(&root)?;
    for access in &chain[dots..] {
        node = match access {
            AccessExpr::Subscript(Subscript::Index { index: Expr::Value(value) })
                if matches!(value.value, Value::SingleQuotedString(_)) =>
            {
                names::field(node, &value.value.clone().into_string().unwrap_or_default())?
            }
            AccessExpr::Subscript(Subscript::Index { index }) => {
                let index = binder.bind(index)?;
                match text(&index) {
                    Some(name) => names::field(node, name)?,
                    None => functions::bind("array_element", vec![node, index], &excerpt(whole))?,
                }
            }
            AccessExpr::Dot(Expr::Identifier(name)) => names::field(node, &name.value)?,
            _ => return Err(unsupported(format!("`{}`", excerpt(whole)), "use list[n] or record.field")),
        };
    }
    Ok(node)
}

fn dotted(access: &AccessExpr) -> Option<&Ident> {
    match access {
        AccessExpr::Dot(Expr::Identifier(name)) => Some(name),
        _ => None,
    }
}
