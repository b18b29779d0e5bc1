//! The table, cell by cell.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use test_servers::Authority;
use test_servers::faults::{Plan, Spoil, SpoiledServer};
use test_servers::provider::error_text;

use crate::cloud::{self, STORED};
use crate::faults::{COLUMNS, Fault, Faults};
use crate::model::{End, Expected, by_status, expected};
use crate::ways::{Asked, By, SECOND, Server, Step, WAYS, Way};

/// Most of the time of a cell is spent waiting.
const THREADS: usize = 24;

/// One row of the table.
struct Row {
    way: &'static Way,
    step: &'static Step,
    /// How many requests come before it.
    before: usize,
}

/// What stays the same in all cells.
struct World {
    faults: Faults,
    client: (String, String),
    rows: Vec<Row>,
    runs: AtomicUsize,
}

/// What one run came to.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    /// The token of the store, or a change that is made.
    Answer,
    /// The token of the second source.
    Next,
    Error(String),
}

#[test]
fn every_fault_of_every_request() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    elsewhere
        .set_nonblocking(true)
        .expect("a socket can be made non-blocking");
    let address = elsewhere.local_addr().expect("it is bound");
    let world = World::new(format!("http://{address}"));

    let cells: Vec<(usize, usize)> = (0..world.rows.len())
        .flat_map(|row| (0..COLUMNS.len()).map(move |column| (row, column)))
        .collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(vec![vec![String::new(); COLUMNS.len()]; world.rows.len()]);
    let (wrong, count) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(&(row, column)) = cells.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let cell = world.cell(row, COLUMNS[column].fault);
                    count.fetch_add(cell.faults, Ordering::SeqCst);
                    wrong.lock().expect("no cell panics").extend(cell.wrong);
                    done.lock().expect("no cell panics")[row][column] = cell.shown;
                }
            });
        }
    });
    let table = table(&world, &done.into_inner().expect("no cell panics"));
    let wrong = wrong.into_inner().expect("no cell panics");
    let total = format!(
        "{} requests, {} faults: {} cells, {} as they must be\n",
        world.rows.len(),
        COLUMNS.len(),
        count.load(Ordering::SeqCst),
        count.load(Ordering::SeqCst) - wrong.len(),
    );
    let table = format!("{table}\n{total}");
    println!(
        "{table}{} runs of the provider",
        world.runs.load(Ordering::SeqCst)
    );
    assert!(
        wrong.is_empty(),
        "{} cells:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        elsewhere.accept().is_err(),
        "a redirect was followed out of its origin"
    );
    page(&table);
}

/// Compares the table with that of the guide, or puts it there if `FAULTS_WRITE` is set.
fn page(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let (head, rest) = page.split_once("```text\n").expect("the page has a table");
    let (there, tail) = rest.split_once("```").expect("the table ends");
    if std::env::var_os("FAULTS_WRITE").is_some() {
        std::fs::write(&path, format!("{head}```text\n{table}```{tail}")).expect("it is ours");
    } else {
        assert!(
            there == table,
            "docs/faults.md has another table: `ci/faults --write`"
        );
    }
}

/// The outcome of a cell.
struct Cell {
    shown: String,
    faults: usize,
    wrong: Vec<String>,
}

impl World {
    fn new(elsewhere: String) -> Self {
        let client = Authority::new().client("ci");
        let mut world = Self {
            faults: Faults::new(elsewhere),
            client: (client.cert_pem, client.key_pem),
            rows: Vec::new(),
            runs: AtomicUsize::new(0),
        };
        let known: BTreeSet<_> = WAYS
            .iter()
            .flat_map(|way| way.requests)
            .map(|step| step.request.to_owned())
            .collect();
        let mut rows = Vec::new();
        for way in WAYS {
            let server = world.server(way.requests[0].request, 0, Spoil::Nothing, false);
            let came = world.run(way, &server, "20s", "stop", "http");
            assert_eq!(
                came,
                Ok(Came::Answer),
                "{}: {}",
                way.name,
                way.requests[0].name
            );
            let asked: Vec<_> = server.requests().iter().map(cloud::name).collect();
            for name in &asked {
                assert!(known.contains(name), "no row for `{name}`");
            }
            for step in way.requests {
                let before = asked.iter().position(|name| name == step.request);
                let before = before.expect("a way makes its requests");
                rows.push(Row { way, step, before });
            }
        }
        world.rows = rows;
        world
    }

    fn server(
        &self,
        meant: &'static str,
        before: usize,
        spoil: Spoil,
        is_tls: bool,
    ) -> SpoiledServer {
        SpoiledServer::start(Plan {
            good: Arc::new(cloud::answer),
            is_meant: Fault::is_meant(meant),
            // Nothing is spoilt before the first request when nothing is.
            before: match spoil {
                Spoil::Nothing => usize::MAX,
                _ => before,
            },
            spoil,
            tls: is_tls.then(|| self.faults.good.clone()),
        })
    }

    fn cell(&self, row: usize, fault: Fault) -> Cell {
        let Row { way, step, before } = &self.rows[row];
        let spoils = self.faults.spoils(fault, step.by, (row, self.rows.len()));
        let mut cell = Cell {
            shown: String::new(),
            faults: 0,
            wrong: Vec::new(),
        };
        for (variant, spoil) in spoils {
            let expected = match variant.parse() {
                Ok(status) => {
                    let fault = Fault::Status(status);
                    expected(step, fault).or_else(|| Some(by_status(step.by, status, None)))
                }
                Err(_) => expected(step, fault),
            };
            let Some(expected) = expected else { continue };
            cell.faults += 1;
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                self.check(way, step, *before, fault, &spoil, expected)
            }));
            let outcome = outcome.unwrap_or_else(|panic| {
                let why = panic.downcast_ref::<String>().cloned();
                Err(why.unwrap_or_else(|| "a panic".to_owned()))
            });
            let shown = match &outcome {
                Ok(()) => letter(way, expected),
                Err(_) => "!".to_owned(),
            };
            if let Err(why) = outcome {
                cell.wrong.push(format!(
                    "{}: {}, {fault:?} {variant}: {why} (must be {expected:?})",
                    way.name, step.name
                ));
            }
            if cell.shown.is_empty() {
                cell.shown = shown;
            } else if !cell.shown.contains(&shown) {
                // More than one: the letters alone.
                cell.shown += &shown;
                cell.shown.retain(|sign| !sign.is_ascii_digit());
            }
        }
        if cell.faults == 0 {
            cell.shown = "·".to_owned();
        }
        cell
    }

    /// Whether what must happen happens.
    fn check(
        &self,
        way: &Way,
        step: &Step,
        before: usize,
        fault: Fault,
        spoil: &Spoil,
        expected: Expected,
    ) -> Result<(), String> {
        let timeout = match (fault.is_endless(), step.by) {
            (false, _) => "20s",
            // Its own limit is a second.
            (true, By::Instance | By::Role | By::Keys) => "5s",
            (true, _) => "1s",
        };
        let scheme = if fault.is_tls() { "https" } else { "http" };
        let asked = |unavailable: &str| {
            let server = self.server(step.request, before, spoil.clone(), fault.is_tls());
            let came = self.run(way, &server, timeout, unavailable, scheme)?;
            // On a busy machine the deadline may come before the request does.
            let sent = server.spoilt();
            if sent != expected.sent && !(fault.is_endless() && sent < expected.sent) {
                return Err(format!("sent {sent} times"));
            }
            Ok(came)
        };
        let first = asked("next")?;
        let (end, text) = match (way.asked, first) {
            (_, Came::Answer) => (End::Answer, None),
            (Asked::Get, Came::Next) => match asked("stop")? {
                Came::Next => (End::Next, None),
                Came::Error(text) => (End::Unavailable, Some(text)),
                Came::Answer => return Err("an answer the second time".to_owned()),
            },
            (_, Came::Next) => return Err("a second source for a change".to_owned()),
            // A change has no other source to go to.
            (Asked::Login | Asked::Logout, Came::Error(text)) => {
                let end = match expected.end {
                    End::Answer => End::Refused,
                    end => end,
                };
                (end, Some(text))
            }
            (Asked::Get, Came::Error(text)) => (End::Refused, Some(text)),
        };
        if end != expected.end {
            return Err(format!("{end:?}: {}", text.unwrap_or_default()));
        }
        match text {
            Some(text) => self.check_words(&text, fault),
            None => Ok(()),
        }
    }

    /// Whether an error says what there is to say.
    fn check_words(&self, text: &str, fault: Fault) -> Result<(), String> {
        let word = match fault {
            Fault::Status(status) | Fault::Later(status, _) => status.to_string(),
            // A limit of one try may come before the deadline.
            _ if fault.is_endless() && text.contains("took too long to answer") => String::new(),
            _ if fault.is_endless() => "did not answer within".to_owned(),
            _ if fault.is_tls() => "no secure connection".to_owned(),
            _ => String::new(),
        };
        for word in [word.as_str(), "help: "] {
            if !text.contains(word) {
                return Err(format!("`{word}` is not in it: {text}"));
            }
        }
        Ok(())
    }

    /// Asks once.
    fn run(
        &self,
        way: &Way,
        server: &SpoiledServer,
        timeout: &str,
        unavailable: &str,
        scheme: &'static str,
    ) -> Result<Came, String> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let led = Server {
            host: &server.host(),
            scheme,
            authority: &self.faults.authority,
            client: &self.client,
        };
        let provider = way.provider(&led, timeout, unavailable);
        let run = provider.run(way.request().as_bytes());
        // One hello, one answer, and a good end; no secret in it, or this panics.
        let answer = run.answer();
        match (way.asked, answer["Ok"]["token"].as_str()) {
            (Asked::Get, Some(STORED)) => Ok(Came::Answer),
            (Asked::Get, Some(SECOND)) => Ok(Came::Next),
            (Asked::Login | Asked::Logout, None) if answer["Ok"].is_object() => Ok(Came::Answer),
            _ if answer["Err"].is_object() => Ok(Came::Error(error_text(&answer))),
            _ => Err(answer.to_string()),
        }
    }
}

fn letter(way: &Way, expected: Expected) -> String {
    let letter = match (expected.end, way.asked) {
        (End::Answer, _) => 'A',
        (_, Asked::Login | Asked::Logout) => 'e',
        (End::Next, _) => 'n',
        (End::Unavailable, _) => 'u',
        (End::Refused, _) => 'r',
    };
    format!("{letter}{}", expected.sent)
}

fn table(world: &World, done: &[Vec<String>]) -> String {
    let names: Vec<_> = world
        .rows
        .iter()
        .map(|row| format!("{}: {}", row.way.name, row.step.name))
        .collect();
    let width = names
        .iter()
        .map(|name| name.len())
        .max()
        .unwrap_or_default();
    let line = |name: &str, cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<_> = cells.map(|cell| format!("{cell:3}")).collect();
        format!("{name:width$} {}", cells.join(" "))
            .trim_end()
            .to_owned()
            + "\n"
    };
    let mut table = line("", &mut COLUMNS.iter().map(|column| column.code));
    for (name, cells) in names.iter().zip(done) {
        table += &line(name, &mut cells.iter().map(String::as_str));
    }
    table
}
