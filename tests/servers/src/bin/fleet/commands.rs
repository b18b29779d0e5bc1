//! Commands that are asked at the same moment, as Cargo asks.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Child;
use std::sync::Barrier;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use test_servers::provider::get_request;
use test_servers::{Provider, leaks};

use crate::world::URL;

/// A command that has ended.
pub(crate) struct Ended {
    /// What it answered.
    pub(crate) answer: Value,
    /// The time from its request to its answer.
    pub(crate) took: Duration,
    /// Its log.
    pub(crate) log: String,
}

/// Starts that many; when all have said hello, asks all of them, and does `meanwhile`, which hears of each answer.
pub(crate) fn at_once<T>(
    provider: &Provider,
    secrets: &[&str],
    count: usize,
    meanwhile: impl FnOnce(Receiver<()>) -> T,
) -> (Vec<Ended>, T) {
    let together = Barrier::new(count + 1);
    let (answered, answers) = mpsc::channel();
    thread::scope(|scope| {
        let commands: Vec<_> = (0..count)
            .map(|_| {
                let child = provider.command().spawn();
                let child = child.expect("the provider can be started");
                let (together, answered) = (&together, answered.clone());
                scope.spawn(move || converse(child, secrets, together, &answered))
            })
            .collect();
        drop(answered);
        together.wait();
        let done = meanwhile(answers);
        let ended = commands.into_iter().map(|command| {
            command
                .join()
                .expect("a command keeps to the protocol; what it did is above")
        });
        (ended.collect(), done)
    })
}

/// Hello, request, answer, end.
fn converse(
    mut child: Child,
    secrets: &[&str],
    together: &Barrier,
    answered: &Sender<()>,
) -> Ended {
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let stdout = child.stdout.take().expect("standard output is a pipe");
    let mut stderr = child.stderr.take().expect("standard error is a pipe");
    let mut stdout = BufReader::new(stdout);
    let (mut hello, mut answer, mut log) = (String::new(), String::new(), String::new());
    let said_hello = stdout.read_line(&mut hello);
    // Whoever has something to complain of waits too: the others would wait for it.
    together.wait();
    said_hello.expect("standard output can be read");
    assert_eq!(hello, "{\"v\":[1]}\n");
    let asked = Instant::now();
    stdin
        .write_all(get_request(URL, "read").as_bytes())
        .expect("the provider reads its request");
    stdout
        .read_line(&mut answer)
        .expect("standard output can be read");
    let took = asked.elapsed();
    // Nobody may be interested in more of them.
    let _ = answered.send(());
    drop(stdin);
    let mut rest = String::new();
    stdout
        .read_to_string(&mut rest)
        .expect("standard output can be read");
    stderr
        .read_to_string(&mut log)
        .expect("standard error can be read");
    let status = child.wait().expect("the provider is our child");
    assert!(status.success() && rest.is_empty(), "{status}: {rest}");
    let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
    let error = answer["Err"].to_string();
    let channels = [("the log", log.as_bytes()), ("an error", error.as_bytes())];
    leaks::assert_absent(secrets, &channels);
    Ended { answer, took, log }
}
