"""A short prompt becomes one that a video model does well with, by any chat endpoint of OpenAI's shape."""
