//! `make demo`: the main job end to end, on real switches, in one screen.

use std::process::ExitCode;
use std::time::Instant;

use tests::checks::CHECKS;
use tests::tenants::TwoTenants;
use tests::{Pool, PoolSpec};

fn main() -> ExitCode {
    let start = Instant::now();
    println!("Bulkhead: three hosts, each with its own Open vSwitch and agent; one controller.\n");
    let pool = Pool::up(&PoolSpec::real(3));
    println!("  hosts up after {:.1} s\n", start.elapsed().as_secs_f32());
    let scene = TwoTenants::set(pool, |line| println!("  $ netctl {line}"));
    println!();
    for instance in scene.instances() {
        println!(
            "  {:9} on {}  {}  VLAN {}",
            instance.name,
            instance.host,
            instance.address,
            scene
                .tenants
                .iter()
                .find(|t| t.name == instance.tenant)
                .and_then(|t| t.vlan)
                .unwrap_or(0),
        );
    }
    println!();
    let mut broken = 0;
    for (promise, check) in CHECKS {
        match check(&scene) {
            Ok(figure) => println!("  ok    {promise}: {figure}"),
            Err(how) => {
                broken += 1;
                println!("  FAIL  {promise}: {how}");
            }
        }
    }
    println!(
        "\n  $ netctl usage by=tenant\n{}",
        scene.pool.must("usage by=tenant")
    );
    drop(scene);
    println!("cleaned up; {:.0} s in all", start.elapsed().as_secs_f32());
    match broken {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
