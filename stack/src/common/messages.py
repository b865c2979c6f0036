"""What travels through the work queue. Senders build these, the worker accepts nothing else."""

import uuid
from datetime import datetime, timezone
from typing import Annotated, Any, Literal, Union

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

EventType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$", max_length=128)]
TaskName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
MessageId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: MessageId
    accepted_at: AwareDatetime
    source: Literal["api", "cron"]
    request_id: str | None = None


class EventMessage(_Message):
    kind: Literal["event"] = "event"
    type: EventType
    timestamp: AwareDatetime
    data: dict[str, Any] = {}


class TaskMessage(_Message):
    kind: Literal["task"] = "task"
    task: TaskName
    arguments: dict[str, Any] = {}


Message = Annotated[Union[EventMessage, TaskMessage], Field(discriminator="kind")]
_adapter = TypeAdapter(Message)


def parse(body: str) -> EventMessage | TaskMessage:
    """pydantic.ValidationError if it is none."""
    return _adapter.validate_json(body)


def new_id() -> str:
    return uuid.uuid4().hex


def stamp(when: datetime) -> str:
    """Fixed width, UTC: the order of the strings is the order of the times."""
    return when.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def sort_key(when: datetime, message_id: str) -> str:
    """Sort key of the events table: by time, and by id where the times are equal. '#' sorts before every digit and letter, so a range that
    begins at a stamp holds the events of that very moment, and one that ends there does not."""
    return f"{stamp(when)}#{message_id}"
