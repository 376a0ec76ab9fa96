"""What the tests share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stream_server import StreamServer

REPOSITORY = Path(__file__).parents[3]
# How tests are chosen and counted is the same for all suites in Python.
sys.path.append(str(REPOSITORY / "tests/python"))
pytest_plugins = ["report"]


@pytest.fixture
def server() -> Iterator[StreamServer]:
    """A server whose answers the test writes."""
    with StreamServer() as server:
        yield server
