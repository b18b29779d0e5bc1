//! A session of a desktop, without the desktop: a bus, and GNOME Keyring on it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use test_servers::Provider;

/// What answers for passwords on the bus.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Service {
    /// GNOME Keyring, with its password.
    Unlocked,
    /// GNOME Keyring, and nobody who knows its password.
    Locked,
    /// One that never answers.
    Silent,
    /// One that can't be started.
    Broken,
    /// One that answers everything with an error.
    Failing,
    /// None.
    None,
}

/// The password of the keyring.
const PASSWORD: &str = "k3yring-passw0rd";

/// A session bus with a home directory; it ends with the test.
#[derive(Debug)]
pub(crate) struct Session {
    directory: TempDir,
    bus: Child,
}

impl Session {
    /// Starts one.
    pub(crate) fn start(service: Service) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bus = bus(directory.path(), service);
        Self { directory, bus }
    }

    /// Starts it anew, with what was stored in it.
    #[must_use]
    pub(crate) fn again(mut self, service: Service) -> Self {
        end(&mut self.bus);
        self.bus = bus(self.directory.path(), service);
        self
    }

    /// The value of `DBUS_SESSION_BUS_ADDRESS`.
    pub(crate) fn address(&self) -> String {
        format!("unix:path={}/bus", self.directory.path().display())
    }

    /// The provider, in this session.
    pub(crate) fn with(&self, provider: Provider) -> Provider {
        provider.env("DBUS_SESSION_BUS_ADDRESS", self.address())
    }

    /// The provider, in this session as systemd makes them: with a directory in which the bus is.
    pub(crate) fn with_directory(&self, provider: Provider) -> Provider {
        provider.env("XDG_RUNTIME_DIR", self.directory.path())
    }

    /// Stores a token as Cargo does, by libsecret's own program.
    pub(crate) fn store(&self, index_url: &str, token: &str) {
        let mut child = self
            .secret_tool()
            .args(["store", "--label=cargo-registry:corp"])
            .args(["xdg:schema", "org.rust-lang.cargo.registry"])
            .args(["url", index_url])
            .stdin(Stdio::piped())
            .spawn()
            .expect("`ci/install keyring` installs secret-tool");
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(token.as_bytes()).unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }

    /// What libsecret's own program finds.
    pub(crate) fn look_up(&self, index_url: &str) -> Option<String> {
        let output = self
            .secret_tool()
            .args(["lookup", "url", index_url])
            .output()
            .expect("`ci/install keyring` installs secret-tool");
        let found = String::from_utf8(output.stdout).unwrap();
        output.status.success().then_some(found)
    }

    fn secret_tool(&self) -> Command {
        let mut command = Command::new("secret-tool");
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("DBUS_SESSION_BUS_ADDRESS", self.address());
        command
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        end(&mut self.bus);
    }
}

/// Closes its standard input, at which the shell around the bus ends it.
fn end(bus: &mut Child) {
    drop(bus.stdin.take());
    let _ = bus.wait();
}

/// A bus that starts the service when it is first asked for, and on which there is nothing else.
fn bus(directory: &Path, service: Service) -> Child {
    let keyring = "exec gnome-keyring-daemon --foreground --components=secrets";
    let script = match service {
        Service::Unlocked => format!("printf %s {PASSWORD} | {keyring} --unlock"),
        Service::Locked => format!("{keyring} --start"),
        // It must not outlive the bus, and would end at once with its reader.
        Service::Silent => {
            "exec tail --pid=$(cat bus.pid) --follow /dev/null >/dev/null".to_owned()
        }
        Service::Broken => "exit 3".to_owned(),
        Service::Failing => format!("exec python3 {}", failing().display()),
        Service::None => String::new(),
    };
    let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).unwrap();
    std::fs::create_dir_all(directory.join("services")).unwrap();
    write(
        "keyring.sh",
        &format!("cd '{}'\n{script}\n", directory.display()),
    );
    let name = match service {
        Service::None => "org.example.nothing",
        _ => "org.freedesktop.secrets",
    };
    write(
        "services/one.service",
        &format!(
            "[D-BUS Service]\nName={name}\nExec=/bin/sh {}/keyring.sh\n",
            directory.display()
        ),
    );
    write(
        "bus.conf",
        &format!(
            "<busconfig><type>session</type><listen>unix:path={0}/bus</listen><pidfile>{0}/bus.pid</pidfile>\
             <servicedir>{0}/services</servicedir><policy context=\"default\">\
             <allow send_destination=\"*\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
            directory.display()
        ),
    );
    for old in ["bus", "bus.pid"] {
        let _ = std::fs::remove_file(directory.join(old));
    }
    let mut bus = Command::new("/bin/sh")
        .args(["-c", "dbus-daemon --config-file=bus.conf --nofork --print-address & read -r _; kill $!; wait"])
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", directory)
        .env("XDG_RUNTIME_DIR", directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(bus.stdout.take().unwrap())
        .read_line(&mut address)
        .unwrap();
    assert!(
        address.starts_with("unix:path="),
        "`ci/install keyring` installs dbus-daemon"
    );
    bus
}

fn failing() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_keyring/failing.py")
}
