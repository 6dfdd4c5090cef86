"""Draws people as jointed figures of shaded shapes: who they are (look), what they do (poses), how they are drawn."""
