"""Places workers on the GPUs of a Ray cluster and keeps their number: `wanserve worker --ray`."""
