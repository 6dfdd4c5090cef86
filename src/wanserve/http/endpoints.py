"""A door for each operation of each dialect: lets the request in, asks the use case, answers."""

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Final, assert_never

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from wanserve.domain.account import Key
from wanserve.domain.errors import ModelNotFound, RateLimited, WanserveError
from wanserve.domain.task import Task
from wanserve.http.auth import Gate, Kind
from wanserve.http.body import Bodies, Body, read_query
from wanserve.http.dialects.base import (
    Cancel,
    Catalogue,
    Content,
    Delete,
    Dialect,
    Incoming,
    Json,
    List,
    NotSupported,
    OnAccount,
    Operation,
    Outgoing,
    Query,
    Remix,
    Submit,
    Unsupported,
    require_plain,
)
from wanserve.http.files import Links, Shelf
from wanserve.http.responses import send_json
from wanserve.http.routing import BODY_READ, DIALECT, OPERATION, REQUEST_ID, STORED
from wanserve.tasks import Tasks

BODILESS: Final = ("GET", "HEAD", "DELETE")
"""Methods whose body, where there is one, nobody reads."""

SUBMITS: Final = (Submit, Remix)
"""Operations that make a task: their rate is counted once it is known what is asked for."""


@dataclass(frozen=True, slots=True)
class Door:
    """One operation of one dialect, as an ASGI application."""

    dialect: Dialect
    operation: Operation
    tasks: Tasks
    gate: Gate
    links: Links
    shelf: Shelf
    bodies: Bodies
    lists: Executor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises WanserveError for the boundary to say."""
        scope[DIALECT], scope[OPERATION] = self.dialect.name, self.operation
        incoming = Incoming(Headers(scope=scope), read_query(scope["query_string"]), scope["path_params"], b"")
        # Nothing else is read, or kept of a client, before it is known whose it is.
        key = self.gate.identify(self.dialect.credential(incoming))
        if not isinstance(self.operation, SUBMITS):
            self.gate.limit(key, Kind.QUERY)
        if scope["method"] in BODILESS:
            await self._serve(key, incoming, scope, send)
            return
        body = Body(receive, self.bodies, key.account)
        try:
            require_plain(incoming.headers)
            scope[BODY_READ] = True
            content = await body.read()
            await self._serve(key, Incoming(incoming.headers, incoming.query, incoming.path, content), scope, send)
        finally:
            body.forget()

    async def _serve(self, key: Key, incoming: Incoming, scope: Scope, send: Send) -> None:
        operation, request_id = self.operation, scope[REQUEST_ID]
        match operation:
            case Query() | Cancel():
                task = await self._task(operation, key, incoming)
                answer = operation.write(task, Outgoing(request_id, self.links.video_url(task, scope)))
            case Submit() | Remix():
                task = await self._submitted(operation, key, incoming)
                # From here on an error must not be answered by another submit that cannot be told from this one.
                scope[STORED] = True
                answer = operation.write(task, Outgoing(request_id, self.links.video_url(task, scope)))
            case Content():
                task_id, variant = operation.read(incoming)
                await self.shelf.send(self.tasks.with_video(key.account, task_id), variant, scope, send)
                return
            case _:
                answer = await self._answer(operation, key, incoming, Outgoing(request_id))
        await send_json(send, 200, answer, operation.headers)

    async def _submitted(self, operation: Submit | Remix, key: Key, incoming: Incoming) -> Task:
        try:
            asked, repeat = operation.read(incoming), operation.repeat(incoming)
        except WanserveError:
            # What cannot be read has cost as much to read as what can.
            self.gate.limit(key, Kind.SUBMIT)
            raise
        try:
            self.gate.limit(key, Kind.SUBMIT)
        except RateLimited:
            # Sent again it is new work, however alike an earlier task is.
            self.tasks.note_refused(key.account, asked, repeat)
            raise
        return await asyncio.wrap_future(self.tasks.submit(key, asked, repeat))

    async def _task(self, operation: Query | Cancel, key: Key, incoming: Incoming) -> Task:
        match operation:
            case Query():
                # A read of the local file takes some ten microseconds: less than handing it to a thread.
                return self.tasks.get(key.account, operation.read(incoming))
            case Cancel():
                task_id = operation.read(incoming)
                return await asyncio.to_thread(self.tasks.cancel, key.account, task_id, operation.states)
            case _:
                assert_never(operation)

    async def _answer(self, operation: OnAccount, key: Key, incoming: Incoming, outgoing: Outgoing) -> Json:
        match operation:
            case List():
                # Not on the event loop, and in threads of their own: no cancel or delete waits behind lists.
                look = partial(self.tasks.search, key.account, operation.read(incoming, self.tasks.store.now_ms))
                found = await asyncio.get_running_loop().run_in_executor(self.lists, look)
                return operation.write(found, outgoing)
            case Delete():
                task_id = operation.read(incoming)
                await asyncio.to_thread(self.tasks.delete, key.account, task_id)
                return operation.write(task_id, outgoing)
            case Catalogue():
                name = operation.read(incoming)
                cards = [card for card in self.tasks.catalogue().values() if name in (None, card.name)]
                if not cards:
                    raise ModelNotFound(f"there is no model {name}")
                return operation.write([card for card in cards if key.may_use(card.name)], outgoing)
            case Unsupported():
                raise NotSupported(operation.why)
            case _:
                assert_never(operation)
