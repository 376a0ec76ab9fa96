"""The samples of the documentation that subscribe, at a real hub."""

import ast
import asyncio
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import httpx
import pytest
from hubs import Hub
from stream_server import PATIENCE

PACKAGE = Path(__file__).parents[1]
SECTIONS = [
    (PACKAGE / "README.md", "Subscribe"),
    (PACKAGE / "README.md", "Read a stream that is open"),
    (PACKAGE.parents[1] / "docs/src/clients.md", "In Python"),
]


def samples() -> list[str]:
    found = []
    for page, title in SECTIONS:
        section = re.split(r"^## ", page.read_text(), flags=re.M)
        text = next(part for part in section if part.startswith(f"{title}\n"))
        found += re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)
    return found


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("hub"))
    yield hub
    hub.stop()


class Shown(Exception):
    """A sample got what it was to get, and has no end of its own."""


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.splitlines()[-1].strip())
def test_a_sample_runs(sample: str, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    httpx.post(f"{hub.url}/v1/topics/orders/7?event=order.paid", content="42", timeout=PATIENCE).raise_for_status()
    stream = f"{hub.url}/v1/events?topic=orders/*&since=earliest"
    code = sample.replace("http://127.0.0.1:7070/v1/events?topic=orders/*", stream)
    code = code.replace("https://llm.example/v1/answers", stream).replace("/v1/chat/completions", stream)
    code = code.replace('"POST"', '"GET"').replace(", json=question", "").replace("print(", "show(")

    def show(*values: object) -> None:
        assert "42" in values
        raise Shown

    async def run() -> None:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            program = compile(code, "sample", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            begun = begin(program, {"show": show, "client": client})
            if inspect.isawaitable(begun):
                await begun

    with pytest.raises(Shown):
        asyncio.run(asyncio.wait_for(run(), PATIENCE))


def begin(program: CodeType, names: dict[str, Any]) -> Any:
    return eval(program, names)
