use model::{BothWays, CapBytes, CapClass, CapState, Id, Traffic, TrafficClass};
use proptest::prelude::*;

use super::*;

fn moved(tenant: TenantId, port: PortId, class: TrafficClass, bytes: [u64; 2]) -> Moved {
    let traffic = |bytes| Traffic { bytes, packets: 1 };
    let [sent, received] = bytes.map(traffic);
    Moved {
        tenant,
        port,
        class,
        moved: BothWays { sent, received },
    }
}

fn cap(tenant_id: TenantId, port_id: Option<PortId>, counts: (CapClass, Way)) -> Cap {
    let begun = Timestamp::from_unix_seconds(0);
    Cap {
        id: CapId::generate(),
        tenant_id,
        port_id,
        class: counts.0,
        way: counts.1,
        period: model::CapPeriod::Month,
        bytes: CapBytes::try_from(1).unwrap(),
        warn_at: Vec::new(),
        action: model::CapAction::Suspend,
        state: CapState::fresh(begun),
        created_at: begun,
    }
}

#[test]
fn a_cap_counts_just_its_own_tenant_or_port_class_and_way() {
    let (tenant, other) = (Id::generate(), Id::generate());
    let (one, two, theirs) = (Id::generate(), Id::generate(), Id::generate());
    let (own, public) = (TrafficClass::TenantInternal, TrafficClass::Public);
    let all = [
        moved(tenant, one, own, [1, 2]),
        moved(tenant, one, public, [4, 8]),
        moved(tenant, two, public, [16, 32]),
        moved(other, theirs, public, [64, 128]),
    ];
    let sums = Sums::of(&all);
    let counted = |port, counts| sums.counted_by(&cap(tenant, port, counts));
    assert_eq!(counted(None, (CapClass::All, Way::Both)), 63);
    assert_eq!(counted(None, (CapClass::Public, Way::Sent)), 20);
    assert_eq!(counted(None, (CapClass::PoolInternal, Way::Both)), 0);
    assert_eq!(counted(Some(one), (CapClass::All, Way::Received)), 10);
    assert_eq!(counted(Some(two), (CapClass::TenantInternal, Way::Both)), 0);
    assert_eq!(counted(Some(Id::generate()), (CapClass::All, Way::Both)), 0);
}

proptest! {
    #[test]
    fn whatever_a_lying_host_said_no_sum_fails(bytes in proptest::collection::vec(any::<[u64; 2]>(), 0..9)) {
        let (tenant, port) = (Id::generate(), Id::generate());
        let all: Vec<_> = bytes.iter().map(|it| moved(tenant, port, TrafficClass::Public, *it)).collect();
        let counted = Sums::of(&all).counted_by(&cap(tenant, None, (CapClass::All, Way::Both)));
        let truth: u128 = bytes.iter().flatten().map(|it| u128::from(*it)).sum();
        prop_assert_eq!(u128::from(counted), truth.min(u64::MAX.into()));
    }
}
