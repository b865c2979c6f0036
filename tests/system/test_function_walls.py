"""What a function cannot do, with strata as root and as an ordinary user: each test runs for both (the second alone when we are not root)."""

import io
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import zipfile

import pytest
from running import PROGRAM, Strata

ORDINARY_ID = 61234
TRUST = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]})
CODE = r'''
import ctypes, errno, os, signal, socket, subprocess, sys, time

def read(path):
    try:
        return open(path).read()
    except OSError as e:
        return e.strerror

def writable(path):
    try:
        open(os.path.join(path, 'probe'), 'w').close()
        os.unlink(os.path.join(path, 'probe'))
        return True
    except OSError:
        return False

def dial(host, port):
    s = socket.socket()
    s.settimeout(5)
    try:
        s.connect((host, port))
        return 'connected'
    except OSError as e:
        return type(e).__name__ + ' ' + (e.strerror or str(e))
    finally:
        s.close()

def fill(path):
    written = 0
    try:
        with open(path, 'wb', buffering=0) as f:
            while True:
                written += f.write(bytes(1 << 16))
    except OSError as e:
        return [written >> 20, e.strerror]
    finally:
        os.unlink(path)

def mounts():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None)
    first = ctypes.get_errno()
    libc.unshare(0x10000000)
    return [errno.errorcode[first], errno.errorcode[ctypes.get_errno()]]

def eat(megabytes):
    kept = []
    for _ in range(megabytes):
        kept.append(bytearray(os.urandom(4096)) * 256)
        time.sleep(0.002)
    return len(kept)

def fork_until_refused():
    pids = []
    try:
        while len(pids) < 3000:
            pid = os.fork()
            if pid == 0:
                signal.pause()
            pids.append(pid)
    except OSError as e:
        return e.strerror
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return 'not refused'

def status():
    wanted = ('CapEff', 'CapBnd', 'NoNewPrivs', 'Seccomp:')
    return [line.split()[1] for line in open('/proc/self/status') if line.startswith(wanted)]

def handler(event, context):
    return globals()[event[0]](*event[1:])

def read_tree(path):
    return sorted(os.listdir(path))

def processes():
    return sum(name.isdigit() for name in os.listdir('/proc'))

def writables(*paths):
    return [p for p in paths if writable(p)]

def environ(name):
    return os.environ.get(name)

def sleep(seconds):
    subprocess.Popen(['/proc/self/exe', '-c', 'import time; time.sleep(600)'])
    time.sleep(seconds)
'''


def image_directory():
    own, cache = os.environ.get('STRATA_RUNTIMES'), os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return pathlib.Path(own or f'{cache}/strata/runtimes')


def function_zip():
    b = io.BytesIO()
    with zipfile.ZipFile(b, 'w') as z:
        z.writestr('app.py', CODE)
    return b.getvalue()


class World:
    def __init__(self, strata, directory):
        self.strata, self.directory = strata, directory
        self.functions, self.iam = strata.client('lambda', read_timeout=90), strata.client('iam')
        self.role = self.iam.create_role(RoleName='walls', AssumeRolePolicyDocument=TRUST)['Role']['Arn']
        self.make('f')

    def make(self, name, role=None, **settings):
        self.functions.create_function(FunctionName=name, Runtime='python3.13', Role=role or self.role, Handler='app.handler', Code={'ZipFile': function_zip()},
                                       **{'Timeout': 60, 'MemorySize': 128, **settings})

    def call(self, *event, name='f'):
        r = self.functions.invoke(FunctionName=name, Payload=json.dumps(event))
        answer = json.loads(r['Payload'].read())
        return answer if 'FunctionError' not in r else {'failed': answer}


def readable_images(directory):
    """The image where the ordinary user can read it; hard links where that works."""
    target = directory / 'runtimes'
    target.mkdir()
    for options in ('-al', '-a'):
        if subprocess.run(['cp', options, image_directory() / 'python3.13', target], stderr=subprocess.DEVNULL).returncode == 0:
            return target
        shutil.rmtree(target / 'python3.13', ignore_errors=True)
    raise AssertionError('cannot copy the runtime image')


@pytest.fixture(scope='module', params=['root', 'ordinary'])
def world(request):
    if not (image_directory() / 'python3.13' / 'manifest').exists():
        pytest.skip('python3.13 is not installed: strata runtime install python3.13')
    if request.param == 'root' and os.geteuid() != 0:
        pytest.skip('not root')
    directory = pathlib.Path(tempfile.mkdtemp(prefix='walls-', dir='/tmp'))
    directory.chmod(0o755)
    strata = Strata(directory / 'data')
    if request.param == 'ordinary' and os.geteuid() == 0:
        strata.program = shutil.copy(PROGRAM, directory)
        strata.as_user = {'user': ORDINARY_ID, 'group': ORDINARY_ID, 'extra_groups': []}
        strata.more_environment = {'STRATA_RUNTIMES': str(readable_images(directory)), 'HOME': str(directory), 'TMPDIR': '/tmp'}
        os.chown(directory, ORDINARY_ID, ORDINARY_ID)
    try:
        strata.start()
        yield World(strata, directory)
        assert strata.stop() == 0
    finally:
        if strata.process and strata.process.poll() is None:
            strata.kill()
        shutil.rmtree(directory, ignore_errors=True)


def test_it_cannot_read_the_hosts_files(world):
    secret = world.directory / 'secret'
    secret.write_text('a secret of the host')
    secret.chmod(0o644)
    for path in (secret, '/etc/shadow', '/etc/hostname', world.strata.data / 'endpoint', f'/proc/1/root{secret}', '/proc/1/environ', f'/proc/self/root{secret}'):
        assert world.call('read', str(path)) in ('No such file or directory', 'Permission denied'), path
    assert 'sbx_user1051' in world.call('read', '/etc/passwd')
    assert world.call('read_tree', '/var/task') == ['app.py']


def test_it_reaches_nothing_but_the_cloud(world):
    port = int(world.strata.url.rsplit(':', 1)[1])
    for host in ('1.1.1.1', '10.0.0.1', '192.168.1.1', '169.254.169.254', '172.17.0.1'):
        assert world.call('dial', host, 80) == 'OSError Network is unreachable'
    if port != 4566:
        assert world.call('dial', '127.0.0.1', port) == 'ConnectionRefusedError Connection refused'  # the host's lo is another
    assert world.call('dial', '127.0.0.1', 22) == 'ConnectionRefusedError Connection refused'
    assert world.call('dial', 'example.com', 80).startswith('gaierror ')
    assert world.call('dial', 'sqs.us-east-1.amazonaws.com', 443) == 'connected'
    assert world.call('dial', '127.0.0.1', 4566) == 'connected'


def test_it_sees_no_other_process(world):
    assert world.call('processes') == 2


def test_it_has_no_privilege(world):
    assert world.call('status') == ['0000000000000000', '0000000000000000', '1', '2']
    assert world.call('mounts') == ['EPERM', 'EPERM']


def test_it_has_its_own_credentials_only(world):
    other = world.iam.create_role(RoleName='other', AssumeRolePolicyDocument=TRUST)['Role']['Arn']
    world.make('g', role=other)
    first, second = world.call('environ', 'AWS_ACCESS_KEY_ID'), world.call('environ', 'AWS_ACCESS_KEY_ID', name='g')
    assert first.startswith('ASIA') and second.startswith('ASIA') and first != second
    token = world.call('environ', 'AWS_SESSION_TOKEN', name='g')
    me = world.strata.client('sts', key=second, secret=world.call('environ', 'AWS_SECRET_ACCESS_KEY', name='g'), token=token).get_caller_identity()
    assert ':assumed-role/other/' in me['Arn']


def test_it_cannot_fill_the_hosts_disk(world):
    assert world.call('writables', '/', '/var/task', '/opt', '/usr/lib', '/etc', '/dev', '/var/runtime', '/run', '/tmp') == ['/tmp']
    world.make('filler', MemorySize=1024)
    assert world.call('fill', '/tmp/fill', name='filler') == [512, 'No space left on device']


def test_it_cannot_exceed_its_memory(world):
    before = world.call('environ', 'AWS_LAMBDA_LOG_STREAM_NAME')
    world.make('eater')
    failed = world.call('eat', 300, name='eater')['failed']
    assert failed['errorType'] in ('Runtime.OutOfMemory', 'Runtime.ExitError') and 'signal: killed' in failed['errorMessage']
    assert world.call('eat', 20, name='eater') == 20  # a new environment
    assert world.call('environ', 'AWS_LAMBDA_LOG_STREAM_NAME') == before  # and its neighbour never noticed


def test_it_cannot_fork_without_end(world):
    world.make('forker', MemorySize=2048)
    assert world.call('fork_until_refused', name='forker') == 'Resource temporarily unavailable'


def test_it_cannot_outlive_its_timeout(world):
    world.make('sleeper', Timeout=1)
    failed = world.call('sleep', 30, name='sleeper')['failed']
    assert 'Task timed out after 1.00 seconds' in failed['errorMessage']
    assert world.call('processes', name='sleeper') == 2  # what it had started is gone too


def test_it_dies_with_strata(world):
    """Last: it kills this strata."""
    name = f'walls-{os.getpid()}-{world.directory.name}'
    world.make('marked', Environment={'Variables': {'MARK': name}})
    assert world.call('environ', 'MARK', name='marked') == name

    def marked():
        found = 0
        for path in pathlib.Path('/proc').glob('[0-9]*/environ'):
            try:
                found += name.encode() in path.read_bytes()
            except OSError:
                pass
        return found

    assert marked() > 0 or os.geteuid() != 0
    world.strata.process.kill()
    world.strata.process.wait()
    for _ in range(2000):
        if marked() == 0:
            break
    assert marked() == 0
    world.strata.start()
    assert world.call('environ', 'MARK', name='marked') == name
