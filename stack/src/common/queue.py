"""Sending to the work queue."""

import os

from common import aws
from common.messages import EventMessage, TaskMessage


def send(message: EventMessage | TaskMessage) -> str:
    """Returns the queue's own id of the message."""
    answer = aws.client("sqs").send_message(
        QueueUrl=os.environ["QUEUE_URL"],
        MessageBody=message.model_dump_json(),
        MessageAttributes={"kind": {"DataType": "String", "StringValue": message.kind}},
    )
    return answer["MessageId"]
