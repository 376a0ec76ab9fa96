"""The decoder, through the interface that Python sees."""

import array
import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from headwater import Decoder, Event, Oversized

VECTORS = json.loads((Path(__file__).parents[3] / "vectors/event-stream.json").read_text())["vectors"]


def decode(*pieces: bytes) -> tuple[list[Event | Oversized], str, int | None]:
    decoder = Decoder()
    events = [event for piece in pieces for event in decoder.push(piece)]
    return events, decoder.last_event_id, decoder.retry


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_vector_at_every_split(vector: dict[str, Any]) -> None:
    """FMT-12, FMT-18"""
    stream = bytes.fromhex(vector["input_hex"])
    whole = decode(stream)
    seen = [(event.type, event.data, event.id) for event in whole[0] if isinstance(event, Event)]
    assert seen == [(event["event"], event["data"], event["id"]) for event in vector["events"]]
    assert len(seen) == len(whole[0])
    if "retry" in vector:
        assert whole[2] == vector["retry"]
    assert decode(*(stream[at : at + 1] for at in range(len(stream)))) == whole
    for at in range(len(stream) + 1):
        assert decode(stream[:at], stream[at:]) == whole, f"split at {at}"


def test_there_are_vectors() -> None:
    assert len(VECTORS) == 63


def test_a_line_of_a_mebibyte_is_one_event() -> None:
    data = "x" * (1 << 20)
    decoder = Decoder()
    stream = f"data: {data}\n\n".encode()
    pieces = [stream[at : at + 1000] for at in range(0, len(stream), 1000)]
    assert [event for piece in pieces for event in decoder.push(piece)] == [Event(data)]


def test_an_event_that_is_too_large_leaves_its_place_empty() -> None:
    """FMT-17: whether it is one long line or many, and the next event comes whole."""
    for large in (b"data: " + b"x" * 101, b"data: x\n" * 60, b"data: " + b"x" * 1000):
        decoder = Decoder(max_event=100)
        first, place, last = decoder.push(b"id: 7\ndata: 1\n\n" + large + b"\n\nid: 8\ndata: 2\n\n")
        assert (first, last, decoder.oversized) == (Event("1", id="7"), Event("2", id="8"), 1)
        assert isinstance(place, Oversized)
        assert (place.before, place.id) == ("7", "7")


def test_the_place_of_an_event_that_is_too_large_is_between_two_ids() -> None:
    decoder = Decoder(max_event=10, last_event_id="6")
    assert decoder.push(b"data: 01234567890\nid: 7\n") == []
    assert (decoder.oversized, decoder.last_event_id) == (1, "6")
    [place] = decoder.push(b"\n")
    assert isinstance(place, Oversized)
    assert (place.before, place.id) == ("6", "7")
    # What is cut off is nothing.
    assert decoder.push(b"data: 01234567890\n") == []
    decoder.reset()
    assert decoder.push(b"\ndata: a\n\n") == [Event("a", id="7")]


@pytest.mark.parametrize("of", [bytes, bytearray, memoryview, lambda data: array.array("B", data)])
def test_every_buffer_is_taken(of: Any) -> None:
    assert Decoder().push(of(b"data: 1\n\n")) == [Event("1")]


@pytest.mark.parametrize("wrong", ["data: 1\n\n", 5, [1], None])
def test_what_is_no_buffer_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError):
        Decoder().push(wrong)


def test_the_state_between_events() -> None:
    decoder = Decoder(last_event_id="6")
    assert (decoder.last_event_id, decoder.retry, decoder.has_pending) == ("6", None, False)
    assert decoder.push(b"retry: 3000\nid: 7\n\ndata: a") == []
    assert (decoder.last_event_id, decoder.retry, decoder.has_pending) == ("7", 3000, True)
    decoder.reset()
    assert decoder.push(b"data: b\n\n") == [Event("b", id="7")]


def test_an_event_tells_whether_its_id_is_its_own() -> None:
    events = Decoder().push(b"data: 1\n\nid: a\ndata: 2\n\ndata: 3\n\nid: a\ndata: 4\n\n")
    assert [(event.id, event.has_own_id) for event in events if isinstance(event, Event)] == [
        ("", False),
        ("a", True),
        ("a", False),
        ("a", True),
    ]


def test_topics_come_along() -> None:
    events = Decoder().push(b"topic: a/1\ndata: 1\n\ntopic: a/2\ndata: 2\n\ntopic: a/2\ndata: 3\n\ndata: 4\n\n")
    assert [event.topic for event in events if isinstance(event, Event)] == ["a/1", "a/2", "a/2", None]


def test_an_event_is_a_value() -> None:
    event = Event("a\nb", type="t", id="1", topic="x/y")
    assert event == Event("a\nb", "t", "1", "x/y")
    assert event != Event("a\nb", "t", "2", "x/y")
    assert event != object()
    assert len({event, pickle.loads(pickle.dumps(event)), copy.deepcopy(event)}) == 1
    assert repr(event) == "Event('a\\nb', type='t', id='1', topic='x/y')"
    assert repr(Event("")) == "Event('', type='message', id='')"
    with pytest.raises(AttributeError):
        event.data = "b"  # type: ignore[misc]
    match event:
        case Event(data, type="t", topic=topic):
            assert (data, topic) == ("a\nb", "x/y")
        case _:
            pytest.fail("it did not match")
