"""What a server knows: descriptors and instances are added, tenants listed and created, enabled modules listed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from okapi_install.cli.descriptor_files import by_requirements
from okapi_install.client.registry import _parts
from tests.fakes.command import run_command
from tests.fakes.okapi_server import FakeOkapi

USERS: dict[str, Any] = {"id": "mod-users-1.0.0", "provides": [{"id": "users", "version": "1.0"}]}
LOGIN: dict[str, Any] = {
    "id": "mod-login-1.0.0",
    "provides": [{"id": "login", "version": "1.0"}],
    "requires": [{"id": "users", "version": "1.0"}],
}
UI: dict[str, Any] = {"id": "folio_login-1.0.0", "requires": [{"id": "login", "version": "1.0"}]}


def written(folder: Path, name: str, document: object) -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(document), "utf-8")
    return str(folder / name)


def test_a_list_of_descriptors_is_imported_in_the_order_of_requirements(server: FakeOkapi, tmp_path: Path) -> None:
    file = written(tmp_path, "all.json", [UI, LOGIN, USERS])
    done = run_command("modules", "import", file, url=server.url)
    assert (done.returncode, [d["id"] for d in server.descriptors]) == (0, [USERS["id"], LOGIN["id"], UI["id"]])
    assert "3 modules: 3 added, 0 known already." in done.stderr
    again = run_command("modules", "import", file, "--json", url=server.url)
    assert json.loads(again.stdout) == {"imported": [], "known": [USERS["id"], LOGIN["id"], UI["id"]]}


def test_a_folder_has_a_descriptor_or_a_list_in_each_file(server: FakeOkapi, tmp_path: Path) -> None:
    written(tmp_path / "all", "a.json", LOGIN)
    written(tmp_path / "all", "b.json", [USERS])
    assert run_command("modules", "import", str(tmp_path / "all"), "--no-check", url=server.url).returncode == 0
    (sent,) = [seen for seen in server.seen if seen.method == "POST"]
    assert (sent.path, sent.query) == ("/_/proxy/import/modules", {"check": "false"})
    assert sent.body == [USERS, LOGIN]


def test_an_okapi_without_the_import_of_many_gets_them_one_by_one(server: FakeOkapi, tmp_path: Path) -> None:
    server.imports = False
    run_command("modules", "import", written(tmp_path, "all.json", [LOGIN, USERS]), url=server.url)
    assert server.descriptors == [USERS, LOGIN]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([{"name": "x"}], "is not a module descriptor: it has no id"),
        ([{"id": "mod-a-1.0.0", "action": "enable"}], "lists modules to install"),
    ],
)
def test_a_file_without_descriptors_is_a_usage_error(
    server: FakeOkapi, tmp_path: Path, document: object, why: str
) -> None:
    done = run_command("modules", "import", written(tmp_path, "x.json", document), url=server.url)
    assert (done.returncode, server.seen) == (2, [])
    assert why in done.stderr
    empty = run_command("modules", "import", str(tmp_path), url=server.url)
    assert empty.returncode == 2
    assert run_command("modules", "import", str(tmp_path / "none.json"), url=server.url).returncode == 2


def test_circular_requirements_keep_their_order() -> None:
    one = {"id": "a-1.0.0", "provides": [{"id": "a"}], "requires": [{"id": "b"}]}
    other = {"id": "b-1.0.0", "provides": [{"id": "b"}], "optional": [{"id": "a"}]}
    assert {d["id"] for d in by_requirements([one, other])} == {"a-1.0.0", "b-1.0.0"}
    assert by_requirements([UI, USERS]) == [UI, USERS]


def test_a_registry_is_sent_in_parts_that_fit_a_request() -> None:
    large = [{"id": f"m{n}-1.0.0", "text": "x" * 5_000_000} for n in range(7)]
    assert [[d["id"] for d in part] for part in _parts(large)] == [
        ["m0-1.0.0", "m1-1.0.0", "m2-1.0.0"],
        ["m3-1.0.0", "m4-1.0.0", "m5-1.0.0"],
        ["m6-1.0.0"],
    ]


def test_an_instance_is_announced_once(server: FakeOkapi) -> None:
    for place in range(2):
        done = run_command("modules", "announce", "mod-a-1.0.0=http://a:8081", url=server.url)
        assert f"{1 - place} instance" in done.stderr
    (known,) = server.instances
    assert (known["srvcId"], known["url"]) == ("mod-a-1.0.0", "http://a:8081")
    assert known["instId"].startswith("mod-a-1.0.0-")


def test_a_module_that_has_moved_replaces_its_instances(server: FakeOkapi) -> None:
    server.instances = [
        {"srvcId": "mod-a-1.0.0", "instId": "old", "url": "http://a:1"},
        {"srvcId": "mod-b-1.0.0", "instId": "kept", "url": "http://b:1"},
    ]
    done = run_command("modules", "announce", "--replace", "mod-a-1.0.0=http://a:2", "--json", url=server.url)
    assert [known["url"] for known in server.instances] == ["http://b:1", "http://a:2"]
    assert json.loads(done.stdout)["removed"] == ["old"]


@pytest.mark.parametrize(
    "document",
    [
        {"mod-a-1.0.0": "http://mod-a:8081"},
        [{"srvcId": "mod-a-1.0.0", "url": "http://mod-a:8081"}],
        [{"id": "mod-a-1.0.0", "action": "enable"}, {"id": "folio_a-1.0.0", "action": "enable"}],
    ],
)
def test_instances_come_from_a_file_and_a_template(server: FakeOkapi, tmp_path: Path, document: object) -> None:
    file = written(tmp_path, "i.json", document)
    done = run_command("modules", "announce", file, "--template", "http://{product}:8081", url=server.url)
    assert (done.returncode, done.stdout) == (0, "mod-a-1.0.0  http://mod-a:8081\n")


def test_a_module_without_a_url_is_a_usage_error(server: FakeOkapi) -> None:
    done = run_command("modules", "announce", "mod-a-1.0.0", url=server.url)
    assert (done.returncode, server.seen) == (2, [])
    assert "mod-a-1.0.0=http://HOST:PORT" in done.stderr


def test_tenants_are_listed_and_created(server: FakeOkapi) -> None:
    listed = run_command("tenants", url=server.url)
    assert listed.stdout.splitlines() == ["TENANT  NAME", "diku    Datalogisk", "other"]
    created = run_command("tenants", "create", "new", "--name", "New one", url=server.url)
    assert (created.returncode, created.stdout) == (0, "new\n")
    assert server.tenants[-1] == {"id": "new", "name": "New one"}
    again = run_command("tenants", "create", "new", url=server.url)
    assert (again.returncode, again.stderr) == (3, "Error: Duplicate tenant id new\n")
    assert json.loads(run_command("tenants", "--json", url=server.url).stdout) == server.tenants


def test_an_option_before_create_is_refused_and_not_ignored(server: FakeOkapi) -> None:
    assert run_command("tenants", "--url", server.url, "create", "new").returncode == 2


def test_the_enabled_modules_can_be_given_to_install(server: FakeOkapi) -> None:
    server.enabled = ["mod-b-1.0.0", "mod-a-1.0.0"]
    assert run_command("enabled", "diku", url=server.url).stdout == "mod-a-1.0.0\nmod-b-1.0.0\n"
    listed = run_command("enabled", "--json", url=server.url, env={"OKAPI_TENANT": "diku"}).stdout
    assert run_command("install", "--tenant", "other", "-", url=server.url, given=listed).returncode == 0


def test_the_enabled_modules_of_an_unknown_tenant_are_refused_with_its_name(server: FakeOkapi) -> None:
    server.unknown_tenants = {"nope"}
    done = run_command("enabled", "nope", url=server.url)
    assert (done.returncode, done.stderr) == (3, f"Error: There is no tenant nope at {server.url}\n")
