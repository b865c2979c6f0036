"""What the benchmark runs: strata and nginx on one core, wrk on another. Each is ended by its own process."""

import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import time
import urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
SERVER_CORE, LOAD_CORE = '0', '1'
READY_SECONDS = 60
STATIC_BYTES = 1024
REGION = 'us-east-1'
TEST_KEYS = Credentials('test', 'test')

NGINX = """
daemon off; master_process off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=16;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    server {{ listen 127.0.0.1:{port}; root {dir}/www; }}
}}
"""


class Failed(Exception):
    """A measurement that cannot be made; its text says why."""


def on_server_core(*command, **more):
    return subprocess.Popen(['taskset', '-c', SERVER_CORE, *map(str, command)], **more)


def end(process, seconds=40):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Nginx:
    """Serves one static file of STATIC_BYTES."""

    def __init__(self, directory):
        self.dir = directory
        (directory / 'www').mkdir(parents=True)
        (directory / 'www' / 'item').write_bytes(b'x' * STATIC_BYTES)
        os.chmod(directory.parent, 0o755)  # nginx may serve as another user than root
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            self.port = free.getsockname()[1]
        (directory / 'nginx.conf').write_text('user root;\n' * (os.geteuid() == 0) + NGINX.format(dir=directory, port=self.port))
        self.process = on_server_core('nginx', '-p', directory, '-c', directory / 'nginx.conf', stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            except OSError as e:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise Failed(f'nginx does not start: see {directory}/error.log') from e
                time.sleep(0.01)

    def request(self):
        return f'GET /item HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n'.encode()

    def stop(self):
        end(self.process)


class Strata:
    """One `strata serve` on a free port."""

    def __init__(self, program, data):
        self.program, self.data, self.process = program, data, None

    def start(self):
        """Returns the seconds until `Ready.`."""
        (self.data / 'endpoint').unlink(missing_ok=True)
        begin = time.monotonic()
        with open(f'{self.data}.log', 'a') as log:
            self.process = on_server_core(self.program, 'serve', '--data', self.data, '--listen', '127.0.0.1:0', stdout=subprocess.PIPE, stderr=log)
        text = b''
        while b'Ready.\n' not in text:
            readable, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
            piece = os.read(self.process.stdout.fileno(), 4096) if readable else b''
            if not piece:
                self.stop()
                raise Failed(f'strata does not start: see {self.data}.log')
            text += piece
        seconds = time.monotonic() - begin
        self.url = (self.data / 'endpoint').read_text().strip()
        self.host = self.url.removeprefix('http://')
        return seconds

    def stop(self):
        if self.process:
            end(self.process)
            self.process.stdout.close()
            self.process = None

    def signed(self, service, body, path='/', **headers):
        """One raw request; good for 15 minutes, however often it is sent."""
        request = AWSRequest('POST', self.url + path, headers={k.replace('_', '-'): v for k, v in headers.items()}, data=body)
        SigV4Auth(TEST_KEYS, service, REGION).add_auth(request)
        lines = [f'POST {path} HTTP/1.1', f'Host: {self.host}', f'Content-Length: {len(body)}', *(f'{k}: {v}' for k, v in request.headers.items())]
        return '\r\n'.join([*lines, '', '']).encode() + body

    def dynamodb(self, operation, **members):
        return self.signed('dynamodb', json.dumps(members).encode(), X_Amz_Target=f'DynamoDB_20120810.{operation}', Content_Type='application/x-amz-json-1.0')

    def sqs(self, operation, **members):
        return self.signed('sqs', json.dumps(members).encode(), X_Amz_Target=f'AmazonSQS.{operation}', Content_Type='application/x-amz-json-1.0')

    def memory_mb(self):
        """(resident memory of the server, proportional memory of it and the processes it started)."""
        children = lambda pid: [int(c) for t in pathlib.Path(f'/proc/{pid}/task').iterdir() for c in (t / 'children').read_text().split()]
        kb = lambda pid, file, name: next(int(line.split()[1]) for line in open(f'/proc/{pid}/{file}') if line.startswith(name))
        tree, todo = [], [self.process.pid]
        while todo:
            tree.append(todo.pop())
            todo += children(tree[-1])
        return kb(self.process.pid, 'status', 'VmRSS:') / 1024, sum(kb(p, 'smaps_rollup', 'Pss:') for p in tree) / 1024


def ask(raw, host):
    """Sends one raw request by itself; returns status and body."""
    name, port = host.split(':')
    with socket.create_connection((name, int(port)), 30) as s:
        s.sendall(raw)
        answer = b''
        while b'\r\n\r\n' not in answer:
            piece = s.recv(65536)
            if not piece:
                raise Failed('the connection ended before an answer')
            answer += piece
        head, _, body = answer.partition(b'\r\n\r\n')
        length = next((int(line.split(b':')[1]) for line in head.split(b'\r\n') if line.lower().startswith(b'content-length:')), 0)
        while len(body) < length:
            body += s.recv(65536)
    return int(head.split()[1]), body


def load(directory, host, requests, seconds, connections):
    """wrk repeats the requests in turn; returns what requests.lua prints, and the rate."""
    file = directory / f'requests-{urllib.parse.quote(host)}'
    with open(file, 'wb') as f:
        for r in requests:
            f.write(b'%d\n' % len(r) + r)
    run = subprocess.run(['taskset', '-c', LOAD_CORE, 'wrk', '-t1', f'-c{connections}', f'-d{seconds}s', '-s', HERE / 'requests.lua', f'http://{host}/', '--', file],
                         capture_output=True, text=True, timeout=seconds + 60)
    line = next((line for line in run.stdout.splitlines() if line.startswith('{"requests"')), None)
    if run.returncode or not line:
        raise Failed(f'wrk: {(run.stderr or run.stdout).strip()[-200:]}')
    result = json.loads(line)
    result['rate'] = result['requests'] / result['us'] * 1e6
    return result
