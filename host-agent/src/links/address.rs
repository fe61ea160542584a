//! Addresses of links, and their MTU.

use std::io;

use futures::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::address::AddressHeaderFlags;
use rtnetlink::packet_route::link::LinkAttribute;

use super::with_link;

/// Gives a link an address and switches it on; nothing changes where both are so already.
///
/// # Errors
/// When there is no such link, or the kernel refuses.
pub async fn ensure(link: &str, address: IpNet) -> io::Result<()> {
    with_link(link, async |handle, link| {
        let index = link.header.index;
        let up = LinkUnspec::new_with_index(index).up().build();
        handle.link().set(up).execute().await?;
        let request = handle.address();
        let mut add = request
            .add(index, address.addr(), address.prefix_len())
            .replace();
        if matches!(address, IpNet::V6(_)) {
            // The controller gives no address twice, and a tentative one could not be used at once.
            add.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        }
        add.execute().await
    })
    .await
}

/// Takes an address from a link. Where there is no such address or link, all is well.
///
/// # Errors
/// When the kernel refuses.
pub async fn remove(link: &str, address: IpNet) -> io::Result<()> {
    let removed = with_link(link, async |handle, link| {
        let request = handle.address().get();
        let found = request
            .set_link_index_filter(link.header.index)
            .set_prefix_length_filter(address.prefix_len())
            .set_address_filter(address.addr());
        let mut found = std::pin::pin!(found.execute());
        while let Some(message) = found.try_next().await? {
            handle.address().del(message).execute().await?;
        }
        Ok(())
    });
    match removed.await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// Raises a link's MTU to `mtu` bytes unless it is that large already.
///
/// # Errors
/// When there is no such link, or it cannot carry so much.
pub async fn ensure_mtu(link: &str, mtu: u16) -> io::Result<()> {
    let mtu = u32::from(mtu);
    with_link(link, async |handle, link| {
        let enough = |it: &LinkAttribute| matches!(it, LinkAttribute::Mtu(now) if *now >= mtu);
        if link.attributes.iter().any(enough) {
            return Ok(());
        }
        let raised = LinkUnspec::new_with_index(link.header.index).mtu(mtu);
        handle.link().set(raised.build()).execute().await
    })
    .await
}
