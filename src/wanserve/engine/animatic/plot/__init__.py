"""Reads who does what, where and how out of the words of a prompt."""
