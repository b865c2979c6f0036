"""The HTTP API. Lambda's handler is api_server.lambda_handler."""

from api_server.app import lambda_handler

__all__ = ["lambda_handler"]
