//! How many TCP connections are begun and ended in a second.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tests::{Instance, namespace};

/// For so long.
const WHILE: Duration = Duration::from_secs(2);
/// So many clients, one connection after the other each.
const CLIENTS: usize = 4;
const PORT: u16 = 7002;
/// How long one connection may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections a second from one instance to another, which closes each as soon as it is there.
pub(super) fn rate(from: &Instance, to: &Instance) -> f64 {
    let listener = namespace::inside(&to.namespace, || {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT))
    });
    let listener = listener.unwrap_or_else(|e| panic!("listening: {e}"));
    let target = SocketAddr::from((to.address, PORT));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| close_all(&listener, &over));
        let start = Instant::now();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(|| namespace::inside(&from.namespace, || connect_again(target))))
            .collect();
        let made: usize = clients.into_iter().map(|it| it.join().unwrap_or(0)).sum();
        let seconds = start.elapsed().as_secs_f64();
        over.store(true, Ordering::Relaxed);
        // The listener waits for one more.
        namespace::inside(&from.namespace, || connect(target));
        made as f64 / seconds
    })
}

fn close_all(listener: &TcpListener, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        drop(listener.accept());
    }
}

fn connect_again(target: SocketAddr) -> usize {
    let start = Instant::now();
    let mut made = 0;
    while start.elapsed() < WHILE {
        connect(target);
        made += 1;
    }
    made
}

/// A connection that ends when the other side has closed it.
fn connect(target: SocketAddr) {
    let stream = TcpStream::connect_timeout(&target, PATIENCE);
    let mut stream = stream.unwrap_or_else(|e| panic!("connect to {target}: {e}"));
    stream.set_read_timeout(Some(PATIENCE)).unwrap_or_default();
    let ended = stream.read(&mut [0]);
    assert!(matches!(ended, Ok(0)), "{ended:?}");
}
