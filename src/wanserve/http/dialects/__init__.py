"""The foreign wire formats. Each is a codec that decides nothing; `base.py` is what a new one has to satisfy."""
