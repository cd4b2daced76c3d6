//! What weir needs of the machine: given up after the start, and named when it is missing.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::ExitStatus;

use crate::edge::{EDGE_DEVICE, Edge, Plan, Site, nginx};

/// Runs a command that may not do a certain system call: `number`, only if its first argument is
/// `argument` (-1: any), fails with `errno`.
const REFUSE: &str = r#"
import ctypes, os, struct, sys
number, argument, errno = map(int, sys.argv[1:4])
instruction = lambda code, jump_true, jump_false, value: struct.pack("HBBI", code, jump_true, jump_false, value)
load, jump_if_equal, end = 0x20, 0x15, 0x06
program = instruction(load, 0, 0, 0) + instruction(jump_if_equal, 0, 3, number)
if argument < 0:
    program += instruction(load, 0, 0, 0) + instruction(jump_if_equal, 0, 1, number)
else:
    program += instruction(load, 0, 0, 16) + instruction(jump_if_equal, 0, 1, argument)
program += instruction(end, 0, 0, 0x00050000 | errno) + instruction(end, 0, 0, 0x7FFF0000)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]
libc = ctypes.CDLL(None, use_errno=True)
filter = Program(len(program) // 8, program)
if libc.prctl(22, 2, ctypes.byref(filter), 0, 0) != 0:
    sys.exit("no seccomp filter: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[4], sys.argv[4:])
"#;

/// Numbers of system calls.
const BPF: u32 = if cfg!(target_arch = "x86_64") { 321 } else { 280 };
const SOCKET: u32 = if cfg!(target_arch = "x86_64") { 41 } else { 198 };
const IO_URING_SETUP: u32 = 425;
/// Arguments: a command of `bpf`, a family of sockets.
const BPF_LINK_CREATE: i32 = 28;
const AF_XDP: i32 = 44;
/// Errors.
const EPERM: u32 = 1;
const EAFNOSUPPORT: u32 = 97;
const EOPNOTSUPP: u32 = 95;

#[test]
fn no_thread_keeps_a_capability() {
    let edge = Edge::start(&Plan { queues: 2, ..Plan::default() });
    let _server = nginx(&edge.host, &["listen 127.0.0.1:8080; location / { return 200 hello; }"]);
    // Serving is what it can still do.
    assert_eq!(edge.curl(&["https://www.example/"]).expect("curl"), "hello");
    let tasks = fs::read_dir(format!("/proc/{}/task", edge.weir.id())).expect("weir runs");
    let mut threads = 0;
    for task in tasks {
        let path = task.expect("a thread").path().join("status");
        let status = fs::read_to_string(path).expect("a thread's status");
        threads += 1;
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            let line = status.lines().find(|line| line.starts_with(set)).expect("the set");
            assert!(line.ends_with("0000000000000000"), "{line} in\n{status}");
        }
    }
    assert!(threads >= 4, "main, control and two workers are more than {threads}");
    assert!(!edge.log().contains("not dropped"), "{}", edge.log());
}

#[test]
fn missing_capabilities_are_named() {
    let site = Site::make(&Plan::default());
    let said = refused(&site, &["setpriv", "--bounding-set", "-all"]);
    assert_names(&said, &["CAP_BPF", "CAP_NET_ADMIN", "start as root"]);
    let said = refused(&site, &["setpriv", "--bounding-set", "-net_raw"]);
    assert_names(&said, &["CAP_NET_RAW", "start as root"]);
    let said =
        refused(&site, &["prlimit", "--memlock=65536", "setpriv", "--bounding-set", "-ipc_lock"]);
    assert_names(&said, &["locked memory", "LimitMEMLOCK", "CAP_IPC_LOCK"]);
}

#[test]
fn missing_interface_is_named() {
    let site = Site::make(&Plan::default());
    let file = site.path("weir.toml");
    let text = fs::read_to_string(&file).expect("the configuration");
    fs::write(&file, text.replace(EDGE_DEVICE, "absent0")).expect("written");
    assert_names(&refused(&site, &[]), &["absent0", "ip link"]);
}

#[test]
fn interface_with_another_program_is_refused() {
    let edge = Edge::start(&Plan::default());
    let file = edge.path("weir.toml");
    let text = fs::read_to_string(&file).expect("the configuration");
    let other = text.replace("127.0.0.1:9145", "127.0.0.1:9146").replace("weir.sock", "other.sock");
    fs::write(&file, other).expect("written");
    assert_names(&refused(&edge, &[]), &[EDGE_DEVICE, "another XDP program", "ip link"]);
}

#[test]
fn kernel_without_xdp_is_named() {
    let site = Site::make(&Plan::default());
    let said = refused(&site, &refusing(SOCKET, AF_XDP, EAFNOSUPPORT).as_words());
    assert_names(&said, &["AF_XDP", "CONFIG_XDP_SOCKETS"]);
    let said = refused(&site, &refusing(BPF, BPF_LINK_CREATE, EOPNOTSUPP).as_words());
    // Why, and what to do about it.
    assert_names(&said, &[EDGE_DEVICE, "refuses the XDP program", "Operation not supported"]);
    assert_names(&said, &["MTU", "lro off", "weir doctor"]);
}

#[test]
fn kernel_without_io_uring_is_named() {
    let site = Site::make(&Plan::default());
    let said = refused(&site, &refusing(IO_URING_SETUP, -1, EPERM).as_words());
    assert_names(&said, &["io_uring", "kernel.io_uring_disabled"]);
}

#[test]
fn doctor_names_what_there_is_and_what_is_done_without() {
    let site = Site::make(&Plan::default());
    let (status, said) = site.try_weir(&[], &["doctor"]);
    assert_eq!(status.code(), Some(0), "{said}");
    assert_names(
        &said,
        &["CAP_NET_ADMIN", "kernel", EDGE_DEVICE, "driver veth", "weir can run here"],
    );

    let (status, said) = site.try_weir(&["setpriv", "--bounding-set", "-all"], &["doctor"]);
    assert_eq!(status.code(), Some(1), "{said}");
    assert_names(&said, &["MISSING", "CAP_NET_RAW", "missing"]);

    let without = refusing(IO_URING_SETUP, -1, EPERM);
    let (status, said) = site.try_weir(&without.as_words(), &["doctor"]);
    assert_eq!(status.code(), Some(1), "{said}");
    assert_names(&said, &["MISSING", "io_uring"]);
}

#[test]
fn doctor_s_advice_on_capabilities_helps() {
    let site = Site::make(&Plan::default());
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let (status, said) = site.try_weir(&nobody, &["doctor"]);
    assert_eq!(status.code(), Some(1), "{said}");
    let (_, advice) = said.split_once("setcap ").expect("how to give capabilities");
    let flags = advice.split_whitespace().next().expect("what to give");
    let weir = site.path("weir");
    fs::copy(env!("CARGO_BIN_EXE_weir"), &weir).expect("a copy of weir");
    let path = weir.display().to_string();
    site.host.run("setcap", &[flags, &path]).expect("setcap takes the advice");
    fs::set_permissions(site.path(""), Permissions::from_mode(0o755)).expect("nobody may look");
    let said = site.host.run(nobody[0], &[&nobody[1..], &[&path, "doctor"]].concat());
    assert_names(&said.expect("nothing is missing"), &["weir can run here"]);
}

/// What weir says when it can't start under `wrapper`.
fn refused(site: &Site, wrapper: &[&str]) -> String {
    let file = site.path("weir.toml").display().to_string();
    let (status, said): (ExitStatus, _) = site.try_weir(wrapper, &["run", &file]);
    assert_eq!(status.code(), Some(1), "{said}");
    said
}

fn assert_names(said: &str, wanted: &[&str]) {
    for part in wanted {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
}

/// The words of a command that runs another without one system call.
struct Refusing([String; 3]);

fn refusing(number: u32, argument: i32, errno: u32) -> Refusing {
    Refusing([number.to_string(), argument.to_string(), errno.to_string()])
}

impl Refusing {
    fn as_words(&self) -> Vec<&str> {
        let mut words = vec!["python3", "-c", REFUSE];
        words.extend(self.0.iter().map(String::as_str));
        words
    }
}
