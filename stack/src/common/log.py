"""Structured logs: one JSON object a line, with whatever was bound to the request that is being served."""

import contextlib
import contextvars
import json
import logging
import os
import sys
from datetime import datetime, timezone

_bound: contextvars.ContextVar[dict] = contextvars.ContextVar("bound", default={})

# What every LogRecord has; anything else on a record came in by `extra`.
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    def __init__(self, service: str):
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        entry = {"timestamp": when, "level": record.levelname, "service": self.service, "logger": record.name, "message": record.getMessage()}
        entry.update(_bound.get())
        entry.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def setup(service: str) -> logging.Logger:
    """Replaces the handlers that the runtime installed: their format is not JSON, and two handlers would write everything twice."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # libraries; mangum would write a line of its own for every request
    logger = logging.getLogger(service)
    logger.setLevel(os.environ.get("LOG_LEVEL", "INFO"))
    return logger


@contextlib.contextmanager
def bound(**fields):
    """Everything logged inside carries these fields; None is left out."""
    token = _bound.set({**_bound.get(), **{key: value for key, value in fields.items() if value is not None}})
    try:
        yield
    finally:
        _bound.reset(token)


def current() -> dict:
    return dict(_bound.get())
