"""`/_/proxy/modules`, import and clean-up, as Okapi answers."""

from __future__ import annotations

import time

import pytest

from tests.unit.web.conftest import Api, module

MODULES = "/_/proxy/modules"
IMPORT = "/_/proxy/import/modules"


def ids(api: Api, query: str) -> list[str]:
    return [m["id"] for m in api.get(f"{MODULES}?{query}").json or []]


def test_a_module_is_created_shown_and_deleted(api: Api) -> None:
    document = module("a-1.0.0", ["ia 1.0"], name="A", metadata={"b": 1})
    answer = api.post(MODULES, document)
    assert (answer.status_code, answer.headers["Location"], answer.json) == (201, "/_/proxy/modules/a-1.0.0", document)
    assert api.get(f"{MODULES}/a-1.0.0").json == document
    gone = api.delete(f"{MODULES}/a-1.0.0")
    assert (gone.status_code, gone.data, "Content-Type" in gone.headers) == (204, b"", False)
    missing = api.get(f"{MODULES}/a-1.0.0")
    assert (missing.status_code, missing.text, missing.headers["Content-Type"]) == (404, "a-1.0.0", "text/plain")
    assert api.delete(f"{MODULES}/a-1.0.0").text == "delete: module a-1.0.0 does not exist"


def test_the_same_module_may_be_posted_again_and_another_under_its_id_may_not(api: Api) -> None:
    assert api.post(MODULES, module("a-1.0.0")).status_code == 201
    assert api.post(MODULES, module("a-1.0.0")).status_code == 201
    refused = api.post(MODULES, module("a-1.0.0", name="other"))
    assert (refused.status_code, refused.text) == (400, "create: module a-1.0.0 already exists")


def test_a_requirement_must_be_met_unless_the_check_is_off(api: Api) -> None:
    needy = module("b-1.0.0", [], ["ia 1.0"])
    refused = api.post(MODULES, needy)
    assert (refused.status_code, refused.text) == (400, "Missing dependency: b-1.0.0 requires ia: 1.0")
    assert api.post(f"{MODULES}?check=false", needy).status_code == 201


def test_a_module_that_another_needs_is_not_deleted(api: Api) -> None:
    api.add(module("a-1.0.0", ["ia 1.0"]), module("b-1.0.0", [], ["ia 1.0"]))
    refused = api.delete(f"{MODULES}/a-1.0.0")
    assert refused.text == "delete: module a-1.0.0: Missing dependency: b-1.0.0 requires ia: 1.0"


def test_a_module_that_a_tenant_uses_is_not_deleted(api: Api) -> None:
    api.add(module("a-1.0.0"))
    api.enable("diku", "a-1.0.0")
    refused = api.delete(f"{MODULES}/a-1.0.0")
    assert (refused.status_code, refused.text) == (400, "delete: module a-1.0.0 is used by tenant diku")


@pytest.mark.parametrize(
    ("ident", "location"),
    [("a/b-1.0.0", "a%2Fb-1.0.0"), ("a b-1.0.0", "a+b-1.0.0"), ("a-1.0.0+5", "a-1.0.0%2B5"), ("å~-1", "%C3%A5%7E-1")],
)
def test_ids_are_encoded_in_locations_as_java_does(api: Api, ident: str, location: str) -> None:
    assert api.post(MODULES, {"id": ident}).headers["Location"] == f"{MODULES}/{location}"


@pytest.mark.parametrize("path", ["a%2Fb-1.0.0", "a%2fb-1.0.0"])
def test_an_id_with_a_slash_is_reached_with_the_slash_encoded(api: Api, path: str) -> None:
    api.post(MODULES, {"id": "a/b-1.0.0"})
    assert api.get(f"{MODULES}/{path}").json == {"id": "a/b-1.0.0"}
    assert api.get(f"{MODULES}/a/b-1.0.0").text == "No suitable module found for path and tenant"
    assert api.delete(f"{MODULES}/{path}").status_code == 204


@pytest.mark.parametrize(
    ("path", "ident"), [("a%20b-1.0.0", "a b-1.0.0"), ("a-1.0.0+5", "a-1.0.0+5"), ("a%25-1", "a%-1")]
)
def test_a_path_is_decoded_once_and_a_plus_stays_a_plus(api: Api, path: str, ident: str) -> None:
    api.post(MODULES, {"id": ident})
    assert api.get(f"{MODULES}/{path}").json == {"id": ident}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'{"id":"a-1.0.0","nosuch":true}',
        b'{"id":7}',
        b'{"id":"a-1.0.0","provides":{}}',
        b'{"id":"a-1.0.0","provides":[{"id":"x"}]}',
        b'{"id":"a-1.0.0","provides":[{"id":"x","version":"one"}]}',
        b'{"id":"a-1.0.0\\u0000"}',
        b'{"id":"a-1.0.0"} /* no end',
        b'/*/ {"id":"a-1.0.0"}',
        b'{"id":"a-1.0.0"} # a comment of YAML',
        b'{"id":"a-1.0.0","metadata":{"a":NaN}}',
        b'{"id":"a-1.0.0","metadata":{"a":1e999}}',
        b'{"id":"a-1.0.0","metadata":' + b'{"a":' * 900 + b"1" + b"}" * 901,
        b"[" * 100000,
        b'{"id":"' + b"a" * 2000 + b'-1.0.0"}',
        b'{"id":"a-1.0.0"} x',
    ],
)
def test_a_bad_body_is_told_as_text(api: Api, body: bytes) -> None:
    answer = api.post(MODULES, data=body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/plain")
    assert answer.text.strip()


def test_an_escaped_backslash_before_u0000_is_no_nul(api: Api) -> None:
    assert api.post(MODULES, data=rb'{"id":"a-1.0.0","name":"\\u0000"}').json == {"id": "a-1.0.0", "name": r"\u0000"}


def test_the_list_is_short_unless_full_is_asked_for(api: Api) -> None:
    whole = module("a-1.0.0", ["ia 1.0"], name="A", tags=["x"])
    api.add(whole)
    assert api.get(f"{MODULES}?filter=a").json == [{"id": "a-1.0.0", "name": "A", "tags": ["x"]}]
    assert api.get(f"{MODULES}?filter=a&full=true").json == [whole]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("filter=a", ["a-1.0.0", "a-1.1.0", "a-2.0.0-SNAPSHOT.1"]),
        ("filter=a-1", ["a-1.0.0", "a-1.1.0"]),
        ("filter=a&preRelease=false", ["a-1.0.0", "a-1.1.0"]),
        ("filter=a&preRelease=only", ["a-2.0.0-SNAPSHOT.1"]),
        ("filter=a&latest=1", ["a-2.0.0-SNAPSHOT.1"]),
        ("filter=a&orderBy=id&order=desc", ["a-2.0.0-SNAPSHOT.1", "a-1.1.0", "a-1.0.0"]),
        ("filter=a&orderBy=id&order=asc", ["a-1.0.0", "a-1.1.0", "a-2.0.0-SNAPSHOT.1"]),
        ("provide=ia", ["a-1.0.0", "a-1.1.0"]),
        ("provide=ia%3D1.1", ["a-1.1.0"]),
        ("require=ia", ["b-1.0.0"]),
        ("filter=b&filter=a", ["b-1.0.0"]),
        ("FILTER=b", ["b-1.0.0"]),
    ],
)
def test_parameters_choose_modules_as_in_okapi(api: Api, query: str, found: list[str]) -> None:
    api.add(module("a-1.0.0", ["ia 1.0"]), module("a-1.1.0", ["ia 1.1"]), module("a-2.0.0-SNAPSHOT.1"))
    api.add(module("b-1.0.0", [], ["ia 1.0"]))
    assert ids(api, query) == found


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("latest=x", 'Bad format for parameter latest. For input string: "x"'),
        ("orderBy=nosuch", "unknown orderBy field: nosuch"),
        ("orderBy=id&order=sideways", "invalid order value: sideways"),
        ("full=nonsense", "Bad boolean for parameter full: nonsense"),
        ("dot=", "Bad boolean for parameter dot: "),
        (
            "npmSnapshot=x",
            'Expected "true", "false", "only" or undefined/null for parameter npmSnapshot, but got: x',
        ),
    ],
)
def test_a_bad_parameter_is_told_in_okapis_words(api: Api, query: str, text: str) -> None:
    answer = api.get(f"{MODULES}?{query}")
    assert (answer.status_code, answer.text) == (400, text)


def test_the_body_of_a_list_names_modules_to_leave_out(api: Api) -> None:
    api.add(module("a-1.0.0"), module("a-1.1.0"))
    assert api.get(f"{MODULES}?filter=a", json=["a-1.1.0"]).json == [{"id": "a-1.0.0"}]
    assert api.get(MODULES, json={"a": 1}).status_code == 400


def test_a_drawing_shows_who_requires_what_of_whom(api: Api) -> None:
    api.add(module("a-1.0.0", ["ia 1.0"]), module("b-1.0.0", [], ["ia 1.0", "ix 2.0"]))
    answer = api.get(f"{MODULES}?dot=true&preRelease=false&filter=b")
    assert answer.headers["Content-Type"] == "text/plain"
    lines = [
        "digraph okapi {",
        '  b__1_0_0 [label="b-1.0.0"];',
        '  missing_ia_1_0 [label="missing ia 1.0", color=red];',
        "  b__1_0_0 -> missing_ia_1_0;",
        '  missing_ix_2_0 [label="missing ix 2.0", color=red];',
        "  b__1_0_0 -> missing_ix_2_0;",
        "}",
    ]
    assert answer.text == "\n".join(lines) + "\n"
    assert "  b__1_0_0 -> a__1_0_0;" in api.get(f"{MODULES}?dot=true").text


def test_an_import_is_all_or_nothing(api: Api) -> None:
    good = [module("b-1.0.0", [], ["ia 1.0"]), module("a-1.0.0", ["ia 1.0"])]
    answer = api.post(IMPORT, good)
    assert (answer.status_code, answer.data) == (204, b"")
    refused = api.post(IMPORT, [module("c-1.0.0"), module("d-1.0.0", [], ["no 1.0"])])
    assert refused.text == "Missing dependency: d-1.0.0 requires no: 1.0"
    assert api.get(f"{MODULES}/c-1.0.0").status_code == 404
    assert api.post(IMPORT, []).status_code == 204
    assert api.post(IMPORT, data=b"{}").status_code == 400


def test_cleanup_removes_old_snapshots(api: Api) -> None:
    api.add(*[module(f"a-1.{n}.0-SNAPSHOT.{n}") for n in range(4)], module("a-1.4.0"))
    assert api.post("/_/proxy/cleanup/modules").text == "Missing value for parameter 'saveReleases'"
    bad = api.post("/_/proxy/cleanup/modules?saveReleases=1&saveSnapshots=x")
    assert bad.text == "Bad integer for parameter 'saveSnapshots'"
    assert api.post("/_/proxy/cleanup/modules?saveReleases=1&saveSnapshots=0").status_code == 204
    assert ids(api, "filter=a") == ["a-1.4.0"]


def test_cleanup_keeps_everything_when_a_tenant_uses_an_old_snapshot(api: Api) -> None:
    api.add(*[module(f"a-1.{n}.0-SNAPSHOT.{n}") for n in range(4)], module("a-1.4.0"))
    api.enable("diku", "a-1.0.0-SNAPSHOT.0")
    refused = api.post("/_/proxy/cleanup/modules?saveReleases=1&saveSnapshots=0")
    assert refused.text == "delete: module a-1.0.0-SNAPSHOT.0 is used by tenant diku"
    assert len(ids(api, "filter=a")) == 5


def test_a_pull_takes_what_is_new_from_the_first_registry_that_answers(api: Api) -> None:
    api.add(module("a-1.0.0"))
    met, unmet = module("b-1.0.0", ["ib 1.0"], name="B"), module("c-1.0.0", [], ["no 1.0"])
    broken, other_okapi = {"id": "broken"}, module("okapi-6.0.0")
    unmet_words = {"message": "Missing dependency: c-1.0.0 requires no: 1.0", "code": "left_out"}
    broken_words = {"message": "Missing semantic version for: broken (at id)", "code": "left_out"}
    api.remote.servers = {"http://dead": None, "http://live": [module("a-1.0.0"), met, unmet, broken, other_okapi]}
    answer = api.post("/_/proxy/pull/modules", {"urls": ["http://dead", "http://live"]})
    assert answer.json == [
        {"id": "b-1.0.0", "name": "B"},
        {"id": "c-1.0.0", "errors": [unmet_words]},
        {"id": "broken", "errors": [broken_words]},
    ]
    assert api.remote.known == ["a-1.0.0", "okapi-7.0.0"]
    assert api.get(f"{MODULES}/b-1.0.0").json == met
    assert api.get(f"{MODULES}/c-1.0.0").status_code == 404


def test_a_pull_takes_a_descriptor_as_it_is_that_a_post_would_refuse(api: Api) -> None:
    handler = {"methods": ["GET"], "pathPattern": "/x"}
    sent = {"id": "a-1.0.0", "provides": [{"id": "x", "version": "1.0", "handlers": [handler]}]}
    api.remote.servers = {"http://live": [sent]}
    assert api.post("/_/proxy/pull/modules", {"urls": ["http://live"]}).json == [{"id": "a-1.0.0"}]
    assert api.get(f"{MODULES}/a-1.0.0").json == sent
    assert api.post(MODULES, sent | {"id": "b-1.0.0"}).status_code == 400


def test_a_pull_names_all_that_it_leaves_out_and_logs_one_line(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    deep: dict[str, object] = {}
    for _ in range(300):
        deep = {"x": deep}
    nul = module("nul-1.0.0", name="a\0b")
    api.remote.servers = {"http://live": [module("deep-1.0.0", metadata=deep), nul, [], 7, *[{"id": "x"}] * 1000]}
    capsys.readouterr()
    answer = api.post("/_/proxy/pull/modules", {"urls": ["http://live"]}).json or []
    assert [m["id"] for m in answer] == ["deep-1.0.0", "nul-1.0.0", "", "", *["x"] * 1000]
    assert all(len(m["errors"]) == 1 for m in answer)
    assert len(capsys.readouterr().out.splitlines()) <= 2


def test_a_pull_from_nobody_is_not_found(api: Api) -> None:
    answer = api.post("/_/proxy/pull/modules", {"urls": ["http://dead"]})
    assert (answer.status_code, answer.text) == (404, "pull: none of remote URLs work")
    assert api.post("/_/proxy/pull/modules", {}).status_code == 400
    assert api.post("/_/proxy/pull/modules", {"urls": [None]}).status_code == 400


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'// one\n{"id":"a-1.0.0", /* two\n "name": */ "name":"x"} // three', "x"),
        (b'/**/{"id":"a-1.0.0","name":"/* a */ // b"}', "/* a */ // b"),
        (b'/* "quoted */ {"id":"a-1.0.0","name":"\\"//\\\\"}', '"//\\'),
        (b'{"id":"a-1.0.0","name":"caf\xe9"}', "caf\ufffd"),
        (b'{"id":"a-1.0.0","name":"\\ud800x"}', "?x"),
        (b'{"id":"a-1.0.0","name":"\\udc00\\ud83d\\ude00\\ud83d"}', "?\U0001f600?"),
        (b'{"id":"a-1.0.0","name":"\\\\ud800\xff"}', "\\ud800\ufffd"),
    ],
)
def test_json_is_read_as_okapi_reads_it(api: Api, body: bytes, name: str) -> None:
    answer = api.post(MODULES, data=body)
    assert (answer.status_code, (answer.json or {}).get("name")) == (201, name)


@pytest.mark.parametrize("piece", [b'"\\', b"/*", b"/*/", b"*/", b'\\"', b"//", b'"\\ud800', b"\xff", b"/**"])
def test_what_is_no_json_is_refused_in_a_time_that_grows_with_its_length_only(api: Api, piece: bytes) -> None:
    start = time.process_time()
    assert api.post(MODULES, data=piece * 300_000).status_code == 400
    assert time.process_time() - start < 20
