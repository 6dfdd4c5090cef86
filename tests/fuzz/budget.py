"""How much is drawn: the same examples each time among the other tests; fresh ones, for as long as one likes, with `make fuzz`."""

import os
import random

FRESH_SECONDS = float(os.environ.get("FUZZ_SECONDS") or 0)
"""For how long `make fuzz SECONDS=600` draws fresh examples; 0 among the other tests."""

SEED = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(2**31))
"""What the fresh examples are drawn from: `make fuzz SEED=7` draws them again."""

FIXED_EXAMPLES = 300
"""How many each parser is given among the other tests."""

FIXED_REQUESTS = 30
"""How many generated requests each operation of the OpenAPI document is sent there."""

EXTENT = 0.5
"""What share of the seconds the generated requests over the network take; the parsers share the rest."""
