"""What a job takes from the request that started it, as Okapi's proxy adds it."""

from __future__ import annotations

import re
import time

import pytest
from flask import Blueprint

from okapi_install.web.http.module_headers import module_headers
from tests.unit.web.conftest import Api


def headers_of(api: Api, rule: str, path: str, method: str = "POST", **sent: str) -> dict[str, str]:
    found: list[dict[str, str]] = []

    def look(**_: str) -> str:
        found.append(module_headers())
        return ""

    routes = Blueprint("look", __name__)
    routes.add_url_rule(rule, view_func=look, methods=[method])
    api.app.register_blueprint(routes)
    named = {name.replace("_", "-"): value for name, value in sent.items()}
    assert api.client.open(path, method=method, headers=named).status_code == 200
    return found[0]


def test_method_address_time_and_path_pattern_are_added_whatever_the_client_says(api: Api) -> None:
    before = time.time_ns() // 1_000_000
    claimed = {
        "X_Okapi_Request_Ip": "9.9.9.9",
        "X_Okapi_Request_Method": "GET",
        "X_Okapi_Request_Timestamp": "1",
        "X_Okapi_Match_Path_Pattern": "/x",
    }
    rule = "/_/proxy/tenants/<tenant>/modules/<module>/look"
    found = headers_of(api, rule, "/_/proxy/tenants/diku/modules/mod-a/look?a=b", "PUT", **claimed)
    assert found["X-Okapi-Request-Method"] == "PUT"
    assert found["X-Okapi-Request-Ip"] == "127.0.0.1"
    assert before <= int(found["X-Okapi-Request-Timestamp"]) <= time.time_ns() // 1_000_000
    assert found["X-Okapi-Match-Path-Pattern"] == "/_/proxy/tenants/{tenantId}/modules/{moduleId}/look"


@pytest.mark.parametrize(
    ("path", "sent", "wanted"),
    [
        ("/_/proxy/look", "", r"\d{6}/proxy"),
        ("/_/proxy/look", "theirs/x", r"theirs/x;\d{6}/proxy"),
        ("/_/install/a/look", "1;2", r"1;2;\d{6}/install"),
        ("/look", "", r"\d{6}/look"),
    ],
)
def test_a_request_id_is_continued_with_a_number_and_the_first_part_of_the_path(
    api: Api, path: str, sent: str, wanted: str
) -> None:
    found = headers_of(api, path, path, X_Okapi_Request_Id=sent)
    assert re.fullmatch(wanted, found["X-Okapi-Request-Id"])
