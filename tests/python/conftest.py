"""The hubs that the tests share."""

import pytest

from hub import ACCESS, Hub

pytest_plugins = ["report"]

# All topics tell who reads them, or the path would be that of another topic.
PRESENCE = """
[[class]]
topics = ["**"]
presence = true
"""


@pytest.fixture(scope="module")
def development(tmp_path_factory):
    """A hub in development mode."""
    yield from running(tmp_path_factory, PRESENCE)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A hub with access control."""
    yield from running(tmp_path_factory, ACCESS + PRESENCE)


def running(tmp_path_factory, config):
    hub = Hub(tmp_path_factory.mktemp("hub"), config)
    yield hub
    try:
        hub.check()
    finally:
        hub.stop()
