"""The task table and the keys in one SQLite file."""
