"""Marks files as generated: the visible watermark, labels in the metadata, and Content Credentials."""
