"""POST /events puts an event into the queue; GET /events reads what the worker has written."""

import os
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict

from api_server import cursor as cursors
from api_server.errors import ApiError
from api_server.request import accepted_at, check_size, check_storable, request_id
from common import aws, queue
from common.messages import EventMessage, EventType, new_id, stamp

router = APIRouter()

# Outside every stamp: '0' and ':' stand around the digits.
_EARLIEST, _LATEST = "0", ":"


class EventIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: EventType
    timestamp: AwareDatetime | None = None
    data: dict[str, Any] = {}


@router.post("/events", status_code=202, dependencies=[Depends(check_size)])
async def post_event(event: EventIn, request: Request):
    check_storable(event.data)
    accepted = accepted_at(request)
    message = EventMessage(
        id=new_id(),
        accepted_at=accepted,
        source="api",
        request_id=request_id(request),
        type=event.type,
        timestamp=event.timestamp or accepted,
        data=event.data,
    )
    queue.send(message)
    return {"id": message.id, "status": "accepted", "type": message.type, "timestamp": stamp(message.timestamp)}


@router.get("/events")
async def get_events(
    type: Annotated[EventType, Query()],
    start: Annotated[AwareDatetime | None, Query(alias="from", description="the first moment of the range")] = None,
    end: Annotated[AwareDatetime | None, Query(alias="to", description="the first moment after the range")] = None,
    order: Literal["asc", "desc"] = "asc",
    limit: Annotated[int, Query(ge=1, le=100)] = 25,
    cursor: Annotated[str | None, Query(max_length=2048)] = None,
):
    low, high = stamp(start) if start else _EARLIEST, stamp(end) if end else _LATEST
    if low > high:
        raise ApiError(400, "invalid_request", "from: later than to")
    query = {"events": type, "from": low, "to": high, "order": order}
    page = {"ExclusiveStartKey": last} if (last := cursors.read(query, cursor)) else {}
    answer = aws.client("dynamodb").query(
        TableName=os.environ["EVENTS_TABLE"],
        KeyConditionExpression="event_type = :type AND #timestamp BETWEEN :low AND :high",
        ExpressionAttributeNames={"#timestamp": "timestamp"},
        ExpressionAttributeValues=aws.to_item({":type": type, ":low": low, ":high": high}),
        ScanIndexForward=order == "asc",
        Limit=limit,
        **page,
    )
    return {
        "events": [_event(aws.from_item(item)) for item in answer["Items"]],
        "next_cursor": cursors.make(query, answer.get("LastEvaluatedKey")),
    }


def _event(item: dict) -> dict:
    return {
        "id": item["id"],
        "type": item["event_type"],
        "timestamp": item["timestamp"].partition("#")[0],
        "source": item["source"],
        "data": item["data"],
    }
