//! Cargo that dies, at every step of a way: nothing of ours is left, and no login that could have been ended.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use test_servers::faults::{Gate, Plan, Spoil, SpoiledServer};
use test_servers::{CargoHome, Provider, Registry};
use tokio::signal::unix::{SignalKind, signal};

use crate::BINARY;
use crate::cloud::{self, LOGIN};
use crate::faults::Fault;
use crate::ways::{URL, WAYS, Way};

const REVOCATION: &str = "POST /v1/auth/token/revoke-self";
/// No test waits longer; the provider bounds itself.
const WATCHDOG: Duration = Duration::from_secs(60);
/// What stands in for Cargo is this test binary, with the request in this variable.
const REQUEST: &str = "STAND_IN_REQUEST";

/// Who gets which signal.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// Cargo alone.
    Cargo(Signal),
    /// Cargo and all that it has started, as a terminal does it.
    Group(Signal),
    /// The provider alone.
    Provider(Signal),
}

const BLOWS: [Blow; 7] = [
    Blow::Cargo(Signal::SIGTERM),
    Blow::Cargo(Signal::SIGINT),
    Blow::Cargo(Signal::SIGKILL),
    Blow::Group(Signal::SIGINT),
    Blow::Group(Signal::SIGHUP),
    Blow::Provider(Signal::SIGINT),
    Blow::Provider(Signal::SIGTERM),
];

/// The first way: GitHub's token, a login at Vault, a read, a revocation.
fn way() -> &'static Way {
    &WAYS[0]
}

/// Cargo's stand-in, the provider that it has started, and the server.
struct Scene {
    server: SpoiledServer,
    gate: Arc<Gate>,
    provider: Provider,
    before: BTreeSet<PathBuf>,
    cargo: Child,
    bridge: Pid,
    /// Ends when both have.
    end: mpsc::Receiver<String>,
}

impl Scene {
    /// Starts both, with the step at this position held at the gate.
    fn start(step: usize) -> Self {
        let (server, gate) = held(step);
        let provider = way().plain(&server.host());
        std::fs::create_dir(provider.home().join("tmp")).expect("the directory is ours");
        let before = files(provider.home());
        let mut cargo = cargo(&provider).spawn().expect("it can be started");
        let output = BufReader::new(cargo.stdout.take().expect("it is a pipe"));
        let number = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split("bridge ").nth(1)?.trim().parse().ok());
        let bridge = Pid::from_raw(number.expect("it says whom it has started"));
        let end = end_of(cargo.stderr.take().expect("it is a pipe"));
        Self {
            server,
            gate,
            provider,
            before,
            cargo,
            bridge,
            end,
        }
    }

    fn strike(&self, blow: Blow) {
        let cargo = id(&self.cargo);
        let struck = match blow {
            Blow::Cargo(signal) => kill(cargo, signal),
            Blow::Group(signal) => killpg(cargo, signal),
            Blow::Provider(signal) => kill(self.bridge, signal),
        };
        struck.expect("they are there");
    }

    /// What the server was asked, once both have ended by themselves.
    fn end(mut self, name: &str) -> (Vec<String>, String) {
        let ended = self.end.recv_timeout(WATCHDOG);
        if ended.is_err() {
            let _gone = kill(self.bridge, Signal::SIGKILL);
        }
        let _killed = self.cargo.wait();
        assert!(ended.is_ok(), "{name}: the provider is left");
        let left = files(self.provider.home());
        assert_eq!(left, self.before, "{name}");
        for request in self.server.requests() {
            if cloud::name(&request) == REVOCATION {
                assert_eq!(request.header("x-vault-token"), Some(LOGIN), "{name}");
            }
        }
        let asked = self.server.requests().iter().map(cloud::name).collect();
        (asked, ended.unwrap_or_default())
    }
}

/// Told when nobody has this standard error any more: neither who was started with it nor what that has started.
fn end_of(mut errors: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (done, end) = mpsc::channel();
    thread::spawn(move || {
        let mut said = String::new();
        let _read = errors.read_to_string(&mut said);
        let _nobody_waits = done.send(said);
    });
    end
}

/// What stands in for Cargo, in front of this provider.
fn cargo(provider: &Provider) -> Command {
    let asked = provider.command();
    let variables = asked.get_envs();
    let mut cargo = Command::new(std::env::current_exe().expect("this is a program"));
    cargo
        .args(["--exact", "signals::stand_in", "--ignored", "--nocapture"])
        .env_clear()
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .env("CARGO_CREDENTIAL_BRIDGE_LOG", "debug")
        .env("TMPDIR", provider.home().join("tmp"))
        .env(REQUEST, way().request())
        .current_dir(provider.home().join("work"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // The provider has it too, and all that it starts: it ends with the last of them.
        .stderr(Stdio::piped())
        .process_group(0);
    cargo
}

fn id(process: &Child) -> Pid {
    Pid::from_raw(process.id().try_into().expect("it is a process id"))
}

/// A server with the request of the step at this position held at a gate.
fn held(step: usize) -> (SpoiledServer, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let server = SpoiledServer::start(Plan {
        good: Arc::new(cloud::answer),
        is_meant: Fault::is_meant(way().requests[step].request),
        before: usize::MAX,
        spoil: Spoil::Gate(Arc::clone(&gate)),
        tls: None,
    });
    (server, gate)
}

/// Every file below a directory.
fn files(directory: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("the directory is ours");
    let paths = entries.map(|entry| entry.expect("the directory is ours").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => BTreeSet::from([path]),
        })
        .collect()
}

/// Held at each step until the blow has fallen, and let go then: what was given is given back.
#[test]
fn no_login_outlives_cargo() {
    for (step, revoked) in [(0, false), (1, true), (2, true), (3, true)] {
        for blow in BLOWS {
            let name = format!("{}, {blow:?}", way().requests[step].name);
            let scene = Scene::start(step);
            scene.gate.wait();
            scene.strike(blow);
            // A read that is not answered any more hinders nobody.
            if step != 2 {
                scene.gate.open();
            }
            let (asked, said) = scene.end(&name);
            let has_login = asked.iter().any(|name| name.ends_with("/jwt/login"));
            let is_revoked = asked.iter().any(|name| name == REVOCATION);
            assert_eq!(is_revoked, has_login, "{name}: {asked:?} {said}");
            assert!(is_revoked || !revoked, "{name}: {asked:?} {said}");
        }
    }
}

/// A program that should give a token is ended with Cargo, too.
#[test]
fn no_program_outlives_cargo() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGKILL] {
        let program = "echo ready >&2; exec tail -f /dev/null";
        let provider = Provider::new(BINARY)
            .config(&format!(
                "[registries.\"{URL}\"]\n\
                 sources = [ [\"cargo:token-from-stdout\", \"sh\", \"-c\", \"{program}\"] ]\n"
            ))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let mut cargo = cargo(&provider).spawn().expect("it can be started");
        let mut errors = BufReader::new(cargo.stderr.take().expect("it is a pipe"));
        let mut line = String::new();
        while line != "ready\n" {
            line.clear();
            let read = errors.read_line(&mut line).expect("it is text");
            assert!(read > 0, "the program is not started");
        }
        kill(id(&cargo), signal).expect("it is there");
        end_of(errors)
            .recv_timeout(WATCHDOG)
            .expect("the program ends with Cargo");
        let _killed = cargo.wait();
    }
}

/// Logins, by Cargo itself.
#[test]
fn no_login_outlives_the_installed_cargo() {
    for (step, signal) in [
        (1, Signal::SIGKILL),
        (2, Signal::SIGKILL),
        (2, Signal::SIGTERM),
        (3, Signal::SIGKILL),
    ] {
        let (server, gate) = held(step);
        let registry = Registry::start();
        registry.add_crate("internal", "1.2.3", "");
        let host = server.host();
        let cargo = CargoHome::new()
            .env(
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                format!("http://{host}/github/token?api-version=2.0"),
            )
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "github-request-token");
        cargo.registry("corp", &registry.index_url(), &[BINARY]);
        cargo.bridge_config(&format!(
            "[backends.corp]\ntype = \"vault\"\naddress = \"http://{host}\"\n\
             auth = {{ method = \"jwt\", role = \"ci\", identity = \"github-actions\" }}\n\
             [registries.\"{}\"]\nsources = [ {{ backend = \"corp\", path = \"ci/cargo\", field = \"token\" }} ]\n",
            registry.index_url()
        ));
        let app = cargo.package("app", &[("internal", "1.2")]);
        let mut process = cargo
            .command(&app, &["fetch"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Cargo can be started");
        let end = end_of(process.stderr.take().expect("it is a pipe"));
        gate.wait();
        kill(id(&process), signal).expect("Cargo is there");
        gate.open();
        end.recv_timeout(WATCHDOG)
            .expect("the provider ends with Cargo");
        let _killed = process.wait();
        let asked: Vec<_> = server.requests().iter().map(cloud::name).collect();
        // A read that was under way may be the last to be seen.
        let is_revoked = asked.iter().any(|name| name == REVOCATION);
        assert!(is_revoked, "{step}, {signal}: {asked:?}");
    }
}

/// Between two requests there is nothing to end but the provider.
#[test]
fn a_provider_that_waits_for_a_request_ends_by_a_signal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (server, gate) = held(0);
        gate.open();
        let provider = way().plain(&server.host());
        let mut child = provider.command().spawn().expect("it can be started");
        // Both stay open: neither tells that Cargo has gone.
        let mut input = child.stdin.take().expect("it is a pipe");
        let mut output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let errors = child.stderr.take().expect("it is a pipe");
        writeln!(input, "{}", way().request()).expect("it reads");
        for _ in ["hello", "answer"] {
            let read = output.read_line(&mut String::new());
            assert!(read.is_ok_and(|read| read > 0), "{signal}");
        }
        kill(id(&child), signal).expect("it is there");
        let ended = end_of(errors).recv_timeout(WATCHDOG);
        let _gone = child.kill();
        let status = child.wait().expect("it is our child");
        assert!(ended.is_ok(), "{signal}: it goes on");
        // Or while it gives back its login.
        let number = signal as i32;
        assert!(
            status.signal() == Some(number) || status.code() == Some(128 + number),
            "{signal}: {status}"
        );
    }
}

/// Before the hello is read and after: the end of standard input is the end.
#[test]
fn nothing_is_left_before_the_request() {
    let provider = way().plain("127.0.0.1:1");
    for is_read in [false, true] {
        let mut child = provider.command().spawn().expect("it can be started");
        let mut output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        if is_read {
            let _hello = output.read_line(&mut String::new());
        }
        drop((child.stdin.take(), output));
        let status = child.wait().expect("it is our child");
        assert_eq!(status.code(), Some(0), "{is_read}");
    }
}

/// A shell has what it starts in the background ignore Ctrl-C, and `nohup` a terminal's end: these tests, and all below them.
/// Then a stand-in would live on.
fn die_by(kind: SignalKind) {
    let (ready, is_ready) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        runtime.block_on(async {
            let mut signals = signal(kind).expect("it can be handled");
            let _waits = ready.send(());
            signals.recv().await;
            kill(Pid::this(), Signal::SIGKILL).expect("we are there");
        });
    });
    is_ready.recv().expect("it says so");
}

/// Not a test: what stands in for Cargo, which starts the provider, asks, and reads the answer.
#[test]
#[ignore = "is started by the tests above"]
fn stand_in() {
    let Some(request) = std::env::var_os(REQUEST) else {
        return;
    };
    die_by(SignalKind::interrupt());
    die_by(SignalKind::hangup());
    let mut bridge = Command::new(BINARY)
        .arg("--cargo-plugin")
        .env_remove(REQUEST)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut output = BufReader::new(bridge.stdout.take().expect("it is a pipe"));
    let _hello = output.read_line(&mut String::new());
    let mut input = bridge.stdin.take().expect("it is a pipe");
    let request = request.into_encoded_bytes();
    input.write_all(&request).expect("the provider reads");
    println!("bridge {}", bridge.id());
    let _answer = output.read_line(&mut String::new());
    drop(input);
    let _status = bridge.wait();
}
