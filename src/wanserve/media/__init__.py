"""Frames become a file, and a file is believed only once it reads back."""
