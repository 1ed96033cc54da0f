"""Token and tenant of a request, as Okapi's proxy finds them."""

from __future__ import annotations

import base64
import json

import pytest
from flask import Blueprint

from okapi_install.domain.modules.internal_module import OKAPI_MODULE
from okapi_install.web.http.java_base64 import IllegalBase64Error, decode_url
from okapi_install.web.http.requests import RequestContext, request_context
from tests.unit.web.conftest import Api

ENV = "/_/env"


def token(**claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{payload}.signature"


def context_of(api: Api, **headers: str) -> RequestContext:
    found: list[RequestContext] = []

    def look() -> str:
        found.append(request_context())
        return ""

    routes = Blueprint("look", __name__)
    routes.get("/_/look")(look)
    api.app.register_blueprint(routes)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    assert api.get("/_/look", headers=named).status_code == 200
    return found[0]


@pytest.mark.parametrize("header", ["X_Okapi_Token", "Authorization", "Cookie"])
def test_the_token_may_come_in_three_ways(api: Api, header: str) -> None:
    sent = token(sub="jane", user_id="u1")
    value = {"X_Okapi_Token": sent, "Authorization": f"Bearer {sent}", "Cookie": f"a=b; folioAccessToken={sent}"}
    context = context_of(api, **{header: value[header]})
    assert (context.token, context.user_id, context.requested_by) == (sent, "u1", "jane")
    assert context.headers["X-Okapi-Token"] == sent
    assert context.tenant == "supertenant"


def test_headers_for_modules_are_those_that_begin_with_x(api: Api) -> None:
    context = context_of(api, X_Okapi_User_Id="u1", X_Other="x", Accept="text/plain", X_Okapi_Module_Id="m")
    assert context.headers == {"X-Okapi-User-Id": "u1", "X-Other": "x"}
    assert context.requested_by == "u1"


def test_the_api_key_is_not_passed_on_but_a_token_beside_it_is(api: Api) -> None:
    keyed = Api(settings=type(api.settings)(api_key="the-key-itself"))
    sent = token(sub="jane")
    context = context_of(keyed, Authorization="Bearer the-key-itself", X_Okapi_Token=sent)
    assert context.headers == {"X-Okapi-Token": sent}


def test_tokens_show_in_no_representation(api: Api) -> None:
    assert "secret" not in repr(RequestContext({"X-Okapi-Token": "secret"}, "secret", "diku"))


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Okapi-Token": token(sub="a"), "Authorization": "Bearer " + token(sub="b")},
        {"X-Okapi-Token": token(sub="a"), "Cookie": "folioAccessToken=" + token(sub="b")},
        {"Cookie": f"folioAccessToken={token(sub='a')}; folioAccessToken={token(sub='a')}"},
    ],
)
def test_tokens_that_differ_are_refused(api: Api, headers: dict[str, str]) -> None:
    answer = api.get(ENV, headers=headers)
    words = "Different tokens in Authentication and X-Okapi-Token. Use only one of them"
    assert (answer.status_code, answer.text) == (400, words)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("", "Missing . separator for token"),
        ("a", "Missing . separator for token"),
        ("a.b", "Missing . separator for token"),
        ("dummy.token.value", "Last unit does not have enough valid bits"),
        ("a.b.c", "Input byte[] should at least have 2 bytes for base64 bytes"),
        ("a.a+b.c", "Illegal base64 character 2b"),
        ("a.ab=x.c", "Input byte array has wrong 4-byte ending unit"),
        ("a.bm90.c", "Failed to decode: the payload is not JSON"),
        ("a.W10.c", "Failed to decode: the payload is not a JSON object"),
    ],
)
def test_a_token_that_cannot_be_read_is_told_in_javas_words(api: Api, sent: str, words: str) -> None:
    answer = api.get("/_/nosuch", headers={"X-Okapi-Token": sent})
    assert (answer.status_code, answer.text) == (400, f"Invalid Token: {words}")


def test_with_a_tenant_the_token_is_not_read(api: Api) -> None:
    assert api.get(ENV, headers={"X-Okapi-Token": "x", "X-Okapi-Tenant": "supertenant"}).status_code == 200


@pytest.mark.parametrize("headers", [{"X-Okapi-Tenant": "nosuch"}, {"X-Okapi-Token": token(tenant="nosuch")}])
def test_an_unknown_tenant_is_refused_before_anything_else(api: Api, headers: dict[str, str]) -> None:
    answer = api.get("/nosuch", headers=headers)
    assert (answer.status_code, answer.text) == (400, "No such Tenant nosuch")


@pytest.mark.parametrize("claim", ["a\0b", 7, ["x"]])
def test_a_tenant_of_whatever_kind_is_only_unknown(api: Api, claim: object) -> None:
    answer = api.get(ENV, headers={"X-Okapi-Token": token(tenant=claim)})
    assert answer.status_code in (400, 404)


def test_a_tenant_has_okapis_paths_once_it_has_okapi_enabled(api: Api) -> None:
    api.enable("diku")
    api.enable("tuni", OKAPI_MODULE)
    refused = api.get(ENV, headers={"X-Okapi-Tenant": "diku"})
    assert (refused.status_code, refused.text) == (404, "No suitable module found for path and tenant")
    assert api.get(ENV, headers={"X-Okapi-Tenant": "tuni"}).status_code == 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("=", "Input byte[] should at least have 2 bytes for base64 bytes"),
        ("====", "Input byte array has wrong 4-byte ending unit"),
        ("YQ=", "Input byte array has wrong 4-byte ending unit"),
        ("YQ==x", "Input byte array has incorrect ending byte at 4"),
        ("YWI=x", "Input byte array has incorrect ending byte at 4"),
        ("Y=", "Last unit does not have enough valid bits"),
        ("YWé", "Illegal base64 character -17"),
        ("YW☃", "Illegal base64 character 3f"),
    ],
)
def test_base64_is_refused_as_java_does(text: str, words: str) -> None:
    with pytest.raises(IllegalBase64Error) as found:
        decode_url(text)
    assert str(found.value) == words


@pytest.mark.parametrize(
    ("text", "plain"), [("", b""), ("YQ", b"a"), ("YQ==", b"a"), ("YWI=", b"ab"), ("__-_", b"\xff\xff\xbf")]
)
def test_base64_is_read_with_and_without_padding(text: str, plain: bytes) -> None:
    assert decode_url(text) == plain
