"""Tasks of several accounts over a server that is killed again and again: nothing accepted is lost, made twice or left over."""
