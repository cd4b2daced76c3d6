//! Two hosts with a cable between them, until a signal or the end of standard input.
//!
//! To try things by hand, and for the tests of what is left when a process ends early.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use hosts::{Host, HostError, Pair, PairConfig};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("two-hosts: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), HostError> {
    let left = Host::new("left")?;
    let right = Host::new("right")?;
    let _cable = Pair::new(&left, "eth0", &right, "eth0", &PairConfig::default())?;
    for (host, number) in [(&left, 1), (&right, 2)] {
        host.add_address("eth0", &format!("192.0.2.{number}/24"))?;
        host.add_address("eth0", &format!("2001:db8::{number}/64"))?;
    }
    let mut output = io::stdout();
    let text = format!("{}\n{}\n", left.name(), right.name());
    let told = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    told.map_err(|source| HostError::Io { what: "write the names".to_owned(), source })?;
    // A closed or failing input is an end too.
    let mut ignored = Vec::new();
    drop(io::stdin().read_to_end(&mut ignored));
    Ok(())
}
