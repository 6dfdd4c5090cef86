"""The task table, which is the queue and the truth: SQLite by default, and the in-memory twin for tests."""
