"""Draws the places: each setting as layers, in the light of the time of day."""
