"""What is in the broker and is no message of ours: the worker drops it, says so, and goes on."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import redis

from okapi_install.adapters.celery.settings import QUEUE
from tests.fixtures.site import LONE, SIDE, Site, until


def message(**changes: object) -> dict[str, object]:
    """A message as Celery sends it, but for the changes."""
    ident = str(uuid.uuid4())
    body = base64.b64encode(json.dumps([["diku", "no-such-job"], {}, None]).encode()).decode()
    headers = {"lang": "py", "task": "install", "id": ident, "eta": None, "expires": None, "retries": 0}
    delivery = {"exchange": "", "routing_key": QUEUE}
    properties = {"body_encoding": "base64", "delivery_tag": ident, "delivery_info": delivery, "correlation_id": ident}
    known: dict[str, object] = {
        "body": body,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    }
    of_headers, of_properties = changes.pop("headers", {}), changes.pop("properties", {})
    known |= changes
    for part, of_part in (("headers", of_headers), ("properties", of_properties)):
        known[part] = {**known[part], **of_part} if isinstance(of_part, dict) else of_part  # type: ignore[dict-item]
    return known


WORDS: list[object] = [None, 5, "x", [], ["x"], {}, {"x": 1}, True, -1.5]
GARBAGE: list[bytes] = [b"", b"\xff\xfe", b"hello", b"{", b"[" * 5000, b"null", b"5", b'"x"', b"[]", b"{}"]
SHAPES: list[Any] = [
    *({"body": word} for word in WORDS),
    *({"content-type": word} for word in WORDS),
    *({"content-encoding": word} for word in WORDS),
    *({"headers": word} for word in WORDS),
    *({"properties": word} for word in WORDS),
    *({"headers": {name: word}} for name in ("task", "id", "eta", "expires", "retries", "lang") for word in WORDS),
    *({"headers": {name: word}} for name in ("timelimit", "group", "shadow", "stamps") for word in WORDS),
    *({"headers": {name: word}} for name in ("root_id", "parent_id", "argsrepr", "stamped_headers") for word in WORDS),
    *({"properties": {name: word}} for name in ("delivery_tag", "delivery_info", "body_encoding") for word in WORDS),
    *({"properties": {name: word}} for name in ("reply_to", "correlation_id", "priority") for word in WORDS),
    *({"body": base64.b64encode(json.dumps(word).encode()).decode()} for word in WORDS),
    {"body": base64.b64encode(b"{").decode()},
    {"content-type": "application/x-python-serialize"},
    {"headers": {"task": "no.such.task"}},
    {"headers": {"eta": "yesterday"}},
    {"headers": {"eta": "2999-01-01T00:00:00+00:00"}},
]


def test_garbage_in_the_queue_ends_no_worker(site: Site) -> None:
    with site.aside({}) as found, redis.Redis.from_url(found.cluster.settings["OKAPI_INSTALL_BROKER_URL"]) as broker:
        worker = found.cluster.workers[0]
        for piece in (*GARBAGE, *(json.dumps(message(**shape)).encode() for shape in SHAPES)):
            broker.lpush(QUEUE, piece)
        until(lambda: broker.llen(QUEUE) == 0, "an empty queue")
        assert found.complete(found.submit(found.tenant(), LONE))["status"] == "done"
        assert worker.output.count(" ready.") == 1
        assert worker.running
        assert "Unrecoverable error" not in worker.output
        assert "dropped" in worker.output


def test_an_abort_logs_nothing_about_result_backends(site: Site) -> None:
    with site.aside({}) as found:
        site.back_end.behave(SIDE, call="init", job={"never_ends": True})
        tenant = found.tenant()
        job = found.submit(tenant, SIDE)
        found.until_tenant_job(job, SIDE)
        assert found.abort(tenant, job) == 204
        until(lambda: site.called(tenant, SIDE, "cancel"), "the module's end")
        assert "backend" not in found.cluster.workers[0].output
