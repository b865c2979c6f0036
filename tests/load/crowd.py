"""Many plain connections at once, that do what a client library would not: rest, send a byte at a time, read nothing, leave."""

import select
import socket
import time

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from machines import REGION

CONNECT_SECONDS = 60


def raw(port, step):
    """The bytes of a request, signed; step is one of bench/works.py: service, method, target, body, headers."""
    host, body = f'127.0.0.1:{port}', step.get('body', '').encode()
    request = AWSRequest(step['method'], f'http://{host}{step["target"]}', data=body, headers=step.get('headers', {}))
    (S3SigV4Auth if step['service'] == 's3' else SigV4Auth)(Credentials('test', 'test'), step['service'], REGION).add_auth(request)
    lines = [f'{step["method"]} {step["target"]} HTTP/1.1', f'Host: {host}', f'Content-Length: {len(body)}', *(f'{k}: {v}' for k, v in request.headers.items())]
    return '\r\n'.join([*lines, '', '']).encode() + body


class Client:
    """One connection. receive_bytes makes its own buffer small, so that what it does not read stays with the server."""

    def __init__(self, port, receive_bytes=0):
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(CONNECT_SECONDS)
        self.socket.connect(('127.0.0.1', port))
        self.socket.setblocking(False)
        self.got, self.open = b'', True

    def send(self, data):
        """As much as goes."""
        try:
            self.socket.send(data)
        except (BrokenPipeError, ConnectionResetError, BlockingIOError):
            pass

    def read(self):
        """What is there by now."""
        try:
            while piece := self.socket.recv(1 << 18):
                self.got += piece
            self.open = False
        except BlockingIOError:
            pass
        except ConnectionResetError:
            self.open = False

    def answer(self):
        """(status, body) of the answer that is there whole, which is then forgotten; else None."""
        head, end, rest = self.got.partition(b'\r\n\r\n')
        if not end:
            return None
        length = next((int(line.split(b':')[1]) for line in head.split(b'\r\n') if line.lower().startswith(b'content-length:')), 0)
        if len(rest) < length:
            return None
        self.got = rest[length:]
        return int(head.split()[1]), rest[:length]

    def close(self):
        self.socket.close()


def answers(clients, seconds):
    """The answers to one request of each, in their order; None where none came within that time."""
    found, waiting, poll = {}, {c.socket.fileno(): c for c in clients}, select.epoll()
    for fd in waiting:
        poll.register(fd, select.EPOLLIN)
    end = time.monotonic() + seconds
    while waiting and time.monotonic() < end:
        for fd, _ in poll.poll(max(0, end - time.monotonic())):
            c = waiting[fd]
            c.read()
            if (answer := c.answer()) or not c.open:
                found[c] = answer
                poll.unregister(fd)
                del waiting[fd]
    poll.close()
    return [found.get(c) for c in clients]


def left(clients):
    """How many of them the server has not let go."""
    for c in clients:
        if c.open:
            c.read()
    return sum(c.open for c in clients)
