"""Draws the places: each as layers, in the light of the time of day."""
