"""Logging of a process: structlog, to stderr, for a console or as JSON. Secrets are never logged."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

from okapi_install.domain.foreign_text import bounded, visible

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class LossyStream:
    """Writes to a stream, and drops what it cannot write: a log on a full disk must not stop jobs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes to the stream; does not fail on a full disk."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flushes the stream; does not fail on a full disk."""
        with suppress(OSError):
            self._stream.flush()


def set_up_logging(level: str, log_format: str) -> None:
    """Sends the log lines of structlog and the standard library to stderr, in the same format. Replaces other handlers.

    Our own lines bypass the standard library. A worker logs two lines for every module, and finding the caller of each
    took a tenth of its time.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if log_format == "json":
        shared.append(structlog.processors.format_exc_info)
    shared.append(_visible_words)
    renderer, stream = _renderer(log_format), LossyStream(sys.stderr)
    structlog.configure(
        processors=[*shared, renderer],
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", stream)),
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=renderer))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    logging.getLogger("celery.app.trace").setLevel(logging.WARNING)


def emergency_line(log_format: str, event: str, **known: object) -> str:
    """A line of that form, for whoever must not wait for a lock on the way to the log, or comes before it is set up."""
    line = structlog.processors.add_log_level(None, "error", {"event": event, **known})
    line = structlog.processors.TimeStamper(fmt="iso", utc=True)(None, "error", line)
    return str(_renderer(log_format)(None, "error", line)) + "\n"


def capture_warnings() -> None:
    """Python's warnings become log lines."""
    logging.captureWarnings(True)


def _renderer(log_format: str) -> structlog.typing.Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=False, exception_formatter=_indented_traceback, pad_event_to=0)


def _visible_words(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Escapes foreign text, so that a log entry stays on one line."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = visible(value if name == "exception" else bounded(value), lines=name == "exception")
    return event


def _indented_traceback(stream: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    """Indents the lines of a traceback: an exception may contain foreign text that looks like a log line."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    stream.write(visible(text.getvalue(), lines=True).replace("\n", "\n    "))
