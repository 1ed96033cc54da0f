"""Whether what came out of the broker is a message that Celery can take: anything else would end the worker.

A broker is shared by accident (a wrong database number, another program's queue of the same name), and Celery takes an
exception on the way of a message for one of its own. Seen with Celery and kombu 5.7.0.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson

_FORM = {"content-type": "application/json", "content-encoding": "utf-8"}
_NOT_USED = ("eta", "expires", "group", "group_index", "parent_id", "shadow", "stamped_headers")
"""What we never send. Celery reads it without asking what it is."""


def is_message(raw: object) -> bool:
    """Whether kombu can make a message of it: one of JSON in base64, with the tag that it is known by."""
    if not isinstance(raw, dict) or any(raw.get(name) != value for name, value in _FORM.items()):
        return False
    properties = raw.get("properties")
    if not isinstance(properties, dict) or properties.get("body_encoding") != "base64":
        return False
    if not isinstance(properties.get("delivery_tag"), str) or not isinstance(properties.get("delivery_info"), dict):
        return False
    return isinstance(raw.get("headers", {}), dict) and _content(raw) is not None


def is_task_of_ours(raw: Mapping[str, Any]) -> bool:
    """Whether that message is a task as `CeleryQueue` sends it: at once, and without conditions."""
    headers, content = raw.get("headers") or {}, _content(raw)
    if not isinstance(headers.get("task"), str) or not isinstance(headers.get("id"), str):
        return False
    if any(headers.get(name) is not None for name in _NOT_USED) or headers.get("timelimit", [None, None]) != [None] * 2:
        return False
    texts = (headers.get(name, "") for name in ("lang", "root_id", "argsrepr", "kwargsrepr", "origin"))
    if not all(isinstance(text, str) for text in texts) or type(headers.get("retries", 0)) is not int:
        return False
    match content:
        case [list(), dict(), None]:
            return True
        case [list(), dict(), dict(embedded)]:
            return not any(embedded.values())
        case _:
            return False


def _content(raw: Mapping[str, Any]) -> Any:
    """What the body says; None where it says nothing."""
    body = raw.get("body")
    if not isinstance(body, str):
        return None
    try:
        return orjson.loads(base64.b64decode(body, validate=True))
    except ValueError:
        return None
