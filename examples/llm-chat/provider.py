"""The tokens of an answer, from a provider of language models or from the stand-in."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

import httpx
import settings
import stand_in
from headwater import aiter_events

Message = dict[str, str]


async def answer(messages: list[Message]) -> AsyncGenerator[str, None]:
    """The text of the answer, piece by piece. Who closes it ends the request, and with it the generation."""
    request = {"model": settings.MODEL, "messages": messages, "stream": True}
    async with aclosing(body(request)) as pieces:
        async for event in aiter_events(pieces):
            if event.data == "[DONE]":
                return
            for choice in json.loads(event.data).get("choices", []):
                if text := choice["delta"].get("content"):
                    yield text


async def body(request: dict[str, object]) -> AsyncGenerator[bytes, None]:
    if settings.PROVIDER is None:
        async with aclosing(stand_in.completion(request)) as pieces:
            async for piece in pieces:
                yield piece
        return
    headers = {"authorization": f"Bearer {settings.PROVIDER_KEY}"} if settings.PROVIDER_KEY else {}
    # A model may think for a while before its first token, and then none is more than a moment away.
    timeout = httpx.Timeout(10, read=120)
    url = f"{settings.PROVIDER.rstrip('/')}/chat/completions"
    async with (
        httpx.AsyncClient(timeout=timeout) as client,
        client.stream("POST", url, json=request, headers=headers) as response,
    ):
        response.raise_for_status()
        async for piece in response.aiter_bytes():
            yield piece
