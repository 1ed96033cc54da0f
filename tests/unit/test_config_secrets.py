"""The secrets among the settings: none shows anywhere, and the key that seals tokens is made once."""

from __future__ import annotations

import stat
import string
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

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
            database_url=f"postgresql://u:{secret}@h/db?password={secret}",
            broker_url=f"redis://:{secret}@h/0",
            okapi_url=f"https://u:{secret}@h",
            callback_url=f"https://h/hook?access_token={secret}&a=b",
        ),
        encryption_key=Fernet.generate_key().decode(),
    )
    for shown in (repr(found), str(found), str(found.described()), f"{replace(found, workers=9)}"):
        assert secret not in shown
        assert str(found.encryption_key) not in shown
    assert "hook?access_token=***&a=b" in repr(found)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("encryption_key", "geheim"),
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


@given(password=st.text(string.ascii_letters + string.digits + "!$&'()*+,;=:%@-._~", min_size=12))
def test_no_password_of_a_url_is_shown(password: str) -> None:
    assert password not in redacted_url(f"redis://user:{password}@host:6379/0")


@pytest.mark.parametrize("url", ["sqlite:////srv/x.db", "http://h:1/p?q=1#f", "redis://h/0", "plain text"])
def test_a_url_without_secrets_is_shown_as_it_is(url: str) -> None:
    assert redacted_url(url) == url


def test_the_key_is_made_once_readable_by_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "new/data")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: settings.sealing_key(), range(32)))
    file = settings.data / "key"
    assert keys == {file.read_bytes().strip()}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in settings.data.iterdir()] == ["key"]
    assert Fernet(keys.pop()).encrypt(b"x")


def test_a_key_that_is_set_makes_no_file(tmp_path: Path) -> None:
    key = Fernet.generate_key()
    assert Settings(data=tmp_path / "data", encryption_key=key.decode()).sealing_key() == key
    assert not (tmp_path / "data").exists()


def test_a_key_file_that_is_none_or_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("short", encoding="ascii")
    with pytest.raises(SettingsError, match="not a key"):
        Settings(data=tmp_path).sealing_key()
    with pytest.raises(SettingsError, match="OKAPI_INSTALL_ENCRYPTION_KEY"):
        Settings(data=tmp_path / "key/below").sealing_key()
