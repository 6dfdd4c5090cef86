"""The engine that has another server make the videos: one of OpenAI's videos API, or of DashScope's."""
