use super::*;

#[test]
fn the_table_has_one_row_for_each_field() {
    for (position, field) in Field::ALL.iter().enumerate() {
        assert_eq!(*field as usize, position);
        let info = field.info();
        assert!(usize::from(info.bits) <= info.bytes * 8, "{field:?}");
        assert!(info.bytes <= 16, "{field:?}");
    }
}

#[test]
fn a_header_names_one_field() {
    for field in Field::ALL {
        for header in field.info().headers {
            let found = Field::from_header(header.class, header.number, header.experimenter);
            assert_eq!(found, Some(*field), "{}", header.symbol);
        }
    }
}

#[test]
fn a_symbol_names_one_field() {
    for field in Field::ALL {
        for header in field.info().headers {
            assert_eq!(Field::from_name(header.symbol), Some(*field));
        }
        assert!(Field::from_name(field.set_name()).is_some());
    }
}

#[test]
fn wide_registers_consist_of_narrow_ones() {
    let numbers = |field: Field| field.reg_parts().collect::<Vec<_>>();
    assert_eq!(numbers(Field::Xreg0), [0, 1]);
    assert_eq!(numbers(Field::Xreg7), [14, 15]);
    assert_eq!(numbers(Field::Xxreg3), [12, 13, 14, 15]);
    assert!(numbers(Field::Reg0).is_empty());
    assert_eq!(Field::reg(15), Some(Field::Reg15));
    assert_eq!(Field::reg(16), None);
    assert_eq!(Field::xreg(7), Some(Field::Xreg7));
    assert_eq!(Field::xxreg(4), None);
    assert_eq!(Field::Reg9.reg_number(), Some(9));
    assert_eq!(Field::PktMark.reg_number(), None);
}

#[test]
fn low_bits_are_as_many_as_asked_for() {
    assert_eq!(low_bits(0), 0);
    assert_eq!(low_bits(12), 0xfff);
    assert_eq!(low_bits(128), u128::MAX);
}
