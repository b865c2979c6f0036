"""What the endpoints take from the request besides its parameters."""

from datetime import datetime, timezone

from fastapi import Request

from api_server.errors import ApiError
from common import aws

DATA_BYTES_MAX = 128 * 1024  # the queue takes 256 KB a message, escapes and envelope included


def accepted_at(request: Request) -> datetime:
    """When API Gateway took the request: one clock for all environments of the function."""
    millis = request.scope.get("aws.event", {}).get("requestContext", {}).get("timeEpoch")
    if millis is None:
        return datetime.now(timezone.utc)
    return datetime.fromtimestamp(millis / 1000, timezone.utc)


def request_id(request: Request) -> str | None:
    return request.scope.get("aws.event", {}).get("requestContext", {}).get("requestId")


async def check_size(request: Request) -> None:
    if len(await request.body()) > DATA_BYTES_MAX:
        raise ApiError(413, "too_large", f"The body may have {DATA_BYTES_MAX} bytes.")


def check_storable(data: dict) -> None:
    """What is accepted now must be writable later, when nobody waits for the answer any more."""
    try:
        aws.to_item({"data": data})
    except (ValueError, TypeError, RecursionError) as error:
        raise ApiError(400, "invalid_request", f"data: {error}") from error
    if _depth(data) > 24:
        raise ApiError(400, "invalid_request", "data: nested too deeply")


def _depth(value) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0
