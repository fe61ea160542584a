//! The text of `ofproto/trace`, as far as we compare it. Hostile bytes: whatever is no such text says
//! nothing.
//!
//! ```text
//!   Flow: ip,in_port=1,...                                   how the packet came
//!    0. in_port=1, priority 100, cookie 0xb01d000000000001   a look into a table
//!       ct(table=30,zone=NXM_NX_REG4[0..15])
//!       ... The forked pipeline will be resumed at table 30.
//!   ====...
//!   recirc(0x1) - resume conntrack with ...                  once for each that was resumed
//!   ====...
//!   Flow: recirc_id=0x1,ct_state=new|trk,...                 how the packet went on
//!   30. ...
//! ```

use crate::pipeline::cookie::is_ours;

/// A look into a table: which, and the priority of the flow that matched.
pub type Look = (u8, Option<u16>);

/// The most goes through the tables that are read: Open vSwitch stops before it.
const SECTIONS_MAX: usize = 1024;

/// One go through the tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section<'a> {
    /// How the packet was when it began.
    pub flow: &'a str,
    /// The looks at flows of ours, in order.
    pub looks: Vec<Look>,
    /// The tables where the packet goes on after connection tracking, in order.
    pub resumed: Vec<u8>,
}

impl Section<'_> {
    /// Whether the packet had all of these, such as `reg0=0x1`, when it began.
    #[must_use]
    pub fn has(&self, fields: &[String]) -> bool {
        let own = || self.flow.split(',').map(str::trim);
        fields.iter().all(|field| own().any(|it| it == field))
    }

    /// How many registers were not zero when it began.
    #[must_use]
    pub fn registers(&self) -> usize {
        let own = self.flow.split(',').map(str::trim);
        own.filter(|it| it.starts_with("reg")).count()
    }
}

/// The goes through the tables, in the order of the text.
#[must_use]
pub fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections = vec![Section::default()];
    let mut in_heading = false;
    for line in text.lines() {
        if line.starts_with("====") {
            in_heading = !in_heading;
            if !in_heading && sections.len() < SECTIONS_MAX {
                sections.push(Section::default());
            }
            continue;
        }
        if let Some(section) = sections.last_mut().filter(|_| !in_heading) {
            read(line, section);
        }
    }
    sections
}

fn read<'a>(line: &'a str, section: &mut Section<'a>) {
    if let Some(flow) = line.strip_prefix("Flow: ") {
        section.flow = flow;
    } else if let Some((_, table)) = line.rsplit_once("will be resumed at table ") {
        let table = table.trim_end().trim_end_matches('.');
        section.resumed.extend(table.parse::<u8>().ok());
    } else {
        section.looks.extend(look(line));
    }
}

/// A line that is a look at a flow of ours: ` 3. ip,reg0=0x1, priority 7, cookie 0xb01d…`. A trace goes on
/// through the bridges behind ours, whose flows are not.
fn look(line: &str) -> Option<Look> {
    let (table, rest) = line.trim_start().split_once(". ")?;
    let table = table.parse().ok()?;
    if rest.starts_with("No match") {
        return Some((table, None));
    }
    let (_, rest) = rest.rsplit_once("priority ")?;
    let (priority, cookie) = rest.split_once(", cookie 0x")?;
    let cookie = u64::from_str_radix(cookie.trim_end(), 16).ok()?;
    is_ours(cookie).then_some((table, Some(priority.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Open vSwitch 3.1 prints, shortened.
    const TEXT: &str = "\
Flow: udp,in_port=1,nw_src=10.0.0.1
bridge(\"br-int\")
----------------
 0. in_port=1, priority 100, cookie 0xb01d000000000001
    goto_table:28
28. udp, priority 200, cookie 0xb01d000000000000
    ct(table=30,zone=NXM_NX_REG4[0..15])
     -> A clone of the packet is forked to recirculate. The forked pipeline will be resumed at table 30.

Final flow: unchanged
Datapath actions: ct(zone=5),recirc(0x1)

===============================================================================
recirc(0x1) - resume conntrack with default ct_state=trk|new (use --ct-next to customize)
===============================================================================

Flow: recirc_id=0x1,ct_state=new|trk,ct_zone=5,udp,reg0=0x1,reg4=0x10005,nw_src=10.0.0.1

bridge(\"br-int\")
----------------
    thaw
        Resuming from table 30
30. No match.
    drop

bridge(\"br-private\")
--------------------
 0. priority 0
    NORMAL
";

    #[test]
    fn each_go_through_the_tables_is_read_with_its_looks_and_where_it_went_on() {
        let sections = sections(TEXT);
        assert_eq!(sections.len(), 2);
        assert_eq!(sections[0].looks, [(0, Some(100)), (28, Some(200))]);
        assert_eq!(sections[0].resumed, [30]);
        assert_eq!(sections[1].looks, [(30, None)]);
        let fields = ["ct_zone=5", "reg4=0x10005"].map(str::to_owned);
        assert!(sections[1].has(&fields));
        assert!(!sections[1].has(&["reg0=0x10".to_owned()]));
        assert_eq!(sections[1].registers(), 2);
    }

    #[test]
    fn what_is_no_trace_names_no_table() {
        for text in [
            "",
            "no such bridge",
            ". priority",
            "9999. x, priority 1",
            "====",
        ] {
            let sections = sections(text);
            assert!(sections.iter().all(|it| it.looks.is_empty()), "{text}");
        }
    }
}
