"""The tests: unit (no I/O), contract (each store alike), integration (real files and sockets), e2e (the command)."""
