"""The tasks that the worker knows. A task leaves an event task.<name> with its result; running it twice leaves one."""

import os

from common import aws
from common.messages import EventType, TaskMessage
from pydantic import BaseModel, ConfigDict

from worker import events


class UnknownTask(Exception):
    pass


class HeartbeatArguments(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schedule: str | None = None
    scheduled_at: str | None = None


def heartbeat(arguments: dict) -> dict:
    """Shows that schedule, queue and worker are alive."""
    return HeartbeatArguments.model_validate(arguments).model_dump(exclude_none=True)


class CountEventsArguments(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: EventType


def count_events(arguments: dict) -> dict:
    """How many events of a type are in the table."""
    wanted = CountEventsArguments.model_validate(arguments)
    count = 0
    pages = aws.client("dynamodb").get_paginator("query").paginate(
        TableName=os.environ["EVENTS_TABLE"],
        KeyConditionExpression="event_type = :type",
        ExpressionAttributeValues=aws.to_item({":type": wanted.type}),
        Select="COUNT",
    )
    for page in pages:
        count += page["Count"]
    return {"type": wanted.type, "count": count}


TASKS = {"heartbeat": heartbeat, "count_events": count_events}


def run(message: TaskMessage) -> None:
    task = TASKS.get(message.task)
    if task is None:
        raise UnknownTask(message.task)
    events.write(f"task.{message.task}", message.accepted_at, message, data=task(message.arguments))
