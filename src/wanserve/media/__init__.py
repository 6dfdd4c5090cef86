"""Encodes frames as a video file with its stills, and checks a video file by reading it back."""
