"""Opens what judges prompts by the settings, for servers, `wanserve generate` and `wanserve doctor`."""

from collections.abc import Iterable
from contextlib import closing

from wanserve.domain.errors import SetupError
from wanserve.domain.generation import Generation
from wanserve.domain.moderation import Passed, refusal_of, texts_of
from wanserve.prompts.deny_list import read_deny_list
from wanserve.prompts.moderation import Moderation
from wanserve.prompts.moderation_endpoint import EndpointAsker, ModerationEndpoint
from wanserve.settings import Settings


def open_moderation(settings: Settings) -> Moderation:
    """The list and the endpoint of the settings; neither: everything passes. Raises SetupError.

    The endpoint is asked once: one that does not answer may do so later; one that refuses or answers nonsense is an error.
    """
    if settings.moderation is None:
        return Moderation()
    words = None if settings.moderation.file is None else read_deny_list(settings.moderation.file)
    if settings.moderation.url is None:
        return Moderation(words)
    key = settings.moderation_key.get_secret_value() if settings.moderation_key else None
    endpoint = ModerationEndpoint(
        settings.moderation.url, key or None, settings.moderation_model, settings.moderation_categories
    )
    asker = EndpointAsker(endpoint)
    try:
        asker.begin()
    except SetupError:
        asker.close()
        raise
    return Moderation(words, asker)


def require_passed(settings: Settings, generations: Iterable[Generation]) -> None:
    """Judge what is made without a server, and wait for it.

    Raises ModerationBlocked, ModerationUnavailable, SetupError.
    """
    open_when_down = settings.moderation_down == "open"
    with closing(open_moderation(settings)) as moderation:
        for texts in map(texts_of, generations):
            listed = moderation.look_up(texts)
            verdict = moderation.ask(texts).result() if isinstance(listed, Passed) else listed
            refusal = refusal_of(verdict, open_when_down=open_when_down)
            if refusal is not None:
                raise refusal
