"""A stand-in for a provider of language models: its format, and no model.

`uvicorn stand_in:app --port 9000` serves it, for `PROVIDER_URL=http://127.0.0.1:9000/v1`.
"""

import asyncio
import json
from collections.abc import AsyncGenerator

import settings
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

app = FastAPI()

TEXT = (
    "A stream of events is an answer that does not end. The browser reads it line by line, and when the connection "
    "breaks it says after which event it wants to go on. Whoever sends the stream has to know that event, and all that "
    "came after it. A process that generates the events cannot know them once it is gone, and another one has never "
    "known them. So they go into a log, under a topic, and everybody reads from there: this tab, the next one, and the "
    "one that was reloaded in the middle of this sentence."
)


async def completion(request: dict[str, object]) -> AsyncGenerator[bytes, None]:
    """The chunks of a chat completion."""
    messages = request["messages"]
    assert isinstance(messages, list)
    question = messages[-1]["content"]
    words = f"You asked “{question}”. {TEXT}".split(" ")
    yield chunk({"role": "assistant", "content": ""})
    for number, word in enumerate(words):
        await asyncio.sleep(settings.SECONDS_PER_WORD)
        yield chunk({"content": word if number == 0 else f" {word}"})
    yield chunk({}, "stop")
    yield b"data: [DONE]\n\n"


def chunk(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    data = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "model": "stand-in", "choices": [choice]}
    return f"data: {json.dumps(data)}\n\n".encode()


@app.post("/v1/chat/completions")
async def chat_completions(request: dict[str, object]) -> StreamingResponse:
    return StreamingResponse(completion(request), media_type="text/event-stream")
