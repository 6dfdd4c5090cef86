"""Extends short prompts to the length and style that suit a video model, with any OpenAI-compatible chat endpoint."""
