"""`beside` and `adopt` against a stand-in for an Okapi: what they find, print and change, and how they end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from okapi_install.cli.exits import Exit
from tests.fakes.command import Done, run_command
from tests.fixtures.okapi_stand_in import Authtoken, OkapiStandIn
from tests.fixtures.okapi_stand_in.server import Reply, Request
from tests.fixtures.parts import take_port

READ = (
    "okapi.proxy.tenants.list",
    "okapi.proxy.modules.list",
    "okapi.discovery.get",
    "okapi.proxy.tenants.modules.list",
    "okapi.proxy.tenants.install.list",
)
USERS, LOGIN, UI = "mod-users-1.0.0", "mod-login-1.0.0", "folio_users-1.0.0"


class Service(OkapiStandIn):
    """A service with tables of its own; `okapi` is what its health says of an Okapi beside it."""

    okapi: str | None = None
    needs_key = False

    def reply(self, request: Request) -> Reply | None:
        if request.path == "/_/install/jobs":
            return Reply(401, "An API key is needed") if self.needs_key else Reply(200, {"jobs": []})
        if request.path == "/_/install/health":
            return Reply(200, {"status": "ok", "store": "ok"} | ({"okapi": self.okapi} if self.okapi else {}))
        return super().reply(request)


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()
    yield found
    found.stop()


def fill(okapi: OkapiStandIn, url: str | None = None) -> None:
    """A tenant with three modules, of which one runs in a browser."""
    okapi.state.add_modules([{"id": USERS, "name": "users"}, {"id": LOGIN}, {"id": UI}])
    okapi.state.put_tenant({"id": "diku", "name": "Datalogisk"}, [USERS, LOGIN, UI])
    for module in (USERS, LOGIN):
        okapi.state.add_instance({"srvcId": module, "instId": f"i-{module}", "url": url or okapi.url})


def beside(okapi: OkapiStandIn, *arguments: str) -> tuple[Done, dict[str, Any]]:
    done = run_command("beside", okapi.url, "--json", *arguments)
    return done, json.loads(done.stdout)


def levels(document: dict[str, Any], word: str = "") -> list[str]:
    return [finding["level"] for finding in document["findings"] if word in finding["text"]]


def test_a_site_where_all_is_there_gets_the_lines_for_nginx(stand_in: OkapiStandIn, service: Service) -> None:
    fill(stand_in)
    service.okapi = "ok"
    done = run_command("beside", stand_in.url, "--service", service.url)
    assert done.returncode == Exit.DONE
    assert "as okapi-7.0.0" in done.stdout
    assert "All 2 instances of enabled modules are reached from here" in done.stdout
    assert f"proxy_pass {service.url};" in done.stdout
    assert f"proxy_pass {stand_in.url};" in done.stdout
    assert stand_in.changes() == []


def test_an_okapi_that_everybody_may_change_is_a_warning(stand_in: OkapiStandIn) -> None:
    done, found = beside(stand_in)
    assert (done.returncode, levels(found, "auth filter")) == (Exit.DONE, ["warning"])


def test_a_secured_okapi_says_where_its_auth_filter_is(stand_in: OkapiStandIn, authtoken: Authtoken) -> None:
    stand_in.secure(authtoken.url)
    done, found = beside(stand_in, "--token", authtoken.token(*READ))
    assert (done.returncode, levels(found, "gives tokens")) == (Exit.DONE, ["ok"])
    assert f"OKAPI_INSTALL_OKAPI_AUTH_URL={authtoken.url}" in done.stdout


def test_permissions_that_a_token_lacks_are_named(stand_in: OkapiStandIn, authtoken: Authtoken) -> None:
    stand_in.secure(authtoken.url)
    done, found = beside(stand_in, "--token", authtoken.token(*READ[1:]))
    assert (done.returncode, levels(found)) == (Exit.FAILED, ["error"])
    assert READ[0] in found["findings"][0]["mend"]
    assert levels(beside(stand_in)[1]) == ["error"] * len(READ)


def test_an_auth_filter_that_cannot_be_reached_is_an_error(stand_in: OkapiStandIn, authtoken: Authtoken) -> None:
    stand_in.secure(authtoken.url)
    token = authtoken.token(*READ)
    stand_in.state.add_instance(
        {"instId": "second", "srvcId": "mod-authtoken-2.17.0", "url": f"http://127.0.0.1:{take_port()}"}
    )
    done, found = beside(stand_in, "--token", token)
    assert done.returncode == Exit.FAILED
    assert sorted(levels(found, "The auth filter")) == ["error", "ok"]


@pytest.mark.parametrize(
    ("version", "level", "code"), [("7.1.2", "ok", 0), ("6.2.0", "warning", 0), ("4.14.0", "error", 1)]
)
def test_the_version_of_okapi_is_judged(stand_in: OkapiStandIn, version: str, level: str, code: int) -> None:
    stand_in.state.add_modules([{"id": f"okapi-{version}"}])
    stand_in.state.enabled["supertenant"] = [f"okapi-{version}"]
    done, found = beside(stand_in)
    assert (done.returncode, levels(found, f"okapi-{version}")) == (code, [level])


def test_instances_that_cannot_be_reached_are_named(stand_in: OkapiStandIn) -> None:
    fill(stand_in, f"http://127.0.0.1:{take_port()}")
    done, found = beside(stand_in)
    assert (done.returncode, levels(found, "2 of 2 instances")) == (Exit.FAILED, ["error"])
    (finding,) = [finding for finding in found["findings"] if "cannot be reached" in finding["text"]]
    assert all("Connection refused" in place for place in finding["more"])


@pytest.mark.parametrize("url", ["ftp://modules", "http://", "nothing", "http://[::bad"])
def test_an_address_that_is_none_is_an_error(stand_in: OkapiStandIn, url: str) -> None:
    fill(stand_in, url)
    assert levels(beside(stand_in)[1], "cannot be reached") == ["error"]


def test_modules_without_an_instance_are_named_but_for_those_of_the_browser(stand_in: OkapiStandIn) -> None:
    fill(stand_in)
    stand_in.state.instances.clear()
    done, found = beside(stand_in)
    (finding,) = [finding for finding in found["findings"] if "No instance" in finding["text"]]
    assert (done.returncode, finding["level"], finding["more"]) == (Exit.DONE, "warning", [LOGIN, USERS])


def test_a_running_job_of_okapi_is_a_warning(stand_in: OkapiStandIn) -> None:
    fill(stand_in)
    job = stand_in.state.start_job("diku", [])
    assert levels(beside(stand_in)[1], job.id) == ["warning"]


def test_a_service_that_stands_alone_or_not_at_all_is_told(stand_in: OkapiStandIn, service: Service) -> None:
    assert levels(beside(stand_in, "--service", service.url)[1], "stands alone") == ["warning"]
    gone = f"http://127.0.0.1:{take_port()}"
    assert levels(beside(stand_in, "--service", gone)[1], "is not well") == ["error"]


def test_paths_are_registered_and_taken_back(stand_in: OkapiStandIn, service: Service) -> None:
    done = run_command("beside", stand_in.url, "--service", service.url, "--register", "--take-over")
    assert done.returncode == Exit.DONE
    assert "enabled mod-okapi-install-takeover-1.0.0 for supertenant" in done.stdout
    again = run_command("beside", stand_in.url, "--service", service.url, "--register", "--take-over")
    assert "Nothing had to be changed." in again.stderr
    undone = run_command("beside", stand_in.url, "--undo", "--json")
    assert len(json.loads(undone.stdout)["done"]) == 6
    assert stand_in.state.enabled["supertenant"] == ["okapi-7.0.0"]


def test_nothing_is_registered_that_okapi_could_not_call(
    stand_in: OkapiStandIn, service: Service, authtoken: Authtoken
) -> None:
    service.needs_key = True
    done, found = beside(stand_in, "--service", service.url, "--take-over")
    assert (done.returncode, levels(found, "needs an API key"), found["done"]) == (Exit.FAILED, ["error"], [])
    assert stand_in.changes() == []
    stand_in.secure(authtoken.url)
    changing = ("okapi.proxy.modules.post", "okapi.discovery.post", "okapi.proxy.tenants.modules.post")
    token = authtoken.token(*READ, *changing)
    done, found = beside(stand_in, "--service", service.url, "--take-over", "--token", token)
    assert (done.returncode, len(found["done"])) == (Exit.DONE, 6)


def test_jobs_that_are_ours_through_okapi_are_no_jobs_of_okapi(stand_in: OkapiStandIn, service: Service) -> None:
    fill(stand_in)
    job = stand_in.state.start_job("diku", [])
    _, found = beside(stand_in, "--service", service.url, "--take-over")
    assert levels(found, job.id) == ["warning"]
    assert levels(beside(stand_in)[1], job.id) == []


@pytest.mark.parametrize("arguments", [("--register",), ("--take-over",), ("--undo", "--register")])
def test_options_that_do_not_fit_are_refused(stand_in: OkapiStandIn, arguments: tuple[str, ...]) -> None:
    assert run_command("beside", stand_in.url, *arguments).returncode == Exit.USAGE
    assert stand_in.requests == []


def test_an_okapi_that_does_not_respond_has_an_exit_code_of_its_own() -> None:
    url = f"http://127.0.0.1:{take_port()}"
    for command in (("beside", url), ("adopt", url, "--url", url)):
        assert run_command(*command).returncode == Exit.UNREACHABLE


def test_all_is_copied_once(stand_in: OkapiStandIn, service: Service) -> None:
    fill(stand_in)
    stand_in.state.put_tenant({"id": "nameless"})
    first = run_command("adopt", stand_in.url, url=service.url)
    assert first.returncode == Exit.DONE
    assert first.stdout.splitlines() == [
        "3 descriptors added, 0 there already",
        "2 instances added, 0 there already",
        "2 tenants added, 1 there already",
        "3 enabled modules added, 0 there already",
    ]
    for kept in ("modules", "tenants", "instances", "enabled"):
        assert getattr(service.state, kept) == getattr(stand_in.state, kept), kept
    assert [r.query for r in service.requests if r.path.endswith("/install")] == [
        {"invoke": "false", "depCheck": "false"}
    ]
    sent = len([request for request in service.requests if request.method != "GET"])
    again = run_command("adopt", stand_in.url, "--json", url=service.url)
    assert json.loads(again.stdout)["same"] == {"descriptor": 3, "instance": 2, "tenant": 3, "enabled module": 3}
    assert len([request for request in service.requests if request.method != "GET"]) == sent
    assert all(request.method == "GET" for request in stand_in.requests)


def test_a_dry_run_copies_nothing(stand_in: OkapiStandIn, service: Service) -> None:
    fill(stand_in)
    done = run_command("adopt", stand_in.url, "--dry-run", url=service.url)
    assert (done.returncode, "3 descriptors to be added" in done.stdout) == (Exit.DONE, True)
    assert all(request.method == "GET" for request in service.requests)


def test_what_differs_is_reported_and_left_alone(stand_in: OkapiStandIn, service: Service) -> None:
    fill(stand_in)
    service.state.add_modules([{"id": USERS, "name": "else"}, {"id": "mod-users-1.1.0"}, {"id": "mod-more-1.0.0"}])
    service.state.put_tenant({"id": "diku", "name": "Else"}, ["mod-users-1.1.0", "mod-more-1.0.0"])
    service.state.add_instance({"srvcId": USERS, "instId": f"i-{USERS}", "url": "http://else"})
    done = run_command("adopt", stand_in.url, url=service.url)
    assert done.returncode == Exit.FAILED
    assert [line.removeprefix("differs: ") for line in done.stdout.splitlines() if line.startswith("differs")] == [
        f"the descriptor {USERS}",
        f"the instance i-{USERS}, in Okapi {USERS} at {stand_in.url}",
        "name or description of tenant diku",
        f"tenant diku has mod-users-1.1.0, in Okapi {USERS}",
        "tenant diku has mod-more-1.0.0, in Okapi it has not",
    ]
    assert service.state.enabled["diku"] == sorted(["mod-users-1.1.0", "mod-more-1.0.0", LOGIN, UI])
    assert service.state.tenants["diku"]["name"] == "Else"


def test_our_own_registration_is_not_copied(stand_in: OkapiStandIn, service: Service) -> None:
    run_command("beside", stand_in.url, "--service", service.url, "--take-over")
    done = run_command("adopt", stand_in.url, url=service.url)
    assert (done.returncode, "0 descriptors added" in done.stdout) == (Exit.DONE, True)


def test_only_a_service_that_stands_alone_adopts(stand_in: OkapiStandIn, service: Service) -> None:
    service.okapi = "ok"
    for target, words in ((service, "stands beside an Okapi"), (stand_in, "plain Okapi")):
        done = run_command("adopt", stand_in.url, url=target.url)
        assert (done.returncode, words in done.stderr) == (Exit.REFUSED, True)
