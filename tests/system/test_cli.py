"""The command line against a running strata; above all that tools without any endpoint setting find it through `strata exec`."""

import ipaddress
import json
import os
import re
import shutil
import socket
import subprocess
import urllib.request
import uuid

import pytest
import requests
from botocore.exceptions import ClientError

from running import PROGRAM, Strata


def run(strata, *arguments, **more):
    done = strata.command(*arguments, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def plain(strata, *command):
    """A tool through exec, whose own environment names no endpoint."""
    environment = {k: v for k, v in strata.environment().items() if not k.startswith('AWS_')}
    done = subprocess.run([PROGRAM, 'exec', '--', *command], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_command_has_its_manual(strata):
    listed = [line.split()[0] for line in run(strata, 'help').splitlines() if line.startswith('  ')]
    assert {'up', 'serve', 'exec', 'logs', 'clock', 'help'} <= set(listed)
    for name in listed:
        if name not in ('help', 'version'):
            assert f'usage: strata {name}' in run(strata, name, '--help')
    assert run(strata, 'help', '--man').count('.SS ') == len(listed)
    assert strata.command('nonsense').returncode == 2


def test_serve_takes_the_size_of_its_cache_and_refuses_what_is_none(tmp_path):
    for size in ('0', '-1', '1G', '1048577'):
        done = subprocess.run([PROGRAM, 'serve', '--data', tmp_path / 'none', '--listen', '127.0.0.1:0', '--cache', size], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and '--cache is a number of MB, 1 to 1048576' in done.stderr
    small = Strata(tmp_path / 'data', '127.0.0.1:0', '--cache', '1').start()
    try:
        assert small.client('dynamodb').list_tables()['TableNames'] == []
    finally:
        small.stop()


def test_exec_leads_aws_cli_boto3_curl_and_node_to_strata(strata):
    assert '000000000000' in plain(strata, 'aws', 'sts', 'get-caller-identity')
    url = json.loads(plain(strata, 'aws', 'sqs', 'create-queue', '--queue-name', 'cli-exec'))['QueueUrl']
    plain(strata, 'aws', 'sqs', 'send-message', '--queue-url', url, '--message-body', 'hi')
    assert '"hi"' in plain(strata, 'aws', 'sqs', 'receive-message', '--queue-url', url)
    program = 'import boto3; print(boto3.client("sts", region_name="eu-west-1").get_caller_identity()["Account"])'
    assert plain(strata, 'python3', '-c', program) == '000000000000\n'
    assert 'xml' in plain(strata, 'curl', '-sS', 'https://s3.us-east-1.amazonaws.com/')
    if shutil.which('node'):
        program = "fetch('https://s3.eu-west-1.amazonaws.com/').then(r => r.text()).then(t => console.log(t.slice(0, 5)))"
        assert plain(strata, 'node', '-e', program) == '<?xml\n'


def test_exec_refuses_other_hosts_and_returns_the_exit_code(strata):
    done = strata.command('exec', '--', 'curl', '-sS', '--noproxy', '', 'https://example.com/')
    assert done.returncode != 0 and '403' in done.stderr
    assert strata.command('exec', 'sh', '-c', 'exit 7').returncode == 7
    assert strata.command('exec', '--', 'no-such-program').returncode == 127


def test_exec_replaces_what_would_lead_elsewhere(strata):
    out = run(strata, 'exec', '--', 'env', AWS_PROFILE='mine', AWS_SESSION_TOKEN='t', NO_PROXY='a.example,.amazonaws.com', AWS_ENDPOINT_URL='http://x')
    names = dict(line.split('=', 1) for line in out.splitlines() if '=' in line)
    assert not {'AWS_PROFILE', 'AWS_SESSION_TOKEN', 'AWS_ENDPOINT_URL'} & set(names)
    assert 'a.example' in names['NO_PROXY'] and 'amazonaws' not in names['NO_PROXY']


def test_env_is_what_exec_sets(strata):
    script = f'eval "$({PROGRAM} env)"; echo $HTTPS_PROXY $AWS_ACCESS_KEY_ID; test -r "$AWS_CA_BUNDLE" && echo readable'
    out = subprocess.run(['sh', '-ec', script], env=strata.environment(), capture_output=True, text=True, check=True).stdout
    assert out == f'{strata.url} test\nreadable\n'


def test_status_and_clock(own_strata):
    assert 'holds     nothing' in run(own_strata, 'status')
    assert json.loads(run(own_strata, 'status', '--json'))['version']
    before = json.loads(run(own_strata, 'clock', '--json'))['now_ms']
    after = json.loads(run(own_strata, 'clock', 'advance', '1d2h', '--json'))
    assert 0 <= after['now_ms'] - before - 26 * 3600_000 < 3600_000
    assert '2031-05-06T07:08:' in run(own_strata, 'clock', 'set', '2031-05-06T07:08:09Z')
    assert '+' not in run(own_strata, 'clock', 'reset')
    for wrong in (['advance', '2 hours'], ['set', 'noon'], ['sideways']):
        assert own_strata.command('clock', *wrong).returncode == 2


def test_logs_finds_a_group_by_part_of_its_name(strata):
    logs = strata.client('logs')
    now = json.loads(run(strata, 'clock', '--json'))['now_ms']
    for function in ('cli-one-api-server', 'cli-two-worker', 'cli-three-worker'):
        group = f'/aws/lambda/{function}'
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName='s')
        logs.put_log_events(logGroupName=group, logStreamName='s', logEvents=[{'timestamp': now, 'message': f'from {function}\n'}])
    assert run(strata, 'logs', 'one_api_server') == 'from cli-one-api-server\n'
    assert run(strata, 'logs', '/aws/lambda/cli-two-worker') == 'from cli-two-worker\n'
    several = strata.command('logs', 'worker')
    assert several.returncode == 1 and 'cli-two-worker' in several.stderr and 'cli-three-worker' in several.stderr
    assert strata.command('logs', 'cli-nowhere').returncode == 1
    follower = subprocess.Popen([PROGRAM, 'logs', '-f', 'cli-two-worker'], env=strata.environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert follower.stdout.readline() == 'from cli-two-worker\n'
        logs.put_log_events(logGroupName='/aws/lambda/cli-two-worker', logStreamName='s', logEvents=[{'timestamp': now + 1, 'message': 'more'}])
        assert follower.stdout.readline() == 'more\n'
    finally:
        follower.kill()
        follower.wait()
        follower.stdout.close()


def another_loopback_name():
    """Only 127.*, ::1 and localhost are taken for loopback as such; another name for it is as good as a public address."""
    for name in ('ip6-localhost', socket.gethostname()):
        try:
            if ipaddress.ip_address(socket.gethostbyname(name)).is_loopback:
                return name
        except OSError:
            continue
    return None


def test_where_test_keys_do_not_work_the_root_profile_does(tmp_path):
    name = another_loopback_name()
    if not name:
        pytest.skip('this machine has no second name for its loopback address')
    strata = Strata(tmp_path / 'data', f'{name}:0').start()
    try:
        profile = strata.data / 'credentials'
        assert profile.stat().st_mode & 0o777 == 0o600
        with pytest.raises(ClientError, match='InvalidClientTokenId'):
            strata.client('sts').get_caller_identity()
        assert '000000000000' in plain(strata, 'aws', 'sts', 'get-caller-identity')
        assert strata.command('logs', 'nowhere').stderr.startswith('strata: no function')
        before = profile.read_text()
        assert strata.stop() == 0
        strata.start()
        assert profile.read_text() == before
    finally:
        strata.kill()


@pytest.mark.parametrize('arguments', [['status'], ['clock'], ['logs', 'x'], ['invoke', 'x'], ['exec', 'true'], ['env']])
def test_without_a_running_strata_one_line_says_what_to_do(tmp_path, arguments):
    environment = {**os.environ, 'STRATA_DATA': str(tmp_path / 'nothing')}
    done = subprocess.run([PROGRAM, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count('\n') == 1 and 'strata serve' in done.stderr


def test_health_over_both_protocols_on_one_port(strata):
    with urllib.request.urlopen(strata.url + '/_strata/health') as answer:
        assert json.load(answer)['status'] == 'running'
    out = plain(strata, 'curl', '-sS', '--noproxy', '*', strata.url.replace('http://127.0.0.1', 'https://localhost') + '/_strata/health')
    assert json.loads(out)['status'] == 'running'


def test_metrics_count_answers_by_operation(strata):
    """Prometheus' text form, counted since the start."""
    def counted(code):
        text = requests.get(strata.url + '/_strata/metrics', timeout=30).text
        found = re.search(rf'^strata_requests_total{{service="sqs",operation="GetQueueUrl",code="{code}"}} (\d+)$', text, re.M)
        assert 'strata_request_seconds_bucket{service="sqs",operation="ListQueues",le="+Inf"}' in text
        return int(found[1]) if found else 0

    sqs = strata.client('sqs')
    sqs.list_queues()
    before = counted('4xx')
    for _ in range(3):
        with pytest.raises(ClientError):
            sqs.get_queue_url(QueueName='no-such-queue-' + uuid.uuid4().hex)
    assert counted('4xx') == before + 3
