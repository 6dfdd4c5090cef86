"""Content Credentials (C2PA) in MP4, WebP and JPEG files: signs them, and reads what a file has. Only here is c2pa imported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import c2pa

import wanserve
from wanserve.domain.errors import MarksFailed
from wanserve.domain.marks import Certificate, Origin

ALTERED: Final = frozenset(
    {
        "assertion.bmffHash.mismatch",
        "assertion.dataHash.mismatch",
        "assertion.boxesHash.mismatch",
        "assertion.hashedURI.mismatch",
        "claimSignature.mismatch",
    }
)
"""The codes by which a reader says that a file, or what is said of it, was changed. Source: C2PA specification 2.2, 15.2."""

UNTRUSTED: Final = "signingCredential.untrusted"
"""The code of a signer that is on no list of those whom the reader trusts."""

_USES: Final = "1.3.6.1.5.5.7.3.4\n1.3.6.1.5.5.7.3.36\n1.3.6.1.4.1.62558.2.1\n1.3.6.1.5.5.7.3.8\n1.3.6.1.5.5.7.3.9\n"
"""The uses of certificates that signatures and time stamps may have; see machine/certificate.py."""

_PARENT: Final = "received"
"""By which name an action refers to the file that ours was made from."""

_SIGNING: Final = {
    # A thumbnail would make each file longer, and would show a picture of it to whoever reads the credentials.
    "builder": {"thumbnail": {"enabled": False}},
    # It is read back as users read it; see `require`.
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """The Content Credentials of a file, as its newest signer wrote them.

    `altered`: the file, or what is said of it, was changed after it was signed. `problems` are the codes of what a reader
    finds wrong, without UNTRUSTED. `trusted`: by the certificates that the reader was given. `signed_at` is what a
    time-stamping authority says, in ISO 8601; "" where none was asked.
    """

    signer: str
    program: str
    made_by: str
    model: str
    source: str
    made_at: str
    signed_at: str
    trusted: bool
    altered: bool
    problems: Sequence[str]


def sign(
    source: BinaryIO,
    target: BinaryIO,
    media_type: str,
    origin: Origin,
    certificate: Certificate,
    received: BinaryIO | None = None,
) -> None:
    """Copy the file with signed Content Credentials in it, in place of those that it has. Raises MarksFailed.

    `received` is the file as somebody else made it: with Content Credentials of its own it is named as what this one
    was made from, and they are kept.
    """
    parent = received if received is not None and _has_credentials(received, media_type) else None
    try:
        with (
            c2pa.Context.from_dict(_SIGNING) as context,
            c2pa.Signer.from_info(
                c2pa.C2paSignerInfo(
                    certificate.algorithm, certificate.chain, certificate.key, certificate.timestamp_url
                )
            ) as signer,
            c2pa.Builder(_manifest(origin, opened=parent is not None), context) as builder,
        ):
            if parent is not None:
                builder.add_ingredient({"relationship": "parentOf", "label": _PARENT}, media_type, parent)
            source.seek(0)
            builder.sign(signer, media_type, source, target)
    except c2pa.C2paError as error:
        raise MarksFailed(f"the Content Credentials cannot be signed: {error}") from error


def read(file: BinaryIO, media_type: str, trusted: bytes = b"") -> Credentials | None:
    """The credentials of the file; None where it has none. `trusted` are certificates in PEM that are trusted as roots.

    Nothing is asked over a network. Raises MarksFailed where what it has cannot be read.
    """
    trust: dict[str, object] = {"trust_config": _USES}
    if trusted:
        trust["trust_anchors"] = trusted.decode()
    options = {"trust": trust, "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False}}
    file.seek(0)
    try:
        with c2pa.Context.from_dict(options) as context:
            reader = c2pa.Reader.try_create(media_type or None, file, context=context)
            if reader is None:
                return None
            with reader:
                return _read(reader)
    except c2pa.C2paError.NotSupported:
        # A kind of file that can have none.
        return None
    except c2pa.C2paError as error:
        raise MarksFailed(f"its Content Credentials cannot be read: {error}") from error


def require(file: BinaryIO, media_type: str, origin: Origin, certificate: Certificate) -> None:
    """Read the file as its users will. Raises MarksFailed unless it has whole credentials of this origin and signer."""
    found = read(file, media_type, certificate.chain)
    if found is None:
        raise MarksFailed("it has no Content Credentials")
    if found.problems or not found.trusted:
        raise MarksFailed(f"its Content Credentials are not valid: {', '.join(found.problems) or UNTRUSTED}")
    if (found.made_by, found.model, found.source) != (_engine_name(origin), origin.model, origin.source.uri):
        raise MarksFailed("its Content Credentials tell of another origin")


def _manifest(origin: Origin, *, opened: bool) -> Mapping[str, object]:
    program = {"name": "wanserve", "version": wanserve.__version__}
    parameters: dict[str, object] = {"model": origin.model, "producer": origin.producer}
    if opened:
        parameters["ingredientIds"] = [_PARENT]
    made = {
        "action": "c2pa.opened" if opened else "c2pa.created",
        "when": _iso(origin.made_ms),
        "digitalSourceType": origin.source.uri,
        "softwareAgent": {**program, "name": _engine_name(origin)},
        "parameters": parameters,
    }
    return {
        "claim_generator_info": [program],
        "title": "Generated video",
        # `created`: the signer says it, and does not pass on what others said.
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [made]}, "created": True}],
    }


def _engine_name(origin: Origin) -> str:
    return f"wanserve engine {origin.engine}"


def _iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _has_credentials(file: BinaryIO, media_type: str) -> bool:
    try:
        return read(file, media_type) is not None
    except MarksFailed:
        # Those that cannot be read are not passed on.
        return False


def _read(reader: c2pa.Reader) -> Credentials:
    manifest: dict[str, Any] = reader.get_active_manifest() or {}
    results: dict[str, Any] = (reader.get_validation_results() or {}).get("activeManifest", {})
    failures = [str(each.get("code", "")) for each in results.get("failure", [])]
    signature = manifest.get("signature_info", {})
    programs = manifest.get("claim_generator_info") or [{}]
    made = _first_action(manifest)
    agent = made.get("softwareAgent", "")
    return Credentials(
        signer=", ".join(filter(None, (signature.get("issuer"), signature.get("common_name")))),
        program=" ".join(filter(None, (programs[0].get("name"), programs[0].get("version")))),
        made_by=str(agent.get("name", "") if isinstance(agent, dict) else agent),
        model=str((made.get("parameters") or {}).get("model", "")),
        source=str(made.get("digitalSourceType", "")),
        made_at=str(made.get("when", "")),
        signed_at=str(signature.get("time") or ""),
        trusted=reader.get_validation_state() == "Trusted",
        altered=bool(ALTERED.intersection(failures)),
        problems=tuple(code for code in failures if code != UNTRUSTED),
    )


def _first_action(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The action by which the file began; empty where none is told."""
    for assertion in manifest.get("assertions", []):
        actions = (
            assertion.get("data", {}).get("actions") if assertion.get("label", "").startswith("c2pa.actions") else []
        )
        for action in actions or []:
            if action.get("action") in ("c2pa.created", "c2pa.opened"):
                return dict(action)
    return {}
