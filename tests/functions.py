"""Functions for the system tests: zips from source text, roles, and the runtime that they need."""

import io
import json
import pathlib
import subprocess
import textwrap
import time
import uuid
import zipfile

import pytest

C_RUNTIME = pathlib.Path(__file__).resolve().parents[1] / 'runtimes/c'
TRUST = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}


def zipped(files):
    """A zip of {name: text or bytes}, or of the source of app.py."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
        for name, data in (files if isinstance(files, dict) else {'app.py': textwrap.dedent(files)}).items():
            z.writestr(name, data)
    return out.getvalue()


def greet_program(directory):
    """runtimes/c/example, built as a user builds it: a provided runtime's bootstrap."""
    program = directory / 'bootstrap'
    subprocess.run(['cc', '-std=gnu17', '-O2', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter', '-o', program,
                    C_RUNTIME / 'example/greet.c', C_RUNTIME / 'strata_lambda.c'], check=True)
    return program


def zipped_program(program):
    """A zip of the one executable, under its own name and mode."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
        z.write(program, program.name)
    return out.getvalue()


def wait_for(what, seconds=60):
    """What the function returns as soon as it is true; its last answer after so many seconds."""
    end = time.monotonic() + seconds
    while not (answer := what()) and time.monotonic() < end:
        time.sleep(0.1)
    return answer


def need_runtime(strata, name='python3.13'):
    done = strata.command('runtime', 'install', name)
    if done.returncode:
        pytest.skip(f'the runtime {name} cannot be had here: {done.stderr[-300:]}')


def role(strata, *statements):
    """The ARN of a new role that Lambda may assume, with these (action, resource) allowed and its log."""
    iam, name = strata.client('iam'), 'r-' + uuid.uuid4().hex[:12]
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))['Role']['Arn']
    allowed = [{'Effect': 'Allow', 'Action': a, 'Resource': r} for a, r in [('logs:*', '*'), *statements]]
    iam.put_role_policy(RoleName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': allowed}))
    return arn


def create(strata, source, role_arn, **config):
    """The name of a new function; source is what zipped() takes, or a zip."""
    name = 'f-' + uuid.uuid4().hex[:12]
    config = {'Runtime': 'python3.13', 'Handler': 'app.handler', 'Timeout': 20, **config}
    strata.client('lambda').create_function(FunctionName=name, Role=role_arn, Code={'ZipFile': source if isinstance(source, bytes) else zipped(source)}, **config)
    return name


# What a function needs to call AWS without boto3, and to tell a test, by a queue, what it saw.
CALL = '''
import datetime, hashlib, hmac, json, os, urllib.error, urllib.request

def call(service, body, target=None, key=None, secret=None, token=None, path='/'):
    key, secret = key or os.environ['AWS_ACCESS_KEY_ID'], secret or os.environ['AWS_SECRET_ACCESS_KEY']
    token = token if token is not None else os.environ['AWS_SESSION_TOKEN']
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
    headers = {'host': '127.0.0.1:4566', 'x-amz-date': stamp}
    headers['content-type'] = 'application/x-amz-json-1.0' if target else 'application/x-www-form-urlencoded'
    if target:
        headers['x-amz-target'] = target
    if token:
        headers['x-amz-security-token'] = token
    names = ';'.join(sorted(headers))
    lines = ''.join(f'{n}:{headers[n]}\\n' for n in sorted(headers))
    request = '\\n'.join(['POST', path, '', lines, names, hashlib.sha256(body.encode()).hexdigest()])
    scope = f'{stamp[:8]}/us-east-1/{service}/aws4_request'
    mac = ('AWS4' + secret).encode()
    for part in [*scope.split('/'), f'AWS4-HMAC-SHA256\\n{stamp}\\n{scope}\\n' + hashlib.sha256(request.encode()).hexdigest()]:
        mac = hmac.digest(mac, part.encode(), 'sha256')
    headers['authorization'] = f'AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={mac.hex()}'
    try:
        with urllib.request.urlopen(urllib.request.Request('http://127.0.0.1:4566' + path, body.encode(), headers)) as r:
            return [r.status, r.read().decode()]
    except urllib.error.HTTPError as e:
        return [e.code, e.read().decode()]

IDENTITY = 'Action=GetCallerIdentity&Version=2011-06-15'
'''

SAY = CALL + '''
def say(text):
    assert call('sqs', json.dumps({'QueueUrl': os.environ['QUEUE'], 'MessageBody': text}), 'AmazonSQS.SendMessage')[0] == 200
'''


def with_calls(prelude, source):
    """The source behind one of the two above."""
    return prelude + textwrap.dedent(source)


def queue(sqs, **attributes):
    """URL and ARN of a new queue."""
    url = sqs.create_queue(QueueName='q-' + uuid.uuid4().hex[:12], Attributes=attributes)['QueueUrl']
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
