//! Groups for tests.

use model::*;

use crate::resource::RuleHitsView;

pub(super) fn address_group(name: &str) -> AddressGroup {
    AddressGroup {
        id: AddressGroupId::generate(),
        tenant_id: TenantId::generate(),
        name: name.parse().unwrap(),
        prefixes: vec!["192.0.2.0/24".parse().unwrap()],
        created_at: Timestamp::from_unix_seconds(1_700_000_000),
    }
}

pub(super) fn security_group(name: &str) -> SecurityGroup {
    SecurityGroup {
        id: SecurityGroupId::generate(),
        tenant_id: TenantId::generate(),
        name: name.parse().unwrap(),
        number: 1.try_into().unwrap(),
        tracking: Tracking::Stateful,
        rules: Vec::new(),
        created_at: Timestamp::from_unix_seconds(1_700_000_000),
    }
}

pub(super) fn numbered(allows: Vec<Allowance>) -> Vec<Rule> {
    let rule = |allows| Rule {
        id: RuleId::generate(),
        allows,
    };
    allows.into_iter().map(rule).collect()
}

pub(crate) fn rule_hits() -> RuleHitsView {
    RuleHitsView {
        id: RuleId::generate(),
        security_group_id: SecurityGroupId::generate(),
        traffic: Traffic {
            bytes: 980,
            packets: 10,
        },
    }
}
