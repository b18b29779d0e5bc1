//! The page with the figures.
#![expect(clippy::print_stdout, reason = "the page is what it is for")]

use std::time::Duration;

use crate::run::Run;
use crate::waits::{BUCKET, histogram};
use crate::world::{TIMEOUT, TTL};

/// Prints it, for a run with Vault there all the time and two in which it is restarted.
pub(crate) fn print(patient: u32, runs: &[Run; 3]) {
    let [calm, restarted, _] = runs;
    let commands = calm.commands;
    println!("# Many jobs at once");
    println!();
    println!(
        "{commands} commands ask at the same moment, as Cargo asks, on one machine: hello, request, answer, end. Each is a \
         GitHub job that gets\nan identity token, logs in to a real Vault by it, reads one secret and revokes its login. \
         Then twice more, with Vault stopped\nby SIGTERM when a third of them are answered, and started again at once, with \
         storage in files. `ci/fleet` prints this page, and\nfails if something is not as it must be."
    );
    println!();
    println!(
        "| | Vault is there | restarted in the middle | the same, `VAULT_MAX_RETRIES={patient}` |"
    );
    println!("|---|---:|---:|---:|");
    row("commands", runs, |run| run.commands.to_string());
    row("answered with the token", runs, |run| {
        run.answered.to_string()
    });
    row("`unavailable`: no try was left", runs, |run| {
        run.gave_up.to_string()
    });
    row(
        "`unavailable`: a connection broke before the answer",
        runs,
        |run| run.broken_off.to_string(),
    );
    row("any other end", runs, |run| {
        (run.commands - run.answered - run.gave_up - run.broken_off).to_string()
    });
    row("Vault was away for", runs, |run| {
        run.away.map_or_else(|| "–".to_owned(), seconds)
    });
    row("the slowest answer", runs, |run| seconds(run.longest));
    row("identity tokens asked for", runs, |run| {
        run.identities.to_string()
    });
    row("logins that reached Vault", runs, |run| {
        run.trail.logins.to_string()
    });
    row("reads", runs, |run| run.trail.reads.to_string());
    row("revocations", runs, |run| run.trail.revocations.to_string());
    row("logins with one read and one revocation", runs, |run| {
        run.trail.clean_logins().to_string()
    });
    row("connections to Vault, or tries at one", runs, |run| {
        run.connections.to_string()
    });
    row("requests sent again", runs, |run| {
        run.waits.count().to_string()
    });
    row("tokens in Vault before", runs, |run| {
        run.before.tokens.to_string()
    });
    row("when the last command has ended", runs, |run| {
        run.after.tokens.to_string()
    });
    let in_the_end = format!("when logins have lived their {} s", TTL.as_secs());
    row(&in_the_end, runs, |run| run.in_the_end.tokens.to_string());
    row("leases before, after, in the end", runs, |run| {
        let held = [run.before, run.after, run.in_the_end];
        held.map(|held| held.leases.to_string()).join(", ")
    });
    println!();
    println!(
        "What varies from run to run is how far the commands are when Vault goes. What must hold, and is checked:"
    );
    println!();
    println!(
        "* With Vault there: every command is answered, by one identity token, one login, one read, one revocation and one \
         connection;\n  nothing is sent twice; Vault holds what it held before."
    );
    println!(
        "* With Vault away: every command ends within its `timeout` (here {} s), with the token or with `unavailable`, and \
         nothing else;\n  no secret is in a log, an error or a file; Vault holds what it held before once the logins that nobody \
         could revoke have\n  lived their time. So let `token_ttl` be short: no command needs its login for longer than its \
         `timeout`.",
        TIMEOUT.as_secs()
    );
    println!();
    spread(restarted);
    println!();
    println!("## Outlasting a restart");
    println!();
    println!(
        "A request is sent at most three times, with up to 0.6 s of waiting: about as long as this small Vault needs to start, so \
         that a\nfew give up. `VAULT_MAX_RETRIES` says how often it may be sent again; the waits grow to 2 s. If a \
         connection breaks before the\nanswer, nobody knows whether the request has been acted upon: the read of a \
         secret and the revocation are sent again, which does\nno harm, and a login is not, which would leave a token that \
         nobody knows."
    );
}

/// How the waits of the commands are spread.
fn spread(run: &Run) {
    println!("## Retries do not come in step");
    println!();
    println!(
        "Each command draws its wait: up to 200 ms before the second try, up to 400 ms before the third. What \
         they drew when Vault was\nrestarted, by their own logs (the column in the middle above):"
    );
    println!();
    println!("| waited | before the second try | before the third try |");
    println!("|---|---:|---:|");
    // The last bar is for waits that the machine made longer than they were to be.
    let bars = 9;
    let columns = [1, 2].map(|made| histogram(&run.waits.after(made), bars));
    for bar in 0..bars {
        let from = bar as u128 * BUCKET;
        let name = match bar + 1 == bars {
            true => format!("{from} ms and more"),
            false => format!("{from} to {} ms", from + BUCKET),
        };
        let cells = columns.each_ref().map(|column| share(column[bar], column));
        println!("| {name} | {} | {} |", cells[0], cells[1]);
    }
}

fn share(part: usize, column: &[usize]) -> String {
    match column.iter().sum::<usize>() {
        0 => "–".to_owned(),
        all => format!("{part} ({} %)", (100 * part + all / 2) / all),
    }
}

fn row(name: &str, runs: &[Run; 3], cell: impl Fn(&Run) -> String) {
    let [calm, restarted, patient] = runs.each_ref().map(cell);
    println!("| {name} | {calm} | {restarted} | {patient} |");
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
