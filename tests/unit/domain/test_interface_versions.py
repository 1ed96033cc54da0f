"""Whether the version of an interface suits a requirement, as in Okapi."""

from __future__ import annotations

import pytest

from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.interface_versions import InterfaceVersion, compatible


@pytest.mark.parametrize(
    ("provided", "required", "suits"),
    [
        ("1.0", "1.0", True),
        ("1.2", "1.1", True),
        ("1.1", "1.2", False),
        ("2.0", "1.0", False),
        ("1.1.1", "1.1", True),
        ("1.1", "1.1.1", False),
        ("2.1", "1.0 2.0", True),
        ("2.1", "1.0 2.2 2.0", False),
        ("1.0", "1.0 x 2.0", True),
        ("2.0", "1.0 x 2.0", False),
    ],
)
def test_the_same_major_version_and_not_older_suits(provided: str, required: str, suits: bool) -> None:
    assert compatible(provided, required) is suits


@pytest.mark.parametrize("text", ["", "1", "1.2.3.4", "one", " 1.0", "1.x", "1.99999999999"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="Bad version number"):
        InterfaceVersion.parse(text)
