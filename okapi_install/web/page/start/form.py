"""The start form: its fields as a browser sends them, and the request that they make.

Fields that Okapi has as query parameters have the same names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from werkzeug.datastructures import MultiDict

from okapi_install.domain.errors import UserError
from okapi_install.domain.identifiers import check_length
from okapi_install.domain.jobs import Action, Change, InstallOptions, JobKind
from okapi_install.domain.modules.versions import VersionFilter
from okapi_install.service.jobs.proposals import Wanted
from okapi_install.service.jobs.solutions import Constraints
from okapi_install.web.http.order_parsing import change_list
from okapi_install.web.http.requests import read_json

MOST_TENANTS = 50
"""Each of them is planned while the browser waits."""
MOST_MODULES = 2000
MOST_PARALLEL = 1000
SOLUTIONS = 3

_SEPARATORS = re.compile(r"[\s,;]+")
_FLAGS = ("ignoreErrors", "purge", "reinstall", "loadReference", "loadSample")
_TEXTS = ("parallel", "tenantParameters", "preRelease", "npmSnapshot", "invoke", "depCheck", "keep", "prefer")
_REFERENCE_DATA = ("loadReference", "loadSample")


class What(StrEnum):
    """What the form is to do."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    DISABLE = "disable"


@dataclass(frozen=True, kw_only=True, slots=True)
class StartForm:
    """The form as it was sent or as a link fills it in. Nothing is checked before `wanted`."""

    what: What
    tenants: tuple[str, ...]
    modules: str
    """A JSON list of modules, or ids and products."""
    products: tuple[str, ...]
    flags: frozenset[str]
    texts: tuple[tuple[str, str], ...]
    """The other options, by name. Those that are empty are left out."""

    @classmethod
    def of(cls, fields: MultiDict[str, str], file: str = "") -> StartForm:
        """From the fields of a request. `file` is the content of a file, which counts before the text.

        Raises:
            UserError: a field has the character NUL, or `kind` is unknown.
        """
        if any("\0" in text for text in (file, *(v for values in fields.listvalues() for v in values))):
            raise UserError("The form has the character NUL, which cannot be kept")
        named = [*fields.getlist("tenant"), *_split(fields.get("tenants", ""))]
        listed = "\n".join(fields.getlist("module"))
        return cls(
            what=_what(fields.get("kind") or What.INSTALL.value),
            tenants=tuple(dict.fromkeys(name for name in named if name)),
            modules=file.strip() or fields.get("modules", "").strip() or listed,
            products=tuple(dict.fromkeys(fields.getlist("product"))),
            flags=frozenset(name for name in _FLAGS if fields.get(name) == "true"),
            texts=tuple((name, text) for name in _TEXTS if (text := fields.get(name, "").strip())),
        )

    def text(self, name: str, default: str = "") -> str:
        """An option by its name."""
        return dict(self.texts).get(name, default)

    def fields(
        self, *, tenants: Iterable[str] | None = None, modules: str | None = None, what: What | None = None
    ) -> list[tuple[str, str]]:
        """The fields, for a form that sends them again. With `modules`, these are the only ones."""
        products = self.products if modules is None else ()
        return [
            ("kind", (what or self.what).value),
            ("modules", self.modules if modules is None else modules),
            *(("tenant", tenant) for tenant in (self.tenants if tenants is None else tenants)),
            *(("product", product) for product in products),
            *((name, "true") for name in sorted(self.flags)),
            *self.texts,
        ]

    def wanted(self) -> Wanted:
        """The request. Raises UserError that says what to change in the form."""
        _check_tenants(self.tenants)
        upgrade = self.what is What.UPGRADE
        if upgrade:
            self._check_no_modules()
        return Wanted(
            kind=JobKind.UPGRADE if upgrade else JobKind.INSTALL,
            tenants=self.tenants,
            request=None if upgrade else self._changes(),
            options=self._options(),
            constraints=Constraints(most=SOLUTIONS, keep=self._names("keep"), prefer=self._names("prefer")),
        )

    def _names(self, option: str) -> tuple[str, ...]:
        return tuple(_split(self.text(option)))

    def _check_no_modules(self) -> None:
        if self.modules or self.products:
            raise UserError(
                "An upgrade brings all modules of the tenants to their newest versions. For some modules only, choose "
                '"Install or upgrade modules", or remove them from the form'
            )

    def _changes(self) -> tuple[Change, ...]:
        default = Action.DISABLE if self.what is What.DISABLE else Action.ENABLE
        changes = (*self._listed(default), *(Change(id=product, action=default) for product in self.products))
        if not changes:
            raise UserError("Name at least one module")
        if len(changes) > MOST_MODULES:
            raise UserError(f"The form takes at most {MOST_MODULES} modules; these are {len(changes)}")
        return tuple(dict.fromkeys(changes))

    def _listed(self, default: Action) -> Iterator[Change]:
        if not self.modules.startswith(("[", "{")):
            for name in _split(self.modules):
                check_length(name)
                yield Change(id=name, action=default)
            return
        document = read_json(self.modules.encode(), "The list of modules")
        yield from (
            _disabled(change, item) if default is Action.DISABLE else change for change, item in _pairs(document)
        )

    def _options(self) -> InstallOptions:
        versions = VersionFilter.parse(self.text("preRelease") or None, self.text("npmSnapshot") or None)
        return InstallOptions(
            asynchronous=True,
            purge="purge" in self.flags,
            ignore_errors="ignoreErrors" in self.flags,
            reinstall="reinstall" in self.flags,
            tenant_parameters=self._parameters(),
            invoke=self.text("invoke") or None,
            dep_check=self.text("depCheck", "true") != "false",
            parallel=_parallel(self.text("parallel", "1")),
            pre_release=versions.pre_release,
            npm_snapshot=versions.npm_snapshot,
        )

    def _parameters(self) -> str | None:
        loads = [f"{name}=true" for name in _REFERENCE_DATA if name in self.flags]
        given = self.text("tenantParameters")
        return ",".join([*loads, *([given] if given else [])]) or None


def _split(text: str) -> list[str]:
    return [part for part in _SEPARATORS.split(text) if part]


def _what(sent: str) -> What:
    if sent not in tuple(What):
        raise UserError(f"Unknown kind {sent}. Known are {', '.join(What)}")
    return What(sent)


def _check_tenants(tenants: tuple[str, ...]) -> None:
    if not tenants:
        raise UserError("Choose at least one tenant")
    if len(tenants) > MOST_TENANTS:
        raise UserError(
            f"The form takes at most {MOST_TENANTS} tenants at once; these are {len(tenants)}. Start a rollout instead"
        )
    for tenant in tenants:
        check_length(tenant)


def _pairs(document: object) -> Iterator[tuple[Change, object]]:
    """The modules of a list, each with what was sent for it."""
    changes = change_list(document)
    if isinstance(document, list):
        yield from zip(changes, document, strict=True)


def _disabled(change: Change, sent: object) -> Change:
    """A module of a list that is to be disabled. Raises UserError if the list says something else about it."""
    stated = isinstance(sent, dict) and sent.get("action") is not None
    if stated and change.action is not Action.DISABLE:
        raise UserError(
            f"The list says {change.action.value} for {change.id}, and the form disables modules. Remove the action "
            'from the list, or choose "Install or upgrade modules"'
        )
    return Change(id=change.id, action=Action.DISABLE)


def _parallel(sent: str) -> int:
    if not sent.isascii() or not sent.isdecimal() or not 1 <= int(sent[:9]) <= MOST_PARALLEL:
        raise UserError(f"The number of modules at the same time must be 1 to {MOST_PARALLEL}")
    return int(sent[:9])
