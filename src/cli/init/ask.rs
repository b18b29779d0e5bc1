//! Where answers come from: the flags, else the person at the terminal, else what is usual.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use cargo_credential_bridge_backend::{Error, Kind};

use crate::cli::report::Failure;

const QUESTION: Style = AnsiColor::Cyan.on_default().bold();

/// Someone to ask, or nobody.
pub(super) struct Person {
    is_there: bool,
}

/// A question about one setting.
pub(super) struct Question<'a> {
    /// The flag that answers it.
    pub(super) flag: &'a str,
    pub(super) text: &'a str,
    /// The usual answer.
    pub(super) usual: Option<&'a str>,
}

impl Person {
    /// Whoever is at the terminal, unless `is_quiet`.
    pub(super) fn new(is_quiet: bool) -> Self {
        Self {
            is_there: !is_quiet && io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.is_there
    }

    /// What a flag says, else what the person says; `check` gives the answer in its usual form, or why it is none.
    ///
    /// # Errors
    ///
    /// If the flag makes no sense, or nobody is there who could answer what has no usual answer.
    pub(super) fn answer(
        &self,
        given: Option<&str>,
        question: &Question<'_>,
        check: impl Fn(&str) -> Result<String, String>,
    ) -> Result<String, Failure> {
        let flag = question.flag;
        if let Some(given) = given {
            return check(given).map_err(|why| wrong(flag, given, &why));
        }
        if !self.is_there {
            let Some(usual) = question.usual else {
                return Err(Failure::usage(
                    Error::new(
                        Kind::Invalid,
                        format!("`--{flag}` is missing: {}", question.text),
                    )
                    .help("give the flag, or run it on a terminal, where it asks"),
                ));
            };
            return check(usual).map_err(|why| wrong(flag, usual, &why));
        }
        loop {
            let usual = question.usual.unwrap_or_default();
            let hint = match usual {
                "" => String::new(),
                usual => format!(" [{usual}]"),
            };
            let said = self.line(&format!("{}{hint}: ", question.text))?;
            let said = if said.is_empty() { usual } else { &said };
            match check(said) {
                Ok(answer) => return Ok(answer),
                Err(why) => {
                    let _ = writeln!(anstream::stderr(), "  {why}");
                }
            }
        }
    }

    /// Whether the person says yes.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub(super) fn agrees(&self, question: &str) -> Result<bool, Failure> {
        let said = self.line(&format!("{question} [y/N]: "))?;
        Ok(matches!(said.to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// One line, without spaces around it.
    fn line(&self, prompt: &str) -> Result<String, Failure> {
        let mut err = anstream::stderr();
        write!(err, "{QUESTION}{prompt}{QUESTION:#}")?;
        err.flush()?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            // The terminal's line has not ended.
            writeln!(err)?;
            return Err(Error::new(Kind::Invalid, "no answer; nothing was written").into());
        }
        Ok(line.trim().to_owned())
    }
}

/// A flag that makes no sense.
pub(super) fn wrong(flag: &str, given: &str, why: &str) -> Failure {
    Failure::usage(
        Error::new(Kind::Invalid, format!("`--{flag} {given}` makes no sense")).because(why),
    )
}
