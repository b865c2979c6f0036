"""Environments of a Python function are restored from the first one's, as it was after INIT: what they share, what each has for itself, and when they start cold."""

import base64
import concurrent.futures
import json
import os
import signal

import pytest
from functions import create, need_runtime, role, wait_for, zipped
from running import Strata

CODE = '''
    import os, random, ssl, time, uuid
    BORN, OPENED = uuid.uuid4().hex, len(os.listdir('/proc/self/fd'))
    print('INIT of', BORN)

    def handler(event, context):
        time.sleep(event.get('seconds', 0))
        files = os.listdir('/tmp')
        open('/tmp/' + uuid.uuid4().hex, 'w').close()
        print('this is', os.environ['AWS_LAMBDA_LOG_STREAM_NAME'])
        return {'born': BORN, 'files': files, 'pid': os.getpid(), 'processes': sorted(int(p) for p in os.listdir('/proc') if p.isdigit()),
                'random': [random.random(), uuid.uuid4().hex, ssl.RAND_bytes(16).hex()], 'key': os.environ['AWS_ACCESS_KEY_ID'],
                'stream': context.log_stream_name, 'type': os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']}
'''


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    running = Strata(tmp_path_factory.mktemp('snapshots') / 'data').start()
    need_runtime(running)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope='module')
def any_role(made):
    return role(made, ('sts:GetCallerIdentity', '*'))


def invoke(strata, name, **event):
    """The answer, and the line of its REPORT."""
    answer = strata.client('lambda').invoke(FunctionName=name, Payload=json.dumps(event), LogType='Tail')
    body = json.loads(answer['Payload'].read())
    assert 'FunctionError' not in answer, body
    return body, next(line for line in base64.b64decode(answer['LogResult']).decode().splitlines() if line.startswith('REPORT'))


def environments(strata, name, n, of=lambda body: body['stream']):
    """The first answer of each of n environments, and its REPORT. Invocations at once need one each, if they are slow enough: again until there are n."""
    found = {}

    def round_of_n():
        with concurrent.futures.ThreadPoolExecutor(n) as pool:
            for body, report in pool.map(lambda _: invoke(strata, name, seconds=1), range(n)):
                found.setdefault(of(body), (body, report))
        return len(found) >= n
    assert wait_for(round_of_n), found
    return list(found.values())


def templates(strata):
    """Of its sandbox helper's children: those that keep a template."""
    children = lambda pid: [int(p) for p in open(f'/proc/{pid}/task/{pid}/children').read().split()]
    comm = lambda pid: open(f'/proc/{pid}/comm').read().strip()
    return [child for helper in children(strata.process.pid) for child in children(helper) if comm(child) == 'strata-keeper']


def test_ten_environments_come_of_one_init(made, any_role):
    name = create(made, CODE, any_role, MemorySize=256)
    first, report = invoke(made, name)
    assert 'Init Duration' in report and 'Restore Duration' not in report
    answers = environments(made, name, 10)
    bodies = [body for body, _ in answers]
    assert {body['born'] for body in bodies} == {first['born']} and {body['type'] for body in bodies} == {'snap-start'}
    # Each is alone with its init, in a /tmp that has at most what itself has written, under a number that the template has not.
    assert all(body['processes'] == [1, body['pid']] for body in bodies) and len({body['pid'] for body in bodies}) == 1
    assert sorted(len(body['files']) for body in bodies)[:9] == [0] * 9
    for own in 'stream', 'key':
        assert len({body[own] for body in bodies}) == 10, own
    for drawn in range(3):
        assert len({body['random'][drawn] for body in bodies}) == 10, drawn
    restored = [report for body, report in answers if body['stream'] != first['stream']]
    assert len(restored) == 9 and all('Restore Duration' in r and 'Billed Restore Duration' in r and 'Init Duration' not in r for r in restored)


def test_each_has_its_log_and_init_is_in_the_firsts(made, any_role):
    name = create(made, CODE, any_role)
    first, _ = invoke(made, name)
    streams = {first['stream'], *(body['stream'] for body, _ in environments(made, name, 2))}
    assert len(streams) == 2
    logs = made.client('logs')
    read = lambda stream: [e['message'] for e in logs.get_log_events(logGroupName=f'/aws/lambda/{name}', logStreamName=stream, startFromHead=True)['events']]
    lines = {stream: wait_for(lambda s=stream: [m for m in [read(s)] if any('this is' in line for line in m)])[0] for stream in streams}
    assert [stream for stream in streams if any('INIT of' in line for line in lines[stream])] == [first['stream']]
    assert all(f'this is {stream}' in ''.join(lines[stream]) for stream in streams)


KEPT_BACK = [
    ("import threading; threading.Thread(target=__import__('time').sleep, args=(600,), daemon=True).start()", 'it has more than one thread'),
    ("import socket; kept = socket.socket()", 'it holds open files or connections'),
    ("open('/tmp/kept', 'w').write('of INIT')", 'it has files in /tmp'),
    ("import os; os.dup2(os.memfd_create('shared'), 0)", 'it holds open files or connections'),
    ("import mmap; kept = mmap.mmap(-1, 4096)", 'it has memory that is shared'),
    ("import subprocess; kept = subprocess.Popen(['/usr/bin/python3.13', '-c', 'import time; time.sleep(600)'])", 'it has started other processes'),
]


def test_what_cannot_be_kept_starts_cold(made, any_role):
    def of(case):
        what, why = case
        name = create(made, f'{what}\nimport os, time, uuid\nBORN = uuid.uuid4().hex\ndef handler(event, context):\n    time.sleep(event.get("seconds", 0))\n'
                            '    return [BORN, os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], sorted(os.listdir("/tmp"))]\n', any_role)
        first, _ = invoke(made, name)
        answers = [body for body, _ in environments(made, name, 2, of=lambda body: body[0])]
        assert first in answers and first[1] == 'on-demand' and first[2] == (['kept'] if '/tmp' in why else [])
        assert f'function arn:aws:lambda:us-east-1:000000000000:function:{name}: its environments start cold: after INIT {why}' in made.log_text()
    with concurrent.futures.ThreadPoolExecutor(len(KEPT_BACK)) as pool:
        list(pool.map(of, KEPT_BACK))


def test_event_loops_are_each_environments_own(made, any_role):
    """Mangum makes one as its module is imported."""
    name = create(made, '''
        import asyncio, os, uuid
        BORN, LOOP = uuid.uuid4().hex, asyncio.new_event_loop()
        asyncio.set_event_loop(LOOP)

        async def work(seconds):
            await asyncio.sleep(seconds)
            return await asyncio.to_thread(os.getpid)

        def handler(event, context):
            return {'born': BORN, 'stream': context.log_stream_name, 'pid': LOOP.run_until_complete(work(event.get('seconds', 0)))}
        ''', any_role)
    bodies = [body for body, _ in environments(made, name, 3)]
    assert len({body['born'] for body in bodies}) == 1


def test_filters_of_its_own_are_refused(made, any_role):
    """They could have what strata lets its copies call answer that it was done."""
    name = create(made, '''
        import ctypes, os, struct
        libc = ctypes.CDLL(None, use_errno=True)
        # ld [nr]; jeq capset -> answer 0 without a deed; else allow
        program = b''.join(struct.pack('HBBI', *line) for line in [(0x20, 0, 0, 0), (0x15, 0, 1, 126), (0x06, 0, 0, 0x00050000), (0x06, 0, 0, 0x7fff0000)])
        room = ctypes.create_string_buffer(program)
        filters = struct.pack('HxxxxxxQ', 4, ctypes.addressof(room))
        DONE = libc.prctl(22, 2, ctypes.c_char_p(filters))

        def handler(event, context):
            status = dict(line.split(':', 1) for line in open('/proc/self/status'))
            return [DONE, os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'], status['CapEff'].strip()]
        ''', any_role)
    assert invoke(made, name)[0] == [0, 'on-demand', '0' * 16]
    assert 'it has a system call filter of its own' in made.log_text()


def test_hooks_run_before_and_behind_the_snapshot(made, any_role):
    """As registered by the package snapshot_restore_py, of which a function brings its own: https://pypi.org/project/snapshot-restore-py/"""
    registry = '''
_before, _after = [], []
def register_before_snapshot(function, *args, **kwargs): _before.append((function, args, kwargs))
def register_after_restore(function, *args, **kwargs): _after.append((function, args, kwargs))
def get_before_snapshot(): return _before
def get_after_restore(): return _after
'''
    code = '''
import time
from snapshot_restore_py import register_before_snapshot, register_after_restore
SEEN = []
for n in 1, 2:
    register_before_snapshot(SEEN.append, f'before {n}')
    register_after_restore(SEEN.append, f'after {n}')
def handler(event, context):
    time.sleep(event.get('seconds', 0))
    return [SEEN, context.log_stream_name]
'''
    name = create(made, {'app.py': code, 'snapshot_restore_py.py': registry}, any_role)
    seen = [body[0] for body, _ in environments(made, name, 2, of=lambda body: body[1])]
    assert seen == [['before 2', 'before 1', 'after 1', 'after 2']] * 2
    failing = create(made, {'app.py': code + "def fail(): raise ValueError('not restored')\nregister_after_restore(fail)\n", 'snapshot_restore_py.py': registry}, any_role)
    answer = made.client('lambda').invoke(FunctionName=failing, Payload='{}')
    assert answer['FunctionError'] == 'Unhandled' and json.loads(answer['Payload'].read())['errorMessage'] == 'not restored'


def test_a_template_goes_with_its_code_and_is_made_anew(tmp_path):
    strata = Strata(tmp_path / 'data').start()
    try:
        need_runtime(strata)
        name = create(strata, CODE, role(strata))
        first, _ = invoke(strata, name)
        assert len(before := templates(strata)) == 1
        strata.client('lambda').update_function_code(FunctionName=name, ZipFile=zipped(CODE + '    # new\n'))
        second, _ = invoke(strata, name)
        assert second['born'] != first['born']
        assert wait_for(lambda: len(templates(strata)) == 1 and templates(strata) != before)
        # One that is killed takes what came of it along, and the next environment makes another.
        os.kill(templates(strata)[0], signal.SIGKILL)
        assert wait_for(lambda: templates(strata) == [])
        third, _ = invoke(strata, name)
        assert third['born'] != second['born']
        strata.client('lambda').delete_function(FunctionName=name)
        assert wait_for(lambda: templates(strata) == [])
    finally:
        assert strata.stop() == 0


def test_cold_by_configuration(tmp_path):
    strata = Strata(tmp_path / 'data', '127.0.0.1:0', '--environments', 'cold').start()
    try:
        need_runtime(strata)
        name = create(strata, CODE, role(strata))
        answers = environments(strata, name, 2)
        assert len({body['born'] for body, _ in answers}) == 2 and {body['type'] for body, _ in answers} == {'on-demand'}
        assert all('Init Duration' in report for _, report in answers) and templates(strata) == []
    finally:
        assert strata.stop() == 0
