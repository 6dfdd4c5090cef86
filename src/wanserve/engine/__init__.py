"""What turns a Generation into frames. Each engine satisfies `domain.ports.Engine`."""
