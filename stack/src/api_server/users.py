"""Users: create, list, read, replace, change, delete.

Every change raises the user's version, which is its ETag; If-Match with that ETag makes a change conditional on nobody having been faster."""

import os
import re
from datetime import datetime
from typing import Annotated, Any

from botocore.exceptions import ClientError
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api_server import cursor as cursors
from api_server.errors import ApiError
from api_server.request import accepted_at, check_size, check_storable
from common import aws
from common.messages import new_id, stamp

router = APIRouter()

_ID = r"^[A-Za-z0-9_-]{1,64}$"
UserId = Annotated[str, Path(pattern=_ID)]
IfMatch = Annotated[str | None, Header()]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class UserIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email
    name: Name
    attributes: dict[str, Any] = {}


class NewUserIn(UserIn):
    user_id: Annotated[str, Field(pattern=_ID)] | None = None


class UserChangeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email | None = None
    name: Name | None = None
    attributes: dict[str, Any] | None = None


def _table() -> str:
    return os.environ["USER_TABLE"]


def _missing(user_id: str) -> ApiError:
    return ApiError(404, "not_found", f"There is no user {user_id}.")


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = re.fullmatch(r'"(\d{1,15})"', if_match.strip())
    if not found:
        raise ApiError(400, "invalid_request", 'if-match: one ETag, for example "3"')
    return int(found.group(1))


def _answer(response: Response, user: dict) -> dict:
    response.headers["etag"] = f'"{user["version"]}"'
    return user


def _get(user_id: str) -> dict | None:
    item = aws.client("dynamodb").get_item(TableName=_table(), Key=aws.to_item({"user_id": user_id}), ConsistentRead=True).get("Item")
    return aws.from_item(item) if item else None


def _fail_condition(user_id: str, error: ClientError) -> ApiError:
    """Whoever asked for an existing user of a certain version: was it the user that is missing, or the version that is another?"""
    if aws.error_code(error) != "ConditionalCheckFailedException":
        raise error
    if _get(user_id) is None:
        return _missing(user_id)
    return ApiError(412, "changed_meanwhile", "The user has been changed since: read it again.")


@router.post("/users", status_code=201, dependencies=[Depends(check_size)])
async def create_user(user: NewUserIn, request: Request, response: Response):
    check_storable(user.attributes)
    now = stamp(accepted_at(request))
    item = {
        "user_id": user.user_id or new_id(),
        **user.model_dump(exclude={"user_id"}),
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    try:
        aws.client("dynamodb").put_item(TableName=_table(), Item=aws.to_item(item), ConditionExpression="attribute_not_exists(user_id)")
    except ClientError as error:
        if aws.error_code(error) == "ConditionalCheckFailedException":
            raise ApiError(409, "exists", f"There is a user {item['user_id']} already.") from error
        raise
    response.headers["location"] = f"/users/{item['user_id']}"
    return _answer(response, item)


@router.get("/users")
async def list_users(limit: Annotated[int, Query(ge=1, le=100)] = 25, cursor: Annotated[str | None, Query(max_length=2048)] = None):
    query = {"users": "all"}
    page = {"ExclusiveStartKey": last} if (last := cursors.read(query, cursor)) else {}
    answer = aws.client("dynamodb").scan(TableName=_table(), Limit=limit, **page)
    return {
        "users": [aws.from_item(item) for item in answer["Items"]],
        "next_cursor": cursors.make(query, answer.get("LastEvaluatedKey")),
    }


@router.get("/users/{user_id}")
async def read_user(user_id: UserId, response: Response):
    user = _get(user_id)
    if user is None:
        raise _missing(user_id)
    return _answer(response, user)


@router.put("/users/{user_id}", dependencies=[Depends(check_size)])
async def replace_user(user_id: UserId, user: UserIn, request: Request, response: Response, if_match: IfMatch = None):
    return _answer(response, _change(user_id, user.model_dump(), accepted_at(request), if_match))


@router.patch("/users/{user_id}", dependencies=[Depends(check_size)])
async def change_user(user_id: UserId, change: UserChangeIn, request: Request, response: Response, if_match: IfMatch = None):
    fields = change.model_dump(exclude_unset=True)
    if not fields or any(value is None for value in fields.values()):
        raise ApiError(400, "invalid_request", "Name what is to change: email, name or attributes; none of them can be null.")
    return _answer(response, _change(user_id, fields, accepted_at(request), if_match))


def _change(user_id: str, fields: dict, now: datetime, if_match: str | None) -> dict:
    check_storable(fields.get("attributes", {}))
    names = {f"#{key}": key for key in fields}
    values = {f":{key}": value for key, value in fields.items()}
    values |= {":one": 1, ":now": stamp(now)}
    condition = "attribute_exists(user_id)"
    if (version := _version(if_match)) is not None:
        condition += " AND version = :version"
        values[":version"] = version
    sets = ", ".join(["updated_at = :now", "version = version + :one", *(f"#{key} = :{key}" for key in fields)])
    try:
        answer = aws.client("dynamodb").update_item(
            TableName=_table(),
            Key=aws.to_item({"user_id": user_id}),
            UpdateExpression=f"SET {sets}",
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=aws.to_item(values),
            ReturnValues="ALL_NEW",
        )
    except ClientError as error:
        raise _fail_condition(user_id, error) from error
    return aws.from_item(answer["Attributes"])


@router.delete("/users/{user_id}", status_code=204)
async def delete_user(user_id: UserId, if_match: IfMatch = None):
    arguments = {"ConditionExpression": "attribute_exists(user_id)"}
    if (version := _version(if_match)) is not None:
        arguments["ConditionExpression"] += " AND version = :version"
        arguments["ExpressionAttributeValues"] = aws.to_item({":version": version})
    try:
        aws.client("dynamodb").delete_item(TableName=_table(), Key=aws.to_item({"user_id": user_id}), **arguments)
    except ClientError as error:
        raise _fail_condition(user_id, error) from error
    return Response(status_code=204)
