"""The Runtime API, as a function that writes to its socket itself finds it: what runtimes of others send, and what hostile ones might."""

import re

import functions
import pytest
from running import Strata

from test_lambda import client, invoke, make, ok, role  # noqa: F401: fixtures

# Sends the pieces on one connection, ID being the invocation's; the answers' status lines and bodies, until nothing more comes.
RAW = '''
    import os, socket

    def dial():
        return socket.create_connection(('127.0.0.1', 9001), timeout=5)

    def say(pieces, id):
        with dial() as s:
            for p in pieces:
                s.sendall(p.replace('ID', id).encode())
            got = b''
            s.settimeout(0.3)
            try:
                while more := s.recv(65536):
                    got += more
            except (TimeoutError, ConnectionResetError):
                pass
            return got.decode()

    def handler(event, context):
        id = context.aws_request_id
        if isinstance(event, list):
            return say(event, id)
'''
HEAD = ' HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n'
INVOCATION = 'POST /2018-06-01/runtime/invocation/'


@pytest.fixture(scope='module')
def strata(tmp_path_factory):
    running = Strata(tmp_path_factory.mktemp('strata') / 'data').start()
    functions.need_runtime(running)
    yield running
    assert running.stop() == 0


@pytest.fixture
def raw(client, make):  # noqa: F811
    name = make(RAW)
    return lambda *pieces: ok(client, name, list(pieces))


def statuses(answers):
    return [int(code) for code in re.findall(r'HTTP/1\.1 (\d+)', answers)]


def test_requests_that_are_wrong_are_answered_as_by_aws(raw):
    wrong = raw(INVOCATION + 'another/response' + HEAD + 'Content-Length: 2\r\n\r\n{}')
    assert statuses(wrong) == [400] and wrong.endswith('{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}')
    assert 'Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:' in raw('GET /2018-06-01/runtime/invocation/next' + HEAD + '\r\n')
    assert statuses(raw('GET /2018-06-01/runtime/else' + HEAD + '\r\n')) == [404]
    assert statuses(raw('PUT /2018-06-01/runtime/invocation/next' + HEAD + '\r\n')) == [404]
    assert statuses(raw('POST /2018-06-01/runtime/invocation/ID/response HTTP/1.1\r\n\r\n')) == [400]
    assert statuses(raw('nonsense\r\n\r\n')) == [400]


def test_requests_may_come_together_and_in_pieces(raw):
    one = INVOCATION + 'another/response' + HEAD + 'Content-Length: 2\r\n\r\n{}'
    assert statuses(raw(one * 3)) == [400] * 3
    assert statuses(raw(*one)) == [400]
    chunked = INVOCATION + 'another/error' + HEAD + 'Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'
    assert statuses(raw(chunked + one)) == [400, 400]
    assert statuses(raw(INVOCATION + 'x/response' + HEAD + 'Expect: 100-continue\r\nContent-Length: 2\r\n\r\n', '{}')) == [100, 400]
    assert raw('GET / HTTP/1.0\r\n\r\n').count('Connection: close') == 1


def test_who_reads_no_answers_is_read_from_no_more(client, make):  # noqa: F811
    name = make(RAW + '''
        import threading, time
        n, one = 100000, b'GET /2018-06-01/runtime/else HTTP/1.1\\r\\nHost: x\\r\\nX: ' + 300 * b'y' + b'\\r\\n\\r\\n'  # more than sockets hold
        s, held = dial(), dial()
        held.setblocking(False)
        try:
            while True:
                held.send(one * 100)
        except BlockingIOError:
            pass
        sender = threading.Thread(target=s.sendall, args=(one * n,))
        sender.start()
        time.sleep(0.2)
        waits, got, rest = sender.is_alive(), 0, b''
        while got < n:
            rest = rest[-11:] + s.recv(65536)
            got += rest.count(b'HTTP/1.1 404')
        return [waits, got]
    ''')
    waits, got = ok(client, name)
    assert waits and got == 100000


def test_a_response_may_be_chunked_and_comes_once(strata, client, make):  # noqa: F811
    """A runtime that streams; and one that answers twice, which is told so and ends in the bootstrap."""
    name = make(RAW + '''
        first = say(['POST /2018-06-01/runtime/invocation/ID/response HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n',
                     '7\\r\\n"in two\\r\\n8\\r\\n pieces"\\r\\n0\\r\\nA: trailer\\r\\n\\r\\n'], id)
        again = say(['POST /2018-06-01/runtime/invocation/ID/response HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 2\\r\\n\\r\\n{}'], id)
        print('status', first[9:12], again[9:12], 'InvalidStateTransition' in again)
        os._exit(0)
    ''')
    assert ok(client, name) == 'in two pieces'
    logs = strata.client('logs')

    def said():
        try:
            return [e['message'] for e in logs.filter_log_events(logGroupName='/aws/lambda/' + name)['events'] if e['message'].startswith('status')]
        except logs.exceptions.ResourceNotFoundException:
            return []
    assert functions.wait_for(said) == ['status 202 403 True']
    assert ok(client, name) == 'in two pieces'


def test_half_requests_and_connections_without_end_keep_nobody_waiting(client, make):  # noqa: F811
    name = make(RAW + '''
        held = [dial() for _ in range(100)]
        for i, s in enumerate(held):
            try:
                s.sendall(b'POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 6000000\\r\\n\\r\\n'
                          if i % 2 else b'GET /2018-06-01/run')
            except OSError:
                pass
        handler.held = held
        return 'alive'
    ''')
    assert [ok(client, name) for _ in range(3)] == ['alive'] * 3


def test_answers_as_large_as_allowed_and_larger(client, make):  # noqa: F811
    name = make('''
        def handler(event, context):
            if event < 0:
                raise ValueError('x' * -event)
            return 'x' * event
    ''', Timeout=30)
    most = 6 * 1024 * 1024 - 2
    assert len(ok(client, name, most)) == most
    error, payload = invoke(client, name, most + 1)
    assert (error, payload['errorType']) == ('Unhandled', 'Function.ResponseSizeTooLarge')
    assert payload['errorMessage'] == 'Response payload size (6291457 bytes) exceeded maximum allowed payload size (6291456 bytes).'
    assert invoke(client, name, 4 * most)[1]['errorType'] == 'Function.ResponseSizeTooLarge'
    error, payload = invoke(client, name, -300000)  # its cause stands in a header
    assert (error, payload['errorType'], len(payload['errorMessage'])) == ('Unhandled', 'ValueError', 300000)
    assert ok(client, name, 1) == 'x'


def test_events_as_large_as_allowed(client, make):  # noqa: F811
    """More than a socket takes at once."""
    name = make('def handler(event, context): return len(event)')
    assert ok(client, name, 'y' * (6 * 1024 * 1024 - 2)) == 6 * 1024 * 1024 - 2
    assert ok(client, name, 'y') == 1


def test_a_function_that_dies_in_the_middle_of_its_answer(client, make):  # noqa: F811
    name = make(RAW + '''
        say(['POST /2018-06-01/runtime/invocation/ID/response HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 100\\r\\n\\r\\nhalf'], id)
        os._exit(4)
    ''')
    error, payload = invoke(client, name)
    assert (error, payload['errorType']) == ('Unhandled', 'Runtime.ExitError') and payload['errorMessage'].endswith('exit status 4')


def test_a_runtime_that_loses_its_connection_asks_anew(client, make):  # noqa: F811
    name = make('''
        import http.client, socket
        calls, request = [], http.client.HTTPConnection.request
        def cut_once(self, method, *more):
            request(self, method, *more)
            if method == 'GET':
                http.client.HTTPConnection.request = request
                self.sock.shutdown(socket.SHUT_RDWR)
        def handler(event, context):
            calls.append(1)
            http.client.HTTPConnection.request = cut_once
            return len(calls)
    ''')
    assert [ok(client, name) for _ in range(10)] == list(range(1, 11))


def test_one_environment_serves_one_client(client, make):  # noqa: F811
    """Even before it has asked for the next: none is started beside it, and nobody is throttled."""
    name = make('''
        calls = []
        def handler(event, context):
            calls.append(1)
            return len(calls)
    ''')
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    assert [ok(client, name) for _ in range(50)] == list(range(1, 51))
