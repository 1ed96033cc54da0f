"""The Okapi beside the service as a platform: which requests it gets, and what becomes of its flaws."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from okapi_install.adapters.okapi.client import OkapiClient
from okapi_install.adapters.okapi.connections import Connections, Response
from okapi_install.adapters.okapi.platform import OkapiPlatform
from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.ports import (
    ChangeNotRecorded,
    DescriptorGone,
    Differences,
    PlatformUnavailable,
    Recording,
    Tenant,
)
from okapi_install.service.registry import RegistryService
from okapi_install.service.tenants import TenantService
from tests.contract.builders import claimed, submit
from tests.fakes.memory_store import MemoryStore
from tests.fixtures.okapi_stand_in import OkapiStandIn
from tests.fixtures.okapi_stand_in.beside import platform_beside

A, B, NEW = "mod-a-1.0.0", "mod-b-1.0.0", "mod-a-1.1.0"
T = "/_/proxy/tenants/diku"


@dataclass
class Beside:
    """A platform beside the stand-in, with the modules A, B and NEW and the tenant `diku`, which has A."""

    okapi: OkapiStandIn
    platform: OkapiPlatform
    store: MemoryStore
    registry: RegistryService

    def modules(self) -> set[str]:
        """What plans are made with."""
        return set(self.registry.current().ids())

    def requested(self) -> list[str]:
        """The requests since the last call."""
        sent = [f"{one.method} {one.path}" + ("?full" if one.full else "") for one in self.okapi.requests]
        self.okapi.requests.clear()
        return sent

    def enabled(self) -> list[str]:
        """What Okapi says of the tenant."""
        return self.okapi.state.enabled_of("diku")

    def record(self, *, gone: str | None = None, came: str | None = None) -> None:
        """Records a change."""
        self.platform.record("diku", Recording(gone=gone, came=came), before=lambda: None)


@pytest.fixture
def beside(stand_in: OkapiStandIn) -> Iterator[Beside]:
    """Such a platform."""
    store, connections = MemoryStore(), Connections(16)
    registry = RegistryService(store)
    stand_in.state.add_modules({"id": ident, "name": ident} for ident in (A, B, NEW))
    stand_in.state.put_tenant({"id": "diku"}, [A])
    yield Beside(stand_in, platform_beside(stand_in, store, connections, registry=registry), store, registry)
    connections.close()


def test_a_module_that_another_process_copies_meanwhile_is_not_taken_for_removed(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list that this process got is older than what the other one has copied."""
    beside.platform.refresh_registry()
    read = OkapiClient.call

    def read_late(*given: Any, **options: Any) -> Response:
        found = read(*given, **options)
        beside.store.mirror_modules([ModuleDescriptor.parse({"id": "mod-newer-1.0.0"})], ())
        return found

    monkeypatch.setattr(OkapiClient, "call", read_late)
    beside.platform.refresh_registry()
    assert "mod-newer-1.0.0" in beside.modules()


def test_a_registry_that_is_up_to_date_takes_one_request(beside: Beside) -> None:
    beside.platform.refresh_registry()
    assert beside.modules() == {"okapi-7.0.0", A, B, NEW}
    beside.requested()
    beside.platform.refresh_registry()
    assert beside.requested() == ["GET /_/proxy/modules"]


def test_a_plan_takes_two_requests_once_all_is_known(beside: Beside) -> None:
    beside.platform.refresh_registry()
    beside.platform.refresh_tenant("diku")
    beside.requested()
    beside.platform.refresh_registry()
    beside.platform.refresh_tenant("diku")
    assert beside.requested() == ["GET /_/proxy/modules", f"GET {T}/modules"]


def test_few_new_modules_are_read_by_their_ids(beside: Beside) -> None:
    beside.platform.refresh_registry()
    beside.requested()
    beside.okapi.state.add_modules([{"id": "mod-c-1.0.0"}])
    beside.platform.refresh_registry()
    assert beside.requested() == ["GET /_/proxy/modules", "GET /_/proxy/modules/mod-c-1.0.0"]
    assert "mod-c-1.0.0" in beside.modules()


def test_many_new_modules_are_read_in_parts_that_have_what_is_not_known(beside: Beside) -> None:
    beside.okapi.state.add_modules({"id": f"mod-c-1.0.{number}"} for number in range(1200))
    beside.platform.refresh_registry()
    full = "GET /_/proxy/modules?full"
    assert beside.requested() == ["GET /_/proxy/modules", full, full, full]
    assert len(beside.modules()) == 1204
    assert beside.platform.progress() is None


def test_it_is_shown_how_far_a_first_read_is(beside: Beside) -> None:
    beside.okapi.state.add_modules({"id": f"mod-c-1.0.{number}"} for number in range(600))
    seen: list[str | None] = []
    mirror = beside.store.mirror_modules

    def watched(added: Sequence[ModuleDescriptor], removed: Collection[str]) -> None:
        seen.append(beside.platform.progress())
        mirror(added, removed)

    beside.store.mirror_modules = watched  # type: ignore[method-assign]
    beside.platform.refresh_registry()
    assert seen == [
        "reads the registry of Okapi: 0 of 604 modules",
        "reads the registry of Okapi: 500 of 604 modules",
    ]


def test_a_module_that_is_gone_leaves_the_registry_and_one_that_comes_back_is_read_again(beside: Beside) -> None:
    beside.platform.refresh_registry()
    beside.okapi.state.remove_module(B)
    beside.platform.refresh_registry()
    assert B not in beside.modules()
    assert beside.store.descriptors([B])
    beside.okapi.state.add_modules([{"id": B, "name": "another"}])
    beside.platform.refresh_registry()
    assert beside.store.descriptors([B])[B].name == "another"
    assert B in beside.modules()


def test_a_list_that_is_the_same_is_taken_over_again_when_another_process_has_changed_the_store(
    beside: Beside,
) -> None:
    beside.platform.refresh_registry()
    beside.store.mirror_modules((), [B])
    beside.platform.refresh_registry()
    assert B in beside.modules()


def test_okapis_own_module_is_that_of_its_version(beside: Beside) -> None:
    beside.platform.refresh_registry()
    own = beside.okapi.state.modules.pop("okapi-7.0.0")
    beside.okapi.state.add_modules([own | {"id": "okapi-7.1.0"}])
    beside.platform.refresh_registry()
    assert {ident for ident in beside.modules() if ident.startswith("okapi")} == {"okapi-7.1.0"}


def test_a_module_that_cannot_be_used_is_left_out_and_not_read_again(beside: Beside) -> None:
    beside.okapi.state.add_modules([{"id": "mod-bad-1.0.0", "provides": "nonsense"}])
    beside.platform.refresh_registry()
    assert "mod-bad-1.0.0" not in beside.modules()
    beside.requested()
    beside.platform.refresh_registry()
    assert beside.requested() == ["GET /_/proxy/modules"]


@pytest.mark.parametrize("answer", [[], {}, [{"id": "mod-a-1.0.0"}], "text"])
def test_a_list_that_cannot_be_okapis_removes_nothing(beside: Beside, answer: object) -> None:
    beside.platform.refresh_registry()
    beside.okapi.instead["/_/proxy/modules"] = answer
    with pytest.raises(PlatformUnavailable):
        beside.platform.refresh_registry()
    assert A in beside.modules()


def test_many_callers_at_once_share_requests(beside: Beside) -> None:
    beside.platform.refresh_registry()
    beside.requested()
    beside.okapi.state.flaws.slow = 0.2
    start = threading.Barrier(20)

    def refresh() -> None:
        start.wait()
        beside.platform.refresh_registry()

    with ThreadPoolExecutor(20) as threads:
        for done in [threads.submit(refresh) for _ in range(20)]:
            done.result()
    assert len(beside.requested()) <= 3


def test_a_caller_sees_what_was_posted_before_its_call(beside: Beside) -> None:
    beside.platform.refresh_registry()
    beside.okapi.state.flaws.slow = 0.1
    with ThreadPoolExecutor(1) as threads:
        earlier = threads.submit(beside.platform.refresh_registry)
        while not beside.okapi.requests[1:]:
            pass
        beside.okapi.state.add_modules([{"id": "mod-late-1.0.0"}])
        beside.platform.refresh_registry()
        assert "mod-late-1.0.0" in beside.modules()
        earlier.result()


def test_a_failure_is_that_of_all_callers_and_the_next_call_tries_again(beside: Beside) -> None:
    beside.okapi.stop()
    with ThreadPoolExecutor(5) as threads:
        for done in [threads.submit(beside.platform.refresh_registry) for _ in range(5)]:
            with pytest.raises(PlatformUnavailable):
                done.result()
    beside.okapi.start()
    beside.platform.refresh_registry()
    assert A in beside.modules()


def test_a_tenant_is_removed_only_when_okapi_says_that_there_is_none(beside: Beside) -> None:
    beside.platform.refresh_tenants()
    beside.okapi.instead["/_/proxy/tenants"] = [{"id": "supertenant"}]
    beside.platform.refresh_tenants()
    assert [tenant.id for tenant in beside.store.tenants()] == ["diku", "supertenant"]
    beside.okapi.instead["/_/proxy/tenants"] = []
    with pytest.raises(PlatformUnavailable, match="does not have supertenant"):
        beside.platform.refresh_tenants()


def test_tenants_whose_id_cannot_be_stored_are_left_out(beside: Beside) -> None:
    beside.okapi.state.put_tenant({"id": "a/b"})
    beside.platform.refresh_tenants()
    assert [tenant.id for tenant in beside.store.tenants()] == ["diku", "supertenant"]


def test_a_404_that_is_not_okapis_is_no_removed_tenant(beside: Beside) -> None:
    beside.platform.refresh_tenant("diku")
    beside.okapi.instead[f"{T}/modules"] = (404, "<html>not here</html>")
    with pytest.raises(PlatformUnavailable, match="404: <html>not here"):
        beside.platform.refresh_tenant("diku")
    assert beside.store.tenant("diku") == Tenant(id="diku")


def test_what_changes_while_a_job_runs_is_seen_by_its_worker(beside: Beside) -> None:
    beside.platform.refresh_tenant("diku")
    claim = claimed(beside.store, submit(beside.store))
    beside.okapi.state.change("diku", came=[B])
    assert beside.platform.enabled_now("diku", claim.enabled) == {A, B}
    assert beside.store.enabled("diku") == [A, B]


@pytest.mark.parametrize(
    ("gone", "came", "request_line"),
    [
        (None, B, f"POST {T}/modules"),
        (A, NEW, f"POST {T}/modules/{A}"),
        (A, None, f"DELETE {T}/modules/{A}"),
    ],
)
def test_a_change_is_one_request_and_read_back(
    beside: Beside, gone: str | None, came: str | None, request_line: str
) -> None:
    beside.platform.enabled_now("diku", frozenset())
    beside.requested()
    beside.record(gone=gone, came=came)
    assert beside.requested() == [request_line, f"GET {T}/modules"]
    beside.okapi.requests.clear()
    beside.record(gone=gone, came=came)
    assert beside.requested() == [f"GET {T}/modules"], "what is there already is not sent again"


def test_no_module_is_called_and_nothing_is_checked_by_okapi(beside: Beside) -> None:
    beside.record(came=B)
    (sent,) = [one for one in beside.okapi.requests if one.method == "POST"]
    assert sent.query == {"invoke": "false", "depCheck": "false"}
    assert sent.body == {"id": B}


def test_it_is_committed_before_okapi_is_told(beside: Beside) -> None:
    seen: list[list[str]] = []
    change = Recording(gone=None, came=B)
    beside.platform.record("diku", change, before=lambda: seen.append(beside.requested()))
    assert seen == [[]]


def test_a_commit_that_fails_tells_okapi_nothing(beside: Beside) -> None:
    def fails() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        beside.platform.record("diku", Recording(gone=None, came=B), before=fails)
    assert beside.requested() == []


def test_what_okapi_shows_then_is_returned(beside: Beside) -> None:
    change = Recording(gone=A, came=NEW)
    for _ in range(2):
        assert beside.platform.record("diku", change, before=lambda: None) == {NEW}


def test_the_stand_in_loses_changes_that_are_made_at_once_like_okapi(beside: Beside) -> None:
    ids = [f"mod-x-1.0.{number}" for number in range(8)]
    beside.okapi.state.flaws.write_delay = 0.2
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(beside.okapi.state.change, "diku", came=[ident]) for ident in ids]:
            done.result()
    assert len(beside.enabled()) < 9


def test_a_change_whose_answer_is_lost_is_found_by_the_next_attempt(beside: Beside) -> None:
    beside.okapi.state.flaws.lost_answers = 2  # one on a connection that was idle may be the idle connection's fault
    with pytest.raises(PlatformUnavailable):
        beside.record(came=B)
    beside.requested()
    beside.record(came=B)
    assert beside.requested() == [f"GET {T}/modules"]
    assert beside.enabled() == [A, B]


def test_a_change_that_okapi_loses_is_told(beside: Beside) -> None:
    beside.okapi.state.flaws.lost_changes = 1
    with pytest.raises(ChangeNotRecorded, match="of tenant diku, but does not show it"):
        beside.record(came=B)
    beside.record(came=B)
    assert beside.enabled() == [A, B]


def test_a_change_that_okapi_refuses_may_be_tried_again(beside: Beside) -> None:
    beside.okapi.state.flaws.failures = 1
    with pytest.raises(PlatformUnavailable, match="500"):
        beside.record(came=B)
    beside.record(came=B)
    assert beside.enabled() == [A, B]


def test_a_tenant_that_is_gone_is_told_apart_from_a_descriptor_that_is_gone(beside: Beside) -> None:
    with pytest.raises(DescriptorGone, match=r"mod-zz-1\.0\.0 is initialised but not enabled.*Post the descriptor"):
        beside.record(came="mod-zz-1.0.0")
    with pytest.raises(DescriptorGone):
        beside.record(gone=A, came="mod-zz-1.0.0")
    beside.okapi.state.remove_tenant("diku")
    for gone, came in ((None, B), (A, NEW), (A, None)):
        with pytest.raises(NotFound, match="^diku$"):
            beside.record(gone=gone, came=came)


def test_a_replaced_module_whose_descriptor_is_gone_does_not_matter(beside: Beside) -> None:
    beside.okapi.state.change("diku", gone=[A])
    beside.okapi.state.remove_module(A)
    beside.record(gone=A, came=NEW)
    assert beside.enabled() == [NEW]
    beside.record(gone=A)
    assert beside.enabled() == [NEW]


def test_a_job_of_okapis_own_is_seen_and_overwrites_what_was_recorded_meanwhile(beside: Beside) -> None:
    job = beside.okapi.state.start_job("diku", [{"id": B, "action": "enable"}])
    assert beside.platform.running_job("diku") == job.id
    beside.record(gone=A, came=NEW)
    assert beside.platform.differences("diku", [NEW]) == Differences()
    beside.okapi.state.finish_jobs()
    assert beside.platform.running_job("diku") is None
    assert beside.platform.differences("diku", [NEW]) == Differences(missing=(NEW,), unexpected=(A, B))


def test_our_own_jobs_are_none_of_okapis_where_our_paths_are_registered_there(beside: Beside) -> None:
    beside.platform.refresh_tenant("diku")
    ours = submit(beside.store)
    beside.okapi.instead[f"{T}/install"] = [{"id": ours.id, "complete": False}, {"id": "done", "complete": True}]
    assert beside.platform.running_job("diku") is None
    beside.okapi.instead[f"{T}/install"] = [{"id": ours.id, "complete": False}, {"id": "theirs", "complete": False}]
    assert beside.platform.running_job("diku") == "theirs"


def test_what_is_requested_of_a_tenant_that_is_gone_is_not_found(beside: Beside) -> None:
    for call in (
        lambda: beside.platform.enabled_now("nobody", frozenset()),
        lambda: beside.platform.running_job("nobody"),
        lambda: beside.platform.differences("nobody", []),
    ):
        with pytest.raises(NotFound, match="^nobody$"):
            call()


def test_a_restarted_okapi_has_what_was_recorded(beside: Beside) -> None:
    beside.record(came=B)
    beside.okapi.stop()
    with pytest.raises(PlatformUnavailable):
        beside.record(gone=A)
    beside.okapi.start()
    beside.record(gone=A)
    assert beside.enabled() == [B]


def test_a_tenant_that_is_new_in_okapi_is_found_when_it_is_asked_for(beside: Beside) -> None:
    tenants = TenantService(beside.store, beside.registry, beside.platform, before_removal=lambda _: None)
    beside.platform.refresh_tenants()
    beside.okapi.state.put_tenant({"id": "new", "name": "New"}, ["okapi-7.0.0"])
    beside.okapi.state.put_tenant({"id": "newer"}, ["okapi-7.0.0"])
    assert tenants.get("new") == Tenant(id="new", name="New")
    tenants.check_caller("newer")
    beside.requested()
    tenants.get("new")
    assert beside.requested() == []
    with pytest.raises(NotFound, match="^nobody$"):
        tenants.get("nobody")
    with pytest.raises(UserError):
        tenants.check_caller("nobody")


def test_all_that_okapi_has_is_read_at_the_start(beside: Beside) -> None:
    beside.okapi.state.put_tenant({"id": "other"}, [B])
    beside.platform.read_all()
    assert beside.modules() == {"okapi-7.0.0", A, B, NEW}
    assert (beside.store.enabled("diku"), beside.store.enabled("other")) == ([A], [B])


def test_pages_show_what_is_known_while_okapi_is_unavailable_and_no_plan_is_made(beside: Beside) -> None:
    tenants = TenantService(beside.store, beside.registry, beside.platform, before_removal=lambda _: None)
    beside.platform.read_all()
    beside.okapi.stop()
    assert [tenant.id for tenant in tenants.all()] == ["diku", "supertenant"]
    assert tenants.enabled("diku") == [A]
    tenants.check_caller("supertenant")
    for call in (beside.platform.refresh_registry, lambda: beside.platform.refresh_tenant("diku")):
        with pytest.raises(PlatformUnavailable):
            call()
    with pytest.raises(PlatformUnavailable):
        tenants.get("nobody")
    beside.okapi.start()
