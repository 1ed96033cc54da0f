"""Guessing keys is slow, and does not hinder those who know one."""

from __future__ import annotations

from collections.abc import Callable

from okapi_install.web.access.key_brake import AT_ONCE, SECONDS_FOR_ONE, KeyBrake
from tests.fakes.fake_clock import FakeClock
from tests.unit.web.conftest import Api

KEY = "a-key-of-this-server"
ENV = "/_/env"


def test_after_some_wrong_keys_guessing_is_slow() -> None:
    clock = FakeClock()
    brake = KeyBrake(clock.monotonic)
    for number in range(AT_ONCE):
        assert not brake.blocks("10.0.0.1")
        brake.wrong("10.0.0.1", f"guess{number}")
    assert brake.blocks("10.0.0.1")
    assert not brake.blocks("10.0.0.2")
    clock.sleep(SECONDS_FOR_ONE)
    assert not brake.blocks("10.0.0.1")
    brake.wrong("10.0.0.1", "another")
    assert brake.blocks("10.0.0.1")


def test_a_program_that_repeats_a_wrong_key_does_not_guess() -> None:
    brake = KeyBrake(FakeClock().monotonic)
    for _ in range(100):
        brake.wrong("10.0.0.1", "the same")
    assert not brake.blocks("10.0.0.1")


def test_a_network_of_ipv6_is_one_client_and_memory_is_bounded() -> None:
    brake = KeyBrake(FakeClock().monotonic)
    for number in range(AT_ONCE):
        brake.wrong(f"2001:db8::{number}", f"guess{number}")
    assert brake.blocks("2001:db8::ffff")
    for number in range(20_000):
        brake.wrong(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}", "guess")
    assert len(brake._clients) == 10_000


def test_the_api_refuses_a_guesser_even_the_right_key(api_with: Callable[..., Api]) -> None:
    api = api_with(api_key=KEY)
    answers = [api.get(ENV, headers={"X-Okapi-Token": f"guess{n}"}).status_code for n in range(AT_ONCE + 5)]
    assert answers == [401] * AT_ONCE + [429] * 5
    refused = api.get(ENV, headers={"Authorization": f"Bearer {KEY}"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    other = {"REMOTE_ADDR": "10.9.9.9"}
    assert api.get(ENV, headers={"X-Okapi-Token": KEY}, environ_overrides=other).status_code == 200
    assert api.get("/_/proxy/health").status_code == 200


def test_tokens_of_folio_are_no_guesses(api_with: Callable[..., Api]) -> None:
    api = api_with(api_key=KEY)
    for number in range(50):
        assert api.get(ENV, headers={"X-Okapi-Token": f"e30.e{number}.sig"}).status_code == 401
    sent = {"X-Okapi-Token": "e30.e30.sig", "Authorization": f"Bearer {KEY}"}
    assert api.get(ENV, headers=sent).status_code == 200


def test_a_trusted_proxy_says_who_its_client_is(api_with: Callable[..., Api]) -> None:
    api = api_with(api_key=KEY, trusted_proxies="127.0.0.1")

    def status(client: str, key: str, proxy: str = "127.0.0.1") -> int:
        headers = {"X-Okapi-Token": key, "X-Forwarded-For": client}
        return api.get(ENV, headers=headers, environ_overrides={"REMOTE_ADDR": proxy}).status_code

    for number in range(AT_ONCE):
        status("10.0.0.1", f"guess{number}")
    assert status("10.0.0.1", KEY) == 429
    assert status("10.0.0.2", KEY) == 200
    assert status("10.0.0.1", KEY, proxy="192.0.2.1") == 200
