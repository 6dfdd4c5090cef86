"""Certificates of owners, good and bad: made here as a certificate authority would make them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC)
EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Order:
    """What a certificate is to have. `uses` None: no extended key usage at all."""

    key: CertificateIssuerPrivateKeyTypes = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    begins: timedelta = timedelta(days=-1)
    ends: timedelta = timedelta(days=365)
    uses: Sequence[x509.ObjectIdentifier] | None = (EMAIL,)
    stamps_times: bool = False
    ca: bool = False
    signs: bool = True
    by_itself: bool = False
    name: str = "Example Studio"


def name(text: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, text), x509.NameAttribute(NameOID.COMMON_NAME, text)]
    )


@dataclass(frozen=True)
class Issued:
    """A chain and a private key in PEM; `root` is the last of the chain."""

    chain: bytes
    key: bytes
    root: bytes
    own: bytes


def issue(order: Order | None = None) -> Issued:
    """A certificate as ordered, signed by an authority of its own."""
    order = order or Order()
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = _signed(Order(root_key, ca=True, name="Example Root"), "Example Root", root_key, root_key.public_key())
    signer, issuer = (order.key, order.name) if order.by_itself else (root_key, "Example Root")
    own = _signed(order, issuer, signer, signer.public_key())
    pem_own, pem_root = own.public_bytes(PEM), root.public_bytes(PEM)
    return Issued(pem_own + pem_root, key_pem(order.key), pem_root, pem_own)


def key_pem(key: CertificateIssuerPrivateKeyTypes, password: bytes | None = None) -> bytes:
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, hidden)


def _signed(order: Order, issuer: str, signer: CertificateIssuerPrivateKeyTypes, issuer_key: Any) -> x509.Certificate:
    usage = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ),
        False,
    ) | {"digital_signature": order.signs and not order.ca, "key_cert_sign": order.ca}  # fmt: skip
    usage |= {} if any(usage.values()) else {"key_encipherment": True}
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(order.name))
        .issuer_name(name(issuer))
        .public_key(order.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + order.begins)
        .not_valid_after(NOW + order.ends)
        .add_extension(x509.BasicConstraints(ca=order.ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(order.key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )
    if order.uses is not None and not order.ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage(order.uses), critical=order.stamps_times)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signer, algorithm)
