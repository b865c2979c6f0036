"""Every answer that is no success has one form: {"error": {"code", "message", "request_id"[, "details"]}}."""

import logging

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from common import aws, log

logger = logging.getLogger("api_server")

_CODES = {404: "not_found", 405: "method_not_allowed"}
_BUSY = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
}


class ApiError(Exception):
    def __init__(self, status: int, code: str, message: str, details=None):
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details


def _answer(status: int, code: str, message: str, details=None, headers=None) -> JSONResponse:
    error = {"code": code, "message": message, "request_id": log.current().get("request_id")}
    if details is not None:
        error["details"] = details
    return JSONResponse({"error": error}, status_code=status, headers=headers)


async def _api_error(_: Request, error: ApiError):
    return _answer(error.status, error.code, error.message, error.details)


async def _http(_: Request, error: HTTPException):
    return _answer(error.status_code, _CODES.get(error.status_code, "http_error"), str(error.detail), headers=error.headers)


async def _invalid(_: Request, error: RequestValidationError):
    # Without the input: it may hold what should be in no answer and no log.
    details = [{"where": ".".join(str(part) for part in e["loc"]), "problem": e["msg"]} for e in error.errors()]
    return _answer(400, "invalid_request", "The request is not valid.", details)


async def _aws(_: Request, error: Exception):
    logger.error("a call to AWS failed", exc_info=error)
    if isinstance(error, BotoCoreError) or aws.error_code(error) in _BUSY:
        return _answer(503, "unavailable", "Try again in a moment.", headers={"retry-after": "1"})
    return _answer(500, "internal", "The request could not be served.")


async def _bug(_: Request, error: Exception):
    logger.error("unexpected", exc_info=error)
    return _answer(500, "internal", "The request could not be served.")


def install(app: FastAPI) -> None:
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientError, _aws)
    app.add_exception_handler(BotoCoreError, _aws)
    app.add_exception_handler(Exception, _bug)
