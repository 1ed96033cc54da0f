"""Responses of the page: HTML from a template, with the headers that every page has, and errors as pages.

Every response has a Content-Security-Policy that allows only our own files.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import Response, request

from okapi_install.domain import messages
from okapi_install.domain.errors import OkapiInstallError
from okapi_install.web.access.login import COOKIE, PageLogin
from okapi_install.web.access.origin import is_same_origin
from okapi_install.web.access.roles import current_holder
from okapi_install.web.http.errors import status_of
from okapi_install.web.http.sse import Events, while_allowed
from okapi_install.web.templating import page_templates

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Rendering:
    """Renders templates for the current request. `now` is in seconds since 1970."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.templates = page_templates()

    def html(self, template: str, status: int = 200, **values: object) -> Response:
        """A page."""
        holder = current_holder()
        may_operate = holder is None or holder.may_operate
        text = self.templates.get_template(template).render(
            path=request.path, now=self._now(), holder=holder, may_operate=may_operate, **values
        )
        answer = Response(text, status, mimetype="text/html")
        answer.headers["Content-Security-Policy"] = POLICY
        answer.headers["Cache-Control"] = "no-store"
        # Without it a form's POST has `Origin: null`, and over plain HTTP nothing else says where it comes from.
        answer.headers["Referrer-Policy"] = "same-origin"
        return answer

    def check_origin(self) -> Response | None:
        """Responds 403 to a request that would change something but was not sent by this page."""
        if request.method in ("GET", "HEAD") or is_same_origin(request.headers, request.host):
            return None
        return self.html("problem.html", 403, title="Not from this page", text=messages.not_from_this_page())

    def problem(self, error: OkapiInstallError) -> Response:
        """An error as a page."""
        status = status_of(error)
        if status == 404:
            return self.missing()
        return self.html("problem.html", status, title="That did not work", text=error.message)

    def missing(self) -> Response:
        """The page for what does not exist."""
        return self.html("problem.html", 404, title="Not found", text=messages.no_such_page())


def while_signed_in(login: PageLogin, events: Events) -> Events:
    """The events, until the session of the current request ends. A stream may be open for days."""
    path, cookie = request.path, request.cookies.get(COOKIE)
    if login.holder(path, cookie) is None:  # there is no key, or it was sent itself
        return events
    return while_allowed(events, lambda: login.holder(path, cookie) is not None, time.monotonic)


def page_number() -> int:
    """The parameter `page` of the current request; 1 if it is not a number of a page."""
    sent = request.args.get("page", "")
    return max(1, int(sent)) if sent.isdecimal() and len(sent) < 7 else 1
