"""worker.lambda_handler and cron_server.lambda_handler."""

import json

import pytest
from conftest import record

EVENT = {
    "kind": "event",
    "id": "0123456789abcdef",
    "accepted_at": "2026-01-01T00:00:00Z",
    "source": "api",
    "type": "order.created",
    "timestamp": "2026-01-01T00:00:00Z",
    "data": {"n": 1},
}
TASK = {"kind": "task", "id": "fedcba9876543210", "accepted_at": "2026-01-01T00:00:00Z", "source": "api", "task": "heartbeat"}


@pytest.fixture
def work(cloud, context):
    from worker import lambda_handler

    def run(*bodies):
        records = [record(body if isinstance(body, str) else json.dumps(body), f"m{i}") for i, body in enumerate(bodies)]
        return [failure["itemIdentifier"] for failure in lambda_handler({"Records": records}, context)["batchItemFailures"]]

    return run


def test_an_event_becomes_an_item_that_expires(work, cloud):
    assert work(EVENT) == []
    assert cloud.items("events") == [
        {
            "event_type": "order.created",
            "timestamp": "2026-01-01T00:00:00.000000Z#0123456789abcdef",
            "id": "0123456789abcdef",
            "source": "api",
            "accepted_at": "2026-01-01T00:00:00.000000Z",
            "data": {"n": 1},
            "ttl": 1767225600 + 7 * 86400,
        }
    ]


def test_a_message_that_comes_twice_is_one_item(work, cloud):
    assert work(EVENT, EVENT) == [] and work(EVENT) == []
    assert len(cloud.items("events")) == 1


def test_only_what_failed_comes_again(work, cloud):
    assert work("not json", EVENT, {**EVENT, "type": "NOT A TYPE"}, TASK | {"task": "unheard_of"}, TASK) == ["m0", "m2", "m3"]
    assert sorted(item["event_type"] for item in cloud.items("events")) == ["order.created", "task.heartbeat"]


def test_a_table_that_is_away_fails_every_message(work, cloud):
    cloud.dynamodb.delete_table(TableName="events")
    assert work(EVENT, TASK) == ["m0", "m1"]


def test_counting_events(work, cloud):
    work(EVENT, EVENT | {"id": "another-id"})
    assert work(TASK | {"task": "count_events", "arguments": {"type": "order.created"}}) == []
    assert [i["data"] for i in cloud.items("events") if i["event_type"] == "task.count_events"] == [{"type": "order.created", "count": 2}]


def test_arguments_of_a_task_are_checked(work):
    assert work(TASK | {"task": "count_events", "arguments": {"type": "x", "more": 1}}) == ["m0"]


def test_the_log_holds_ids_and_no_message(work, capsys):
    from common import log

    log.setup("worker")
    work("{\"secret\": \"hush\"}", EVENT)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "hush" not in json.dumps(lines)
    written = next(line for line in lines if line["message"] == "event written")
    assert (written["message_id"], written["id"], written["service"]) == ("m1", EVENT["id"], "worker")


SCHEDULED = {"task": "heartbeat", "schedule": "arn:aws:scheduler:eu-west-1:000000000000:schedule/default/x", "scheduled_at": "2026-01-01T00:15:00Z"}


def test_a_scheduled_run_goes_through_queue_and_worker_once(cloud, context):
    from cron_server import lambda_handler as cron
    from worker import lambda_handler as worker

    assert cron(SCHEDULED, context)["id"] == cron(SCHEDULED, context)["id"]
    records = cloud.messages()
    assert len(records) == 2
    assert worker({"Records": records}, context) == {"batchItemFailures": []}
    (item,) = cloud.items("events")
    assert (item["event_type"], item["source"]) == ("task.heartbeat", "cron")
    assert item["data"] == {"schedule": SCHEDULED["schedule"], "scheduled_at": "2026-01-01T00:15:00+00:00"}


def test_runs_at_other_times_are_other_messages(cloud, context):
    from cron_server import lambda_handler as cron

    assert cron(SCHEDULED, context)["id"] != cron(SCHEDULED | {"scheduled_at": "2026-01-01T00:30:00Z"}, context)["id"]


def test_an_input_that_is_none_fails(cloud, context):
    from cron_server import lambda_handler as cron

    with pytest.raises(ValueError):
        cron({"task": "heartbeat"}, context)
    assert not cloud.messages()
