"""FastAPI behind an HTTP API (payload 2.0) by Mangum.

The endpoints are `async def` and call boto3 directly: an environment serves one request at a time, so a thread pool would only cost."""

import os
import time

from fastapi import Depends, FastAPI
from mangum import Mangum

from api_server import auth, errors, events, tasks, users
from common import aws, log

logger = log.setup("api_server")

app = FastAPI(title="practice", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
errors.install(app)


@app.get("/health")
async def health():
    return {"status": "ok", "environment": os.environ.get("ENVIRONMENT", "")}


for router in (users.router, events.router, tasks.router):
    app.include_router(router, dependencies=[Depends(auth.require_api_key)])

_asgi = Mangum(app, lifespan="off")

# Made while the environment starts, not by its first request.
for service in ("dynamodb", "sqs", "secretsmanager"):
    aws.client(service)


def lambda_handler(event, context):
    request_context = event["requestContext"]
    request_id = request_context["requestId"]
    with log.bound(request_id=request_id, function_request_id=context.aws_request_id):
        started = time.perf_counter()
        answer = _asgi(event, context)
        answer.setdefault("headers", {})["x-request-id"] = request_id
        logger.info(
            "request",
            extra={
                "method": request_context["http"]["method"],
                "path": request_context["http"]["path"],
                "status": answer["statusCode"],
                "duration_ms": round((time.perf_counter() - started) * 1000, 2),
            },
        )
        return answer
