"""The Python client of a running server: submit, wait, download."""

from wanserve.client.client import Client
from wanserve.client.errors import ServerRefused

__all__ = ["Client", "ServerRefused"]
