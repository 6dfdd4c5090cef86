"""Where the finished files are kept, and the links by which they are fetched."""
