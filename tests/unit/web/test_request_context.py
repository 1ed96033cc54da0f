"""Token and tenant of a request, as Okapi's proxy finds them."""

from __future__ import annotations

import base64
import json

import pytest
from flask import Blueprint

from okapi_install.config import Settings
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
def test_the_token_may_come_in_three_ways_and_says_who_asks(api: Api, header: str) -> None:
    sent = token(sub="jane", user_id="u1")
    value = {"X_Okapi_Token": sent, "Authorization": f"Bearer {sent}", "Cookie": f"a=b; folioAccessToken={sent}"}
    assert context_of(api, **{header: value[header]}) == RequestContext(tenant="supertenant", requested_by="jane")


def test_without_a_token_the_user_id_says_who_asks(api: Api) -> None:
    assert context_of(api, X_Okapi_User_Id="u1").requested_by == "u1"


def test_beside_the_api_key_a_token_says_who_asks() -> None:
    keyed = Api(settings=Settings(api_key="the-key-itself"))
    context = context_of(keyed, Authorization="Bearer the-key-itself", X_Okapi_Token=token(sub="jane"))
    assert context.requested_by == "jane"


@pytest.mark.parametrize("times", [2, 3])
def test_a_tenant_or_token_that_is_sent_several_times_counts_once(api: Api, times: int) -> None:
    api.enable("tuni", OKAPI_MODULE)
    joined = ",".join(["tuni"] * times)  # as servers hand on a header that came several times
    context = context_of(api, X_Okapi_Tenant=joined, X_Okapi_Token=", ".join([token(sub="jane")] * times))
    assert context == RequestContext(tenant="tuni", requested_by="jane")


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
