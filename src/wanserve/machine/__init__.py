"""What belongs to this machine: its GPUs, the lock of the data directory, clocks, signals, and files made durable."""
