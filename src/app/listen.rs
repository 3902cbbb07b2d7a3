//! Where to listen, in the words of Go: `:9093` is every address of the machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// Binds all addresses, or none.
///
/// # Errors
/// One line that names the address.
pub async fn bind_all(addresses: &[String]) -> Result<Vec<TcpListener>, String> {
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(bind(address).await.map_err(|error| refused(address, &error))?);
    }
    Ok(listeners)
}

fn refused(address: &str, error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "; something listens there already: end it, or choose another --web.listen-address",
        io::ErrorKind::PermissionDenied => "; choose a --web.listen-address with a port above 1023",
        _ => "",
    };
    format!("listen tcp {address}: {error}{hint}")
}

async fn bind(address: &str) -> io::Result<TcpListener> {
    match split(address).map_err(io::Error::other)? {
        // One socket for both families, where the machine has the newer one.
        ("", port) => match TcpListener::bind(("::", port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
            Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await,
            bound => bound,
        },
        (host, port) => TcpListener::bind((host, port)).await,
    }
}

/// The address with a number for port 0: one that was free a moment ago. Nothing stays bound.
///
/// # Errors
/// One line that names the address.
pub async fn free_address(address: &str) -> Result<SocketAddr, String> {
    let failed = |error: &dyn std::fmt::Display| format!("--cluster.listen-address={address}: {error}");
    let (host, port) = split(address).map_err(|error| failed(&error))?;
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let mut found = tokio::net::lookup_host((host, port)).await.map_err(|error| failed(&error))?;
    let address = found.next().ok_or_else(|| failed(&"no such host"))?;
    if port != 0 {
        return Ok(address);
    }
    let bound = TcpListener::bind(address).await.and_then(|listener| listener.local_addr());
    bound.map_err(|error| failed(&error))
}

/// Host and port; the host may stand in brackets, or be absent.
fn split(address: &str) -> Result<(&str, u16), String> {
    let (host, port) = address.rsplit_once(':').ok_or("missing port in address")?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    // Go takes an absent port for 0.
    let port = if port.is_empty() { Ok(0) } else { port.parse() };
    port.map(|port| (host, port)).map_err(|_| "the port is not a number up to 65535".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (address, expected) in [
            (":9093", Ok(("", 9093))),
            ("localhost:0", Ok(("localhost", 0))),
            ("[::1]:80", Ok(("::1", 80))),
            ("localhost:", Ok(("localhost", 0))),
            ("localhost", Err("missing port in address".to_owned())),
            (":x", Err("the port is not a number up to 65535".to_owned())),
        ] {
            assert_eq!(split(address), expected, "{address}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named_with_a_way_out() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = taken.local_addr().expect("it is bound").to_string();
        let error = bind_all(std::slice::from_ref(&address)).await.expect_err("it is taken");
        assert!(error.starts_with(&format!("listen tcp {address}: ")), "{error}");
        assert!(error.ends_with("end it, or choose another --web.listen-address"), "{error}");
    }

    #[tokio::test]
    async fn a_free_port_is_a_number_and_is_free() {
        let address = free_address("127.0.0.1:0").await.expect("there is a free port");
        assert_ne!(address.port(), 0);
        TcpListener::bind(address).await.expect("nothing is bound there");
    }
}
