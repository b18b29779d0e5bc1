//! Searches the memory of a process that stands still (Linux).

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use memchr::memmem;

/// What a process has in its memory.
pub struct Memory {
    parts: Vec<Vec<u8>>,
}

impl Memory {
    /// Reads all that can be written to, but for the environment that the process was started with.
    ///
    /// # Errors
    ///
    /// If the system does not let us: a process that hides its memory shows it to root alone.
    pub fn of(process: u32) -> io::Result<Self> {
        let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
        let memory = File::open(format!("/proc/{process}/mem"))?;
        let given = environment(process)?;
        let mut parts = Vec::new();
        for line in maps.lines() {
            let mut columns = line.split_ascii_whitespace();
            let (range, rights) = (columns.next(), columns.next());
            let (Some(range), Some(rights)) = (range, rights) else {
                continue;
            };
            let Some(range) = hexadecimal(range) else {
                continue;
            };
            if !rights.starts_with("rw") {
                continue;
            }
            let mut bytes = vec![0; (range.end - range.start) as usize];
            memory.read_exact_at(&mut bytes, range.start)?;
            for address in given.clone() {
                if range.contains(&address) {
                    bytes[(address - range.start) as usize] = 0;
                }
            }
            parts.push(bytes);
        }
        Ok(Self { parts })
    }

    /// For each place where this stands, the bytes before it, so many where there are as many.
    #[must_use]
    pub fn before(&self, secret: &[u8], bytes: usize) -> Vec<&[u8]> {
        let mut found = Vec::new();
        for part in &self.parts {
            let places = memmem::find_iter(part, secret);
            found.extend(places.map(|at| &part[at.saturating_sub(bytes)..at]));
        }
        found
    }
}

/// Where the environment stands that the process was started with (`env_start` and `env_end`, proc_pid_stat(5)).
fn environment(process: u32) -> io::Result<Range<u64>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program may hold anything; what follows it starts with the third field.
    let (_, rest) = stat.rsplit_once(')').unwrap_or_default();
    let field = |number: usize| rest.split_ascii_whitespace().nth(number - 3)?.parse().ok();
    match (field(50), field(51)) {
        (Some(start), Some(end)) => Ok(start..end),
        _ => Err(io::Error::other("the system says of no environment")),
    }
}

fn hexadecimal(range: &str) -> Option<Range<u64>> {
    let (start, end) = range.split_once('-')?;
    let address = |text| u64::from_str_radix(text, 16).ok();
    Some(address(start)?..address(end)?)
}
