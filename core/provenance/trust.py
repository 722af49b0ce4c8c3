"""Which signers the analyst trusts: certificates of issuers in a file of their own choice, such as C2PA's trust list.

Verso brings no such list. Without one it says that a signature is intact, and not who signed.
"""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from core.errors import TrustListError
from core.named_paths import named_path

VARIABLE: Final = "VERSO_TRUST_ANCHORS"
MOST_BYTES: Final = 10_000_000
_BLOCK: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
HOW: Final = f"set {VARIABLE} to a PEM file with the certificates of issuers you trust, or unset it"


@dataclass(frozen=True)
class TrustedSigners:
    """Certificates of trusted issuers as PEM, and the sha256 of their file; both "" where the analyst named none."""

    pem: str = ""
    sha256: str = ""

    def __bool__(self) -> bool:
        """Whether there is a list."""
        return bool(self.pem)


def trusted_signers() -> TrustedSigners:
    """Return the list that the environment variable `VERSO_TRUST_ANCHORS` names, read once a process; or an empty one.

    Raises:
        TrustListError: the file cannot be read, or holds no certificates.
    """
    configured = os.environ.get(VARIABLE)
    return _read(named_path(configured)) if configured else TrustedSigners()


@cache
def _read(path: Path) -> TrustedSigners:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise TrustListError(
            f"The list of trusted signers {path} cannot be read ({error.strerror}): {HOW}."
        ) from error
    if len(data) > MOST_BYTES:
        raise TrustListError(
            f"The list of trusted signers {path} has more than {MOST_BYTES / 1e6:.0f} MB: {HOW}."
        )
    pem = "\n".join(block.decode("ascii", "replace") for block in _BLOCK.findall(data))
    if not pem:
        raise TrustListError(f"The list of trusted signers {path} holds no certificate in PEM form: {HOW}.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, TypeError) as error:
        raise TrustListError(
            f"The list of trusted signers {path} holds a damaged certificate: {HOW}."
        ) from error
    return TrustedSigners(pem, hashlib.sha256(data).hexdigest())
