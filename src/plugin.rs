//! Cargo's door: `cargo-credential-bridge --cargo-plugin`.
//!
//! A request goes through here from top to bottom: line, config, registry, chain, answer.

use std::io::{self, BufRead};
use std::process::ExitCode;

use cargo_credential_bridge_backend::{Context, Deadline, Environment, Error, Kind, step};

use crate::answer::{failure, nothing_found, token_answer, without_chain};
use crate::audit::{self, Trail};
use crate::chain::{Chain, End};
use crate::config::{self, Config, Registry, Source};
use crate::departure::{idle, unless_left};
use crate::guard::{self, Watchdog};
use crate::log;
use crate::login;
use crate::note::note;
use crate::protocol::{Action, Answer, HELLO, Operation, Request};
use crate::provider;
use crate::publish_guard::PublishGuard;
use crate::registry::{Bare, IndexUrl};

/// Cargo's requests are a few KiB, most of it the headers of the registry's 401.
const LINE_LIMIT: usize = 256 << 10;

/// Speaks the protocol on standard input and output until Cargo closes its end. The exit status is success
/// whatever was answered: Cargo takes any other for a broken provider, and drops the answer.
pub fn run() -> ExitCode {
    guard::answer_panics();
    guard::send(HELLO);
    guard::hide_memory();
    log::start();
    let mut input = io::stdin().lock();
    loop {
        match idle(|| read_line(&mut input)) {
            Ok(None) => return ExitCode::SUCCESS,
            Ok(Some(line)) => {
                guard::expect_answer();
                match Request::parse(&line) {
                    Ok(request) => answer(&request),
                    Err(answer) => guard::give(&answer),
                }
            }
            Err(error) => {
                guard::expect_answer();
                guard::give(&Answer::other(
                    "can't read the request",
                    [error.to_string()],
                ));
                return ExitCode::SUCCESS;
            }
        }
    }
}

/// The next line, `None` at the end.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = available.iter().position(|&byte| byte == b'\n');
        let taken = end.unwrap_or(available.len());
        let is_over = available.is_empty();
        if line.len() <= LINE_LIMIT {
            line.extend_from_slice(&available[..taken]);
        }
        input.consume(end.map_or(taken, |end| end + 1));
        if line.len() > LINE_LIMIT && (end.is_some() || is_over) {
            return Err(io::Error::other(format!(
                "it is longer than {} KiB",
                LINE_LIMIT >> 10
            )));
        }
        if end.is_some() {
            return Ok(Some(line));
        }
        if is_over {
            return Ok((!line.is_empty()).then_some(line));
        }
    }
}

/// Answers one request.
fn answer(request: &Request) {
    let registry = Bare(&request.index_url);
    step!("request", action = request.action, registry = registry);
    if request.action == Action::Unknown {
        return guard::give(&Answer::OperationNotSupported);
    }
    if let Err(error) = check_way(request) {
        return guard::give(&failure(&error));
    }
    let watchdog = Watchdog::start(config::DEFAULT_TIMEOUT);
    let config = match Config::load() {
        Ok(Some(config)) => config,
        Ok(None) => {
            note(&format!(
                "no config, so every registry is left to others; looked for in {}",
                config::places()
            ));
            return guard::give(&Answer::UrlNotSupported);
        }
        Err(error) => return guard::give(&failure(&error)),
    };
    let record = |answer| guard::give(&audit::record(&config, request, answer));
    let Ok(url) = request.index_url.parse::<IndexUrl>() else {
        return record(Answer::UrlNotSupported);
    };
    let Some(registry) = config.registries.find(&url) else {
        if let Some(nearest) = config.registries.nearest(&url) {
            note(&format!("no entry for `{url}`; the nearest is `{nearest}`"));
        }
        return record(Answer::UrlNotSupported);
    };
    match request.action {
        Action::Get(operation) => match registry.chain(operation) {
            Some(sources) => {
                drop(watchdog);
                let give = |answer: Result<Answer, Error>| {
                    guard::give(&answer.unwrap_or_else(|error| failure(&error)));
                };
                let done = get(&config, registry, sources, operation, request, &url, give);
                // Nothing else would have been given.
                if let Err(error) = done {
                    guard::give(&failure(&error));
                }
            }
            None => record(without_chain(request, operation, &url)),
        },
        Action::Login | Action::Logout => {
            drop(watchdog);
            record(change(&config, registry, request, &url));
        }
        Action::Unknown => guard::give(&Answer::OperationNotSupported),
    }
}

/// Whether the request has not come from us, by way of a program that we ask ourselves.
///
/// # Errors
///
/// [`Kind::Invalid`] if it has: we would go round for ever.
pub(crate) fn check_way(request: &Request) -> Result<(), Error> {
    if !provider::is_asked_by_itself(request) {
        return Ok(());
    }
    Err(Error::new(
        Kind::Invalid,
        format!(
            "this program is asked for `{}` by a plugin that it asks itself",
            request.index_url
        ),
    )
    .help("a source in its config leads back to it, perhaps through an alias"))
}

/// Gives the answer to a `get` from its chain, and then ends what was begun at the stores.
pub(crate) fn get(
    config: &Config,
    registry: &Registry,
    sources: &[Source],
    operation: Operation,
    request: &Request,
    url: &IndexUrl,
    give: impl FnOnce(Result<Answer, Error>),
) -> Result<(), Error> {
    let mut trail = Trail::begin(config, request);
    in_time(config, async |context| {
        if let Some(guard) = registry.guard(operation)
            && let Err(error) = pass(guard, operation, request, url, &context, &mut trail).await
        {
            return give(trail.end(Err(error)));
        }
        let mut chain = Chain::new(config, registry, sources, request, context);
        let asked = match unless_left(chain.ask()).await {
            Ok(asked) => asked,
            Err(departure) => {
                chain.close(None).await;
                departure.leave()
            }
        };
        let (answer, asked_last) = match asked {
            Ok(found) => {
                trail.found(&found);
                let backend = found.backend;
                let answer = token_answer(config, registry, operation, found, url);
                (answer, backend)
            }
            Err(End::NotFound(errors)) => (Ok(nothing_found(operation, url, &errors)), None),
            Err(End::Failed(error)) => (Err(error), None),
        };
        let answer = trail.end(answer);
        let handed_out_by = asked_last.filter(|_| matches!(answer, Ok(Answer::Token { .. })));
        give(answer);
        chain.close(handed_out_by).await;
    })
}

/// Whether the guard lets this operation through. No store is asked before.
async fn pass(
    guard: &PublishGuard,
    operation: Operation,
    request: &Request,
    url: &IndexUrl,
    context: &Context,
    trail: &mut Trail<'_>,
) -> Result<(), Error> {
    guard.check_subject(operation, &request.subject(), url)?;
    if !guard.asks_for_claims() {
        return Ok(());
    }
    let claims = guard.claims_here(context).await;
    let claims = claims.map_err(|error| PublishGuard::untold(operation, url, &error))?;
    trail.claims(&claims, guard);
    guard.check_claims(operation, &claims, url)
}

/// Answers a `login` or `logout`.
fn change(config: &Config, registry: &Registry, request: &Request, url: &IndexUrl) -> Answer {
    if !login::is_possible(registry) {
        return login::read_only(config, registry, url, request.action);
    }
    let environment = Environment::process(config.base.clone());
    let token = match request.action {
        Action::Login => {
            let token = request.login().and_then(|login| {
                login::token(&login, registry, url, &environment).map_err(|error| failure(&error))
            });
            match token {
                Ok(token) => Some(token),
                Err(answer) => return answer,
            }
        }
        _ => None,
    };
    let done = in_time(config, async |context| {
        let mut chain = Chain::new(config, registry, &[], request, context);
        let changed = login::change(&mut chain, config, registry, url, token.as_ref());
        let outcome = unless_left(changed).await;
        chain.close(None).await;
        outcome.unwrap_or_else(|left| left.leave())
    });
    done.unwrap_or_else(|error| failure(&error))
}

/// Does the work that one answer takes, until the deadline of the config.
fn in_time<T>(config: &Config, work: impl AsyncFnOnce(Context) -> T) -> Result<T, Error> {
    let _watchdog = Watchdog::start(config.timeout);
    finish(work(context(config)))
}

/// What one answer is made with: it has the whole time that the config gives, from now on.
pub(crate) fn context(config: &Config) -> Context {
    let deadline = Deadline::after(config.timeout);
    Context {
        environment: Environment::process(config.base.clone()).until(deadline),
        deadline,
    }
}

/// Runs this to its end.
pub(crate) fn finish<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(Kind::Unavailable, "can't start").because(error.to_string()))?;
    let done = runtime.block_on(work);
    // A name that is still being looked up must not keep us, and so Cargo, waiting.
    runtime.shutdown_background();
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_a_line_break_or_at_the_end() {
        let mut input = &b"one\n\ntwo"[..];
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut input).unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, [&b"one"[..], b"", b"two"]);
    }

    #[test]
    fn a_line_without_end_is_refused_and_the_next_one_read() {
        let mut text = vec![b'x'; LINE_LIMIT + 1];
        text.extend(b"\nnext\n");
        let mut input = io::BufReader::with_capacity(1000, text.as_slice());
        assert!(read_line(&mut input).is_err());
        assert_eq!(read_line(&mut input).unwrap().unwrap(), b"next");
        let just = vec![b'x'; LINE_LIMIT];
        assert_eq!(
            read_line(&mut just.as_slice()).unwrap().unwrap().len(),
            LINE_LIMIT
        );
    }
}
