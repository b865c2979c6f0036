"""The API key: header x-api-key against the secret."""

import functools
import os
from typing import Annotated

from fastapi import Header

from api_server.errors import ApiError
from common.secrets import Secret


@functools.cache
def _secret() -> Secret:
    return Secret(os.environ["API_KEY_SECRET_ARN"])


async def require_api_key(x_api_key: Annotated[str | None, Header()] = None) -> None:
    if not x_api_key:
        raise ApiError(401, "unauthorized", "The header x-api-key is missing.")
    if not _secret().matches(x_api_key):
        raise ApiError(403, "forbidden", "The API key is not valid.")
