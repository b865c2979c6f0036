"""POST /tasks puts a task into the queue. Which tasks there are is the worker's business: an unknown one ends in the dead-letter queue."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from api_server.request import accepted_at, check_size, check_storable, request_id
from common import queue
from common.messages import TaskMessage, TaskName, new_id

router = APIRouter()


class TaskIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    task: TaskName
    arguments: dict[str, Any] = {}


@router.post("/tasks", status_code=202, dependencies=[Depends(check_size)])
async def post_task(task: TaskIn, request: Request):
    check_storable(task.arguments)
    message = TaskMessage(
        id=new_id(),
        accepted_at=accepted_at(request),
        source="api",
        request_id=request_id(request),
        task=task.task,
        arguments=task.arguments,
    )
    queue.send(message)
    return {"id": message.id, "status": "accepted", "task": message.task}
