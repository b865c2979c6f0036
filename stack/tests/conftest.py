"""The functions against moto's AWS, in this process: no network, no strata."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

# Before any function is imported: they make their clients then.
for name in list(os.environ):
    if name.startswith("AWS_"):
        del os.environ[name]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "unit",
    "AWS_SECRET_ACCESS_KEY": "unit",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "ENVIRONMENT": "unit",
    "USER_TABLE": "users",
    "EVENTS_TABLE": "events",
    "EVENT_TTL_DAYS": "7",
}

from moto import mock_aws  # noqa: E402

API_KEY = "unit-test-api-key"


class Context:
    aws_request_id = "11111111-2222-3333-4444-555555555555"
    function_name = "unit"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:unit"

    @staticmethod
    def get_remaining_time_in_millis():
        return 10_000


@pytest.fixture
def context():
    return Context()


@pytest.fixture
def cloud():
    """The tables, the queue and the secrets, empty."""
    import boto3
    from common import aws

    with mock_aws():
        aws.client.cache_clear()
        dynamodb, sqs, secrets = boto3.client("dynamodb"), boto3.client("sqs"), boto3.client("secretsmanager")
        for table, keys in {"users": ["user_id"], "events": ["event_type", "timestamp"]}.items():
            dynamodb.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ["HASH", "RANGE"])],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            )
        os.environ["QUEUE_URL"] = sqs.create_queue(QueueName="work")["QueueUrl"]
        os.environ["API_KEY_SECRET_ARN"] = secrets.create_secret(Name="/unit/api-key", SecretString=API_KEY)["ARN"]
        os.environ["CURSOR_KEY_SECRET_ARN"] = secrets.create_secret(Name="/unit/cursor-key", SecretString="unit-cursor-key")["ARN"]
        _forget_secrets()
        yield Cloud(dynamodb, sqs, secrets)
        aws.client.cache_clear()


def _forget_secrets():
    from api_server import auth, cursor

    auth._secret.cache_clear()
    cursor._secret.cache_clear()


class Cloud:
    def __init__(self, dynamodb, sqs, secrets):
        self.dynamodb, self.sqs, self.secrets = dynamodb, sqs, secrets

    def items(self, table):
        from common import aws

        return [aws.from_item(item) for item in self.dynamodb.scan(TableName=table)["Items"]]

    def messages(self):
        """Takes everything out of the queue, as the event source mapping would hand it over."""
        records = []
        while found := self.sqs.receive_message(QueueUrl=os.environ["QUEUE_URL"], MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                self.sqs.delete_message(QueueUrl=os.environ["QUEUE_URL"], ReceiptHandle=message["ReceiptHandle"])
                records.append(record(message["Body"], message["MessageId"]))
        return records


def record(body, message_id="message-1"):
    return {"messageId": message_id, "body": body, "attributes": {"ApproximateReceiveCount": "1"}, "eventSource": "aws:sqs"}
