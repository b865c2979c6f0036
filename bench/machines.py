"""What the bench runs: strata and nginx on one core, the load on another. Each is ended by its own process."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
VENV = ROOT / '.venv'
if VENV.exists() and pathlib.Path(sys.prefix).resolve() != VENV.resolve():  # boto3 is there
    os.execv(VENV / 'bin/python3', [VENV / 'bin/python3', *sys.argv])

for name in [n for n in os.environ if n.startswith('AWS_')]:
    del os.environ[name]
os.environ['AWS_EC2_METADATA_DISABLED'] = 'true'
os.environ['NO_PROXY'] = os.environ['no_proxy'] = '127.0.0.1,localhost'
os.environ['PATH'] = f'{VENV}/bin:{os.environ["PATH"]}'

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

READY_SECONDS = 120
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
REGION = 'us-east-1'

NGINX = """
daemon off; master_process {master}; worker_processes {workers}; pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=64;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    server {{ listen 127.0.0.1:{port}; root {dir}/www; }}
}}
"""


class Failed(Exception):
    """A measurement that cannot be made; its text says why."""


def cores(servers):
    """(the cores of the server, those of the load), as taskset names them: apart where there are enough, else both on all."""
    there = sorted(os.sched_getaffinity(0))
    if len(there) < 2:
        sys.exit('bench: needs two cores: one for the server, one for the load')
    apart = len(there) > servers
    name = lambda some: ','.join(map(str, some))
    return name(there[:servers]), name(there[servers:] if apart else there)


def build(directory):
    """strata and the load, as the sources are now."""
    if not (directory / 'build.ninja').exists():
        sys.exit(f'bench: nothing is built in {directory}: run `make`')
    if subprocess.run(['ninja', '-C', directory, '--quiet', 'strata', 'bench/bench-load']).returncode:
        sys.exit('bench: the build fails')


def end(process, seconds=120):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_for_port(port, process, why):
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return
        except OSError as e:
            if time.monotonic() > deadline or process.poll() is not None:
                raise Failed(why) from e
            time.sleep(0.001)


def process_tree(pid):
    """The process and all that it started."""
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        try:
            todo += [int(c) for t in pathlib.Path(f'/proc/{found[-1]}/task').iterdir() for c in (t / 'children').read_text().split()]
        except OSError:  # it ended meanwhile
            pass
    return found


class Machine:
    """A server process and what it costs. A context, at whose end it is stopped."""
    process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process:
            end(self.process)
            self.process = None

    def cpu_us(self):
        """Processor time of the process and all that it started, so far; in steps of 10 ms, what has ended counted too."""
        ticks = 0
        for pid in process_tree(self.process.pid):
            try:
                fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
            except OSError:  # it ended meanwhile
                continue
            ticks += sum(map(int, fields[11:15]))  # utime, stime, and those of children that were waited for: proc_pid_stat(5)
        return ticks * 1_000_000 // os.sysconf('SC_CLK_TCK')

    def settle(self, seconds=120):
        """Waits until it does nothing: what compacts behind a load is over. At most that long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            before = self.cpu_us()
            time.sleep(0.5)
            if self.cpu_us() - before <= 20_000:  # two ticks
                return

    def waited_us(self):
        """How long its first thread could have run but did not get a processor: proc_pid_schedstat(5)."""
        return int(pathlib.Path(f'/proc/{self.process.pid}/schedstat').read_text().split()[1]) // 1000


class Nginx(Machine):
    """Serves static files: /N is N bytes."""

    def __init__(self, directory, core, workers):
        self.dir, self.port = directory, free_port()
        (directory / 'www').mkdir(parents=True)
        os.chmod(directory.parent, 0o755)  # nginx may serve as another user than root
        text = NGINX.format(dir=directory, port=self.port, workers=workers, master='on' if workers > 1 else 'off')
        (directory / 'nginx.conf').write_text('user root;\n' * (os.geteuid() == 0) + text)
        self.process = subprocess.Popen(['taskset', '-c', core, 'nginx', '-p', directory, '-c', directory / 'nginx.conf'], stderr=subprocess.DEVNULL)
        wait_for_port(self.port, self.process, f'nginx does not start: see {directory}/error.log')

    def plan(self, size):
        file = self.dir / 'www' / str(size)
        if not file.exists():
            file.write_bytes(b'x' * size)
        return {'port': self.port, 'pool': 1, 'steps': [{'method': 'GET', 'target': f'/{size}'}]}


class Strata(Machine):
    """`strata serve` on a port of its own, also after a restart; under is what runs it (taskset, valgrind), options more for serve."""

    def __init__(self, program, data, under=(), options=()):
        self.program, self.data, self.under, self.options, self.port = program, data, under, options, free_port()

    def start(self):
        self.data.mkdir(exist_ok=True)
        with open(f'{self.data}.log', 'a') as log:
            self.process = subprocess.Popen([*map(str, self.under), self.program, 'serve', '--data', self.data, '--listen', f'127.0.0.1:{self.port}', *self.options],
                                            stdout=subprocess.DEVNULL, stderr=log)
        wait_for_port(self.port, self.process, f'strata does not start: see {self.data}.log')

    def first_answer_ms(self):
        """Starts it: from exec to the end of the answer of a signed ListTables."""
        host = f'127.0.0.1:{self.port}'
        request = AWSRequest('POST', f'http://{host}/', data=b'{}', headers={'X-Amz-Target': 'DynamoDB_20120810.ListTables', 'Content-Type': 'application/x-amz-json-1.0'})
        SigV4Auth(Credentials('test', 'test'), 'dynamodb', REGION).add_auth(request)
        head = ['POST / HTTP/1.1', f'Host: {host}', 'Content-Length: 2', 'Connection: close', *(f'{k}: {v}' for k, v in request.headers.items())]
        begin = time.monotonic()
        self.start()
        with socket.create_connection(('127.0.0.1', self.port), READY_SECONDS) as s:
            s.sendall('\r\n'.join([*head, '', '{}']).encode())
            answer = b''.join(iter(lambda: s.recv(65536), b''))
        ms = (time.monotonic() - begin) * 1000
        if not answer.startswith(b'HTTP/1.1 200'):
            raise Failed(f'ListTables answers {answer[:300]}')
        return ms

    def megabytes(self):
        return sum(f.stat().st_size for f in self.data.rglob('*') if f.is_file()) / 1e6

    def memory_mb(self):
        """(resident memory of the server, its peak so far, proportional memory of it and the processes it started)."""
        kb = lambda pid, file, name: next(int(line.split()[1]) for line in open(f'/proc/{pid}/{file}') if line.startswith(name))
        own = self.process.pid
        return kb(own, 'status', 'VmRSS:') / 1024, kb(own, 'status', 'VmHWM:') / 1024, sum(kb(p, 'smaps_rollup', 'Pss:') for p in process_tree(own)) / 1024


class Load:
    """The generator (load.c), on its core."""

    def __init__(self, program, directory, core):
        self.program, self.dir, self.core = program, directory, core

    def command(self, plan):
        """The command that runs the plan."""
        plan = {'access_key_id': 'test', 'secret': 'test', 'region': REGION, **{k: v for k, v in plan.items() if k != 'refill'}}
        file = self.dir / f'plan-{plan["port"]}.json'
        file.write_text(json.dumps(plan))
        return ['taskset', '-c', self.core, self.program, file]

    def run(self, plan):
        """Runs the plan; returns what load.c prints, and the rate. With refused requests it is Failed."""
        done = subprocess.run(self.command(plan), capture_output=True, text=True)
        if done.returncode:
            raise Failed(f'load: {done.stderr.strip()[-200:]}')
        result = json.loads(done.stdout)
        if result['refused'] or result['failed']:
            raise Failed(f'{result["refused"]} refused, {result["failed"]} failed of {result["requests"]}: {" ".join(result["refusal"].split())[:300]}')
        if result['missing'] > result['requests'] / 100:
            raise Failed(f'{result["missing"]} answers lacked what the next request needs')
        result['rate'] = result['requests'] / result['us'] * 1e6 if result['us'] else 0
        return result


class Stage:
    """A directory with strata, nginx and the load, the servers on some cores and the load on the others. A context: both servers end with it."""

    def __init__(self, build_directory, directory, servers=1):
        mine, others = cores(servers)
        self.apart = mine != others
        self.load = Load(build_directory / 'bench/bench-load', directory, others)
        self.strata = Strata(build_directory / 'strata', directory / 'data', ['taskset', '-c', mine])
        self.nginx = Nginx(directory / f'nginx-{servers}', mine, servers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.strata.stop()
        self.nginx.stop()
