//! Running the system's programs and reporting them well.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::HostError;

/// Where programs of the administrator live when PATH does not say so (a plain user's on Debian).
const SYSTEM_DIRECTORIES: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/bin"];

/// Debian packages of the programs that don't carry their package's name.
const PACKAGES: [(&str, &str); 9] = [
    ("ip", "iproute2"),
    ("kdig", "knot-dnsutils"),
    ("nft", "nftables"),
    ("nginx", "nginx-light"),
    ("ping", "iputils-ping"),
    ("promtool", "prometheus"),
    ("ss", "iproute2"),
    ("tc", "iproute2"),
    ("dnsmasq", "dnsmasq-base"),
];

/// The full path of `program`, which may already be a path.
///
/// # Errors
/// [`HostError::MissingProgram`], with the package that has it.
pub(crate) fn find(program: &str) -> Result<PathBuf, HostError> {
    if program.contains('/') {
        return Ok(PathBuf::from(program));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SYSTEM_DIRECTORIES.iter().map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| is_program(candidate))
        .ok_or_else(|| HostError::MissingProgram {
            program: program.to_owned(),
            package: package_of(program).to_owned(),
        })
}

/// The Debian package that has `program`.
fn package_of(program: &str) -> &str {
    PACKAGES
        .iter()
        .find_map(|&(name, package)| (name == program).then_some(package))
        .unwrap_or(program)
}

fn is_program(candidate: &Path) -> bool {
    rustix::fs::access(candidate, rustix::fs::Access::EXEC_OK).is_ok() && candidate.is_file()
}

/// Runs `program` to its end and returns what it wrote to its standard output.
///
/// # Errors
/// The program is missing, could not start, or did not end with status 0.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String, HostError> {
    let mut command = Command::new(find(program)?);
    command.args(arguments);
    finish(&mut command)
}

/// Runs `command` to its end with nothing on its standard input; see [`run`].
pub(crate) fn finish(command: &mut Command) -> Result<String, HostError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| HostError::io(line_of(command), source))?;
    judge(command, output)
}

/// Runs `command` to its end with `input` on its standard input; see [`run`].
pub(crate) fn finish_with_input(command: &mut Command, input: &str) -> Result<String, HostError> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| HostError::io(line_of(command), source))?;
    let mut stdin = child.stdin.take().expect("standard input was asked to be a pipe");
    // A program that ends before it has read everything says why on its standard error.
    let written = match stdin.write_all(input.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    };
    drop(stdin);
    let output = child.wait_with_output();
    written.map_err(|source| HostError::io(line_of(command), source))?;
    judge(command, output.map_err(|source| HostError::io(line_of(command), source))?)
}

fn judge(command: &Command, output: Output) -> Result<String, HostError> {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    if !rustix::process::geteuid().is_root() {
        return Err(HostError::NotRoot { what: line_of(command) });
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said = [stderr.trim(), stdout.trim()].join("\n").trim().to_owned();
    Err(HostError::Command { line: line_of(command), status: output.status, said })
}

/// The command line as one would type it.
pub(crate) fn line_of(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
