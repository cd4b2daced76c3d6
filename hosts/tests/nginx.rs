//! nginx on a host and on loopback.

use std::process::Command;

use hosts::{Host, HostError, Nginx, NginxConfig};

fn one_server(listen: &str) -> NginxConfig {
    let server = format!(
        "listen {listen}; location / {{ return 200 \"hello\\n\"; }}\n\
         location /files/ {{ alias files/; }}"
    );
    NginxConfig { servers: vec![server], ..NginxConfig::default() }
}

#[test]
fn serves_on_a_host_as_soon_as_it_is_started() -> Result<(), HostError> {
    let host = Host::new("nginx")?;
    let nginx = Nginx::start(&host, &one_server("[::1]:8080"))?;
    assert_eq!(host.run("curl", &["-sS", "http://[::1]:8080/"])?, "hello\n");

    let files = nginx.directory().join("files");
    std::fs::create_dir(&files).expect("its directory is writable");
    std::fs::write(files.join("note"), "later").expect("writable");
    assert_eq!(host.run("curl", &["-sSf", "http://[::1]:8080/files/note"])?, "later");
    Ok(())
}

#[test]
fn nothing_is_left_after_drop() -> Result<(), HostError> {
    let host = Host::new("nginx-drop")?;
    let nginx = Nginx::start(&host, &one_server("127.0.0.1:8080"))?;
    let directory = nginx.directory().to_owned();
    assert!(directory.exists());
    drop(nginx);
    assert!(!directory.exists());
    let inside = Command::new("ip").args(["netns", "pids", host.name()]).output();
    assert_eq!(inside.expect("ip runs").stdout, b"", "no process is left inside");
    Ok(())
}

#[test]
fn refused_configuration_is_told_in_its_words() -> Result<(), HostError> {
    let host = Host::new("nginx-bad")?;
    let mut config = one_server("127.0.0.1:8080");
    config.servers.push("listen 127.0.0.1:8081; no_such_directive;".to_owned());
    let error = Nginx::start(&host, &config).expect_err("an unknown directive");
    assert!(error.to_string().contains("no_such_directive"), "{error}");
    Ok(())
}
