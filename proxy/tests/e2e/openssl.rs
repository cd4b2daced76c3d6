//! `openssl s_client` on the client's host.

use std::net::SocketAddr;

use hosts::HostError;

use crate::edge::{Edge, V4_HTTPS};

/// [`s_client_to`] weir's IPv4 address.
pub(crate) fn s_client(edge: &Edge, arguments: &[&str]) -> String {
    s_client_to(edge, V4_HTTPS, arguments)
}

/// What `openssl s_client` says, whether it is content or not: it connects, sends a request for `/`
/// and stays until the other side closes. The server's certificate must verify.
pub(crate) fn s_client_to(edge: &Edge, address: SocketAddr, arguments: &[&str]) -> String {
    let ca = edge.ca().display().to_string();
    let address = address.to_string();
    let mut all = vec!["60", "openssl", "s_client", "-connect", &address, "-ign_eof"];
    all.extend(["-verify_return_error", "-CAfile", &ca]);
    all.extend(arguments);
    let said = edge.client.run_with_input("timeout", &all, "GET / HTTP/1.0\r\n\r\n");
    match said {
        Ok(said) | Err(HostError::Command { said, .. }) => said,
        Err(error) => panic!("openssl: {error}"),
    }
}
