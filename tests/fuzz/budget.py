"""How long the fuzzing lasts: some seconds among the other tests, as long as one likes with `make fuzz SECONDS=600`."""

import os

SECONDS = float(os.environ.get("FUZZ_SECONDS", "40"))
EXTENT = 0.5
"""What share of it the generated requests over the network take; the parsers share the rest."""
