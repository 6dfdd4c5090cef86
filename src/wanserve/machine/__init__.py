"""Deals with this machine: its GPUs, the lock of the data directory, clocks, signals and durable files."""
