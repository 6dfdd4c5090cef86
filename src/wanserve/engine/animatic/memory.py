"""Gives memory that was freed back to the operating system."""

import ctypes
import gc


def give_back() -> None:
    """Free what the last clip left, and give it back where the C library can.

    The parts of a person refer to each other, so they wait for the garbage collector with layers of many megabytes. And
    glibc keeps what is freed for later, but the next clip needs other sizes: the process would grow from clip to clip.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
