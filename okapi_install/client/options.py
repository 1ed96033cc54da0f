"""The query parameters of install and upgrade, as Okapi names them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class InstallOptions:
    """The options of a request. An option that is None is not sent, so that the server's default applies."""

    deploy: bool | None = None
    purge: bool | None = None
    tenant_parameters: str | None = None
    invoke: str | None = None
    dep_check: bool | None = None
    ignore_errors: bool | None = None
    reinstall: bool | None = None
    parallel: int | None = None
    pre_release: str | None = None
    npm_snapshot: str | None = None

    def query(self) -> dict[str, str]:
        """The options that are set, as query parameters."""
        values: dict[str, object] = {
            "deploy": self.deploy,
            "purge": self.purge,
            "tenantParameters": self.tenant_parameters,
            "invoke": self.invoke,
            "depCheck": self.dep_check,
            "ignoreErrors": self.ignore_errors,
            "reinstall": self.reinstall,
            "parallel": self.parallel,
            "preRelease": self.pre_release,
            "npmSnapshot": self.npm_snapshot,
        }
        return {name: _text(value) for name, value in values.items() if value is not None}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
