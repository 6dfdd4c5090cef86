"""wanserve: an open, self-hosted server for the Wan text-to-video API."""

from importlib.metadata import version

__version__ = version("wanserve")
