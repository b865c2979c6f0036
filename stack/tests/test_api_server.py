"""api_server.lambda_handler with the events that an HTTP API sends it (payload 2.0)."""

import base64
import json
import logging
from urllib.parse import urlencode

import pytest
from conftest import API_KEY

ACCEPTED_MS = 1_790_000_000_123


@pytest.fixture
def call(cloud, context):
    from api_server import lambda_handler

    def send(method, path, body=None, key=API_KEY, query=None, headers=None, raw=None):
        text = raw if raw is not None else (json.dumps(body) if body is not None else None)
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": urlencode(query or {}),
            "headers": {
                "content-type": "application/json",
                "host": "api.example.com",
                **({"x-api-key": key} if key else {}),
                **(headers or {}),
            },
            "requestContext": {
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "unit"},
                "requestId": "request-1",
                "stage": "$default",
                "timeEpoch": ACCEPTED_MS,
            },
            "isBase64Encoded": False,
        }
        if text is not None:
            event |= {"body": base64.b64encode(text.encode()).decode(), "isBase64Encoded": True}
        answer = lambda_handler(event, context)
        answer["json"] = json.loads(answer["body"]) if answer.get("body") else None
        return answer

    return send


USER = {"email": "ada@example.com", "name": "Ada", "attributes": {"born": 1815, "rate": 0.1, "tags": ["a", None, True]}}


def test_health_needs_no_key(call):
    answer = call("GET", "/health", key=None)
    assert (answer["statusCode"], answer["json"]) == (200, {"status": "ok", "environment": "unit"})
    assert answer["headers"]["x-request-id"] == "request-1"


@pytest.mark.parametrize("path", ["/users", "/users/u1", "/events"])
def test_everything_else_needs_the_key(call, path):
    missing, wrong = call("GET", path, key=None), call("GET", path, key=API_KEY + "x")
    assert (missing["statusCode"], missing["json"]["error"]["code"]) == (401, "unauthorized")
    assert (wrong["statusCode"], wrong["json"]["error"]["code"]) == (403, "forbidden")
    assert wrong["json"]["error"]["request_id"] == "request-1"


def test_a_new_key_is_accepted_at_once_and_the_one_before_until_the_next(call, cloud, monkeypatch):
    from api_server import auth

    assert call("GET", "/users")["statusCode"] == 200
    cloud.secrets.put_secret_value(SecretId="/unit/api-key", SecretString="second")
    assert call("GET", "/users", key="second")["statusCode"] == 200
    assert call("GET", "/users")["statusCode"] == 200
    cloud.secrets.put_secret_value(SecretId="/unit/api-key", SecretString="third")
    assert call("GET", "/users", key="third")["statusCode"] == 403  # looked a moment ago
    monkeypatch.setattr(auth._secret(), "_rechecked_at", float("-inf"))
    assert call("GET", "/users", key="third")["statusCode"] == 200
    assert call("GET", "/users", key="second")["statusCode"] == 200
    assert call("GET", "/users")["statusCode"] == 403


def test_a_cursor_outlives_a_new_cursor_key(call, cloud):
    from api_server import cursor

    made = cursor.make({"limit": 1}, {"user_id": "a"})
    cloud.secrets.put_secret_value(SecretId="/unit/cursor-key", SecretString="second")
    cursor._secret.cache_clear()
    assert cursor.read({"limit": 1}, made) == {"user_id": "a"}
    assert cursor.make({"limit": 1}, {"user_id": "a"}) != made


def test_a_secret_that_cannot_be_read_is_no_open_door(call, cloud):
    cloud.secrets.delete_secret(SecretId="/unit/api-key", ForceDeleteWithoutRecovery=True)
    answer = call("GET", "/users")
    assert (answer["statusCode"], answer["json"]["error"]["code"]) == (500, "internal")


def test_users_round_trip(call):
    created = call("POST", "/users", USER | {"user_id": "ada"})
    assert created["statusCode"] == 201
    assert created["headers"]["location"] == "/users/ada"
    assert created["json"] == USER | {
        "user_id": "ada",
        "version": 1,
        "created_at": "2026-09-21T14:13:20.123000Z",
        "updated_at": "2026-09-21T14:13:20.123000Z",
    }
    assert call("GET", "/users/ada")["json"] == created["json"]

    changed = call("PATCH", "/users/ada", {"name": "Ada L."})
    assert (changed["statusCode"], changed["json"]["name"], changed["json"]["version"]) == (200, "Ada L.", 2)
    assert changed["json"]["email"] == USER["email"]

    replaced = call("PUT", "/users/ada", {"email": "l@example.com", "name": "L"})
    assert (replaced["json"]["attributes"], replaced["json"]["version"], replaced["headers"]["etag"]) == ({}, 3, '"3"')

    assert call("DELETE", "/users/ada")["statusCode"] == 204
    assert call("GET", "/users/ada")["json"]["error"]["code"] == "not_found"
    assert call("DELETE", "/users/ada")["statusCode"] == 404


def test_an_id_is_made_and_a_second_user_of_the_same_id_refused(call):
    made = call("POST", "/users", USER)["json"]["user_id"]
    assert call("POST", "/users", USER | {"user_id": made})["json"]["error"]["code"] == "exists"


def test_a_change_of_an_older_version_is_refused(call):
    call("POST", "/users", USER | {"user_id": "ada"})
    call("PATCH", "/users/ada", {"name": "B"})
    for method, body in [("PATCH", {"name": "C"}), ("PUT", USER), ("DELETE", None)]:
        answer = call(method, "/users/ada", body, headers={"if-match": '"1"'})
        assert (answer["statusCode"], answer["json"]["error"]["code"]) == (412, "changed_meanwhile")
    assert call("PATCH", "/users/ada", {"name": "C"}, headers={"if-match": '"2"'})["statusCode"] == 200
    assert call("PATCH", "/users/nobody", {"name": "C"}, headers={"if-match": '"2"'})["statusCode"] == 404
    assert call("PATCH", "/users/ada", {"name": "C"}, headers={"if-match": "2"})["statusCode"] == 400


def test_users_are_paged(call):
    for i in range(5):
        call("POST", "/users", USER | {"user_id": f"u{i}"})
    seen, cursor, pages = [], None, 0
    while True:
        page = call("GET", "/users", query={"limit": 2} | ({"cursor": cursor} if cursor else {}))["json"]
        seen += [user["user_id"] for user in page["users"]]
        pages += 1
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert sorted(seen) == [f"u{i}" for i in range(5)] and pages == 3


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("POST", "/users", {"email": "no", "name": "x"}),
        ("POST", "/users", {"email": "a@b.c", "name": ""}),
        ("POST", "/users", USER | {"user_id": "a/b"}),
        ("POST", "/users", USER | {"admin": True}),
        ("POST", "/users", USER | {"attributes": {"n": 10**40}}),
        ("PATCH", "/users/u", {}),
        ("PATCH", "/users/u", {"name": None}),
        ("PUT", "/users/u", {"name": "x"}),
        ("POST", "/events", {}),
        ("POST", "/events", {"type": "Not A Type"}),
        ("POST", "/events", {"type": "a", "timestamp": "2026-01-01T00:00:00"}),
        ("POST", "/tasks", {"task": "Rm -rf"}),
    ],
)
def test_invalid_bodies(call, cloud, method, path, body):
    answer = call(method, path, body)
    assert (answer["statusCode"], answer["json"]["error"]["code"]) == (400, "invalid_request")
    assert not cloud.items("users") and not cloud.messages()


def test_malformed_json_and_a_body_too_large(call):
    assert call("POST", "/events", raw='{"type":')["statusCode"] == 400
    assert call("POST", "/events", raw='{"type":"a","data":{"x":NaN}}')["statusCode"] == 400
    assert call("POST", "/events", {"type": "a", "data": {"x": "y" * 140_000}})["json"]["error"]["code"] == "too_large"
    deep = call("POST", "/events", raw='{"type":"a","data":{"x":' + "[" * 40 + "]" * 40 + "}}")
    assert deep["statusCode"] == 400


def test_unknown_paths_and_methods(call):
    assert call("GET", "/nothing")["json"]["error"]["code"] == "not_found"
    assert call("DELETE", "/events")["json"]["error"]["code"] == "method_not_allowed"


def test_events_and_tasks_go_into_the_queue(call, cloud):
    event = call("POST", "/events", {"type": "order.created", "data": {"id": 7}})
    task = call("POST", "/tasks", {"task": "heartbeat"})
    assert (event["statusCode"], task["statusCode"]) == (202, 202)
    bodies = {json.loads(r["body"])["kind"]: json.loads(r["body"]) for r in cloud.messages()}
    assert bodies["event"]["id"] == event["json"]["id"]
    assert bodies["event"]["timestamp"] == "2026-09-21T14:13:20.123000Z"
    assert bodies["event"]["request_id"] == "request-1"
    assert bodies["task"]["id"] == task["json"]["id"]


def test_events_come_out_by_type_and_time_page_by_page(call, cloud, context):
    from worker import lambda_handler as work

    for i in range(7):
        call("POST", "/events", {"type": "order.created", "timestamp": f"2026-01-01T00:00:0{i}Z", "data": {"i": i, "half": i / 2}})
    call("POST", "/events", {"type": "order.gone"})
    assert work({"Records": cloud.messages()}, context) == {"batchItemFailures": []}

    query, seen = {"type": "order.created", "from": "2026-01-01T00:00:01Z", "to": "2026-01-01T00:00:06Z", "limit": 2}, []
    page = call("GET", "/events", query=query)["json"]
    seen += page["events"]
    while page["next_cursor"]:
        page = call("GET", "/events", query=query | {"cursor": page["next_cursor"]})["json"]
        seen += page["events"]
    assert [event["data"] for event in seen] == [{"i": i, "half": i / 2} for i in range(1, 6)]
    assert seen[0]["timestamp"] == "2026-01-01T00:00:01.000000Z" and seen[0]["source"] == "api"

    newest = call("GET", "/events", query={"type": "order.created", "order": "desc", "limit": 1})["json"]["events"]
    assert newest[0]["data"]["i"] == 6


def test_a_cursor_serves_its_query_alone(call, cloud, context):
    from worker import lambda_handler as work

    for _ in range(3):
        call("POST", "/events", {"type": "a"})
    work({"Records": cloud.messages()}, context)
    cursor = call("GET", "/events", query={"type": "a", "limit": 1})["json"]["next_cursor"]
    assert call("GET", "/events", query={"type": "a", "limit": 2, "cursor": cursor})["statusCode"] == 200
    forged = base64.urlsafe_b64encode(b"\0" * 16 + b'{"event_type":{"S":"b"}}').decode()
    for query in [
        {"type": "b", "cursor": cursor},
        {"type": "a", "order": "desc", "cursor": cursor},
        {"type": "a", "cursor": cursor[:-2]},
        {"type": "a", "cursor": forged},
        {"type": "a", "cursor": "é!"},
    ]:
        assert call("GET", "/events", query=query)["json"]["error"]["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    "query", [{}, {"type": "a", "limit": 0}, {"type": "a", "limit": 101}, {"type": "a", "from": "yesterday"}, {"type": "a", "order": "up"}]
)
def test_invalid_queries(call, query):
    assert call("GET", "/events", query=query)["json"]["error"]["code"] == "invalid_request"


def test_a_range_that_ends_before_it_begins(call):
    query = {"type": "a", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    assert call("GET", "/events", query=query)["statusCode"] == 400


def test_a_bug_answers_500_and_is_logged(call, monkeypatch, caplog):
    from common import queue

    monkeypatch.setattr(queue, "send", lambda message: 1 / 0)
    with caplog.at_level(logging.ERROR):
        answer = call("POST", "/events", {"type": "a"})
    assert (answer["statusCode"], answer["json"]["error"]["code"]) == (500, "internal")
    assert any(record.exc_info for record in caplog.records)
