"""Writes zip archives, sound and unsound ones."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path


def write_zip(
    path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED
) -> Path:
    """Write members, each a name or ZipInfo and its bytes, into an archive."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for member, data in members:
            file.writestr(member, data)
    return path


def encrypt(path: Path, name: str) -> None:
    """Make an archive say that the member of a name is encrypted."""
    data = bytearray(path.read_bytes())
    local = data.index(name.encode())
    for signature, offset, found in (
        (b"PK\x03\x04", 6, local),
        (b"PK\x01\x02", 8, data.rindex(name.encode())),
    ):
        data[data.rindex(signature, 0, found) + offset] |= 1
    path.write_bytes(data)


def damage(path: Path, member: bytes) -> None:
    """Change one byte in the middle of a member that was stored as it is."""
    data = bytearray(path.read_bytes())
    data[data.index(member) + len(member) // 2] ^= 0xFF
    path.write_bytes(data)


def displace(path: Path, offset: int) -> None:
    """Make an archive of one member say that it starts at an offset of up to 64 bits."""
    data = path.read_bytes()
    directory, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry, closing = bytearray(data[directory:end]), bytearray(data[end:])
    extra = struct.pack("<HHQ", 1, 8, offset)
    entry[30:32] = struct.pack("<H", len(extra))
    entry[42:46] = b"\xff\xff\xff\xff"
    entry += extra
    closing[12:16] = struct.pack("<I", len(entry))
    path.write_bytes(data[:directory] + entry + closing)
