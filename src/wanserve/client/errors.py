"""The errors that the client raises."""

from wanserve.domain.errors import WanserveError


class ServerRefused(WanserveError):
    """The server refused the request or could not be reached, or the task ended without a video."""

    code = "server_refused"
