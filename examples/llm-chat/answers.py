"""Answers on their way from the provider into the hub, and what stops them.

A chat is a topic, `chats/<chat>`, with its questions; each answer is a topic below it, whose events are tokens, and
which ends when the answer does. A worker knows the answers that it generates itself and no others: everything that
concerns more than one of them goes through the hub.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from uuid import UUID, uuid4

import httpx
import provider
import settings
import workers
from headwater import Event, Publisher, State, subscribe
from workers import Workers

STOPS = "control/stops"
"""Whoever wants an answer to stop says so here, with its topic, and the worker that generates it hears of it."""


class Answers:
    """The answers that this worker generates."""

    def __init__(self, publisher: Publisher):
        self._publisher = publisher
        self._workers = Workers(publisher)
        self._running: dict[str, asyncio.Task[None]] = {}

    async def ask(self, chat: UUID, question: str) -> UUID:
        """Stores a question, and begins to answer it. The answer goes on whoever reads it, and when nobody does."""
        answer = uuid4()
        topic = f"chats/{chat}/{answer}"
        self._workers.mine.add(topic)
        try:
            # Before anybody waits for it the other workers know of it.
            await self._workers.say()
            await self._publisher.publish(f"chats/{chat}", {"answer": str(answer), "text": question}, type="question")
        except BaseException:
            self._workers.mine.discard(topic)
            raise
        self._running[topic] = asyncio.create_task(self._generate(chat, topic))
        return answer

    async def stop(self, chat: UUID, answer: UUID) -> None:
        """Tells the worker that generates an answer to stop."""
        await self._publisher.publish(STOPS, f"chats/{chat}/{answer}")

    async def listen(self, listening: Callable[[], None]) -> None:
        """Cancels what is to stop, and ends what nobody generates any more, for ever."""
        # Since an hour: what was under way when all workers died.
        url = f"{settings.HUB}/v1/events?topic={STOPS}&topic={workers.TOPIC}&since=1h"

        def on_state(state: State) -> None:
            if state.name == "open":
                listening()

        beating = asyncio.create_task(self._workers.beat())
        try:
            async with subscribe(url, token=settings.HUB_TOKEN, on_state=on_state) as items:
                async for item in items:
                    if isinstance(item, Event) and item.topic == workers.TOPIC:
                        self._workers.hear(item.data)
                    elif isinstance(item, Event) and (running := self._running.get(item.data)):
                        running.cancel()
        finally:
            beating.cancel()

    async def aclose(self) -> None:
        """Cancels everything; readers are told that the answers end."""
        for running in self._running.values():
            running.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _generate(self, chat: UUID, topic: str) -> None:
        async def tokens() -> AsyncIterator[str]:
            async with aclosing(provider.answer(await history(chat))) as texts:
                async for text in texts:
                    yield text

        try:
            # However it ends, the topic ends with it: `done`, `error`, or `cancelled`.
            await self._publisher.publish_stream(topic, tokens(), final=True, type="token")
        except Exception:
            log.exception("the answer %s has failed", topic)
        finally:
            del self._running[topic]
            self._workers.mine.discard(topic)


async def history(chat: UUID) -> list[provider.Message]:
    """What was said in a chat, whichever worker said it: the log of the hub."""
    headers = {"accept": "application/json"}
    if settings.HUB_TOKEN:
        headers["authorization"] = f"Bearer {settings.HUB_TOKEN}"
    topics = f"topic=chats/{chat}&topic=chats/{chat}/*"
    messages: dict[str, provider.Message] = {}
    async with httpx.AsyncClient(headers=headers) as client:
        url = f"{settings.HUB}/v1/events?{topics}&since=earliest&wait=0&limit=10000"
        answer = await client.get(url)
        answer.raise_for_status()
        for event in answer.json()["events"]:
            if event["event"] == "question":
                question = json.loads(event["data"])
                topic = f"chats/{chat}/{question['answer']}"
                messages[f"question {topic}"] = {"role": "user", "content": question["text"]}
                messages[topic] = {"role": "assistant", "content": ""}
            elif event["event"] == "token" and event["topic"] in messages:
                messages[event["topic"]]["content"] += event["data"]
    return [message for message in messages.values() if message["content"]]


log = logging.getLogger("uvicorn.error")
