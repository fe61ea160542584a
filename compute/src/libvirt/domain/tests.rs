use super::*;

const RECORDED: &str = include_str!("../../../tests/data/libvirt/domain.xml");

fn port(last: u128) -> PortId {
    Uuid::from_u128(0xaaaa_aaaa_0000_0000_0000_0000_0000_0000 | last).into()
}

#[test]
fn a_running_domain_says_where_its_interfaces_are() {
    let domain = Domain::parse(RECORDED).unwrap();
    assert_eq!(domain.name, "t1");
    let interface = Interface {
        kind: "bridge".to_owned(),
        mac: Some("52:54:00:00:01:01".parse().unwrap()),
        bridge: Some("br-int".to_owned()),
        link: Some("vnet0".to_owned()),
        interface_id: Some(port(1).uuid()),
        port_id: Some(port(9)),
        network_id: None,
    };
    assert_eq!(domain.interfaces, [interface]);
}

#[test]
fn metadata_as_virsh_writes_it_is_understood() {
    let xml = "<domain><name>a</name><uuid>11111111-2222-3333-4444-555555555555</uuid>\
        <metadata><bulkhead:vifs xmlns:bulkhead='urn:bulkhead:domain'>\
        <vif mac='52:54:00:00:00:02' port='aaaaaaaa-0000-0000-0000-000000000002'/>\
        <vif mac='nonsense' port='aaaaaaaa-0000-0000-0000-000000000003'/></bulkhead:vifs>\
        <x:vifs xmlns:x='urn:other'><vif mac='52:54:00:00:00:04' port='aaaaaaaa-0000-0000-0000-000000000004'/>\
        </x:vifs></metadata><devices>\
        <interface type='ethernet'><mac address='52:54:00:00:00:02'/><target dev='tap2' managed='no'/></interface>\
        <interface type='ethernet'><mac address='52:54:00:00:00:04'/></interface></devices></domain>";
    let interfaces = Domain::parse(xml).unwrap().interfaces;
    assert_eq!(interfaces[0].port_id, Some(port(2)));
    assert_eq!(interfaces[0].link.as_deref(), Some("tap2"));
    assert_eq!(interfaces[1].port_id, None, "others' metadata is not ours");
}

#[test]
fn what_is_no_domain_is_an_error() {
    let nameless = "<domain><name>a</name></domain>";
    for xml in ["", "<network/>", nameless, "<domain>", "\u{feff}"] {
        assert!(Domain::parse(xml).is_err(), "{xml:?}");
    }
}

#[test]
fn entities_and_depth_cost_nothing() {
    let lol = "<!DOCTYPE d [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;'>]><domain>&b;</domain>";
    assert!(Domain::parse(lol).is_err());
    let deep = "<a>".repeat(200_000);
    assert!(Domain::parse(&deep).is_err());
    let wide = format!("<domain>{}</domain>", "<a/>".repeat(200_000));
    assert!(Domain::parse(&wide).is_err());
}

#[test]
fn a_container_is_told_from_a_machine_by_the_type_of_its_domain() {
    assert_eq!(kind("<domain type='lxc'/>").unwrap(), Kind::Lxc);
    for machine in ["<domain type='kvm'/>", "<domain type='qemu'/>", "<domain/>"] {
        assert_eq!(kind(machine).unwrap(), Kind::Qemu);
    }
    assert!(kind("<network/>").is_err());
}
