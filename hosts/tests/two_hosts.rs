//! Two hosts and the cable between them.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use hosts::{
    Child, Count, Hook, Host, HostError, Loss, Offloads, Output, Pair, PairConfig, PerMille,
    Signal, wait_until,
};

const SOON: Duration = Duration::from_secs(10);

struct Wired {
    left: Host,
    right: Host,
    _cable: Pair,
}

fn wired(hint: &str, config: &PairConfig) -> Result<Wired, HostError> {
    let left = Host::new(&format!("{hint}-left"))?;
    let right = Host::new(&format!("{hint}-right"))?;
    let cable = Pair::new(&left, "eth0", &right, "eth0", config)?;
    for (host, number) in [(&left, 1), (&right, 2)] {
        host.add_address("eth0", &format!("192.0.2.{number}/24"))?;
        host.add_address("eth0", &format!("2001:db8::{number}/64"))?;
    }
    Ok(Wired { left, right, _cable: cable })
}

fn exists(name: &str) -> bool {
    std::path::Path::new("/run/netns").join(name).exists()
}

#[test]
fn two_hosts_reach_each_other_over_ipv4_and_ipv6_at_once() -> Result<(), HostError> {
    let Wired { left, right, _cable } = wired("ping", &PairConfig::default())?;
    left.run("ping", &["-c1", "-W5", "192.0.2.2"])?;
    left.run("ping", &["-c1", "-W5", "2001:db8::2"])?;
    right.run("ping", &["-c1", "-W5", "2001:db8::1"])?;
    let absent = left.run("ping", &["-c1", "-W1", "192.0.2.9"]);
    assert!(matches!(absent, Err(HostError::Command { .. })), "{absent:?}");
    Ok(())
}

#[test]
fn pair_has_the_queues_mtu_and_offloads_asked_for() -> Result<(), HostError> {
    let config = PairConfig { queues: 2, mtu_bytes: 3400, offloads: Offloads::WithoutSegmentation };
    let Wired { left, right, _cable } = wired("shape", &config)?;
    right.set_offloads("eth0", Offloads::Wire)?;
    for host in [&left, &right] {
        let link = host.ip(&["-details", "link", "show", "dev", "eth0"])?;
        assert!(link.contains("mtu 3400"), "{link}");
        assert!(link.contains("numtxqueues 2 numrxqueues 2"), "{link}");
        let features = host.run("ethtool", &["-k", "eth0"])?;
        assert!(features.contains("tcp-segmentation-offload: off"), "{features}");
        assert!(features.contains("generic-receive-offload: off"), "{features}");
    }
    assert!(left.run("ethtool", &["-k", "eth0"])?.contains("tx-checksumming: on"));
    assert!(right.run("ethtool", &["-k", "eth0"])?.contains("tx-checksumming: off"));
    assert_ne!(left.mac("eth0")?, right.mac("eth0")?);
    assert!(left.mac("eth7").is_err());
    Ok(())
}

#[test]
fn sockets_opened_inside_stay_inside() -> Result<(), HostError> {
    let Wired { left, right, _cable } = wired("enter", &PairConfig::default())?;
    let listener = right.enter(|| TcpListener::bind("[2001:db8::2]:0"))?.expect("bind inside");
    let address = listener.local_addr().expect("address of a bound socket");
    let server = thread::spawn(move || listener.accept().map(|(_, peer)| peer));
    let client = left.enter(|| TcpStream::connect_timeout(&address, SOON))?.expect("connect");
    let seen = server.join().expect("server ends well").expect("accept");
    assert_eq!(seen, client.local_addr().expect("address of a connected socket"));
    // The same address means nothing out here.
    assert!(TcpListener::bind(SocketAddr::new(address.ip(), 0)).is_err());
    Ok(())
}

#[test]
fn panic_inside_reaches_the_caller() -> Result<(), HostError> {
    let host = Host::new("panic")?;
    let result = std::panic::catch_unwind(|| host.enter(|| panic!("inside")));
    assert!(result.is_err());
    Ok(())
}

#[test]
fn sysctl_is_set_inside_only() -> Result<(), HostError> {
    let key = "net.ipv4.tcp_fin_timeout";
    let path = "/proc/sys/net/ipv4/tcp_fin_timeout";
    let before = std::fs::read_to_string(path).expect("readable");
    let host = Host::new("sysctl")?;
    host.set_sysctl(key, "17")?;
    assert_eq!(host.run("cat", &[path])?.trim(), "17");
    assert_eq!(std::fs::read_to_string(path).expect("readable"), before);
    let absent = host.set_sysctl("net.ipv4.no_such_parameter", "1");
    assert!(absent.expect_err("no such parameter").to_string().contains("no_such_parameter"));
    Ok(())
}

#[test]
fn host_is_gone_after_drop_with_what_ran_inside() -> Result<(), HostError> {
    let host = Host::new("drop")?;
    let name = host.name().to_owned();
    assert!(exists(&name));
    let mut sleep = host.command("sleep");
    sleep.arg("600");
    let mut inside = Child::spawn(sleep, Output::Discard)?;
    // Until `ip netns exec` has entered, the process is not one of the namespace's.
    wait_until(SOON, "a process inside", || {
        let pids = Command::new("ip").args(["netns", "pids", &name]).output();
        pids.is_ok_and(|output| !output.stdout.is_empty())
    })?;
    drop(host);
    assert!(!exists(&name));
    let status = inside.wait(SOON)?;
    assert!(!status.success());
    Ok(())
}

#[test]
fn hosts_of_one_hint_have_different_names() -> Result<(), HostError> {
    let one = Host::new("same")?;
    let two = Host::new("same")?;
    assert_ne!(one.name(), two.name());
    assert!(exists(one.name()) && exists(two.name()));
    Ok(())
}

#[test]
fn count_sees_resets_of_both_families() -> Result<(), HostError> {
    let Wired { left, right: _right, _cable } = wired("count", &PairConfig::default())?;
    let resets = Count::new(&left, "eth0", Hook::Ingress, "tcp flags & rst == rst")?;
    for (count, address) in [(1, "192.0.2.2:1"), (2, "[2001:db8::2]:1")] {
        let address: SocketAddr = address.parse().expect("an address");
        let refused = left.enter(|| TcpStream::connect_timeout(&address, SOON))?;
        assert_eq!(refused.expect_err("nobody listens").kind(), ErrorKind::ConnectionRefused);
        assert_eq!(resets.packets()?, count);
    }
    left.run("ping", &["-c1", "-W5", "192.0.2.2"])?;
    assert_eq!(resets.packets()?, 2, "nothing else");
    Ok(())
}

#[test]
fn loss_drops_what_it_says_and_is_undone() -> Result<(), HostError> {
    let Wired { left, right, _cable } = wired("loss", &PairConfig::default())?;
    left.run("ping", &["-c1", "-W5", "192.0.2.2"])?;
    for hook in [Hook::Ingress, Hook::Egress] {
        let loss = Loss::new(&right, "eth0", hook, PerMille::ALL, "ip protocol icmp")?;
        left.run("ping", &["-c1", "-W1", "192.0.2.2"]).expect_err("all lost");
        assert_eq!(loss.dropped()?, 1, "{hook:?}");
        left.run("ping", &["-c1", "-W5", "2001:db8::2"]).expect("IPv6 does not match");
        drop(loss);
        left.run("ping", &["-c1", "-W5", "192.0.2.2"]).expect("rule is gone");
    }
    let half = PerMille::new(500).expect("within 1000");
    let loss = Loss::new(&right, "eth0", Hook::Ingress, half, "")?;
    // 200 at random: fewer than 50 or more than 150 lost happens once in 10^12 runs.
    left.run("ping", &["-q", "-i0.002", "-c200", "-W1", "192.0.2.2"]).expect("some come back");
    let dropped = loss.dropped()?;
    assert!((50..=150).contains(&dropped), "{dropped}");
    assert_eq!(PerMille::new(1001), None);
    Ok(())
}

#[test]
fn child_is_gone_after_drop() -> Result<(), HostError> {
    let mut sleep = Command::new("sleep");
    sleep.arg("600");
    let child = Child::spawn(sleep, Output::Discard)?;
    let process = std::path::PathBuf::from(format!("/proc/{}", child.id()));
    assert!(process.exists());
    drop(child);
    assert!(!process.exists());
    Ok(())
}

#[test]
fn child_tells_its_output_and_its_end() -> Result<(), HostError> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "echo one; echo two >&2; exec sleep 600"]);
    let mut child = Child::spawn(shell, Output::Capture)?;
    wait_until(SOON, "two lines", || child.output() == "one\ntwo\n")?;
    assert_eq!(child.try_wait()?, None);
    let late = child.wait(Duration::ZERO).expect_err("it sleeps");
    assert!(late.to_string().contains("two"), "{late}");
    child.signal(Signal::TERM)?;
    assert!(!child.wait(SOON)?.success());
    child.signal(Signal::TERM).expect("an ended child takes no notice");
    Ok(())
}

#[test]
fn missing_program_is_named_with_its_package() -> Result<(), HostError> {
    let host = Host::new("missing")?;
    let error = host.run("no-such-program", &[]).expect_err("there is none");
    assert!(error.to_string().contains("apt-get install no-such-program"), "{error}");
    let error = host.ip(&["link", "set", "eth9", "up"]).expect_err("no eth9");
    let text = error.to_string();
    assert!(text.contains("link set eth9 up") && text.contains("Cannot find device"), "{text}");
    Ok(())
}

#[test]
fn wait_has_a_bound_and_names_what_is_late() {
    let error = wait_until(Duration::ZERO, "the moon", || false).expect_err("never");
    assert!(error.to_string().contains("the moon"), "{error}");
    let mut looks = 0;
    wait_until(SOON, "third look", || {
        looks += 1;
        looks == 3
    })
    .expect("at the third look");
}
