//! Mistakes in machines and printers.

use rust_decimal::Decimal;

use super::super::super::model::{HostPort, ValueType, WordOrder};
use super::{SMALL, assert_cases, case, edited, right};

#[test]
fn connections() {
    assert_cases(&[
        case(
            "\"127.0.0.1:1502\"",
            "\"127.0.0.1\" #!",
            "machines[0].address",
            "a host and port, such as \"192.168.10.21:502\"; the port is missing",
        ),
        case("\"127.0.0.1:1502\"", "\"300.0.0.1:502\" #!", "machines[0].address", "a host and port"),
        case(
            "\"127.0.0.1:1502\"",
            "\"127.0.0.1:1502\"\nunit_id = 256 #!",
            "machines[0].unit_id",
            "from 0 to 255",
        ),
        case(
            "\"127.0.0.1:1502\"",
            "\"127.0.0.1:1502\"\ntransport = \"rtu\" #!",
            "machines[0].transport",
            "one of tcp, rtu_over_tcp",
        ),
        case(
            "[[printers]]",
            "[[machines]]\ncode = \"PLC2\"\nname = \"B\"\ntransport = \"rtu_over_tcp\"\naddress = \"127.0.0.1:1502\" #!\n[[printers]]",
            "machines[1].address",
            "one transport per address; the machine on line 65 speaks tcp",
        ),
        case(
            "[[printers]]",
            "[[machines]]\ncode = \"PLC1\" #!\nname = \"B\"\naddress = \"h:1\"\n[[printers]]",
            "machines[1].code",
            "no other machine has",
        ),
    ]);
    let file = right(&edited("\"127.0.0.1:1502\"", "\"[fe80::1]:502\""));
    assert_eq!(file.machines[0].address, HostPort { host: "fe80::1".into(), port: 502 });
    assert_eq!(file.machines[0].address.to_string(), "[fe80::1]:502");
}

#[test]
fn registers() {
    assert_cases(&[
        case(
            "table = \"holding\"\naddress = 0",
            "table = \"holdings\" #!\naddress = 0",
            "machines[0].registers[0].table",
            "did you mean \"holding\"?",
        ),
        case(
            "type = \"f32\"",
            "type = \"float\" #!",
            "machines[0].registers[0].type",
            "one of u16, i16, u32",
        ),
        case(
            "type = \"f32\"",
            "type = \"f32\"\nword_order = \"ABDC\" #!",
            "machines[0].registers[0].word_order",
            "one of ABCD, CDAB, BADC, DCBA",
        ),
        case(
            "address = 0\n",
            "address = 40001.0 #!\n",
            "machines[0].registers[0].address",
            "found 40001.0, expected an address",
        ),
        case("address = 0\n", "address = -1 #!\n", "machines[0].registers[0].address", "from 0 to 65535"),
        case(
            "address = 0\n",
            "address = 65535 #!\n",
            "machines[0].registers[0].address",
            "an address from 0 to 65534; this type takes 2 addresses",
        ),
        case(
            "address = 3",
            "address = 1 #!",
            "machines[0].registers[1].address",
            "addresses that no other register takes; \"torque\" on line 69 takes 0 to 1",
        ),
        case("scale = 0.1", "scale = 0.0 #!", "machines[0].registers[1].scale", "a number other than 0"),
        case("scale = 0.1", "scale = nan #!", "machines[0].registers[1].scale", "a decimal number"),
        case("scale = 0.1", "scale = true #!", "machines[0].registers[1].scale", "a decimal number"),
        case("scale = 0.1", "dead_band = -1 #!", "machines[0].registers[1].dead_band", "0 or more"),
        case("low = 1\n", "low = 3 #!\n", "machines[0].registers[0].low", "at most high, which is 2.5"),
        case(
            "[[machines.registers]]\nname = \"cycle\"\ntable = \"holding\"",
            "[[machines.registers]]\nname = \"cycle\"\ntable = \"coil\"",
            "machines[0].registers[1].type",
            "single bits",
        )
        .on("type = \"u16\""),
    ]);
}

#[test]
fn bits() {
    let bit = |keys: &str| {
        edited(
            "[[machines.triggers]]",
            &format!(
                "[[machines.registers]]\nname = \"ok\"\naddress = 3\ntype = \"bit\"\n{keys}\n[[machines.triggers]]"
            ),
        )
    };
    assert_eq!(right(&bit("table = \"coil\"")).machines[0].registers[2].value_type, ValueType::Bit);
    assert_eq!(right(&bit("table = \"holding\"\nbit = 15")).machines[0].registers[2].bit, Some(15));
    for (keys, expected) in [
        ("table = \"holding\"", "which bit of the word, from 0 to 15"),
        ("table = \"coil\"\nbit = 1", "no bit but for type bit in the tables input and holding"),
        ("table = \"coil\"\nscale = 2", "no scale for a single bit"),
        ("table = \"holding\"\nbit = 16", "a bit from 0 to 15"),
    ] {
        let found = super::mistakes(&bit(keys));
        let said: Vec<&str> = found.iter().map(|mistake| mistake.expected.as_str()).collect();
        assert_eq!(said, [expected], "{keys}");
    }
}

#[test]
fn triggers() {
    assert_cases(&[
        case(
            "on = \"counter\"",
            "on = \"falling\" #!",
            "machines[0].triggers[0].on",
            "one of change, counter, rising",
        ),
        case(
            "on = \"counter\"\nregister = \"cycle\"",
            "on = \"rising\"\nregister = \"cycle\" #!",
            "machines[0].triggers[0].register",
            "a register of type bit",
        ),
        case(
            "register = \"cycle\"",
            "register = \"torque\" #!",
            "machines[0].triggers[0].register",
            "an integer register to count by",
        ),
        case(
            "register = \"cycle\"",
            "register = \"cycles\" #!",
            "machines[0].triggers[0].register",
            "the name of a register of this machine in this file (torque, cycle); did you mean \"cycle\"?",
        ),
        case(
            "readings = [\"torque\"]",
            "readings = [\"torqe\"] #!",
            "machines[0].triggers[0].readings[0]",
            "did you mean \"torque\"?",
        ),
        case(
            "readings = [\"torque\"]",
            "readings = []",
            "machines[0].triggers[0].readings",
            "a list of registers of this machine",
        )
        .on("[[machines.triggers]]"),
        case(
            "station = \"ASM1\"",
            "station = \"ASM2\" #!",
            "machines[0].triggers[0].station",
            "the name of a station in this file (DOCK1, ASM1, QC1); did you mean \"ASM1\"?",
        ),
        case(
            "station = \"ASM1\"",
            "station = \"QC1\" #!",
            "machines[0].triggers[0].station",
            "add \"PLC1\" to the machines of QC1",
        ),
        case(
            "operation = \"ASSEMBLE\"\n",
            "",
            "machines[0].triggers[0].station",
            "a station with an operation",
        )
        .on("station = \"ASM1\""),
    ]);
}

#[test]
fn printers() {
    assert_cases(&[
        case(
            "label_width_mm = 50",
            "label_width_mm = 500 #!",
            "printers[0].label_width_mm",
            "from 10 to 300 millimetres",
        ),
        case(
            "label_width_mm = 50",
            "label_width_mm = 50\ndpi = 204 #!",
            "printers[0].dpi",
            "203, 300 or 600",
        ),
        case(
            "label_width_mm = 50",
            "label_width_mm = 50\nsymbology = \"pdf417\" #!",
            "printers[0].symbology",
            "one of datamatrix, qr",
        ),
    ]);
    assert_eq!(right(SMALL).printers[0].dots_per_mm(), 8);
}

#[test]
fn decimals_are_read_as_they_are_written() {
    for (written, exact) in [
        ("0.1", "0.1"),
        ("\"0.1\"", "0.1"),
        ("1_000.25", "1000.25"),
        ("+2", "2"),
        ("-0.5", "-0.5"),
        ("1e3", "1000"),
        ("1.5E-3", "0.0015"),
        ("\"0.000030517578125\"", "0.000030517578125"),
        ("0.1000000000000000055511151231", "0.1000000000000000055511151231"),
    ] {
        let file = right(&edited("scale = 0.1", &format!("scale = {written}")));
        let scale = file.machines[0].registers[1].scale;
        assert_eq!(scale, exact.parse::<Decimal>().unwrap(), "{written}");
    }
    for wrong in ["inf", "0x10", "\"\"", "\"1.2.3\"", "\".5\"", "\"--1\"", "\"१\"", "[1]"] {
        let found = super::mistakes(&edited("scale = 0.1", &format!("scale = {wrong}")));
        let said: Vec<&str> = found.iter().map(|m| m.expected.as_str()).collect();
        assert_eq!(said, ["a decimal number such as \"0.1\" or 12.5"], "{wrong}");
    }
    assert_eq!(right(SMALL).machines[0].registers[0].word_order, WordOrder::Abcd);
}
