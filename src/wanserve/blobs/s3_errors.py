"""Says in one line what a bucket answered, from the errors of obstore, which are pages long and have URLs in them."""

import re
from typing import Final

_STATUS: Final = re.compile(r"returned non-2xx status code: (\d{3})")
_CODE: Final = re.compile(r"<Code>([\w.-]{1,80})</Code>")
_MESSAGE: Final = re.compile(r"<Message>([^<]{1,300})</Message>")
_HOST: Final = re.compile(r"Error performing \w+ https?://(?:[^/@\s]*@)?([^/@\s?]+)")
_SYSTEM: Final = re.compile(r'(?:message|error): "([^"\n]{1,200})"')
_CERTIFICATE: Final = re.compile(r"InvalidCertificate\(\s*(\w+)")
_TIMEOUT: Final = re.compile(r"kind: Timeout|TimedOut")

MACHINE_ROLES: Final = ("169.254.169.254", "169.254.170.2", "fd00:ec2::254")
"""The addresses at which AWS gives a machine or a container its credentials."""

NO_CREDENTIALS: Final = (
    "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role"
)


def is_missing_bucket(error: BaseException) -> bool:
    """Whether the bucket itself is not there, which obstore does not tell from a missing file."""
    return "<Code>NoSuchBucket</Code>" in str(error)


def reason(error: BaseException) -> str:
    """What the other side said, or why it said nothing, as one line without a secret."""
    text = str(error)
    host = match[1] if (match := _HOST.search(text)) else ""
    if host.startswith(MACHINE_ROLES):
        return NO_CREDENTIALS
    at = f"{host}: " if host else ""
    if status := _STATUS.search(text):
        code, message = _CODE.search(text), _MESSAGE.search(text)
        said = f"{status[1]} {code[1] if code else ''}".rstrip()
        return f"{at}{said}{f': {_line(message[1])}' if message else ''}"
    if _TIMEOUT.search(text):
        return f"{at}it did not answer in time"
    if certificate := _CERTIFICATE.search(text):
        return f"{at}its certificate is not trusted: {certificate[1]}"
    if system := _SYSTEM.search(text):
        return f"{at}{_line(system[1])}"
    # The first line of obstore's own text may have a URL in it, so only the kind of the error is told.
    return f"{at}{type(error).__name__}"


def _line(text: str) -> str:
    return " ".join(text.split())
