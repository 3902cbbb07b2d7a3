//! What `/api/v2/status` shows of a cluster: Andon itself, as its only member, where it was asked for.

use uuid::Uuid;

use super::listen;
use crate::flags::{Cluster, this_host};
use crate::http::ClusterInfo;

/// The member's name and address. Nothing is bound: tools only want to see the address.
///
/// # Errors
/// If the address is none.
pub async fn of_one(flags: &Cluster) -> Result<ClusterInfo, String> {
    let shown = if flags.advertise_address.is_empty() { &flags.listen_address } else { &flags.advertise_address };
    let mut address = listen::free_address(shown).await?;
    if address.ip().is_unspecified() {
        address.set_ip(this_host::address());
    }
    let name = if flags.peer_name.is_empty() { Uuid::new_v4().simple().to_string() } else { flags.peer_name.clone() };
    Ok(ClusterInfo { name, address: address.to_string() })
}
