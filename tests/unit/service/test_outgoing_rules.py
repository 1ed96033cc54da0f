"""Where this service may connect to for its clients."""

from __future__ import annotations

import ipaddress

import pytest

from okapi_install.domain.errors import UserError
from okapi_install.service.outgoing_rules import OutgoingRules


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[::ffff:169.254.169.254]",
        "[2002:a9fe:a9fe::1]",
        "0.0.0.0",  # noqa: S104 - nothing listens there
        "[::]",
        "224.0.0.1",
        "[fd00:ec2::254]",
        "100.100.100.200",
    ],
)
def test_addresses_that_are_no_servers_of_a_network_are_refused(host: str) -> None:
    with pytest.raises(UserError, match="does not connect to"):
        OutgoingRules().check_url(f"http://{host}:9130/x")


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://10.0.0.7:8080/x", "https://[fd00::1]/", "http://host./"])
def test_any_other_address_is_allowed_unless_the_settings_name_some(url: str) -> None:
    OutgoingRules().check_url(url)
    with pytest.raises(UserError, match="outgoing_hosts does not list it"):
        OutgoingRules(hosts=["registry.example.org"]).check_url(url)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("registry.example.org", True),
        ("REGISTRY.example.org.", True),
        ("a.b.example.net", True),
        ("example.net", False),
        ("evil-example.net", False),
        ("registry.example.org.evil.net", False),
        ("x.registry.example.org", False),
    ],
)
def test_a_listed_host_is_allowed_and_a_star_stands_for_all_below_a_domain(host: str, allowed: bool) -> None:
    rules = OutgoingRules(hosts=["registry.example.org", "*.example.net"])
    try:
        rules.check_url(f"https://{host}/x")
        assert allowed
    except UserError:
        assert not allowed


@pytest.mark.parametrize(
    ("peer", "local", "own"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.9", "127.0.0.1", True),
        ("10.0.0.7", "10.0.0.7", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", True),
        ("10.0.0.8", "10.0.0.7", False),
    ],
)
def test_a_connection_to_the_own_port_of_this_machine_is_one_to_itself(peer: str, local: str, own: bool) -> None:
    rules = OutgoingRules(own_port=9130)
    rules.check_connection("host", (peer, 9131), (local, 50000))
    try:
        rules.check_connection("host", (peer, 9130), (local, 50000))
        assert not own
    except UserError:
        assert own


def test_what_a_name_leads_to_is_checked_too() -> None:
    with pytest.raises(UserError, match="does not connect to metadata.internal"):
        OutgoingRules().check_address("metadata.internal", ipaddress.ip_address("169.254.169.254"))
