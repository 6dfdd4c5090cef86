"""A door for each operation of each dialect: lets the request in, asks the use case, answers."""

import asyncio
from dataclasses import dataclass
from typing import Final, assert_never

from starlette.datastructures import Headers, QueryParams
from starlette.types import Receive, Scope, Send

from wanserve.domain.account import Key
from wanserve.domain.errors import ModelNotFound
from wanserve.domain.task import Task
from wanserve.http.answers import send_json
from wanserve.http.auth import Gate, Kind
from wanserve.http.body import read_body
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
    OnTask,
    Operation,
    Outgoing,
    Query,
    Remix,
    Submit,
    Unsupported,
)
from wanserve.http.files import Links, Shelf
from wanserve.http.routing import DIALECT, OPERATION, REQUEST_ID, STORED
from wanserve.tasks import Tasks

NO_QUERY: Final = QueryParams()
"""Parsing an empty query takes as long as finding the task."""


@dataclass(frozen=True, slots=True)
class Door:
    """One operation of one dialect, as an ASGI application."""

    dialect: Dialect
    operation: Operation
    tasks: Tasks
    gate: Gate
    links: Links
    shelf: Shelf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises WanserveError for the boundary to say."""
        operation, request_id = self.operation, scope[REQUEST_ID]
        scope[DIALECT], scope[OPERATION] = self.dialect.name, operation
        headers, asked = Headers(scope=scope), scope["query_string"]
        query = QueryParams(asked) if asked else NO_QUERY
        incoming = Incoming(headers, query, scope["path_params"], await read_body(receive))
        kind = Kind.SUBMIT if isinstance(operation, Submit | Remix) else Kind.QUERY
        key = self.gate.admit(self.dialect.credential(incoming), kind)
        if isinstance(operation, Content):
            task_id, variant = operation.read(incoming)
            await self.shelf.send(self.tasks.made(key.account, task_id), variant, scope, receive, send)
            return
        if isinstance(operation, OnTask):
            task = await self._task(operation, key, incoming)
            if kind is Kind.SUBMIT:
                # From here on an error must not be answered by another submit that cannot be told from this one.
                scope[STORED] = True
            url = self.links.video_url(task, scope, headers) if task.video else None
            answer = operation.write(task, Outgoing(request_id, url))
        else:
            answer = await self._answer(operation, key, incoming, Outgoing(request_id))
        await send_json(send, 200, answer, request_id, operation.headers)

    async def _task(self, operation: OnTask, key: Key, incoming: Incoming) -> Task:
        match operation:
            case Query():
                # A read of the local file takes some ten microseconds: less than handing it to a thread.
                return self.tasks.get(key.account, operation.read(incoming))
            case Submit():
                submitted = self.tasks.submit(key, operation.read(incoming), operation.repeat(incoming))
                return await asyncio.wrap_future(submitted)
            case Remix():
                submitted = self.tasks.remix(key, *operation.read(incoming), operation.repeat(incoming))
                return await asyncio.wrap_future(submitted)
            case Cancel():
                task_id = operation.read(incoming)
                return await asyncio.to_thread(self.tasks.cancel, key.account, task_id, operation.states)
            case _:
                assert_never(operation)

    async def _answer(self, operation: OnAccount, key: Key, incoming: Incoming, outgoing: Outgoing) -> Json:
        match operation:
            case List():
                # A search may have to look through all that an account has: not on the event loop.
                search = operation.read(incoming, self.tasks.clock)
                return operation.write(await asyncio.to_thread(self.tasks.search, key.account, search), outgoing)
            case Delete():
                task_id = operation.read(incoming)
                await asyncio.to_thread(self.tasks.delete, key.account, task_id)
                return operation.write(task_id, outgoing)
            case Catalogue():
                name = operation.read(incoming)
                cards = [card for card in self.tasks.models.values() if name in (None, card.name)]
                if not cards:
                    raise ModelNotFound(f"there is no model {name}")
                return operation.write([card for card in cards if key.may_use(card.name)], outgoing)
            case Unsupported():
                raise NotSupported(operation.why)
            case _:
                assert_never(operation)
