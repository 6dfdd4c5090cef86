"""wanserve: an open, self-hosted server for the Wan text-to-video API."""

__version__: str
"""The installed version. Looked up when it is asked for, as that takes as long as the rest of a command's start."""


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version  # noqa: PLC0415 - see above

    return version("wanserve")
