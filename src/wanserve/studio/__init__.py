"""The studio: the server's own web page, rendered here and made live by htmx. Each action is one use case of tasks.py."""
