"""Makes the certificate of an installation, and checks a certificate of the owner's before anything is signed with it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wanserve.domain.errors import SetupError
from wanserve.domain.marks import Certificate

YEARS: Final = 20
"""How long the certificate of an installation is valid: as long as its files may be looked at."""

USES: Final = (
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),
    x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1"),
)
"""The extended key uses that Content Credentials are signed for: e-mail protection, document signing, and C2PA's own.

Source: C2PA Technical Specification 2.2, 14.5.1. Readers accept the first one everywhere.
"""

RSA_BITS: Final = 2048

_CURVES: Final = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


def make_certificate(producer: str, now: datetime | None = None) -> bytes:
    """A new certificate (ES256), the one that signed it, and the private key of the first, as PEM.

    Content Credentials want a certificate that another one signed. The key of that other one is thrown away, so that
    nothing else is ever signed with it.
    """
    begin = (now or datetime.now(UTC)) - timedelta(days=1)
    end = begin + timedelta(days=365 * YEARS)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, name = _name(producer, "wanserve root"), _name(producer, "wanserve installation")
    root = (
        _unsigned(root_name, root_name, root_key, begin, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    certificate = (
        _unsigned(name, root_name, key, begin, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([USES[0]]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem) + root.public_bytes(pem) + private


def read_certificate(
    chain: bytes, key: bytes, timestamp_url: str | None = None, now: datetime | None = None
) -> Certificate:
    """The certificate of these PEM texts, once it was checked. Raises SetupError, which says what is wrong with it."""
    try:
        found = x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        raise SetupError("no certificate in PEM is in it") from error
    private = _private_key(key)
    own = found[0]
    if own.public_key() != private.public_key():
        raise SetupError("the private key is not the key of the certificate")
    _require_valid(found, now or datetime.now(UTC))
    _require_for_signing(own)
    pem = serialization.Encoding.PEM
    return Certificate(
        b"".join(each.public_bytes(pem) for each in found),
        private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        _algorithm(own.public_key()),
        timestamp_url,
    )


def without_key(pem: bytes) -> bytes:
    """The certificates of a PEM text, whether or not they are valid; nothing where there are none."""
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError:
        return b""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in found)


def valid_until(certificate: Certificate) -> datetime:
    """When the first certificate of the chain to expire does so."""
    return min(each.not_valid_after_utc for each in x509.load_pem_x509_certificates(certificate.chain))


def _private_key(key: bytes) -> PrivateKeyTypes:
    # A file with certificates may have the key behind them.
    start = key.find(b"-----BEGIN ", key.rfind(b"-----END CERTIFICATE-----") + 1 if b"CERTIFICATE" in key else 0)
    try:
        return serialization.load_pem_private_key(key[start:] if start >= 0 else key, password=None)
    except TypeError as error:
        raise SetupError("the private key has a password: write it without one, readable by the server only") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SetupError("no private key in PEM is in it") from error


def _require_valid(chain: Sequence[x509.Certificate], now: datetime) -> None:
    for number, each in enumerate(chain, 1):
        which = "the certificate" if number == 1 else f"certificate {number} of the chain"
        if each.not_valid_after_utc < now:
            raise SetupError(f"{which} expired on {each.not_valid_after_utc:%Y-%m-%d}")
        if each.not_valid_before_utc > now:
            raise SetupError(f"{which} is not valid before {each.not_valid_before_utc:%Y-%m-%d}")
    for signed, signer in pairwise(chain):
        try:
            signed.verify_directly_issued_by(signer)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise SetupError("the chain is out of order: each certificate must be signed by the next one") from error


def _require_for_signing(own: x509.Certificate) -> None:
    extensions = own.extensions
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        uses = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as error:
        raise SetupError(f"it is no signing certificate: it has no {error.oid._name}") from error  # noqa: SLF001
    if not usage.digital_signature or usage.key_cert_sign:
        raise SetupError("it is no signing certificate: its key usage must have digitalSignature, and not keyCertSign")
    if not set(uses) & set(USES) or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in uses:
        wanted = ", ".join(each.dotted_string for each in USES)
        raise SetupError(f"it is no signing certificate: its extended key usage must have one of {wanted}")
    if own.issuer == own.subject:
        raise SetupError("it is signed by itself: Content Credentials need a certificate that another one signed")


def _algorithm(key: CertificatePublicKeyTypes) -> str:
    match key:
        case ec.EllipticCurvePublicKey() if key.curve.name in _CURVES:
            return _CURVES[key.curve.name]
        case rsa.RSAPublicKey() if key.key_size >= RSA_BITS:
            return "ps256"
        case ed25519.Ed25519PublicKey():
            return "ed25519"
        case _:
            raise SetupError("its key must be of P-256, P-384 or P-521, Ed25519, or RSA with 2048 bits or more")


def _name(producer: str, what: str) -> x509.Name:
    # X.520 allows 64 characters.
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, producer[:64])
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, what)])


def _unsigned(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
