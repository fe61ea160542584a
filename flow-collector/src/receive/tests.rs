use super::*;

#[test]
fn drops_are_read_from_the_kernels_table() {
    let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
        10: 00000000:18C7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 0\n\
        11: 00000000:18C8 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 29\n";
    assert_eq!(drops_of(table, "4712"), Some(29));
    assert_eq!(drops_of(table, "4713"), None);
}

#[test]
fn sockets_of_ours_are_found_in_the_kernels_table() {
    for address in ["127.0.0.1:0", "[::]:0"] {
        let sockets = Sockets::bind(address.parse().unwrap()).unwrap();
        assert_eq!(sockets.dropped_by_kernel().unwrap(), 0);
    }
}

#[test]
fn what_a_full_socket_cannot_take_is_counted_as_dropped_by_the_kernel() {
    let sockets = Sockets::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    for socket in &sockets.all {
        let small = 1; // The kernel takes its smallest.
        setsockopt(socket, sockopt::RcvBufForce, &small).unwrap();
    }
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..100 {
        sender.send_to(&[0; 1000], sockets.address()).unwrap();
    }
    let dropped = sockets.dropped_by_kernel().unwrap();
    let mut inbox = Inbox::new();
    let mut taken = 0;
    for socket in &sockets.all {
        socket.set_nonblocking(true).unwrap();
        while inbox.fill(socket).is_ok() {
            taken += inbox.datagrams().count();
        }
    }
    assert!(dropped > 0);
    assert_eq!(u64::try_from(taken).unwrap() + dropped, 100);
}

#[test]
fn an_address_of_another_collector_is_refused_and_not_shared() {
    let one = Sockets::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let another = Sockets::bind(one.address());
    assert_eq!(another.unwrap_err().kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn a_batch_is_as_it_was_sent_and_in_order_and_what_is_too_long_is_known_to_be_cut() {
    let sockets = Sockets::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..100u8 {
        let bytes = vec![number; usize::from(number) * 90];
        sender.send_to(&bytes, sockets.address()).unwrap();
    }
    sender.send_to(&[7; 20_000], sockets.address()).unwrap();
    let mut inbox = Inbox::new();
    let mut received = Vec::new();
    for socket in &sockets.all {
        socket.set_nonblocking(true).unwrap();
        while inbox.fill(socket).is_ok() {
            let batch = inbox.datagrams();
            received.extend(batch.map(|(source, bytes)| (source, bytes.map(<[u8]>::to_vec))));
        }
    }
    let expected = (0..100u8).map(|number| Some(vec![number; usize::from(number) * 90]));
    let expected: Vec<_> = expected.chain([None]).collect();
    let sources: Vec<_> = received.iter().map(|(source, _)| *source).collect();
    let bytes: Vec<_> = received.into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(bytes, expected);
    assert!(
        sources
            .iter()
            .all(|it| *it == sender.local_addr().unwrap().ip())
    );
}
