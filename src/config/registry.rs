use core::ops::Range;
use core::time::Duration;

use cargo_credential_bridge_backend::{Change, Edit};
use secrecy::SecretString;
use serde::de;
use toml::de::DeValue;

use super::node::Table;
use super::{Fault, Named, Node, duration, guard};
use crate::backends::Reference;
use crate::protocol::Operation;
use crate::provider::Provider;
use crate::publish_guard::PublishGuard;
use crate::registry::{Entries, IndexUrl};
use crate::token::Scheme;

const KEYS: &[&str] = &[
    "sources",
    "read",
    "publish",
    "yank",
    "unyank",
    "owners",
    "prefix",
    "also",
    "scheme",
    "username",
    "username-field",
    "on-unavailable",
    "ttl",
    "guard",
];

/// Cargo takes a token that expires within a minute for none.
const SHORTEST_TTL: Duration = Duration::from_secs(60);

/// More than any token lives.
const LONGEST_TTL: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// One `[registries."INDEX-URL"]`.
pub(crate) struct Registry {
    sources: Option<Vec<Source>>,
    /// The lists of operations that have their own.
    own: Vec<(Operation, Vec<Source>)>,
    pub(crate) scheme: Scheme,
    /// Whether the next source is asked when one can't be reached.
    pub(crate) next_if_unavailable: bool,
    /// How long an answer lives, if the store does not say.
    pub(crate) ttl: Option<Duration>,
    /// What must hold before a token to publish is given.
    pub(crate) guard: Option<PublishGuard>,
}

/// One place where a token may be.
pub(crate) enum Source {
    Secret(Secret),
    /// One of Cargo's own providers, or a plugin.
    Provider(Provider),
}

/// A secret in one of the backends.
pub(crate) struct Secret {
    /// The position of the backend.
    pub(crate) backend: usize,
    pub(crate) reference: Box<dyn Reference>,
    /// The field of the secret, or the whole value.
    pub(crate) field: Option<String>,
    /// Whether `cargo login` and `cargo logout` may change it.
    pub(crate) is_writable: bool,
}

impl Source {
    /// Whether `cargo login` and `cargo logout` may change it.
    pub(crate) fn is_writable(&self) -> bool {
        match self {
            Self::Secret(secret) => secret.is_writable,
            Self::Provider(provider) => provider.is_writable(),
        }
    }
}

impl Secret {
    /// The change that stores this token, or with none erases the one that is there.
    pub(crate) fn edit<'a>(&'a self, token: Option<&'a SecretString>) -> Edit<'a> {
        Edit {
            field: self.field.as_deref(),
            change: token.map_or(Change::Erase, Change::Set),
            consent: None,
        }
    }
}

impl Registry {
    /// The chain of an operation: its own list, else the list for all.
    pub(crate) fn chain(&self, operation: Operation) -> Option<&[Source]> {
        self.own_chain(operation).or(self.sources.as_deref())
    }

    /// The key that the chain of an operation is written under.
    pub(crate) fn chain_key(&self, operation: Operation) -> &'static str {
        match self.own_chain(operation) {
            Some(_) => operation.as_str(),
            None => "sources",
        }
    }

    /// Whether an operation has the same chain as a read, so that Cargo may go on with its token for reads.
    pub(crate) fn shares_chain_with_read(&self, operation: Operation) -> bool {
        let same = match (self.own_chain(operation), self.own_chain(Operation::Read)) {
            (None, None) => true,
            (Some(one), Some(other)) => core::ptr::eq(one, other),
            _ => false,
        };
        let is_guarded = operation != Operation::Read && self.guard(operation).is_some();
        same && !is_guarded && self.chain(operation).is_some()
    }

    /// Whether all operations have the same chain, and none a guard: what one was given is as good for any other.
    pub(crate) fn is_operation_independent(&self) -> bool {
        self.own.is_empty() && self.guard.is_none()
    }

    /// The guard, if it is about this operation.
    pub(crate) fn guard(&self, operation: Operation) -> Option<&PublishGuard> {
        self.guard.as_ref().filter(|guard| guard.covers(operation))
    }

    /// All sources: those of all operations first.
    pub(crate) fn all_sources(&self) -> impl Iterator<Item = &Source> {
        let own = self.own.iter().flat_map(|(_, sources)| sources);
        self.sources.iter().flatten().chain(own)
    }

    fn own_chain(&self, operation: Operation) -> Option<&[Source]> {
        self.own
            .iter()
            .find(|(own, _)| *own == operation)
            .map(|(_, sources)| sources.as_slice())
    }
}

/// Reads `[registries]`.
pub(super) fn registries(node: Node<'_>, backends: &[Named]) -> Result<Entries<Registry>, Fault> {
    let mut entries = Entries::default();
    for (text, span, node) in node.table("`[registries]`")?.rest() {
        let url = parse_url(&text, span.clone())?;
        let mut table = node.table(format!("`[registries.\"{text}\"]`"))?;
        let mut urls = vec![url];
        let mut spans = vec![span];
        if let Some(also) = table.take("also") {
            for node in also.elements()? {
                let span = node.span();
                urls.push(parse_url(&node.read::<String>()?, span.clone())?);
                spans.push(span);
            }
        }
        let is_prefix = table.read("prefix")?.unwrap_or(false);
        let registry = registry(table, backends)?;
        let written: Vec<_> = urls.iter().map(ToString::to_string).collect();
        entries.insert(urls, is_prefix, registry).map_err(|position| {
            Fault::new(format!("`{}` has an entry already", written[position]))
                .at(spans[position].clone())
                .help("the same URL in another spelling counts: case of the host, default port, trailing slash")
        })?;
    }
    Ok(entries)
}

fn parse_url(text: &str, span: Range<usize>) -> Result<IndexUrl, Fault> {
    text.parse().map_err(|error: String| {
        Fault::new(error).at(span).help(
            "it is the registry's `index` as Cargo's config has it, such as `sparse+https://crates.example.com/index/`",
        )
    })
}

fn registry(mut table: Table<'_>, backends: &[Named]) -> Result<Registry, Fault> {
    let span = table.span();
    let sources = table
        .take("sources")
        .map(|node| chain(node, backends))
        .transpose()?;
    let mut own = Vec::new();
    for operation in Operation::ALL {
        if let Some(node) = table.take(operation.as_str()) {
            own.push((operation, chain(node, backends)?));
        }
    }
    if sources.is_none() && own.is_empty() {
        return Err(Fault::new("the registry has no `sources`")
            .at(span)
            .help("say where its token is: `sources = [ { backend = \"…\", … } ]`"));
    }
    let scheme = scheme(&mut table)?;
    let next_if_unavailable = match table.take("on-unavailable") {
        None => false,
        Some(node) => match node.as_str() {
            Some("stop") => false,
            Some("next") => true,
            Some(other) => {
                return Err(de::Error::unknown_variant(other, &["stop", "next"]))
                    .map_err(|fault: Fault| fault.at(node.span()));
            }
            None => {
                return Err(node
                    .read::<String>()
                    .err()
                    .unwrap_or_else(|| Fault::new("expected a string")));
            }
        },
    };
    let ttl = table
        .take("ttl")
        .map(|node| duration(node, SHORTEST_TTL, LONGEST_TTL))
        .transpose()?;
    let guard = table.take("guard").map(guard::read).transpose()?;
    table.finish(KEYS)?;
    Ok(Registry {
        sources,
        own,
        scheme,
        next_if_unavailable,
        ttl,
        guard,
    })
}

fn scheme(table: &mut Table<'_>) -> Result<Scheme, Fault> {
    let node = table.take("scheme");
    let span = node.as_ref().map_or_else(|| table.span(), Node::span);
    let text: Option<String> = node.map(Node::read).transpose()?;
    let username = table.read("username")?;
    let username_field: Option<String> = table.read("username-field")?;
    Scheme::new(text.as_deref().unwrap_or("raw"), username, username_field)
        .map_err(|fault| fault.at(span))
}

fn chain(node: Node<'_>, backends: &[Named]) -> Result<Vec<Source>, Fault> {
    let span = node.span();
    let sources = node
        .elements()?
        .into_iter()
        .map(|node| source(node, backends))
        .collect::<Result<Vec<_>, _>>()?;
    if sources.is_empty() {
        return Err(Fault::new("there is no source in the list").at(span));
    }
    Ok(sources)
}

fn source(node: Node<'_>, backends: &[Named]) -> Result<Source, Fault> {
    let span = node.span();
    // One of Cargo's own providers, or a plugin: a string, or an array of strings with its arguments.
    match node.0.get_ref() {
        // As Cargo takes it apart: nothing holds two words together.
        DeValue::String(text) => {
            let words = text.split_ascii_whitespace().map(str::to_owned);
            return provider(words.collect(), span);
        }
        DeValue::Array(_) => return provider(node.read()?, span),
        _ => {}
    }
    let mut table = node.table("the source")?;
    let node = table.need("backend")?;
    let at = node.span();
    let name: String = node.read()?;
    let Some(backend) = backends.iter().position(|(known, _)| *known == name) else {
        let known: Vec<_> = backends.iter().map(|(name, _)| name.as_str()).collect();
        return Err(Fault::unknown("backend", &name, &known).at(at));
    };
    let field = table.read("field")?;
    let instance = &backends[backend].1;
    let is_writable = match table.take("write") {
        Some(node) => {
            let span = node.span();
            let wanted = node.read()?;
            if wanted && !instance.is_writable() {
                return Err(Fault::new(format!("nothing can be written to `{name}`"))
                    .at(span)
                    .help("leave out `write`: `cargo login` goes to Vault, OpenBao, AWS and Google only, or to one of Cargo's own providers"));
            }
            wanted
        }
        None => false,
    };
    let here = table.keys();
    let reference = instance
        .reference(table.into_node())
        .map_err(|fault| fault.also_known(&["backend", "field", "write"], &here))?;
    Ok(Source::Secret(Secret {
        backend,
        reference,
        field,
        is_writable,
    }))
}

fn provider(words: Vec<String>, span: Range<usize>) -> Result<Source, Fault> {
    Provider::parse(words)
        .map(Source::Provider)
        .map_err(|why| {
            Fault::new(why).at(span).help(
                "a string is one of Cargo's providers or a plugin: `\"cargo:token-from-stdout CMD\"`, `\"cargo-credential-x\"`; a \
                 secret in a store is a table: `{ backend = \"…\", … }`",
            )
        })
}
