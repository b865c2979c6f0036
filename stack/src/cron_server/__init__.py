"""What the schedule calls. Lambda's handler is cron_server.lambda_handler.

It puts the task into the queue and leaves the work to the worker. The message's id comes from schedule and time, so that Scheduler's retry
of a run is the same message and the worker does it once."""

import uuid
from datetime import datetime

from pydantic import AwareDatetime, BaseModel

from common import aws, log, queue
from common.messages import TaskMessage, TaskName

logger = log.setup("cron_server")

aws.client("sqs")  # made while the environment starts, not by its first run


class Run(BaseModel):
    """The schedule's input (30_app/modules/cron_server)."""

    task: TaskName
    schedule: str
    scheduled_at: AwareDatetime


def message_for(run: Run) -> TaskMessage:
    when: datetime = run.scheduled_at
    scheduled_at = when.isoformat()
    return TaskMessage(
        id=uuid.uuid5(uuid.NAMESPACE_URL, f"{run.schedule}#{run.task}#{scheduled_at}").hex,
        accepted_at=when,
        source="cron",
        task=run.task,
        arguments={"schedule": run.schedule, "scheduled_at": scheduled_at},
    )


def lambda_handler(event, context):
    with log.bound(function_request_id=context.aws_request_id):
        message = message_for(Run.model_validate(event))
        queue_id = queue.send(message)
        logger.info("task enqueued", extra={"id": message.id, "task": message.task, "message_id": queue_id})
        return {"id": message.id, "task": message.task}
