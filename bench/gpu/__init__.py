"""The real models' shapes on a GPU, with random weights: parity with stock diffusers, speed beside it, and memory plans."""

from wanserve.engine.wan.library_logging import silence_libraries

# Before any module of this package imports them.
silence_libraries()
