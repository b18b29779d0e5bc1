//! What must happen: the rules of the design, and nothing that was seen.

use crate::faults::{Fault, Wait};
use crate::ways::{By, Step};

/// How the question ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With the token, or with the change made.
    Answer,
    /// At the next source: there is nothing here.
    Next,
    /// With an error, or at the next source where `on-unavailable = "next"` says so.
    Unavailable,
    /// With an error, whatever the config says.
    Refused,
}

/// What must happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) end: End,
    /// How often the request is sent.
    pub(crate) sent: usize,
}

/// A request is sent so often at the most.
const TRIES: usize = 3;
/// Within its origin a server may send us on so often.
const REDIRECTS: usize = 3;

/// The rule for one cell, `None` where the fault can't be: metadata is served without TLS.
pub(crate) fn expected(step: &Step, fault: Fault) -> Option<Expected> {
    if fault.is_tls() && matches!(step.by, By::Machine | By::Instance | By::Role | By::Keys) {
        return None;
    }
    let mut expected = match fault {
        Fault::Refused
        | Fault::Deaf
        | Fault::Certificate(_)
        | Fault::OldHello
        | Fault::OldAlert => unavailable(0),
        Fault::Silence | Fault::Held | Fault::Drip => unavailable(1),
        // It may have been acted upon, which does harm unless it only reads or ends something.
        Fault::Reset | Fault::Close | Fault::CutHead | Fault::CutBody => match step.by {
            By::Machine | By::Read | By::After => unavailable(TRIES),
            _ => unavailable(1),
        },
        Fault::Status(status) => by_status(step.by, status, None),
        Fault::Later(status, wait) => by_status(step.by, status, Some(wait)),
        Fault::Others(_) => return None,
        // A CI system that gives something else than a token is not well; nobody has refused.
        Fault::Html | Fault::BrokenJson | Fault::NotText | Fault::Bomb if step.by == By::Mint => {
            unavailable(1)
        }
        // The SDK asks again for the keys of a container that it can't read.
        Fault::Html | Fault::BrokenJson | Fault::NotText | Fault::Bomb
            if step.by == By::Container =>
        {
            refused(TRIES)
        }
        Fault::Html | Fault::BrokenJson | Fault::NotText | Fault::Big | Fault::Bomb => refused(1),
        Fault::Inside | Fault::Outside | Fault::Loop if !follows(step.by) => refused(1),
        Fault::Inside => Expected {
            end: End::Answer,
            sent: 1,
        },
        Fault::Outside => unavailable(1),
        Fault::Loop => unavailable(1 + REDIRECTS),
    };
    // Whoever does not answer as the metadata of a machine is not this machine's, and a machine may have no role.
    let is_absent = match step.by {
        By::Machine => matches!(fault, Fault::Refused | Fault::Status(404)),
        By::Instance => {
            fault.is_endless()
                || matches!(
                    fault,
                    Fault::Refused
                        | Fault::Reset
                        | Fault::Close
                        | Fault::CutHead
                        | Fault::CutBody
                        | Fault::Big
                )
        }
        By::Role => fault == Fault::Status(404),
        _ => false,
    };
    if is_absent {
        expected.end = End::Next;
    }
    // The answer is given by then.
    if step.by == By::After {
        expected.end = End::Answer;
    }
    Some(expected)
}

/// The rule for a status without words of the store.
pub(crate) fn by_status(by: By, status: u16, wait: Option<Wait>) -> Expected {
    let is_transient = matches!(status, 408 | 412 | 429 | 500 | 502..=599);
    let is_sent_again = match by {
        By::Once => status == 429,
        // The SDK's own list; what its services say by code is theirs.
        By::Sdk | By::Container => matches!(status, 500 | 502..=504),
        By::Instance | By::Role | By::Keys => matches!(status, 401 | 500..),
        _ => is_transient,
    };
    // Who has retries of their own does not look at the time that the server wishes for.
    let is_too_long = matches!(wait, Some(Wait::Long | Wait::Future))
        && matches!(by, By::Us | By::Vault | By::Read | By::Mint | By::After);
    let sent = match is_sent_again && !is_too_long {
        true => TRIES,
        false => 1,
    };
    // Vault's standbys of other clusters, which are well and can't answer.
    let is_standby = matches!(by, By::Vault | By::Read) && matches!(status, 472 | 473);
    match is_transient || is_standby || status >= 500 {
        true => unavailable(sent),
        false => refused(sent),
    }
}

fn follows(by: By) -> bool {
    matches!(by, By::Us | By::Vault | By::Read | By::Mint | By::After)
}

fn unavailable(sent: usize) -> Expected {
    Expected {
        end: End::Unavailable,
        sent,
    }
}

fn refused(sent: usize) -> Expected {
    Expected {
        end: End::Refused,
        sent,
    }
}
