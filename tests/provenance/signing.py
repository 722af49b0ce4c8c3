"""Content Credentials by a studio that nobody knows: its certificates are made on the spot."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


class Studio:
    """Signs pictures; its certificates end in `lasting` from now."""

    def __init__(self, name: str = "Studio of nobody", lasting: timedelta = timedelta(days=9)) -> None:
        self.ends = datetime.now(UTC) + lasting
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = _certificate(name, "root", root_key, None, root_key, self.ends)
        leaf = _certificate(name, "leaf", key, root, root_key, self.ends)
        pem = serialization.Encoding.PEM
        self.root = root.public_bytes(pem)
        chain = leaf.public_bytes(pem) + root.public_bytes(pem)
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self._signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, private, None))

    def sign(
        self,
        data: bytes,
        mime: str,
        *source_types: str,
        remote: str = "",
        extra: object = None,
        parent: bytes = b"",
        parent_mime: str = "",
        trusting: str = "",
    ) -> bytes:
        """Return the file with a manifest of one action for each source type; at `remote`, only its address.

        `parent` is the signed file it was made from, of the same kind unless `parent_mime` says another; what is recorded of that is found with the list `trusting`.
        """
        did = "c2pa.edited" if parent else "c2pa.created"
        actions = [{"action": did, "digitalSourceType": TYPES + name} for name in source_types]
        if parent:
            actions.insert(0, {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}})
        assertions = [{"label": "c2pa.actions", "data": {"actions": actions}}]
        if extra is not None:
            assertions.append({"label": "org.example.extra", "data": {"extra": extra}})
        about = {"claim_generator_info": [{"name": "Test", "version": "1"}], "assertions": assertions}
        trust = {"trust": {"trust_anchors": trusting}} if trusting else {}
        builder, out = c2pa.Builder(about, context=c2pa.Context.from_dict(trust)), io.BytesIO()
        if parent:
            about = {"title": "parent", "relationship": "parentOf", "instance_id": "parent"}
            builder.add_ingredient(about, parent_mime or mime, io.BytesIO(parent))
        if remote:
            builder.set_no_embed()
            builder.set_remote_url(remote)
        builder.sign(self._signer, mime, io.BytesIO(data), out)
        return out.getvalue()


def _certificate(name, part, key, issuer, issuer_key, ends):
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, part),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
        ]
    )
    is_root = issuer is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if is_root else issuer.subject)
        .public_key(key.public_key())
        .serial_number(1 if is_root else 2)
        .not_valid_before(ends - timedelta(days=30))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(_usage(is_root), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not is_root:
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(by, critical=False).add_extension(mail, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _usage(is_root):
    return x509.KeyUsage(
        digital_signature=not is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_root,
        crl_sign=is_root,
        encipher_only=False,
        decipher_only=False,
    )
