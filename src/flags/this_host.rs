//! Whether an address names the machine that we run on, and what this machine is called.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};

/// Whether `HOST:PORT` or `HOST` names this machine: by its name, or by an address that it has.
pub fn is_named_by(peer: &str) -> bool {
    let host = host_of(peer);
    let own = name();
    // One of the two names may be the short one: Kubernetes calls a pod `a-0` and its peer `a-0.a-operated`.
    let begins = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('.'));
    if !own.is_empty() && (host == own || begins(host, &own) || begins(&own, host)) {
        return true;
    }
    // Only an address of this machine can be bound.
    (host, 0).to_socket_addrs().is_ok_and(|mut found| found.any(|address| UdpSocket::bind(address).is_ok()))
}

/// The machine's name, or nothing where it has none.
pub fn name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()).unwrap_or_default()
}

/// The address that others reach this machine by, as far as its routes tell. No packet is sent for it.
pub fn address() -> IpAddr {
    // An address kept for documentation: what matters is only which way the packets would go.
    let probe = || -> std::io::Result<IpAddr> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 9)))?;
        Ok(socket.local_addr()?.ip())
    };
    probe().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

fn host_of(peer: &str) -> &str {
    if let Some((host, _)) = peer.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return host;
    }
    match peer.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') => host,
        _ => peer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_itself_from_others() {
        for own in ["127.0.0.1:9094", "[::1]:9094", "localhost:9094", "localhost", "0.0.0.0:9094"] {
            assert!(is_named_by(own) || own.contains("::"), "{own}");
        }
        for other in ["192.0.2.7:9094", "other.invalid:9094", "[2001:db8::1]:9094"] {
            assert!(!is_named_by(other), "{other}");
        }
    }

    #[test]
    fn hosts_of_peers() {
        for (peer, host) in [("a:1", "a"), ("a", "a"), ("[::1]:2", "::1"), ("::1", "::1")] {
            assert_eq!(host_of(peer), host);
        }
    }
}
