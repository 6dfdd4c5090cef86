"""The places: each setting as layers of drawings, in the light of its time of day."""
