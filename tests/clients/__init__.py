"""Proof with the vendors' own clients, unmodified: only the base URL and the key are set."""
