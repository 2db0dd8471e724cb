"""A Modbus machine with known values, by pymodbus: python SCRIPT PORT FRAMER,
the framer socket (Modbus TCP) or rtu (RTU over TCP).

Holding registers hold every type in every order of words: order n (ABCD, CDAB,
BADC, DCBA) begins at address 100 * n. What is not named does not exist.
"""

import asyncio
import sys

from pymodbus import FramerType
from pymodbus.client import ModbusTcpClient
from pymodbus.server import StartAsyncTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

TYPE = ModbusTcpClient.DATATYPE
VALUES = [
    (TYPE.UINT16, 54321),
    (TYPE.INT16, -12345),
    (TYPE.UINT32, 3735928559),
    (TYPE.INT32, -123456789),
    (TYPE.FLOAT32, 23.1),
    (TYPE.FLOAT64, -0.000123456789),
    (TYPE.UINT64, 1234567890123456789),
    (TYPE.INT64, -987654321987654321),
]


def words(kind, value, low_first, swapped):
    order = "little" if low_first else "big"
    made = ModbusTcpClient.convert_to_registers(value, kind, word_order=order)
    if swapped and len(made) > 1:
        made = [(word & 0xFF) << 8 | word >> 8 for word in made]
    return made


def block(low_first, swapped):
    return [word for kind, value in VALUES for word in words(kind, value, low_first, swapped)]


def registers():
    orders = [(False, False), (True, False), (False, True), (True, True)]
    return [
        SimData(100 * n, values=block(*order), datatype=DataType.REGISTERS)
        for n, order in enumerate(orders)
    ]


def bits(address, pattern):
    return [SimData(address, values=[c == "1" for c in pattern], datatype=DataType.BITS)]


device = SimDevice(
    id=7,
    simdata=(
        bits(0, "1011000000000001"),
        bits(8, "0110000000000000"),
        registers(),
        [SimData(40, values=[0x1234, 0x8001], datatype=DataType.REGISTERS)],
    ),
)
address = ("127.0.0.1", int(sys.argv[1]))
asyncio.run(StartAsyncTcpServer(device, framer=FramerType(sys.argv[2]), address=address))
