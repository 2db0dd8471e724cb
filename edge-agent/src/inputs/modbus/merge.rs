//! Which registers are read together. Pure.

use super::settings::{Register, Table};

/// Most words in one request.
pub const MAX_WORDS: u16 = 125;
/// Most bits in one request.
pub const MAX_BITS: u16 = 2000;

/// Registers that one request reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The table.
    pub table: Table,
    /// First address.
    pub start: u16,
    /// How many addresses; within the limits of Modbus.
    pub count: u16,
    /// Indices of the registers, by address.
    pub members: Vec<usize>,
}

/// Plans the requests for all `registers`. Neighbours are read together if at most
/// `max_gap` addresses lie between them; a value is never divided. Groups that
/// hold a register of `first` come first: what a trigger takes is then read after
/// the trigger was seen.
pub fn plan(registers: &[Register], max_gap: u16, first: &[usize]) -> Vec<Group> {
    let mut order: Vec<usize> = (0..registers.len()).collect();
    order.sort_by_key(|i| (registers[*i].table, registers[*i].address, *i));
    let mut groups: Vec<Group> = Vec::new();
    for member in order {
        let last = groups.last_mut();
        if !last.is_some_and(|group| join(group, member, &registers[member], max_gap)) {
            let r = &registers[member];
            let count = r.value_type.width();
            groups.push(Group { table: r.table, start: r.address, count, members: vec![member] });
        }
    }
    groups.sort_by_key(|g| !g.members.iter().any(|m| first.contains(m)));
    groups
}

/// What to ask in place of a group that the machine refuses as a whole: first
/// without gaps, then each register alone. None for a register that is alone.
pub fn split(group: &Group, registers: &[Register]) -> Option<Vec<Group>> {
    if group.members.len() < 2 {
        return None;
    }
    let members: Vec<Register> = group.members.iter().map(|m| registers[*m].clone()).collect();
    let mut parts = plan(&members, 0, &[]);
    if parts.len() == 1 {
        parts = members.iter().flat_map(|r| plan(std::slice::from_ref(r), 0, &[])).collect();
        for (part, member) in parts.iter_mut().zip(&group.members) {
            part.members = vec![*member];
        }
    } else {
        for part in &mut parts {
            part.members.iter_mut().for_each(|m| *m = group.members[*m]);
        }
    }
    Some(parts)
}

/// Adds a register to the group if it fits; it begins at or after the group's start.
fn join(group: &mut Group, member: usize, register: &Register, max_gap: u16) -> bool {
    let limit = if group.table.is_bits() { MAX_BITS } else { MAX_WORDS };
    let end = u32::from(group.start) + u32::from(group.count);
    let (begin, width) = (u32::from(register.address), u32::from(register.value_type.width()));
    let count = end.max(begin + width) - u32::from(group.start);
    if register.table != group.table
        || begin.saturating_sub(end) > u32::from(max_gap)
        || count > u32::from(limit)
    {
        return false;
    }
    group.count = count as u16;
    group.members.push(member);
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inputs::modbus::settings::ValueType;
    use Table::{Coil, Holding, Input};
    use ValueType::{Bit, F32, F64, U16};

    fn registers(list: &[(Table, u16, ValueType)]) -> Vec<Register> {
        let named = list.iter().enumerate();
        named.map(|(i, (t, a, v))| Register::new(&format!("r{i}"), *t, *a, *v)).collect()
    }

    fn spans(groups: &[Group]) -> Vec<(Table, u16, u16, Vec<usize>)> {
        groups.iter().map(|g| (g.table, g.start, g.count, g.members.clone())).collect()
    }

    #[test]
    fn neighbours_are_read_together() {
        let r = registers(&[(Holding, 10, U16), (Holding, 12, F32), (Holding, 11, U16), (Input, 14, U16)]);
        let expected = vec![(Input, 14, 1, vec![3]), (Holding, 10, 4, vec![0, 2, 1])];
        assert_eq!(spans(&plan(&r, 0, &[])), expected);
    }

    #[test]
    fn gaps_up_to_the_bound() {
        let r = registers(&[(Holding, 0, F32), (Holding, 6, U16)]);
        assert_eq!(spans(&plan(&r, 3, &[])).len(), 2);
        assert_eq!(spans(&plan(&r, 4, &[])), vec![(Holding, 0, 7, vec![0, 1])]);
    }

    #[test]
    fn overlaps_are_read_once() {
        let r = registers(&[(Holding, 5, F64), (Holding, 6, Bit(3)), (Holding, 6, Bit(4))]);
        assert_eq!(spans(&plan(&r, 0, &[])), vec![(Holding, 5, 4, vec![0, 1, 2])]);
    }

    #[test]
    fn never_more_than_modbus_allows_and_no_value_divided() {
        let words: Vec<_> = (0..63).map(|i| (Holding, i * 2, F32)).collect();
        let groups = spans(&plan(&registers(&words), 0, &[]));
        assert_eq!(groups.iter().map(|g| (g.1, g.2)).collect::<Vec<_>>(), [(0, 124), (124, 2)]);
        let bits: Vec<_> = (0..2001).map(|i| (Coil, i, Bit(0))).collect();
        let groups = spans(&plan(&registers(&bits), 0, &[]));
        assert_eq!(groups.iter().map(|g| (g.1, g.2)).collect::<Vec<_>>(), [(0, 2000), (2000, 1)]);
    }

    #[test]
    fn the_last_address_can_be_read() {
        let r = registers(&[(Holding, 65535, U16), (Holding, 65530, U16)]);
        assert_eq!(spans(&plan(&r, 9, &[])), vec![(Holding, 65530, 6, vec![1, 0])]);
    }

    #[test]
    fn what_triggers_is_read_first() {
        let r = registers(&[(Coil, 0, Bit(0)), (Holding, 0, U16), (Holding, 500, U16)]);
        let groups = plan(&r, 0, &[2]);
        assert_eq!(groups[0].members, [2]);
        assert_eq!(groups.len(), 3);
    }

    #[test]
    fn a_refused_group_is_split_at_gaps_and_then_apart() {
        let r = registers(&[(Input, 0, U16), (Holding, 0, U16), (Holding, 1, U16), (Holding, 5, U16)]);
        let group = plan(&r, 9, &[]).remove(1);
        assert_eq!(group.members, [1, 2, 3]);
        let parts = split(&group, &r).unwrap();
        assert_eq!(spans(&parts), vec![(Holding, 0, 2, vec![1, 2]), (Holding, 5, 1, vec![3])]);
        let apart = split(&parts[0], &r).unwrap();
        assert_eq!(spans(&apart), vec![(Holding, 0, 1, vec![1]), (Holding, 1, 1, vec![2])]);
        assert_eq!(split(&apart[0], &r), None);
    }

    proptest! {
        #[test]
        fn every_register_is_covered_once(
            list in proptest::collection::vec((0u16..3, 0u16..600, 0usize..3), 0..80), gap in 0u16..20
        ) {
            let list: Vec<_> = list.into_iter().map(|(t, a, v)| match t {
                0 => (Coil, a, Bit(0)),
                1 => (Input, a, [U16, F32, F64][v]),
                _ => (Holding, a, [U16, F32, F64][v]),
            }).collect();
            let r = registers(&list);
            let groups = plan(&r, gap, &[]);
            let mut seen = vec![0; r.len()];
            for g in &groups {
                let limit = if g.table.is_bits() { MAX_BITS } else { MAX_WORDS };
                prop_assert!((1..=limit).contains(&g.count));
                for m in &g.members {
                    seen[*m] += 1;
                    prop_assert_eq!(r[*m].table, g.table);
                    prop_assert!(r[*m].address >= g.start);
                    let end = r[*m].address + r[*m].value_type.width();
                    prop_assert!(end <= g.start + g.count);
                }
            }
            prop_assert!(seen.iter().all(|n| *n == 1));
        }
    }
}
