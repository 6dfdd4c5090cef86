"""Sends webhooks: what is in them, where they may go, and when they are tried again."""
