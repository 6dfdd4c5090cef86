"""The ASGI application of one operation: authenticates, limits the rate, reads the body, calls the use case, answers."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, assert_never

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from wanserve.domain.account import Key
from wanserve.domain.errors import ModelNotFound, RateLimited, WanserveError
from wanserve.domain.task import UNFINISHED, Task
from wanserve.http.body import BodyBudget, BodyReader, read_query
from wanserve.http.dialects.base import (
    AccountOperation,
    AddWebhook,
    AnswerContext,
    CancelTask,
    Content,
    Delete,
    Dialect,
    DialectRequest,
    Events,
    FindFile,
    JsonObject,
    List,
    ListModels,
    ListWebhooks,
    NotSupported,
    Operation,
    Query,
    Remix,
    RemoveWebhook,
    Submit,
    Unsupported,
    WebhookOperation,
    require_uncompressed,
)
from wanserve.http.events import Streams, outlook_headers
from wanserve.http.files import BucketFiles, FileSender, VideoLinks
from wanserve.http.rates import RateLimiter, RequestKind
from wanserve.http.responses import send_json
from wanserve.http.routing import BODY_READ, DIALECT, OPERATION, REQUEST_ID, STORED
from wanserve.http.runners import Runners
from wanserve.provenance import Provenance
from wanserve.tasks import Tasks
from wanserve.traces import NoTraces, Traces
from wanserve.webhook_endpoints import Webhooks

METHODS_WITHOUT_BODY: Final = ("GET", "HEAD", "DELETE")
"""A body that comes with one of these methods is not read."""

SUBMITS: Final = (Submit, Remix)
"""Operations that make a task. Their rate is counted after the request was parsed."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of one dialect, as an ASGI application."""

    dialect: Dialect
    operation: Operation
    tasks: Tasks
    webhooks: Webhooks
    rate_limiter: RateLimiter
    links: VideoLinks | BucketFiles
    files: FileSender | BucketFiles
    body_budget: BodyBudget
    runners: Runners
    poll_ms: Callable[[], Awaitable[int]]
    """The time between two polls that answers recommend."""

    streams: Streams
    traces: Traces = field(default_factory=NoTraces)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises WanserveError, which ErrorMiddleware turns into an answer."""
        scope[DIALECT], scope[OPERATION] = self.dialect.name, self.operation
        request = DialectRequest(Headers(scope=scope), read_query(scope["query_string"]), scope["path_params"], b"")
        # Before the body is read, so that a client without a key costs no memory.
        credential = self.dialect.credential(request)
        key = await self.runners.key(credential)
        if not isinstance(self.operation, SUBMITS):
            await self.rate_limiter.acquire(key, RequestKind.QUERY)
        if scope["method"] in METHODS_WITHOUT_BODY:
            if isinstance(self.operation, Events):
                await self._stream(self.operation, key, request, receive, send)
            else:
                await self._serve(key, request, scope, send)
            return
        body = BodyReader(receive, self.body_budget, key.account)
        try:
            require_uncompressed(request.headers)
            scope[BODY_READ] = True
            content = await body.read()
            whole = DialectRequest(request.headers, request.query, request.path_params, content)
            await self._serve(key, whole, scope, send)
        finally:
            body.release()

    async def _serve(self, key: Key, request: DialectRequest, scope: Scope, send: Send) -> None:
        operation, request_id = self.operation, scope[REQUEST_ID]
        headers: tuple[tuple[str, str], ...] = ()
        match operation:
            case Query():
                task = await self.runners.task((key.account, operation.read(request)))
                answer = operation.write(task, AnswerContext(request_id, await self.links.video_url(task, scope)))
                headers = await self._headers(operation, task)
            case CancelTask():
                begun_s = self.traces.now_s()
                cancel = partial(self.tasks.cancel, key.account, operation.read(request), operation.states)
                task = await self.runners.write(cancel)
                self.traces.canceled(task, self.traces.now_s() - begun_s, self.dialect.name)
                answer = operation.write(task, AnswerContext(request_id, await self.links.video_url(task, scope)))
            case Submit() | Remix():
                begun_s = self.traces.now_s()
                task = await self._submit(operation, key, request)
                caller = request.headers.get("traceparent")
                self.traces.submitted(task, self.traces.now_s() - begun_s, self.dialect.name, caller)
                # From here on an error must tell the client not to submit again: ErrorMiddleware looks at this.
                scope[STORED] = True
                answer = operation.write(task, AnswerContext(request_id, await self.links.video_url(task, scope)))
            case Content():
                task_id, variant = operation.read(request)
                task = await self.runners.read(partial(self.tasks.with_file, key.account, task_id, variant))
                await self.files.send(task, variant, scope, send)
                return
            case Events():
                raise AssertionError("a stream is not answered with one object")
            case _:
                answer = await self._answer(operation, key, request, AnswerContext(request_id))
        await send_json(send, 200, answer, headers)

    async def _stream(self, operation: Events, key: Key, request: DialectRequest, receive: Receive, send: Send) -> None:
        credential = self.dialect.credential(request)
        task_id, last_event_id = operation.read(request), request.headers.get("last-event-id")
        still_valid = partial(self.runners.key, credential)
        await self.streams.serve(operation, key, task_id, last_event_id, still_valid, receive, send)

    async def _headers(self, operation: Query, task: Task) -> tuple[tuple[str, str], ...]:
        """The headers of a poll: when to poll again, and what is to come of the task."""
        headers = [] if operation.poll_header is None else [(operation.poll_header, str(await self.poll_ms()))]
        if task.state in UNFINISHED and (outlook := await self.runners.outlook(task)):
            headers += outlook_headers(outlook)
        return tuple(headers)

    async def _submit(self, operation: Submit | Remix, key: Key, request: DialectRequest) -> Task:
        try:
            video, idempotency = operation.read(request), operation.read_idempotency(request)
        except WanserveError:
            # Also counted: an invalid request costs as much to parse as a valid one.
            await self.rate_limiter.acquire(key, RequestKind.SUBMIT)
            raise
        try:
            await self.rate_limiter.acquire(key, RequestKind.SUBMIT)
        except RateLimited:
            # The client's retry is then a new submit, and not the repetition of an earlier task with the same body.
            await self.runners.read(partial(self.tasks.note_refused, key.account, video, idempotency))
            raise
        submit = partial(self.tasks.submit, key, video, idempotency)
        return await asyncio.wrap_future(await self.runners.read(submit))

    async def _answer(
        self, operation: AccountOperation, key: Key, request: DialectRequest, context: AnswerContext
    ) -> JsonObject:
        match operation:
            case List():
                search = partial(self.tasks.search, key.account, operation.read(request, self.tasks.store.now_ms))
                return operation.write(await self.runners.list(search), context)
            case Delete():
                task_id = operation.read(request)
                await self.runners.write(partial(self.tasks.delete, key.account, task_id))
                return operation.write(task_id, context)
            case ListModels():
                name = operation.read(request)
                served = await self.runners.read(self.tasks.catalogue)
                cards = [card for card in served.values() if name in (None, card.name)]
                if not cards:
                    raise ModelNotFound(f"there is no model {name}")
                return operation.write([card for card in cards if key.may_use(card.name)], context)
            case FindFile():
                find = partial(Provenance(self.tasks.store).made_by, key, operation.read(request))
                return operation.write(await self.runners.read(find), context)
            case AddWebhook() | ListWebhooks() | RemoveWebhook():
                return await self._webhooks(operation, key.account, request, context)
            case Unsupported():
                raise NotSupported(operation.why)
            case _:
                assert_never(operation)

    async def _webhooks(
        self, operation: WebhookOperation, account: str, request: DialectRequest, context: AnswerContext
    ) -> JsonObject:
        match operation:
            case AddWebhook():
                url, events = operation.read(request)
                added = await self.runners.write(partial(self.webhooks.add, account, url, events))
                return operation.write(added, context)
            case ListWebhooks():
                found = await self.runners.read(partial(self.webhooks.all, account))
                # It is made where there is none yet.
                secret = await self.runners.write(partial(self.webhooks.account_secret, account))
                return operation.write(found, secret, context)
            case RemoveWebhook():
                endpoint_id = operation.read(request)
                await self.runners.write(partial(self.webhooks.remove, endpoint_id, account))
                return operation.write(endpoint_id, context)
            case _:
                assert_never(operation)
