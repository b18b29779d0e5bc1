//! `[registries."…".guard]`, as it is written down.

use core::ops::Range;

use semver::{Op, VersionReq};
use serde::de;
use toml::de::DeValue;

use super::node::Table;
use super::{Fault, Node};
use crate::protocol::Operation;
use crate::publish_guard::{Glob, PublishGuard};

const OPERATIONS: &[&str] = &["read", "publish", "yank", "unyank", "owners"];

const KEYS: &[&str] = &["operations", "crates", "versions", "claims", "identity"];

/// Reads a guard.
pub(super) fn read(node: Node<'_>) -> Result<PublishGuard, Fault> {
    let span = node.span();
    let mut table = node.table("the guard")?;
    let operations_node = table.take("operations");
    let operations_span = operations_node
        .as_ref()
        .map_or_else(|| span.clone(), Node::span);
    let operations = match operations_node {
        Some(node) => filled(node, operation)?,
        None => vec![Operation::Publish],
    };
    let crates = table
        .take("crates")
        .map(|node| filled(node, glob))
        .transpose()?;
    let versions = table
        .take("versions")
        .map(|node| filled(node, version))
        .transpose()?;
    let mut claims = Vec::new();
    if let Some(node) = table.take("claims") {
        read_claims(node.table("`claims`")?, "", &mut claims)?;
    }
    let identity = table.read("identity")?;
    table.finish(KEYS)?;
    if crates.is_none() && versions.is_none() && claims.is_empty() {
        return Err(Fault::new("the guard has no rule")
            .at(span)
            .help("say what it allows: `crates`, `versions` or `claims`"));
    }
    for operation in &operations {
        let (named, missing) = named(*operation);
        let rule = match (&crates, &versions) {
            (Some(_), _) if !named.contains(&"crates") => "crates",
            (_, Some(_)) if !named.contains(&"versions") => "versions",
            _ => continue,
        };
        let operation = operation.as_str();
        return Err(Fault::new(format!(
            "the guard would refuse every `{operation}` token by its `{rule}`"
        ))
        .at(operations_span)
        .help(format!(
            "Cargo names no {missing} with `{operation}`: leave the operation or the rule out"
        )));
    }
    Ok(PublishGuard {
        operations,
        crates,
        versions,
        claims,
        identity,
    })
}

/// The rules that Cargo says enough for with an operation, and what it leaves out.
fn named(operation: Operation) -> (&'static [&'static str], &'static str) {
    match operation {
        Operation::Publish | Operation::Yank | Operation::Unyank => (&["crates", "versions"], ""),
        Operation::Owners => (&["crates"], "version"),
        Operation::Read => (&[], "crate"),
    }
}

/// The claims of a table: a name without quotes that has dots in it is a table in a table to TOML.
fn read_claims(
    table: Table<'_>,
    above: &str,
    claims: &mut Vec<(String, Vec<Glob>)>,
) -> Result<(), Fault> {
    if table.keys().is_empty() {
        return Err(Fault::new("the table names no claim").at(table.span()));
    }
    for (name, _, node) in table.rest() {
        let path = match above {
            "" => name,
            above => format!("{above}.{name}"),
        };
        match node.0.get_ref() {
            DeValue::Table(_) => {
                read_claims(node.table(format!("the claim `{path}`"))?, &path, claims)?
            }
            DeValue::Array(_) => claims.push((path, filled(node, glob)?)),
            _ => claims.push((path, vec![glob(node)?])),
        }
    }
    Ok(())
}

/// The elements of an array that has some.
fn filled<T>(node: Node<'_>, read: fn(Node<'_>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    let span = node.span();
    let elements = node.elements()?.into_iter().map(read);
    let elements: Vec<_> = elements.collect::<Result<_, _>>()?;
    match elements.is_empty() {
        true => Err(Fault::new("an empty list would allow nothing")
            .at(span)
            .help("leave the key out, or say what is allowed")),
        false => Ok(elements),
    }
}

fn glob(node: Node<'_>) -> Result<Glob, Fault> {
    let (span, text) = text(node)?;
    Glob::new(text).ok_or_else(|| Fault::new("an empty pattern stands for nothing").at(span))
}

fn operation(node: Node<'_>) -> Result<Operation, Fault> {
    let (span, text) = text(node)?;
    let unknown = || -> Fault { de::Error::unknown_variant(&text, OPERATIONS) };
    Operation::from_wire(&text).ok_or_else(|| unknown().at(span))
}

/// A requirement as in `Cargo.toml`. One without an operator is refused: there `1.2.3` allows 1.9 as well, and in a guard
/// somebody will take it for that version alone.
fn version(node: Node<'_>) -> Result<VersionReq, Fault> {
    let (span, text) = text(node)?;
    let requirement = VersionReq::parse(&text).map_err(|error| {
        Fault::new(format!("not a requirement on a version: {error}"))
            .at(span.clone())
            .help("as in `Cargo.toml`: `>=1.2, <2`, `=1.2.3`, `^1`, `1.*`")
    })?;
    let carets = requirement
        .comparators
        .iter()
        .filter(|one| one.op == Op::Caret);
    if carets.count() > text.matches('^').count() {
        return Err(Fault::new("a version without an operator")
            .at(span)
            .help(format!(
                "say which: `={text}` is this version alone, `^{text}` is what Cargo takes it for"
            )));
    }
    Ok(requirement)
}

fn text(node: Node<'_>) -> Result<(Range<usize>, String), Fault> {
    let span = node.span();
    Ok((span, node.read()?))
}
