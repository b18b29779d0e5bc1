//! One run of all commands, and what must be true of it.

use std::collections::BTreeSet;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use test_servers::leaks;

use crate::commands::{self, Ended};
use crate::trail::Trail;
use crate::waits::{self, Waits};
use crate::world::{self, Held, TIMEOUT, TTL, World};

/// What a run came to.
pub(crate) struct Run {
    pub(crate) commands: usize,
    /// Those that gave the token.
    pub(crate) answered: usize,
    /// Those that said `unavailable` when they had sent a request as often as they may.
    pub(crate) gave_up: usize,
    /// Those that said `unavailable` because a connection broke before the answer to a login came, which is not sent again.
    pub(crate) broken_off: usize,
    /// How long the slowest took.
    pub(crate) longest: Duration,
    /// Identity tokens that were asked for.
    pub(crate) identities: usize,
    pub(crate) trail: Trail,
    /// Connections to Vault that were asked for.
    pub(crate) connections: usize,
    pub(crate) waits: Waits,
    pub(crate) before: Held,
    /// When the last command had ended.
    pub(crate) after: Held,
    /// When the logins that nobody could revoke had lived their time.
    pub(crate) in_the_end: Held,
    /// How long Vault was away.
    pub(crate) away: Option<Duration>,
}

impl Run {
    /// Runs that many commands, and stops Vault and starts it again when a third of them are answered.
    pub(crate) fn of(world: &mut World, commands: usize, is_restarted: bool) -> Self {
        let before = world.held();
        let secrets = [world.token.as_str(), world.issuer.request_token()];
        let (provider, vault, door) = (&world.provider, &mut world.vault, &*world.door);
        let meanwhile = |answers: Receiver<()>| {
            is_restarted.then(|| {
                let third = commands / 3;
                assert_eq!(answers.iter().take(third).count(), third);
                world::restart(vault, door)
            })
        };
        let (ended, away) = commands::at_once(provider, &secrets, commands, meanwhile);
        let after = world.held();
        let found = leaks::find_in_dir(world.provider.home(), &secrets);
        assert!(found.is_empty(), "a secret is in {found:?}");
        let mut run = Self {
            commands,
            answered: 0,
            gave_up: 0,
            broken_off: 0,
            longest: Duration::ZERO,
            identities: world.issuer.requests().len(),
            trail: Trail::read(&world.vault.audit_log()),
            connections: world.door.arrivals(),
            waits: Waits::default(),
            before,
            after,
            in_the_end: settled(world, before),
            away,
        };
        run.count(world, &ended);
        run
    }

    /// What holds as long as Vault is there.
    pub(crate) fn assert_as_designed(&self) {
        self.assert_in_order();
        let all = self.commands;
        assert_eq!(self.answered, all);
        assert_eq!(self.identities, all);
        assert_eq!(self.trail.logins, all);
        assert_eq!(self.trail.reads, all);
        assert_eq!(self.trail.revocations, all);
        assert_eq!(self.trail.clean_logins(), all);
        assert_eq!(self.connections, all);
        assert_eq!(self.waits.count(), 0);
        assert_eq!(self.after, self.before);
    }

    /// What holds even if Vault is away for a while.
    pub(crate) fn assert_in_order(&self) {
        assert!(self.longest < TIMEOUT, "{:?}", self.longest);
        assert!(self.trail.others.is_empty(), "{:?}", self.trail.others);
        assert_eq!(self.in_the_end, self.before);
        // Every command draws its own wait, of 200 ms and then of 400.
        for made in [1, 2] {
            let waits = self.waits.after(made);
            let distinct: BTreeSet<_> = waits.iter().collect();
            assert!(waits.len() < 20 || distinct.len() > 5, "{waits:?}");
        }
    }

    fn count(&mut self, world: &World, ended: &[Ended]) {
        for command in ended {
            self.longest = self.longest.max(command.took);
            self.waits.add(&command.log);
            if command.answer["Ok"]["token"] == world.token {
                self.answered += 1;
            } else if waits::tries_before_the_answer(&command.log) == world.tries {
                self.gave_up += 1;
            } else {
                self.broken_off += 1;
            }
        }
        // By the provider's own line about each answer: an answer to Cargo does not say of which kind an error is.
        let lines = world.audit_lines();
        let those = |key: &str, value: &str| lines.iter().filter(|line| line[key] == value).count();
        assert_eq!(lines.len(), self.commands);
        assert_eq!(those("outcome", "token"), self.answered);
        assert_eq!(those("kind", "unavailable"), self.commands - self.answered);
    }
}

/// What Vault holds when it holds what it held before, or when every login has lived its time.
fn settled(world: &World, before: Held) -> Held {
    let start = Instant::now();
    loop {
        let now = world.held();
        // Vault takes a moment to sweep.
        if now == before || start.elapsed() > TTL + Duration::from_secs(30) {
            return now;
        }
        // Nothing says when a token ends: there is only asking now and then.
        thread::park_timeout(Duration::from_millis(500));
    }
}
