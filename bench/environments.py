"""The time that a new environment of a function takes, its first answer included: every other of the function's is held by an invocation meanwhile."""

import concurrent.futures
import http.client
import io
import json
import time
import zipfile

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import works
from machines import Failed

ENVIRONMENTS = 7
PAUSE_SECONDS = 0.3  # between two: an environment that begins to be held is ready by then, and what strata keeps ready is so again
HELD_SECONDS = 2 * ENVIRONMENTS * PAUSE_SECONDS + 2

C_HANDLER = '''#include "strata_lambda.h"
#include <string.h>
#include <unistd.h>
static void handle(const struct lambda_invocation *in, struct lambda_result *out, void *ctx)
{
    if (strstr(in->event, "hold"))
        usleep(%d);
    lambda_result_printf(out, "{\\"statusCode\\":200}");
}
int main(void)
{
    return lambda_run(handle, NULL);
}
''' % (HELD_SECONDS * 1000000)
FASTAPI_HANDLER = f'''import time
import api_server

def lambda_handler(event, context):
    if 'hold' in event:
        time.sleep({HELD_SECONDS})
        return {{'statusCode': 200}}
    return api_server.lambda_handler(event, context)
'''
# What an HTTP API sends for GET /health.
HEALTH = {'version': '2.0', 'routeKey': '$default', 'rawPath': '/health', 'rawQueryString': '', 'headers': {'host': 'bench'}, 'isBase64Encoded': False,
          'requestContext': {'accountId': '0', 'apiId': 'bench', 'domainName': 'bench', 'stage': '$default', 'time': '', 'timeEpoch': 0, 'requestId': 'bench',
                             'http': {'method': 'GET', 'path': '/health', 'protocol': 'HTTP/1.1', 'sourceIp': '127.0.0.1', 'userAgent': 'bench'}}}


def c_code(cloud):
    return works.c_code(cloud, C_HANDLER)


def fastapi_code(cloud):
    code = works.fastapi_code(cloud)
    archive = io.BytesIO(code['Code']['ZipFile'])
    with zipfile.ZipFile(archive, 'a') as z:
        z.writestr('held.py', FASTAPI_HANDLER)
    return {**code, 'Handler': 'held.lambda_handler', 'Code': {'ZipFile': archive.getvalue()}}


# The work beside which the row stands: the function's code, the event, and the goal in ms.
MEASURED = {'InvokeC': ('C', c_code, {}, 5), 'HttpApiFastAPI': ('FastAPI', fastapi_code, HEALTH, 15)}


class Client:
    """One connection, requests signed before the clock starts: what it costs itself is a fraction of a millisecond."""

    def __init__(self, cloud, name):
        self.port, self.path = cloud.port, f'/2015-03-31/functions/{name}/invocations'
        self.connection = http.client.HTTPConnection('127.0.0.1', cloud.port)

    def invoke_ms(self, event):
        body = json.dumps(event)
        request = AWSRequest('POST', f'http://127.0.0.1:{self.port}{self.path}', data=body, headers={'Content-Type': 'application/json'})
        SigV4Auth(Credentials('test', 'test'), 'lambda', works.REGION).add_auth(request)
        self.connection.connect()
        begin = time.perf_counter()
        self.connection.request('POST', self.path, body, dict(request.headers.items()))
        answer = self.connection.getresponse()
        text = answer.read()
        took = (time.perf_counter() - begin) * 1000
        self.connection.close()
        if b'"statusCode"' not in text or b'200' not in text:
            raise Failed(f'does not run the function: {text[:200]}')
        return took


def new_environments(cloud, work):
    """The row's name, times in ms, and the goal."""
    what, code, event, goal = MEASURED[work]
    name = f'held-{what.lower()}'
    works.function(cloud, name, code)
    Client(cloud, name).invoke_ms(event)
    times = []
    with concurrent.futures.ThreadPoolExecutor(ENVIRONMENTS) as pool:
        held = []
        for _ in range(ENVIRONMENTS):
            held.append(pool.submit(lambda: Client(cloud, name).invoke_ms({'hold': True})))
            time.sleep(PAUSE_SECONDS)
            times.append(Client(cloud, name).invoke_ms(event))
            time.sleep(PAUSE_SECONDS)
        for one in held:
            one.result()
    return f'new environment, {what}', times, goal
