//! A web server that lives in one temporary directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Child, Folder, Host, HostError, Output, Signal, tool, wait_until};

/// How long a start may take.
const START_LIMIT: Duration = Duration::from_secs(10);

/// How long an orderly stop may take before it is a kill.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// What an [`Nginx`] serves.
#[derive(Clone, Debug)]
pub struct NginxConfig {
    /// Worker processes, at least 1.
    pub workers: u32,
    /// Connections of each worker.
    pub connections: u32,
    /// Directives of the outermost level (`load_module`, a `stream` block).
    pub main: String,
    /// Directives of the http block, common to all servers.
    pub http: String,
    /// Bodies of the server blocks: `listen 10.0.0.1:8080; location / { return 200 "one"; }`.
    /// Relative paths of files start at [`Nginx::directory`].
    pub servers: Vec<String>,
}

impl Default for NginxConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            connections: 4096,
            main: String::new(),
            http: String::new(),
            servers: Vec::new(),
        }
    }
}

/// A running nginx: configuration, pid file, logs and temporary files are in a directory of its own,
/// which goes with it. Dropping it stops it.
#[derive(Debug)]
pub struct Nginx {
    // Fields are dropped in order: first the process, then its files.
    child: Child,
    directory: Folder,
}

impl Nginx {
    /// Starts nginx on `host` and returns when it listens.
    ///
    /// # Errors
    /// nginx is missing, refuses the configuration (with its words), or is late.
    pub fn start(host: &Host, config: &NginxConfig) -> Result<Self, HostError> {
        Self::start_by(host.command("nginx"), config)
    }

    /// Starts nginx in this process's own network namespace, for tests over loopback.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_here(config: &NginxConfig) -> Result<Self, HostError> {
        Self::start_by(Command::new(tool::find("nginx")?), config)
    }

    /// The directory that relative paths of the configuration start at. Files served may be put there
    /// at any time.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The process id of the master process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The error log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.child.output()
    }

    fn start_by(mut command: Command, config: &NginxConfig) -> Result<Self, HostError> {
        tool::find("nginx")?;
        let directory = Folder::new("weir-nginx-")?;
        let file = directory.path().join("nginx.conf");
        fs::write(&file, render(config, directory.path()))
            .map_err(|source| HostError::io(format!("write {}", file.display()), source))?;

        command.arg("-p").arg(directory.path()).arg("-c").arg(&file).args(["-e", "stderr"]);
        let child = Child::spawn(command, Output::Capture)?;
        let mut nginx = Self { child, directory };
        nginx.wait_until_it_listens()?;
        Ok(nginx)
    }

    /// The master writes its pid file when all addresses are bound.
    fn wait_until_it_listens(&mut self) -> Result<(), HostError> {
        let pid_file = pid_file(self.directory.path());
        let child = &mut self.child;
        let mut ended = None;
        let result = wait_until(START_LIMIT, "start of nginx", || {
            ended = child.try_wait().transpose();
            ended.is_some() || fs::metadata(&pid_file).is_ok_and(|facts| facts.len() > 0)
        });
        match (ended.transpose()?, result) {
            (Some(status), _) => Err(HostError::Command {
                line: child.line().to_owned(),
                status,
                said: child.output().trim().to_owned(),
            }),
            (None, Err(HostError::Late { what, limit, .. })) => {
                Err(HostError::Late { what, limit, said: child.output() })
            }
            (None, result) => result,
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers when it is asked; when it is killed, they would stay.
        if self.child.signal(Signal::TERM).is_ok() {
            drop(self.child.wait(STOP_LIMIT));
        }
    }
}

fn pid_file(directory: &Path) -> PathBuf {
    directory.join("nginx.pid")
}

fn render(config: &NginxConfig, directory: &Path) -> String {
    let NginxConfig { workers, connections, main, http, servers } = config;
    // Workers of a root master change to this user, who must be able to read the directory.
    let user = if rustix::process::geteuid().is_root() { "user root root;\n" } else { "" };
    let mut text = format!(
        "daemon off;\n{user}worker_processes {workers};\npid {pid};\nerror_log stderr warn;\n\
         {main}\nevents {{ worker_connections {connections}; }}\nhttp {{\naccess_log off;\n",
        pid = pid_file(directory).display(),
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let path = directory.join(kind);
        text.push_str(&format!("{kind}_temp_path {};\n", path.display()));
    }
    text.push_str(http);
    for server in servers {
        text.push_str(&format!("\nserver {{\n{server}\n}}"));
    }
    text.push_str("\n}\n");
    text
}
