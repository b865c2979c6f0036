"""Writing to the events table."""

import logging
import os
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from common import aws
from common.messages import EventMessage, TaskMessage, sort_key, stamp

logger = logging.getLogger("worker")


def write(event_type: str, when: datetime, message: EventMessage | TaskMessage, data: dict | None = None) -> bool:
    """Writes the event that a message stands for; false when it was there already. A message may be delivered twice: the key holds its id,
    so that the second write meets the first one's item."""
    expires = message.accepted_at + timedelta(days=int(os.environ["EVENT_TTL_DAYS"]))
    item = {
        "event_type": event_type,
        "timestamp": sort_key(when, message.id),
        "id": message.id,
        "source": message.source,
        "accepted_at": stamp(message.accepted_at),
        "data": message.data if data is None else data,
        "ttl": int(expires.timestamp()),
    }
    try:
        aws.client("dynamodb").put_item(
            TableName=os.environ["EVENTS_TABLE"], Item=aws.to_item(item), ConditionExpression="attribute_not_exists(event_type)"
        )
    except ClientError as error:
        if aws.error_code(error) != "ConditionalCheckFailedException":
            raise
        logger.info("delivered again; the event is there already")
        return False
    logger.info("event written", extra={"event_type": event_type})
    return True
