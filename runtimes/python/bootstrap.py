"""strata's Lambda runtime for Python: asks the Runtime API for invocations and gives them to the function's handler.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; to a handler it looks like AWS's own: its context object, its logging, the words
and shapes of its errors. One invocation at a time. Needs the standard library alone; an image carries it as /var/runtime/bootstrap.
"""
import sys

# Settled before anything of the function is imported: its code, then layers, then what the image brings.
TASK_ROOT, RUNTIME_DIR = '/var/task', '/var/runtime'

import gc
import json
import logging
import os
import signal
import time

API = '/2018-06-01/runtime/'
SENDABLE_FAULT_BYTES = 1024 * 1024  # of the X-Ray header
RESPONSE_BYTES_MAX = 6 * 1024 * 1024
NBSP = '\u00a0'  # indents in the log, where blanks would be cut
MALFORMED_HANDLER = 'Runtime.MalformedHandlerName'
BUILT_IN_CONFLICT = 'Runtime.BuiltInModuleConflict'
IMPORT_FAILED = 'Runtime.ImportModuleError'
SYNTAX_ERROR = 'Runtime.UserCodeSyntaxError'
HANDLER_MISSING = 'Runtime.HandlerNotFound'
MARSHAL_FAILED = 'Runtime.MarshalError'
UNMARSHAL_FAILED = 'Runtime.UnmarshalError'
CONTEXT_UNREADABLE = 'Runtime.LambdaContextUnmarshalError'


class Fault(Exception):
    """A failure that is not the handler's exception: it has a type of its own."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind, self.message, self.trace = kind, message, trace


# ---- values ----

def to_json(value):
    """As json.dumps, but a Decimal keeps all its digits."""
    decimals = []

    def plain(other):
        import decimal
        if not isinstance(other, decimal.Decimal):
            raise TypeError(f'Object of type {type(other).__name__} is not JSON serializable')
        decimals.append('NaN' if other.is_nan() else str(other))
        return f'{mark}{len(decimals) - 1}{mark}'

    mark = os.urandom(12).hex()
    text = json.dumps(value, default=plain, ensure_ascii=sys.version_info < (3, 12))
    for i, number in enumerate(decimals):
        text = text.replace(f'"{mark}{i}{mark}"', number, 1)
    return text


def read_event(body, content_type):
    if (content_type or 'application/json').split(';')[0].strip() != 'application/json':
        return body
    try:
        return json.loads(body)
    except Exception as e:
        raise Fault(UNMARSHAL_FAILED, f'Unable to unmarshal input: {e}')


def write_result(value):
    """The answer's bytes and content type: JSON, but bytes as they are."""
    if isinstance(value, bytes):
        return value, 'application/unknown'
    try:
        return to_json(value).encode(), 'application/json'
    except Exception as e:
        raise Fault(MARSHAL_FAILED, f'Unable to marshal response: {e}')


# ---- the context ----

class _Record:
    """What AWS documents as attributes, None where nothing was sent."""

    __slots__ = ()

    @classmethod
    def of(cls, fields):
        if fields is None:
            return None
        made = cls()
        for name in cls.__slots__:
            setattr(made, name, fields.get(name))
        return made

    def __repr__(self):
        return f'{type(self).__name__}([' + ','.join(f'{n}={getattr(self, n)}' for n in self.__slots__) + '])'


class CognitoIdentity(_Record):
    __slots__ = ('cognito_identity_id', 'cognito_identity_pool_id')


class Client(_Record):
    __slots__ = ('installation_id', 'app_title', 'app_version_name', 'app_version_code', 'app_package_name')


class ClientContext(_Record):
    __slots__ = ('custom', 'env', 'client')


class LambdaContext:
    def __init__(self, headers):
        get = os.environ.get
        self.aws_request_id = headers.get('Lambda-Runtime-Aws-Request-Id')
        self.log_group_name = get('AWS_LAMBDA_LOG_GROUP_NAME')
        self.log_stream_name = get('AWS_LAMBDA_LOG_STREAM_NAME')
        self.function_name = get('AWS_LAMBDA_FUNCTION_NAME')
        self.memory_limit_in_mb = get('AWS_LAMBDA_FUNCTION_MEMORY_SIZE')
        self.function_version = get('AWS_LAMBDA_FUNCTION_VERSION')
        self.invoked_function_arn = headers.get('Lambda-Runtime-Invoked-Function-Arn')
        self.tenant_id = headers.get('Lambda-Runtime-Aws-Tenant-Id')
        self.client_context = ClientContext.of(_parse(headers.get('Lambda-Runtime-Client-Context'), 'Client Context'))
        if self.client_context is not None:
            self.client_context.client = Client.of(self.client_context.client)
        identity = _parse(headers.get('Lambda-Runtime-Cognito-Identity'), 'Cognito Identity') or {}
        self.identity = CognitoIdentity.of({'cognito_identity_id': identity.get('cognitoIdentityId'),
                                            'cognito_identity_pool_id': identity.get('cognitoIdentityPoolId')})
        self._deadline_ms = int(headers.get('Lambda-Runtime-Deadline-Ms') or 0)

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        names = ('aws_request_id', 'log_group_name', 'log_stream_name', 'function_name', 'memory_limit_in_mb', 'function_version',
                 'invoked_function_arn', 'client_context', 'identity', 'tenant_id')
        return 'LambdaContext([' + ','.join(f'{n}={getattr(self, n)}' for n in names) + '])'


def _parse(header, what):
    if not header:
        return None
    try:
        return json.loads(header)
    except Exception as e:
        raise Fault(CONTEXT_UNREADABLE, f'Unable to parse {what} JSON: {e}')


# ---- logging ----

_request = {'id': '', 'tenant': None}  # of the invocation that runs


class _RequestFilter(logging.Filter):
    def filter(self, record):
        record.aws_request_id = _request['id']
        record.tenant_id = _request['tenant']
        return True


class _StdoutHandler(logging.Handler):
    """To whatever sys.stdout is now: a function may replace it."""

    def emit(self, record):
        sys.stdout.write(self.format(record))


class _JsonFormatter(logging.Formatter):
    own = set(vars(logging.makeLogRecord({}))) | {'aws_request_id', 'tenant_id', 'message', 'asctime'}

    def format(self, record):
        level = min(50, max(0, record.levelno)) // 10 * 10
        info = record.exc_info
        line = {
            'timestamp': self.formatTime(record, '%Y-%m-%dT%H:%M:%SZ'),
            'level': logging.getLevelName(level),
            'message': record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
            'logger': record.name,
        }
        if info:
            import traceback
            line.update(stackTrace=traceback.format_tb(info[2]), errorType=info[0].__name__, errorMessage=str(info[1]))
        line['requestId'] = record.aws_request_id
        if info:
            line['location'] = f'{record.pathname}:{record.funcName}:{record.lineno}'
        if record.tenant_id is not None:
            line['tenantId'] = record.tenant_id
        for name, value in vars(record).items():
            if name not in self.own and name not in line:
                line[name] = value
        return json.dumps({k: v for k, v in line.items() if v is not None}, ensure_ascii=False, default=str) + '\n'


def wants_json():
    return os.environ.get('AWS_LAMBDA_LOG_FORMAT', '').upper() == 'JSON'


def set_logging_up():
    logging.Formatter.converter = time.gmtime
    handler = _StdoutHandler()
    if wants_json():
        handler.setFormatter(_JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter('[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n', '%Y-%m-%dT%H:%M:%S'))
    handler.addFilter(_RequestFilter())
    root = logging.getLogger()
    level = os.environ.get('AWS_LAMBDA_LOG_LEVEL', '').upper()
    level = 'DEBUG' if level == 'TRACE' else level
    if level in ('DEBUG', 'INFO', 'WARN', 'WARNING', 'ERROR', 'FATAL', 'CRITICAL'):
        root.setLevel(level)
    root.addHandler(handler)


def log_error(error):
    if wants_json():
        sys.stdout.write(to_json({'timestamp': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), 'level': 'ERROR', **error}) + '\n')
        return
    head = '[ERROR]'
    if error['errorType']:
        head += ' ' + error['errorType'] + (':' if error['errorMessage'] else '')
    if error['errorMessage']:
        head += ' ' + error['errorMessage']
    lines = [head, 'Traceback (most recent call last):']
    for entry in error['stackTrace']:
        for line in entry.splitlines() or ['']:
            text = line.lstrip(' ')
            lines.append(NBSP * (len(line) - len(text)) + text)
    sys.stdout.write('\r'.join(lines) + '\n')  # one event: \r does not end a log line


# ---- errors ----

def make_error(kind, message, trace=None, request_id=None):
    return {'errorMessage': message or '', 'errorType': kind or '', 'requestId': request_id or '', 'stackTrace': trace or []}


def describe(exc, request_id=None):
    """The error as it is sent, and the same for X-Ray."""
    import traceback
    if isinstance(exc, Fault):
        return (make_error(exc.kind, exc.message, exc.trace, request_id),
                {'working_directory': os.getcwd(), 'exceptions': [{'message': exc.message, 'type': 'LambdaValidationError', 'stack': []}], 'paths': []})
    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(exc.__traceback__)]
    for i, frame in enumerate(frames):
        if frame[0] != __file__:
            frames = frames[i:]  # the function's own part
            break
    kind = type(exc).__name__
    fault = {
        'working_directory': os.getcwd(),
        'exceptions': [{'message': str(exc), 'type': kind, 'stack': [{'label': f[2], 'path': f[0], 'line': f[1]} for f in frames]}],
        'paths': sorted({f[0] for f in frames}),
    }
    return make_error(kind, str(exc), traceback.format_list(frames), request_id), fault


# ---- the function ----

def find_handler(name):
    import importlib
    module_name, dot, attribute = name.rpartition('.')
    if not dot:
        raise Fault(MALFORMED_HANDLER, f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)")
    if module_name.split('.')[0] in sys.builtin_module_names:
        raise Fault(BUILT_IN_CONFLICT, f'Cannot use built-in module {module_name} as a handler module')
    try:
        module = importlib.import_module(module_name.replace('/', '.'))
    except ImportError as e:
        raise Fault(IMPORT_FAILED, f"Unable to import module '{module_name}': {e}")
    except SyntaxError as e:
        raise Fault(SYNTAX_ERROR, f"Syntax error in module '{module_name}': {e}", [f'  File "{e.filename}" Line {e.lineno}\n    {e.text}'])
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise Fault(HANDLER_MISSING, f"Handler '{attribute}' missing on module '{module_name}'")


def set_path_up():
    version = f'python{sys.version_info.major}.{sys.version_info.minor}'
    own = os.path.dirname(os.path.abspath(__file__))
    task = os.environ.get('LAMBDA_TASK_ROOT', TASK_ROOT)
    ahead = [task, f'/opt/python/lib/{version}/site-packages', '/opt/python']
    sys.path[:] = ahead + [p for p in sys.path if p not in ahead and p != own] + [os.environ.get('LAMBDA_RUNTIME_DIR', RUNTIME_DIR)]


# ---- the Runtime API ----

class RuntimeApi:
    def __init__(self, address):
        self._address = address
        self._connection = None

    def _call(self, method, path, body=None, headers={}):
        """On a kept connection. Anew when the other side has closed it meanwhile, which it may between two requests."""
        import http.client
        for fresh in (self._connection is None, True):
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self._address)
            try:
                self._connection.request(method, API + path, body, headers)
                response = self._connection.getresponse()
                return response.status, response.headers, response.read()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self._connection.close()
                self._connection = None
                if fresh:
                    raise

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def restore_next(self):
        """The variables that have changed since INIT; None: rest first."""
        status, _, body = self._call('GET', 'restore/next')
        if status not in (200, 202):
            raise RuntimeError(f'Failed to get what to restore: {status} {body!r}')
        return json.loads(body) if status == 200 else None

    def next(self):
        status, headers, body = self._call('GET', 'invocation/next')
        if status != 200:
            raise RuntimeError(f'Failed to get next invocation: {status} {body!r}')
        return headers, body

    def _post(self, path, body, headers):
        status, _, answer = self._call('POST', path, body, headers)
        return status, answer

    def respond(self, request_id, body, content_type):
        status, answer = self._post(f'invocation/{request_id}/response', body, {'Content-Type': content_type})
        if status == 413:
            error = make_error('Function.ResponseSizeTooLarge',
                               f'Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes).', request_id=request_id)
            log_error(error)
            self.fail(request_id, error, None)
        elif status != 202:
            raise RuntimeError(f'Failed to post invocation response: {status} {answer!r}')

    def fail(self, request_id, error, fault):
        headers = {'Content-Type': 'application/json', 'Lambda-Runtime-Function-Error-Type': error['errorType']}
        cause = to_json(fault) if fault else ''
        if cause and len(cause) < SENDABLE_FAULT_BYTES:
            headers['Lambda-Runtime-Function-XRay-Error-Cause'] = cause
        status, answer = self._post(f'invocation/{request_id}/error', to_json(error).encode(), headers)
        if status != 202:
            raise RuntimeError(f'Failed to post invocation error: {status} {answer!r}')

    def start_failed(self, phase, error):
        self._post(f'{phase}/error', to_json(error).encode(), {'Content-Type': 'application/json', 'Lambda-Runtime-Function-Error-Type': error['errorType']})


def invoke(api, handler, headers, body):
    request_id = headers.get('Lambda-Runtime-Aws-Request-Id')
    try:
        context = LambdaContext(headers)
        event = read_event(body, headers.get('Content-Type'))
        result, content_type = write_result(handler(event, context))
    except Exception as e:  # SystemExit is none: the process ends, which is Runtime.ExitError
        error, fault = describe(e, request_id)
        log_error(error)
        api.fail(request_id, error, fault)
    else:
        api.respond(request_id, result, content_type)


# ---- the snapshot ----

def rest():
    """Pauses; what goes on is this process or, from a copy of its memory, another environment's, which has another pid. To what cares about forks (locks,
    random numbers, what os.register_at_fork has) it looks like one."""
    import ctypes
    python, pid = ctypes.pythonapi, os.getpid()
    python.PyOS_BeforeFork()
    signal.pause()
    (python.PyOS_AfterFork_Parent if os.getpid() == pid else python.PyOS_AfterFork_Child)()


def hooks(name):
    """What the function has registered by snapshot_restore_py, which is there when it has imported it."""
    module = sys.modules.get('snapshot_restore_py')
    return getattr(module, name)() if module else []


def idle_loops():
    """The event loops that the function has made (Mangum makes one): each holds an epoll and a pair of sockets, which copies must not share."""
    module = sys.modules.get('asyncio.selector_events')
    loops = [o for o in gc.get_objects() if issubclass(type(o), module.BaseSelectorEventLoop)] if module else []
    return [loop for loop in loops if not loop.is_closed() and len(loop._selector.get_map()) == 1]  # nothing but that pair is waited for


def close_files_of(loop):
    loop._close_self_pipe()
    loop._selector.close()


def open_files_of(loop):
    loop._selector = type(loop._selector)()
    loop._make_self_pipe()


def settle(api):
    """From the end of INIT to where invocations begin, perhaps in another environment."""
    before = hooks('get_before_snapshot')
    while before:
        function, args, kwargs = before.pop()
        function(*args, **kwargs)
    gc.collect()
    loops = idle_loops()
    gc.freeze()  # so that a later collection leaves the pages alone that environments share
    for loop in loops:
        close_files_of(loop)
    while (changes := api.restore_next()) is None:
        api.close()
        rest()
    for loop in loops:
        open_files_of(loop)
    os.environ.update(changes)
    if os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'] == 'snap-start':
        for function, args, kwargs in hooks('get_after_restore'):
            function(*args, **kwargs)


def give_up(api, phase, e):
    error, _ = describe(e)
    logging.warning('LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code.\r')
    log_error(error)
    api.start_failed(phase, error)
    sys.exit(1)


def main():
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=False, write_through=True)
    set_logging_up()
    set_path_up()
    api = RuntimeApi(os.environ['AWS_LAMBDA_RUNTIME_API'])
    try:
        handler = find_handler(os.environ.get('_HANDLER', ''))
    except Exception as e:
        give_up(api, 'init', e)
    if os.environ.get('AWS_LAMBDA_INITIALIZATION_TYPE') == 'snap-start':
        try:
            settle(api)
        except Exception as e:
            give_up(api, 'restore', e)
    while True:
        headers, body = api.next()
        _request['id'] = headers.get('Lambda-Runtime-Aws-Request-Id') or ''
        _request['tenant'] = headers.get('Lambda-Runtime-Aws-Tenant-Id')
        trace = headers.get('Lambda-Runtime-Trace-Id')
        if trace is not None:
            os.environ['_X_AMZN_TRACE_ID'] = trace
        else:
            os.environ.pop('_X_AMZN_TRACE_ID', None)
        invoke(api, handler, headers, body)


if __name__ == '__main__':
    main()
