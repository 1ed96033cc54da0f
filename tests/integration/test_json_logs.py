"""With `log_format` json every line is JSON, from the first to the last, whoever writes it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.cluster import Embedded
from tests.fixtures.site import LONE, until
from tests.integration.cluster.house import House

JSON = {"OKAPI_INSTALL_LOG_FORMAT": "json", "OKAPI_INSTALL_WORKERS": "1"}


def lines_of(server: Embedded) -> list[dict[str, object]]:
    """What it has logged; the line for whoever started it is none of the log."""
    lines = [line for line in server.process.output.splitlines() if not line.startswith("okapi-install ready on ")]
    return [json.loads(line) for line in lines]


def test_every_line_of_serve_and_its_children_is_json(tmp_path: Path) -> None:
    with BackEnd.start() as back_end:
        server = Embedded(tmp_path, JSON)
        try:
            house = House(server.start(), back_end)
            house.register()
            back_end.behave(LONE, call="init", job={"never_ends": True})
            job = house.submit("diku", LONE)
            until(lambda: back_end.counts("diku").get(LONE, {}).get("enable"), "the call of the module")
            house.call("DELETE", f"/_/proxy/tenants/diku/install/{job}")
            until(lambda: back_end.counts("diku")[LONE].get("cancel"), "the end of the module's job")
            second = Embedded(tmp_path / "second", JSON, data=server.data)
            assert second.process.start().wait() == 1
            assert server.process.terminate() == 0
        finally:
            server.process.end()
    logged = lines_of(server)
    children = {line.get("child") for line in logged}
    assert "valkey" in children
    events = {str(line["event"]) for line in logged}
    assert any(event.endswith(" ready.") for event in events), "Celery's lines"
    assert any(event.startswith("Running upgrade") for event in events), "Alembic's lines"
    (refusal,) = lines_of(second)
    assert "in use by another okapi-install serve" in str(refusal["event"])
