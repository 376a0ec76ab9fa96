"""The behaviour of subscriptions without a socket: what holds whatever a server sends, and when."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater import Event, Gap, Item, Retry, State
from headwater._items import read_control
from headwater._problem import read_problem
from headwater._subscription.answer import Answer, heartbeat, read_answer, retry_after
from headwater._subscription.known import MOST, Known
from headwater._subscription.machine import Action, Core, Settings
from headwater._subscription.reader import SLICE

# Few enough for a test that runs with every change.
EXAMPLES = settings(max_examples=60, deadline=None)

# Bytes of which streams are made, and such as have no place in one.
WORDS = [
    *(b"data", b"event", b"id", b"retry", b"topic", b":", b": ", b" ", b"\n", b"\n\n", b"\r", b"\r\n", b"\0", b"7"),
    *(
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xc3",
        b"\xf0\x9f",
        b"\xed\xa0\x80",
        b'{"',
        b"data: x\n\n",
        b"id: 7\n\n",
        b"data: {}\n",
    ),
    *(b"event: headwater.closing\n", b'data: {"reason":"expired","reconnect_ms":5}\n\n', b"event: headwater.gap\n"),
    *(b'data: {"reason":"a","requested":"b","resumed_at":"c"}\n\n', b"event: headwater.expiring\n", b"retry: 99\n"),
    *(
        b'data: {"expires_at":"a","session":"b"}\n\n',
        b"event: headwater.end\n",
        b'data: {"reason":"a","topic":"b"}\n\n',
    ),
    *(b"data: " + b"x" * 90 + b"\n\n", b"data: \\ud800\n\n", b'data: {"reason":"\\ud800","topic":"b"}\n\n'),
]
STREAMS = st.lists(st.sampled_from(WORDS) | st.binary(max_size=20), max_size=60).map(b"".join)


def core(retry: Retry = Retry(first=0), *, hook: bool = False, heartbeat: float | None = None) -> Core:  # noqa: B008
    return Core(Settings(retry, connect_timeout=30, heartbeat=heartbeat, max_event=64, dedupe=True, can_refresh=hook))


STREAM = Answer(200, "text/event-stream")


def opened(machine: Core, now: float = 0.0) -> Core:
    machine.answered(STREAM, now)
    assert machine.action is Action.READ
    return machine


def items(machine: Core, *pieces: bytes) -> list[Item]:
    seen = []
    for piece in pieces:
        machine.received(piece)
        while (item := machine.next_item()) is not None:
            seen.append(item)
    return seen


@EXAMPLES
@given(STREAMS, st.lists(st.integers(0, 2000)))
def test_no_bytes_raise_and_pieces_make_no_difference(stream: bytes, cuts: list[int]) -> None:
    whole, cut = opened(core()), opened(core())
    bounds = [0, *sorted(min(at, len(stream)) for at in cuts), len(stream)]
    pieces = [stream[begin:end] for begin, end in pairwise(bounds)]
    assert items(whole, stream) == items(cut, *pieces)
    assert (whole.cursor, whole.take_expiring()) == (cut.cursor, cut.take_expiring())
    whole.ended(1.0)
    cut.ended(1.0)
    assert [whole.state.reason, whole.state.detail] == [cut.state.reason, cut.state.detail]


@dataclass
class Step:
    """Something that may happen to a machine."""

    name: str
    do: Callable[[Core, float], object]


BODIES = st.one_of(
    STREAMS.map(lambda stream: Step("received", lambda core, _: core.received(stream))),
    st.sampled_from([200, 204, 301, 401, 403, 404, 429, 503]).map(
        lambda status: Step(
            f"answered {status}", lambda core, now: core.answered(Answer(status, "text/event-stream", 1.0, 0.1), now)
        )
    ),
    st.sampled_from(
        [
            Step("next", lambda core, _: core.next_item()),
            Step("handled", lambda core, _: core.take_handled()),
            Step("expiring", lambda core, _: core.take_expiring()),
            Step("idle", lambda core, now: core.idle(now)),
            Step("tick", lambda core, now: core.tick(now)),
            Step("deadline", lambda core, now: core.tick(core.deadline or now)),
            Step("unreachable", lambda core, now: core.unreachable("why", now)),
            Step("ended", lambda core, now: core.ended(now)),
            Step("broken", lambda core, now: core.broken("why", now)),
            Step("refreshed", lambda core, now: core.refreshed(None, now)),
            Step("not refreshed", lambda core, now: core.refreshed(LookupError(), now)),
            Step("restart", lambda core, _: core.restart()),
            Step("abort", lambda core, _: core.abort()),
        ]
    ),
)


@EXAMPLES
@given(st.lists(st.tuples(BODIES, st.floats(0, 100)), max_size=60), st.booleans())
def test_nothing_that_happens_leads_astray(steps: list[tuple[Step, float]], hook: bool) -> None:
    """CLI-01: the states follow each other as they are documented, and the end is the end."""
    machine = core(Retry(failures=9), hook=hook)
    now, states = 0.0, []
    for step, seconds in steps:
        now += seconds
        is_over = machine.action is Action.STOP
        step.do(machine, now)
        while (state := machine.take_change()) is not None:
            states.append(state)
        assert not is_over or machine.action is Action.STOP, f"{step.name} after the end"
        assert (machine.action is Action.STOP) == (machine.state.name == "closed")
        assert (machine.action is Action.WAIT) == (machine.state.name == "waiting")
        assert (machine.action is Action.READ) == (machine.state.name == "open")
        assert (machine.action is not Action.REFRESH) or machine.cause is not None
        assert machine.action is not Action.WAIT or machine.deadline is not None
    names = [state.name for state in states]
    after = {"connecting": {"open", "waiting", "closed"}, "open": {"waiting", "connecting", "closed"}}
    after |= {"waiting": {"connecting", "closed"}, "closed": set()}
    assert names[:1] in ([], ["connecting"])
    assert all(then in after[name] for name, then in pairwise(names)), names
    error = machine.take_error()
    assert error is None or machine.state == State("closed", error.reason)


@EXAMPLES
@given(STREAMS)
def test_what_was_handled_is_never_ahead_of_what_was_asked_for(stream: bytes) -> None:
    """A crash repeats an item, and loses none: while items wait, the cursor to store is that of the last taken."""
    machine = opened(core())
    machine.received(stream)
    stored, taken = "", ""
    while (item := machine.next_item()) is not None:
        # It is being handled: nothing behind it is stored, whatever has been decoded.
        taken = item.id
        handled = machine.take_handled()
        stored = stored if handled is None else handled
        assert stored in (taken, machine.cursor)
    handled = machine.take_handled()
    assert (stored if handled is None else handled) == machine.cursor


def test_what_is_held_is_bounded() -> None:
    """FMT-17: of the smallest events, at most 1,024 are decoded ahead."""
    machine = opened(core())
    machine.received(b"data\n\n" * 100_000)
    assert machine.next_item() == Event("")
    assert len(machine._reader._ready) < SLICE // 6


@EXAMPLES
@given(st.lists(st.integers(0, 2 * MOST), max_size=300), st.integers(1, 5))
def test_known_ids_are_those_of_the_connections_before(numbers: list[int], connections: int) -> None:
    """CLI-02"""
    known = Known()
    before: set[int] = set()
    for _ in range(connections):
        known.connect()
        for number in numbers:
            assert known.is_repeated(str(number)) == (number in before)
        before |= set(numbers)


def test_known_ids_are_bounded() -> None:
    """CLI-02, IDG-08: and the newest stay."""
    known = Known()
    assert not any(known.is_repeated(str(number)) for number in range(5000))
    assert len(known) == MOST
    known.connect()
    assert all(known.is_repeated(str(number)) for number in range(5000 - MOST, 5000))
    assert not known.is_repeated("0")


@EXAMPLES
@given(st.integers(1, 10_000), st.floats(0, 1e9), st.floats(0, 1e6), st.floats(0, 1e6))
def test_waits_have_a_floor_and_a_limit(failures: int, floor: float, first: float, most: float) -> None:
    """CLI-01"""
    delay = Retry(first=first, most=most).delay(failures, floor)
    least = min(floor, 3600.0)
    assert least <= delay <= least + most
    assert delay <= least + first * 2.0 ** min(failures - 1, 64)


def test_waits_are_spread() -> None:
    """CLI-01: full jitter under a limit that doubles."""
    for failures, most in [(1, 1.0), (2, 2.0), (5, 16.0), (6, 30.0), (40, 30.0), (10**9, 30.0)]:
        waits = [Retry().delay(failures, 10.0) - 10 for _ in range(2000)]
        assert 0.95 * most < max(waits) <= most
        assert abs(sum(waits) / 2000 - most / 2) < most * 0.05


@EXAMPLES
@given(st.text(), st.text(), st.text(), st.integers(0, 999), st.binary())
def test_no_head_and_no_body_raise(type: str, after: str, beat: str, status: int, body: bytes) -> None:
    headers = {"content-type": type, "retry-after": after, "headwater-heartbeat": beat}
    for content_type in (None, type, "application/problem+json"):
        problem = read_problem(content_type, body)
        assert str(problem)
        machine = core()
        machine.answered(read_answer(status, headers, problem, 0.0), 0.0)
        machine.tick(1e9)


@EXAMPLES
@given(st.text() | st.recursive(st.none() | st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(str))
def test_no_control_event_raises(data: str) -> None:
    for name in ("gap", "closing", "expiring", "end", "", "x"):
        event = Event(data, type=f"headwater.{name}")
        assert read_control(event) == event


@pytest.mark.parametrize(
    "data",
    [
        '{"a":' * 100_000,
        '{"reason":"drain","reconnect_ms":' + "9" * 10_000 + "}",
        '{"reason":"drain","reconnect_ms":true}',
        '{"reason":"drain","reconnect_ms":18446744073709551616}',
        '{"reason":"\\ud800","reconnect_ms":1}',
        '{"reason":"drain","reconnect_ms":1.5}',
    ],
)
def test_a_closing_event_that_is_none(data: str) -> None:
    event = Event(data, type="headwater.closing")
    assert read_control(event) is event


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("9" * 10_000, math.inf),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),
        ("Sunday, 06-Nov-94 08:50:37 GMT", 60.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        *((wrong, None) for wrong in ("", "-1", "1.5", "+1", "soon", "१२")),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(value, 784111777.0) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("15", 15.0), ("0.5", 0.5), *((wrong, None) for wrong in ("", "0", "-1", "NaN", "inf", "1e400", "x"))],
)
def test_a_heartbeat_is_a_time(value: str, seconds: float | None) -> None:
    assert heartbeat(value) == seconds


def test_silence_counts_only_while_nobody_else_has_a_turn() -> None:
    """CLI-01: the watchdog."""
    machine = core(heartbeat=10)
    opened(machine)
    machine.idle(100.0)
    assert machine.deadline == 125.0
    machine.received(b"data: x\n\n")
    assert machine.deadline is None
    assert machine.next_item() == Event("x")
    # The application is busy, and then asks.
    machine.tick(500.0)
    machine.idle(500.0)
    assert (machine.state.name, machine.deadline) == ("open", 525.0)
    # Whoever looks too late did not look.
    machine.tick(527.0)
    assert (machine.state.name, machine.deadline) == ("open", 552.0)
    machine.tick(552.5)
    assert (machine.state.name, machine.state.reason) == ("waiting", "silent")


def test_an_event_that_is_too_large_is_a_gap() -> None:
    machine = opened(core())
    seen = items(machine, b"id: 1\ndata: a\n\nid: 2\ndata: " + b"x" * 100 + b"\n\ndata: b\n\n")
    assert seen == [Event("a", id="1"), Gap("oversized", "1", "2", "2"), Event("b", id="2")]
