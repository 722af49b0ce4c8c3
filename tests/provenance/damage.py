"""What damage does to a file."""

import random


def damaged(whole: bytes, chance: random.Random) -> bytes:
    """Return a file with bytes changed, cut out or doubled in one to eight places behind its first twelve bytes."""
    data = bytearray(whole)
    for _ in range(chance.choice((1, 2, 8))):
        at = chance.randrange(12, len(data))
        match chance.randrange(4):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                data[at : at + 4] = b"\xff\xff\xff\xff"
            case 2:
                del data[at : at + chance.randrange(1, 40)]
            case _:
                data[at:at] = data[at : at + chance.randrange(1, 200)]
    return bytes(data)
