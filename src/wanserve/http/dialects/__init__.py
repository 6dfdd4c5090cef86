"""The foreign wire formats. Each is a codec that decides nothing. `base.py` has the interface of a dialect."""
