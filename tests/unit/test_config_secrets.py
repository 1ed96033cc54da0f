"""The secrets among the settings: none shows anywhere."""

from __future__ import annotations

import logging
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from okapi_install.config import Settings, SettingsError, variable
from okapi_install.config_rules import redacted_url


def env(**values: str) -> dict[str, str]:
    """Variables by the names of settings."""
    return {variable(name): value for name, value in values.items()}


def test_no_secret_is_shown() -> None:
    secret = "geheim" * 8
    found = Settings.load(
        env(
            api_key=secret,
            callback_secret=secret,
            okapi_token=secret,
            okapi=f"http://u:{secret}@okapi",
            database_url=f"postgresql://u:{secret}@h/db?password={secret}",
            broker_url=f"redis://:{secret}@h/0",
            okapi_url=f"https://u:{secret}@h",
            callback_url=f"https://h/hook?access_token={secret}&a=b",
        ),
    )
    for shown in (repr(found), str(found), str(found.described()), f"{found.model_copy(update={'workers': 9})}"):
        assert secret not in shown
    assert "hook?access_token=***&a=b" in repr(found)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("database_url", "mysql://u:geheim@h/db"),
        ("database_url", "u:geheim@h/db"),
        ("broker_url", "redis://:geheim@h:port"),
        ("broker_url", "redis://:geheim@[h"),
    ],
)
def test_no_secret_is_shown_when_it_is_refused(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.load(env(**{name: text}))
    assert "geheim" not in refused.value.message
    assert refused.value.__cause__ is None


def test_no_secret_is_logged_when_pydantic_settings_is_told_to_debug(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "1")
    caplog.set_level(logging.DEBUG)
    Settings.load(env(api_key="geheim" * 2, broker_url="redis://:geheim@h/0"), callback_secret="geheim")
    assert "environment: <broker_url, api_key>" in caplog.text
    assert "geheim" not in caplog.text


def test_no_secret_is_shown_when_the_program_passes_a_wrong_value() -> None:
    with pytest.raises(ValidationError, match="redis://HOST:PORT/DATABASE") as refused:
        Settings(broker_url="amqp://:geheim@h/0")
    assert "geheim" not in f"{refused.value} {refused.value!r}"


@given(password=st.text(string.ascii_letters + string.digits + "!$&'()*+,;=:%@-._~", min_size=12))
def test_no_password_of_a_url_is_shown(password: str) -> None:
    assert password not in redacted_url(f"redis://user:{password}@host:6379/0")


@pytest.mark.parametrize("url", ["sqlite:////srv/x.db", "http://h:1/p?q=1#f", "redis://h/0", "plain text"])
def test_a_url_without_secrets_is_shown_as_it_is(url: str) -> None:
    assert redacted_url(url) == url
