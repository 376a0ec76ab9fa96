"""Whatever the description allows, and much that it does not, is answered as it says (R20)."""

import itertools
import json
from pathlib import Path

import hypothesis
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from hub import ADMIN, PATIENCE, READER, bearer

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    allow_header_conformance,
]
# The same requests in every run.
BOUNDS = hypothesis.settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
# How long a stream is listened to, in seconds: its first bytes are there at once.
GLANCE = 0.05

# T8: what every answer carries.
SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "frame-ancestors 'none'",
    "cache-control": "no-",
    "cross-origin-resource-policy": "same-origin",
    "vary": "Origin",
}
# What is the same for everybody may be loaded by every page, which also sees that there is no such file.
PUBLIC = {**SECURITY, "cross-origin-resource-policy": "cross-origin"}

DOCUMENT = Path(__file__).parents[2] / "crates/server/src/api/openapi.json"
api = schemathesis.openapi.from_path(DOCUMENT, config=SchemathesisConfig.from_dict({"seed": 20260131}))
forms = itertools.cycle(["text/event-stream", "application/json", "*/*"])
holders = itertools.cycle([{}, bearer(ADMIN), bearer(READER), bearer(ADMIN), bearer(ADMIN + "x")])


@schemathesis.serializer("application/x-ndjson", "text/event-stream")
def as_it_is(context, value):
    """Bodies of several events are texts; what is generated against their schema goes as JSON."""
    return value if isinstance(value, (str, bytes)) else json.dumps(value)


def test_the_hub_serves_its_description_to_everybody(development, guarded):
    for hub in (development, guarded):
        assert json.loads(hub.get("/openapi.json")) == json.loads(DOCUMENT.read_text())


@api.parametrize()
@BOUNDS
def test_r20_development(case, development):
    exchange(case, development, {})


@api.parametrize()
@BOUNDS
def test_r20_access(case, guarded):
    exchange(case, guarded, next(holders))


def exchange(case, hub, headers):
    reads = case.operation.path == "/v1/events" and case.method in ("GET", "HEAD")
    if reads:
        headers = {"Accept": next(forms), **headers}
        # A long poll that has nothing to tell would be waited for.
        if str(case.query.get("wait", 25)).isdigit() and headers["Accept"] == "application/json":
            case.query["wait"] = 0
    answer = case.call(base_url=hub.url, headers=headers, timeout=(PATIENCE, GLANCE if reads else PATIENCE))
    case.validate_response(answer, checks=CHECKS, headers=headers)
    client = case.operation.path.startswith("/client") and case.method == "GET"
    for name, value in (PUBLIC if client else SECURITY).items():
        found = ", ".join(answer.headers.get(name, []))
        assert value in found, f"{case.method} {case.operation.path}: {name} is {found!r}"
