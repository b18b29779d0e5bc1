//! `[audit]`, as it is written down.

use std::path::PathBuf;

use toml::de::DeValue;

use super::{Fault, Node};
use crate::audit::Audit;

const KEYS: &[&str] = &["file", "syslog", "job-summary", "required"];

/// Where the system's own daemon listens.
const SYSLOG: &str = if cfg!(target_os = "macos") {
    "/var/run/syslog"
} else {
    "/dev/log"
};

/// Reads where the audit line goes.
pub(super) fn read(node: Node<'_>) -> Result<Audit, Fault> {
    let span = node.span();
    let mut table = node.table("`[audit]`")?;
    let file = table.take("file").map(path).transpose()?;
    let syslog = match table.take("syslog") {
        None => None,
        Some(node) if matches!(node.0.get_ref(), DeValue::String(_)) => Some(path(node)?),
        Some(node) => node.read::<bool>()?.then(|| PathBuf::from(SYSLOG)),
    };
    let job_summary = table.read("job-summary")?.unwrap_or(false);
    let required = table.read("required")?.unwrap_or(false);
    table.finish(KEYS)?;
    if file.is_none() && syslog.is_none() && !job_summary {
        return Err(Fault::new("the audit line goes nowhere")
            .at(span)
            .help("say where: `file = \"…\"`, `syslog = true` or `job-summary = true`"));
    }
    Ok(Audit {
        file,
        syslog,
        job_summary,
        required,
    })
}

fn path(node: Node<'_>) -> Result<PathBuf, Fault> {
    let span = node.span();
    let path: PathBuf = node.read::<String>()?.into();
    match path.as_os_str().is_empty() {
        true => Err(Fault::new("an empty path").at(span)),
        false => Ok(path),
    }
}
