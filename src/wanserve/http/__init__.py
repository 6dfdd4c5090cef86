"""The HTTP side: parses requests in the form of each API, calls the use cases, and writes the answers."""
