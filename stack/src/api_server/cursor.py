"""Paging cursors: where the next page begins, signed, and good only for the query that they came from.

A cursor is base64url(mac + position); the mac covers the query too, so that nobody can make one up or carry it to other parameters."""

import base64
import binascii
import functools
import hashlib
import hmac
import json
import os

from api_server.errors import ApiError
from common.secrets import Secret

MAC_BYTES = 16


@functools.cache
def _secret() -> Secret:
    return Secret(os.environ["CURSOR_KEY_SECRET_ARN"])


def _mac(key: bytes, query: dict, position: bytes) -> bytes:
    bound = json.dumps(query, sort_keys=True).encode() + b"\0" + position
    return hmac.new(key, bound, hashlib.sha256).digest()[:MAC_BYTES]


def make(query: dict, last_key: dict | None) -> str | None:
    if not last_key:
        return None
    position = json.dumps(last_key, sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_mac(_secret().value(), query, position) + position).decode().rstrip("=")


def read(query: dict, cursor: str | None) -> dict | None:
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        mac, position = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if any([hmac.compare_digest(mac, _mac(key, query, position)) for key in _secret().values()]):
            return json.loads(position)
    except (ValueError, binascii.Error):
        pass
    raise ApiError(400, "invalid_cursor", "The cursor does not belong to this query.")
