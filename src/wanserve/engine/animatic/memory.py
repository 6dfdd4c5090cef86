"""Gives memory that was freed back to the operating system."""

import ctypes


def give_back() -> None:
    """Give back what the last clip freed, where the C library can.

    A clip's layers are many megabytes. glibc keeps most of that for later, and the next clip needs other sizes, so that
    the process would grow from clip to clip.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
