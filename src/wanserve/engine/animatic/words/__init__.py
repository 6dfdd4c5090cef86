"""The words that the animatic engine knows, as data, and how they are found in a prompt."""
