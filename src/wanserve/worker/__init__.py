"""What claims tasks and makes their videos: a loop in the server, an engine in a child process."""
