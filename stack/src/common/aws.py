"""Clients of AWS, one a service and process, and DynamoDB's item format."""

import functools
import math
from decimal import Context, Decimal, Inexact, Overflow, Rounded, Underflow

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import ClientError

# A function has seconds, not minutes: fail while there is still time to say so.
_CONFIG = Config(connect_timeout=2, read_timeout=8, retries={"mode": "standard", "max_attempts": 3})

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()
_decimals = Context(prec=38, Emin=-128, Emax=126, traps=[Inexact, Overflow, Rounded, Underflow])


@functools.cache
def client(service: str):
    return boto3.client(service, config=_CONFIG)


def error_code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _numbers(value):
    if isinstance(value, bool) or value is None or isinstance(value, (str, Decimal)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("numbers must be finite")
        return _number(repr(value))
    if isinstance(value, int):
        return _number(str(value))
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_numbers(item) for item in value]
    raise ValueError(f"cannot store a {type(value).__name__}")


def _number(text: str) -> Decimal:
    try:
        return _decimals.create_decimal(text)
    except ArithmeticError as error:
        raise ValueError("numbers may have 38 digits at most") from error


def to_item(value: dict) -> dict:
    """Plain Python to DynamoDB's typed form. ValueError for what DynamoDB cannot hold."""
    return {key: _serializer.serialize(item) for key, item in _numbers(value).items()}


def _plain(value):
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def from_item(item: dict) -> dict:
    """DynamoDB's typed form to what json.dumps takes."""
    return {key: _plain(_deserializer.deserialize(value)) for key, value in item.items()}
