"""Works off the queue. Lambda's handler is worker.lambda_handler.

What cannot be done is reported as failed, message by message: the queue hands it out again, and after its maximum of receives it moves to
the dead-letter queue. The rest of the batch is done and gone."""

from pydantic import ValidationError

from common import aws, log
from common.messages import EventMessage, parse
from worker import events, tasks

logger = log.setup("worker")

aws.client("dynamodb")  # made while the environment starts, not by its first batch


def _work(record: dict) -> None:
    message = parse(record["body"])
    with log.bound(id=message.id, kind=message.kind, request_id=message.request_id):
        if isinstance(message, EventMessage):
            events.write(message.type, message.timestamp, message)
        else:
            tasks.run(message)


def lambda_handler(event, context):
    failed = []
    for record in event["Records"]:
        receives = record.get("attributes", {}).get("ApproximateReceiveCount")
        with log.bound(function_request_id=context.aws_request_id, message_id=record["messageId"], receives=receives):
            try:
                _work(record)
            except ValidationError as error:
                # Without the input: it may hold what should be in no log.
                problems = error.errors(include_input=False, include_url=False, include_context=False)
                logger.error("no valid message", extra={"problems": problems})
                failed.append(record["messageId"])
            except Exception:
                logger.exception("could not be worked off")
                failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
