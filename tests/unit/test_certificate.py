"""The certificate of an installation, and what is refused of an owner's before anything is signed with it."""

import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.certificates import EMAIL, Issued, Order, issue, key_pem
from wanserve.domain.errors import SetupError
from wanserve.domain.marks import Certificate
from wanserve.machine.certificate import YEARS, make_certificate, read_certificate, valid_until
from wanserve.machine.certificate_file import FileCertificate


def test_an_installation_makes_its_own_once(tmp_path: Path) -> None:
    made: list[bytes] = []

    def make() -> bytes:
        made.append(make_certificate("Example"))
        return made[-1]

    store = FileCertificate(tmp_path / "certificate.pem")
    first = store.read(make)
    assert store.read(make) == first == made[0]
    assert len(made) == 1
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    certificate = read_certificate(first, first)
    assert certificate.algorithm == "es256"
    own, root = x509.load_pem_x509_certificates(certificate.chain)
    own.verify_directly_issued_by(root)
    assert timedelta(days=365 * YEARS - 2) < valid_until(certificate) - datetime.now(UTC) < timedelta(days=366 * YEARS)


def test_its_key_is_not_shown(tmp_path: Path) -> None:
    pem = make_certificate("Example")
    certificate = read_certificate(pem, pem)
    assert "PRIVATE" not in repr(certificate)
    assert b"PRIVATE" in certificate.key


def test_two_installations_have_nothing_in_common() -> None:
    one, two = (read_certificate(pem, pem) for pem in (make_certificate("A"), make_certificate("A")))
    assert one.key != two.key
    assert not set(one.chain.split(b"-----BEGIN")[1:]) & set(two.chain.split(b"-----BEGIN")[1:])


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "certificate.pem").mkdir()
    with pytest.raises(SetupError, match=r"cannot use the certificate .*certificate\.pem: Is a directory"):
        FileCertificate(tmp_path / "certificate.pem").read(lambda: b"")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "es256"),
        (ec.generate_private_key(ec.SECP384R1()), "es384"),
        (ec.generate_private_key(ec.SECP521R1()), "es512"),
        (rsa.generate_private_key(65537, 2048), "ps256"),
        (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
    ],
)
def test_an_owner_may_have_a_key_of_any_kind_that_credentials_allow(key: object, algorithm: str) -> None:
    issued = issue(Order(key))  # type: ignore[arg-type]
    found = read_certificate(issued.chain, issued.key, "http://tsa.example")
    assert isinstance(found, Certificate)
    assert (found.algorithm, found.timestamp_url) == (algorithm, "http://tsa.example")


@pytest.mark.parametrize("use", [EMAIL.dotted_string, "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1"])
def test_each_use_that_is_signing_will_do(use: str) -> None:
    issued = issue(Order(uses=[x509.ObjectIdentifier(use), ExtendedKeyUsageOID.CLIENT_AUTH]))
    read_certificate(issued.chain, issued.key)


def test_one_file_may_have_both() -> None:
    issued = issue()
    read_certificate(issued.chain + issued.key, issued.chain + issued.key)
    read_certificate(issued.key + issued.chain, issued.key + issued.chain)


def _swapped(issued: Issued) -> Issued:
    return Issued(issued.own + issue().root, issued.key, issued.root, issued.own)


def _with_key(make: Callable[[], bytes]) -> Callable[[Issued], Issued]:
    return lambda issued: Issued(issued.chain, make(), issued.root, issued.own)


def _same(issued: Issued) -> Issued:
    return issued


WEB = ExtendedKeyUsageOID.SERVER_AUTH
REFUSED = {
    "expired": (Order(ends=timedelta(days=-1), begins=timedelta(days=-9)), _same, "the certificate expired on 20"),
    "not yet valid": (Order(begins=timedelta(days=2)), _same, "the certificate is not valid before 20"),
    "another key": (Order(), _with_key(lambda: issue().key), "the private key is not the key of the certificate"),
    "of a web server": (Order(uses=[WEB]), _same, "its extended key usage must have one of 1.3.6.1.5.5.7.3.4"),
    "for anything": (
        Order(uses=[EMAIL, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]),
        _same,
        "its extended key usage must have one of",
    ),
    "without uses": (Order(uses=None), _same, "it is no signing certificate: it has no extendedKeyUsage"),
    "an authority": (Order(ca=True), _same, "it is no signing certificate"),
    "not for signatures": (Order(signs=False), _same, "its key usage must have digitalSignature"),
    "signed by itself": (Order(by_itself=True), lambda it: Issued(it.own, it.key, it.root, it.own), "signed by itself"),
    "another chain": (Order(), _swapped, "the chain is out of order"),
    "a short key": (Order(rsa.generate_private_key(65537, 1024)), _same, "its key must be of P-256"),
    "an odd curve": (Order(ec.generate_private_key(ec.SECP256K1())), _same, "its key must be of P-256"),
    "a key with a password": (
        Order(),
        _with_key(lambda: key_pem(ec.generate_private_key(ec.SECP256R1()), b"secret")),
        "the private key has a password",
    ),
    "no key": (Order(), _with_key(lambda: b"no key"), "no private key in PEM"),
    "half a key": (Order(), _with_key(lambda: issue().key[:60]), "no private key in PEM"),
    "a key of DSA": (
        Order(),
        _with_key(lambda: key_pem(dsa.generate_private_key(1024))),
        "the private key is not the key of the certificate",
    ),
    "no certificate": (Order(), lambda it: Issued(b"nothing", it.key, b"", b""), "no certificate in PEM"),
    "the key alone": (Order(), lambda it: Issued(it.key, it.key, b"", b""), "no certificate in PEM"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_sign_is_refused_with_the_reason(case: str) -> None:
    order, change, problem = REFUSED[case]
    issued = change(issue(order))
    with pytest.raises(SetupError) as refused:
        read_certificate(issued.chain, issued.key)
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_expired_certificate_of_the_chain_counts_too() -> None:
    issued = issue()
    later = datetime.now(UTC) + timedelta(days=365, hours=-2)
    read_certificate(issued.chain, issued.key, now=later)
    assert valid_until(read_certificate(issued.chain, issued.key)) > later
    with pytest.raises(SetupError, match="expired"):
        read_certificate(issued.chain, issued.key, now=later + timedelta(days=1))
