"""The runtimes against a Runtime API that answers from a script: our Python runtime beside awslambdaric, the C library, the images."""

import base64
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import requests

import functions

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOOTSTRAP = ROOT / 'runtimes/python/bootstrap.py'
ID = '8476a536-e9f4-11e8-9739-2dfe598c3fcd'
ARN = 'arn:aws:lambda:us-east-1:000000000000:function:f'


class RuntimeApi:
    """Hands out events, keeps what comes back as (path, headers, body). After the last event the runtime is left waiting."""

    def __init__(self, events, headers=None, statuses=None):
        self.events, self.headers, self.statuses = list(events), headers or {}, dict(statuses or {})
        self.answers, self.done, self.closing = [], threading.Event(), threading.Event()
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *args):
                pass

            def reply(self, status, body=b'', headers={}):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                assert self.path == '/2018-06-01/runtime/invocation/next'
                if not api.events:
                    api.done.set()
                    api.closing.wait(60)
                    return
                event = api.events.pop(0)
                body = event if isinstance(event, bytes) else json.dumps(event).encode()
                self.reply(200, body, {
                    'Content-Type': 'application/json', 'Lambda-Runtime-Aws-Request-Id': ID, 'Lambda-Runtime-Invoked-Function-Arn': ARN,
                    'Lambda-Runtime-Deadline-Ms': str(int(time.time() * 1000) + 30000),
                    'Lambda-Runtime-Trace-Id': 'Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700', **api.headers})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0)) if 'chunked' not in self.headers.get('Transfer-Encoding', '') \
                    else self.chunks()
                kind = self.path.rsplit('/', 1)[-1]
                api.answers.append((self.path, self.headers, body))
                self.reply(api.statuses.pop(kind, 202), b'{"status":"OK"}')

            def chunks(self):
                whole = b''
                while size := int(self.rfile.readline().strip(), 16):
                    whole += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.address = f'127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


class Run:
    """One runtime process until it has answered all events or ended by itself."""

    def __init__(self, command, api, task, env):
        base = {'PATH': os.environ['PATH'], 'AWS_LAMBDA_RUNTIME_API': api.address, 'LAMBDA_TASK_ROOT': str(task), '_HANDLER': 'app.handler', 'TZ': ':UTC',
                'AWS_LAMBDA_FUNCTION_NAME': 'f', 'AWS_LAMBDA_FUNCTION_VERSION': '$LATEST', 'AWS_LAMBDA_FUNCTION_MEMORY_SIZE': '128',
                'AWS_LAMBDA_LOG_GROUP_NAME': '/aws/lambda/f', 'AWS_LAMBDA_LOG_STREAM_NAME': 's', 'LANG': 'C.UTF-8'}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=task, env={**base, **env})
        try:
            while process.poll() is None and not api.done.wait(0.02):
                pass
            if process.poll() is None:
                process.kill()
            self.output = process.communicate(timeout=60)[0].decode()
            self.code = process.returncode
        finally:
            process.kill()
            api.close()
        self.answers = [(path.rsplit('/', 1)[-1], json.loads(body) if body[:1] in b'{["0123456789ntf-' else body) for path, _, body in api.answers]
        self.headers = [headers for _, headers, _ in api.answers]


OURS, AWS = 'ours', 'awslambdaric'


def run_python(runtime, task, code, events, env=None, headers=None, statuses=None):
    (task / 'app.py').write_text(textwrap.dedent(code))
    command = [sys.executable, '-uB', str(BOOTSTRAP)]
    if runtime == AWS:
        pytest.importorskip('awslambdaric')
        command = [sys.executable, '-uB', '-m', 'awslambdaric', (env or {}).get('_HANDLER', 'app.handler')]
    return Run(command, RuntimeApi(events, headers, statuses), task, env or {})


both = pytest.mark.parametrize('runtime', [OURS, AWS])


@both
def test_results_come_back_as_json(runtime, tmp_path):
    r = run_python(runtime, tmp_path, '''
        from decimal import Decimal
        def handler(event, context):
            if event == 'none':
                return None
            if event == 'decimal':
                return {'d': Decimal('1.10'), 'big': Decimal('12345678901234567890.123456789')}
            return {'got': event, 'text': 'é'}
    ''', [{'a': [1, 2.5, None]}, 'none', 'decimal'])
    assert r.answers[:2] == [('response', {'got': {'a': [1, 2.5, None]}, 'text': 'é'}), ('response', None)]
    assert r.answers[2][0] == 'response' and len(r.answers) == 3


def test_decimals_keep_their_digits(tmp_path):
    (tmp_path / 'app.py').write_text('from decimal import Decimal\ndef handler(e, c): return [Decimal("1.10"), {"n": Decimal("12345678901234567890.12")}, "1.10"]\n')
    api = RuntimeApi([{}])
    Run([sys.executable, str(BOOTSTRAP)], api, tmp_path, {})
    assert api.answers[0][2] == b'[1.10, {"n": 12345678901234567890.12}, "1.10"]'


@both
def test_bytes_come_back_as_they_are(runtime, tmp_path):
    r = run_python(runtime, tmp_path, 'def handler(e, c): return b"\\x00\\xff"', [{}])
    assert r.answers == [('response', b'\x00\xff')]
    assert r.headers[0]['Content-Type'] == 'application/unknown'


@both
def test_the_context_has_what_is_documented(runtime, tmp_path):
    client = {'client': {'installation_id': 'i', 'app_title': 't'}, 'custom': {'k': 'v'}, 'env': {'e': '1'}}
    r = run_python(runtime, tmp_path, '''
        import os
        def handler(event, c):
            assert 0 < c.get_remaining_time_in_millis() <= 30000
            return [c.aws_request_id, c.log_group_name, c.log_stream_name, c.function_name, c.memory_limit_in_mb, c.function_version,
                    c.invoked_function_arn, c.identity.cognito_identity_id, c.identity.cognito_identity_pool_id, c.client_context.custom,
                    c.client_context.env, c.client_context.client.installation_id, c.client_context.client.app_title,
                    c.client_context.client.app_package_name, os.environ['_X_AMZN_TRACE_ID']]
    ''', [{}], headers={'Lambda-Runtime-Client-Context': json.dumps(client),
                        'Lambda-Runtime-Cognito-Identity': json.dumps({'cognitoIdentityId': 'id', 'cognitoIdentityPoolId': 'pool'})})
    assert r.answers == [('response', [ID, '/aws/lambda/f', 's', 'f', '128', '$LATEST', ARN, 'id', 'pool', {'k': 'v'}, {'e': '1'}, 'i', 't', None,
                                       'Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700'])]


@both
def test_without_client_and_identity_they_are_none(runtime, tmp_path):
    r = run_python(runtime, tmp_path, 'def handler(e, c): return [c.client_context, c.identity.cognito_identity_id, c.tenant_id]', [{}])
    assert r.answers == [('response', [None, None, None])]


@both
def test_an_exception_is_told_with_its_trace(runtime, tmp_path):
    r = run_python(runtime, tmp_path, '''
        def inner():
            raise ValueError('no good')
        def handler(event, context):
            inner()
    ''', [{}, {}])
    kind, error = r.answers[0]
    assert kind == 'error' and error['errorMessage'] == 'no good' and error['errorType'] == 'ValueError' and error['requestId'] == ID
    assert [line.split('\n')[0].strip() for line in error['stackTrace']] == [
        f'File "{tmp_path}/app.py", line 5, in handler', f'File "{tmp_path}/app.py", line 3, in inner']
    assert error['stackTrace'][1].endswith("    raise ValueError('no good')\n")
    assert len(r.answers) == 2  # and it goes on
    assert r.output.startswith('[ERROR] ValueError: no good\rTraceback (most recent call last):\r\u00a0\u00a0File "')
    cause = json.loads(r.headers[0]['Lambda-Runtime-Function-XRay-Error-Cause'])
    assert cause['exceptions'][0]['type'] == 'ValueError' and [s['line'] for s in cause['exceptions'][0]['stack']] == [5, 3]


@both
def test_what_is_not_json_is_a_marshal_error(runtime, tmp_path):
    r = run_python(runtime, tmp_path, 'def handler(e, c): return {1, 2}', [{}])
    kind, error = r.answers[0]
    assert kind == 'error' and error['errorType'] == 'Runtime.MarshalError'
    assert error['errorMessage'] == 'Unable to marshal response: Object of type set is not JSON serializable'


@both
def test_an_event_that_is_not_json_is_an_unmarshal_error(runtime, tmp_path):
    r = run_python(runtime, tmp_path, 'def handler(e, c): return 1', [b'{nope'])
    kind, error = r.answers[0]
    assert kind == 'error' and error['errorType'] == 'Runtime.UnmarshalError' and error['errorMessage'].startswith('Unable to unmarshal input: ')


INIT_ERRORS = {
    'missing.handler': ('', 'Runtime.ImportModuleError', "Unable to import module 'missing': No module named 'missing'"),
    'app.nothing': ('', 'Runtime.HandlerNotFound', "Handler 'nothing' missing on module 'app'"),
    'app': ('', 'Runtime.MalformedHandlerName', "Bad handler 'app': not enough values to unpack (expected 2, got 1)"),
    'sys.exit': ('', 'Runtime.BuiltInModuleConflict', 'Cannot use built-in module sys as a handler module'),
    'app.handler': ('import nowhere', 'Runtime.ImportModuleError', "Unable to import module 'app': No module named 'nowhere'"),
}


@both
@pytest.mark.parametrize('handler', INIT_ERRORS)
def test_a_function_that_cannot_load_says_why(runtime, handler, tmp_path):
    code, kind, message = INIT_ERRORS[handler]
    r = run_python(runtime, tmp_path, code, [], {'_HANDLER': handler})
    assert r.answers == [('error', {'errorMessage': message, 'errorType': kind, 'requestId': '', 'stackTrace': []})]
    assert r.headers[0]['Lambda-Runtime-Function-Error-Type'] == kind
    assert r.code == 1 and f'[ERROR] {kind}: {message}' in r.output


@both
def test_a_syntax_error_shows_the_line(runtime, tmp_path):
    r = run_python(runtime, tmp_path, 'def handler(e, c):\n    return (\n', [])
    _, error = r.answers[0]
    assert error['errorType'] == 'Runtime.UserCodeSyntaxError'
    assert error['errorMessage'] == "Syntax error in module 'app': '(' was never closed (app.py, line 2)"
    assert error['stackTrace'] == [f'  File "{tmp_path}/app.py" Line 2\n        return (\n']


@both
def test_an_exception_at_import_is_an_init_error(runtime, tmp_path):
    r = run_python(runtime, tmp_path, 'raise KeyError("x")', [])
    assert r.answers[0][0] == 'error' and r.answers[0][1]['errorType'] == 'KeyError' and r.code == 1


@both
def test_exit_ends_the_process(runtime, tmp_path):
    r = run_python(runtime, tmp_path, 'import sys\ndef handler(e, c): sys.exit(3)', [{}])
    assert r.code == 3 and r.answers == []


@both
def test_text_logs_carry_level_time_and_request(runtime, tmp_path):
    r = run_python(runtime, tmp_path, '''
        import logging
        def handler(event, context):
            print('plain')
            logging.warning('careful %d', 1)
            logging.info('not at this level')
    ''', [{}])
    lines = r.output.splitlines()
    assert lines[0] == 'plain' and len(lines) == 2
    assert re.fullmatch(r'\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t' + ID + '\tcareful 1', lines[1])


@both
def test_json_logs_and_levels(runtime, tmp_path):
    r = run_python(runtime, tmp_path, '''
        import logging
        def handler(event, context):
            logging.getLogger('l').info('hello', extra={'order': 7})
            try:
                1 / 0
            except ZeroDivisionError:
                logging.exception('oh')
            raise ValueError('end')
    ''', [{}], {'AWS_LAMBDA_LOG_FORMAT': 'JSON', 'AWS_LAMBDA_LOG_LEVEL': 'INFO'})
    first, second, third = [json.loads(line) for line in r.output.splitlines()]
    assert first.pop('timestamp') and first == {'level': 'INFO', 'message': 'hello', 'logger': 'l', 'requestId': ID, 'order': 7}
    assert second['level'] == 'ERROR' and second['errorType'] == 'ZeroDivisionError' and second['location'].startswith(f'{tmp_path}/app.py:handler:')
    assert third['level'] == 'ERROR' and third['errorType'] == 'ValueError' and third['requestId'] == ID


def test_an_answer_that_is_too_large_is_an_error(tmp_path):
    r = run_python(OURS, tmp_path, 'def handler(e, c): return "x"', [{}, {}], statuses={'response': 413})
    assert [kind for kind, _ in r.answers] == ['response', 'error', 'response']
    assert r.answers[1][1]['errorType'] == 'Function.ResponseSizeTooLarge'


def test_code_goes_before_layers_before_the_image(tmp_path):
    r = run_python(OURS, tmp_path, 'import sys\ndef handler(e, c): return [sys.path[:3], sys.path[-1]]', [{}])
    version = f'python{sys.version_info.major}.{sys.version_info.minor}'
    assert r.answers == [('response', [[str(tmp_path), f'/opt/python/lib/{version}/site-packages', '/opt/python'], '/var/runtime'])]


# ---- C ----

@pytest.fixture(scope='module')
def greet(tmp_path_factory):
    return functions.greet_program(tmp_path_factory.mktemp('greet'))


def test_a_function_in_c_answers(greet, tmp_path):
    big = 'x' * 1_000_000
    r = Run([greet], RuntimeApi([{'a': 1}, 'fail', big]), tmp_path, {})
    assert r.answers[0] == ('response', {'count': 1, 'bytes': 8, 'arn': ARN, 'in_time': True, 'event': {'a': 1}})
    assert r.answers[1] == ('error', {'errorMessage': 'asked to "fail"', 'errorType': 'Greeting.Refused', 'stackTrace': []})
    assert r.headers[1]['Lambda-Runtime-Function-Error-Type'] == 'Greeting.Refused'
    assert r.answers[2][1]['event'] == big
    assert r.output.splitlines()[0] == f'invocation 1 of {ID}'


def test_a_function_in_c_that_cannot_start_says_so(greet, tmp_path):
    r = Run([greet], RuntimeApi([]), tmp_path, {'REFUSE': '1'})
    assert r.code == 1 and r.answers == [('error', {'errorMessage': 'REFUSE is set', 'errorType': 'Greeting.NotReady', 'stackTrace': []})]


def test_a_function_in_c_answers_errors_when_its_answer_is_too_large(greet, tmp_path):
    r = Run([greet], RuntimeApi([b'"' + b'x' * (6 * 1024 * 1024) + b'"', {}]), tmp_path, {})
    assert r.answers[0][0] == 'error' and r.answers[0][1]['errorType'] == 'Function.ResponseSizeTooLarge'
    assert r.answers[1][0] == 'response'


@pytest.fixture(scope='module')
def greeting(strata, greet):
    """The name of the example as a function of provided.al2023."""
    functions.need_runtime(strata, 'provided.al2023')
    code = functions.zipped_program(greet)
    assert len(code) < 64 * 1024
    return functions.create(strata, code, functions.role(strata), Runtime='provided.al2023', Handler='greet')


def test_a_function_in_c_runs_in_provided_al2023(strata, greeting):
    client = strata.client('lambda')

    def invoke(payload):
        answer = client.invoke(FunctionName=greeting, Payload=payload, LogType='Tail')
        return answer, json.loads(answer['Payload'].read()), base64.b64decode(answer['LogResult']).decode()

    answer, first, log = invoke('{"a": 1}')
    assert (answer['StatusCode'], answer.get('FunctionError'), answer['ExecutedVersion']) == (200, None, '$LATEST')
    assert first == {'count': 1, 'bytes': 8, 'arn': client.get_function(FunctionName=greeting)['Configuration']['FunctionArn'], 'in_time': True,
                     'event': {'a': 1}}
    request_id = answer['ResponseMetadata']['RequestId']
    assert f'START RequestId: {request_id} ' in log and f'invocation 1 of {request_id}\n' in log and 'Init Duration' in log
    answer, error, _ = invoke('"fail"')
    assert answer['FunctionError'] == 'Unhandled'
    assert error == {'errorMessage': 'asked to "fail"', 'errorType': 'Greeting.Refused', 'stackTrace': []}
    assert invoke('{}')[1]['count'] == 3  # the same environment, which a handled error does not end


def test_a_function_in_c_that_refuses_to_start_is_told(strata, greeting):
    client = strata.client('lambda')
    client.update_function_configuration(FunctionName=greeting, Environment={'Variables': {'REFUSE': '1'}})
    answer = client.invoke(FunctionName=greeting, Payload='{}')
    assert answer['FunctionError'] == 'Unhandled'
    error = json.loads(answer['Payload'].read())
    assert (error['errorType'], error['errorMessage']) == ('Greeting.NotReady', 'REFUSE is set')
    client.update_function_configuration(FunctionName=greeting, Environment={'Variables': {}})
    assert json.loads(client.invoke(FunctionName=greeting, Payload='{}')['Payload'].read())['count'] == 1


def test_a_bootstrap_may_lie_in_a_layer_and_must_lie_somewhere(strata, greet, greeting):
    client, role = strata.client('lambda'), functions.role(strata)
    layer = client.publish_layer_version(LayerName='greeting', Content={'ZipFile': functions.zipped_program(greet)})['LayerVersionArn']
    name = functions.create(strata, {'data.txt': 'no program'}, role, Runtime='provided.al2023', Handler='greet', Layers=[layer])
    assert json.loads(client.invoke(FunctionName=name, Payload='{}')['Payload'].read())['count'] == 1
    name = functions.create(strata, {'data.txt': 'no program'}, role, Runtime='provided.al2023', Handler='greet')
    error = json.loads(client.invoke(FunctionName=name, Payload='{}')['Payload'].read())
    assert error['errorType'] == 'Runtime.InvalidEntrypoint' and "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]" in error['errorMessage']


def test_a_function_in_c_answers_through_an_http_api(strata, greeting):
    arn = strata.client('lambda').get_function(FunctionName=greeting)['Configuration']['FunctionArn']
    api = strata.client('apigatewayv2').create_api(Name='greet', ProtocolType='HTTP', Target=arn)['ApiId']
    strata.client('lambda').add_permission(FunctionName=greeting, StatementId='api', Action='lambda:InvokeFunction',
                                           Principal='apigateway.amazonaws.com', SourceArn=f'arn:aws:execute-api:us-east-1:000000000000:{api}/*')
    answer = requests.post(f'{strata.url}/_aws/execute-api/{api}/greet?who=c', data='hello', timeout=60)
    assert (answer.status_code, answer.headers['Content-Type']) == (200, 'application/json')
    event = answer.json()['event']
    assert (event['version'], event['routeKey'], event['rawPath'], event['rawQueryString']) == ('2.0', '$default', '/greet', 'who=c')
    assert event['requestContext']['http']['method'] == 'POST' and event['body'] == 'hello'
