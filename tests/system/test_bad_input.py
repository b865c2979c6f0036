"""Whatever comes in: the error that AWS gives, a connection that goes on or is closed cleanly, nothing stored, nothing secret in the log."""
import gzip
import http.client
import json
import os
import shutil
import socket
import subprocess

import botocore.exceptions
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from refusals import refusal
from running import PROGRAM, Strata

SECRET = 'hunter2-is-secret'
JSON_10, JSON_11 = ({'Content-Type': f'application/x-amz-json-1.{n}'} for n in (0, 1))
FORM = {'Content-Type': 'application/x-www-form-urlencoded'}
CBOR = {'Content-Type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor'}
METRICS = '/service/GraniteServiceVersion20100801/operation/'


@pytest.fixture(scope='module')
def strata(tmp_path_factory):
    running = Strata(tmp_path_factory.mktemp('strata') / 'data').start()
    running.client('s3').create_bucket(Bucket='bucket')
    running.client('dynamodb').create_table(TableName='table', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                                            AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}])
    yield running
    assert running.stop() == 0
    log = running.log_text()
    assert SECRET not in log and 'Signature=' not in log and 'Sanitizer' not in log


def signed(strata, service, method, path, body, headers, secret='test'):
    r = AWSRequest(method, strata.url + path, data=body, headers=dict(headers))
    (S3SigV4Auth if service == 's3' else SigV4Auth)(Credentials('test', secret), service, 'us-east-1').add_auth(r)
    return dict(r.headers.items())


def held(strata):
    """How many records of each kind there are, but for those that tell of refused requests, too."""
    return [r for r in json.loads(strata.command('status', '--json').stdout)['records'] if r['service'] != 'cloudtrail' and r['kind'] != 'usage']


class Wire:
    """One connection. What is asked badly is followed by a good request on the same connection, unless the answer says that it closes."""

    def __init__(self, strata):
        self.strata, self.connection = strata, http.client.HTTPConnection(strata.url.removeprefix('http://'), timeout=60)

    def ask(self, service, method='POST', path='/', body=b'', headers={}, secret='test'):
        self.connection.request(method, path, body, signed(self.strata, service, method, path, body, headers, secret))
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode(errors='replace'), answer.will_close

    def refuses(self, status, code, *arguments, **more):
        before = held(self.strata)
        got, text, closes = self.ask(*arguments, **more)
        assert (got, code in text) == (status, True), (got, text[:500])
        assert held(self.strata) == before
        if closes:
            assert self.connection.sock is None or self.connection.sock.recv(1) == b''
        local = self.connection.sock and self.connection.sock.getsockname()
        assert self.ask('dynamodb', body=b'{}', headers={**JSON_10, 'X-Amz-Target': 'DynamoDB_20120810.ListTables'})[0] == 200
        assert closes or self.connection.sock.getsockname() == local


@pytest.fixture
def wire(strata):
    w = Wire(strata)
    yield w
    w.connection.close()


# ---- documents that are none, and values of the wrong type ----

@pytest.mark.parametrize('body, code', [
    (b'{"Item": {"id": {"S": "%s"' % SECRET.encode(), 'SerializationException'), (b'[1]', 'SerializationException'), (b'"text"', 'SerializationException'),
    (b'[' * 100_000, 'SerializationException'), (b'{"a":' * 100_000, 'SerializationException'), (b'{"TableName": 5}', 'SerializationException'),
    (b'{"TableName": "table", "Item": "x"}', 'SerializationException'), (b'{"TableName": "table", "Item": {"id": {"S": 1}}}', 'SerializationException'),
    (b'{"TableName": "\xff\xfe"}', 'SerializationException'), (b'{"TableName": "t\x00"}', 'SerializationException'), (b'', 'ValidationException'),
    (b'{"TableName": "table", "Item": {}} trailing', 'SerializationException'), (b'{"TableName": "table", "Item": {"id": {"N": "1e999"}}}', 'ValidationException'),
    (b'{"TableName": "table", "Item": {"id": {}}}', 'ValidationException'),
])
def test_json(wire, body, code):
    wire.refuses(400, code, 'dynamodb', body=body, headers={**JSON_10, 'X-Amz-Target': 'DynamoDB_20120810.PutItem'})


@pytest.mark.parametrize('body, code', [
    (b'Action=CreateUser&UserName=%zz&Version=2010-05-08', 'InvalidAction'), (b'Action=CreateUser&UserName=%ff&Version=2010-05-08', 'InvalidAction'),
    (b'Action=CreateUser&Version=2010-05-08', 'ValidationError'), (b'Action=ListUsers&MaxItems=many&Version=2010-05-08', 'MalformedInput'),
    (b'Action=CreateUser&UserName=a&Version=1999-01-01', 'Could not find operation CreateUser for version 1999-01-01'),
    (b'Action=CreateUser&UserName=a', 'Could not find operation CreateUser for version NO_VERSION_SPECIFIED'), (b'', 'InvalidAction'), (b'&&==&', 'InvalidAction'),
    (b'&'.join(b'a%d=1' % i for i in range(10_001)), 'InvalidAction'),
    (b'Action=CreateUser&UserName=a&Version=2010-05-08&Tags.member.1.Key=k', 'failed to satisfy constraint'),
])
def test_forms(wire, body, code):
    wire.refuses(400, code, 'iam', body=body, headers=FORM)


@pytest.mark.parametrize('query, body', [
    ('tagging', b'<Tagging><TagSet><Tag><Key>a'), ('tagging', b'<Tagging>' * 100_000), ('tagging', b''), ('versioning', b'\xff\xfe\x00'),
    ('tagging', b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Tagging><TagSet><Tag><Key>&b;</Key></Tag></TagSet></Tagging>'),
    ('tagging', b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Tagging><TagSet><Tag><Key>&a;</Key></Tag></TagSet></Tagging>'),
    ('cors', b'<CORSConfiguration><CORSRule><MaxAgeSeconds>soon</MaxAgeSeconds></CORSRule></CORSConfiguration>'), ('lifecycle', b'<Other/>'),
])
def test_xml(wire, query, body):
    wire.refuses(400, 'MalformedXML', 's3', 'PUT', '/bucket?' + query, body)


@pytest.mark.parametrize('body', [
    b'\xbf', b'\x01', b'\xa1\x69Namespace\x01', b'\xa1\x69Namespace\x62\xff\xfe', b'\xa1\x69Namespace\x7b\x7f\xff\xff\xff\xff\xff\xff\xff',
    b'\xa1\x6aMetricData\x9b\xff\xff\xff\xff\xff\xff\xff\xff', b'\xa1\x6aMetricData' + b'\x81' * 100_000, b'\xa0\xa0',
])
def test_cbor(wire, body):
    wire.refuses(400, 'SerializationException' if body != b'\xa0\xa0' else 'Exception', 'monitoring', path=METRICS + 'PutMetricData', body=body, headers=CBOR)


@pytest.mark.parametrize('method, path, body, status, code', [
    ('POST', '/2015-03-31/functions', b'{"FunctionName": 5}', 400, 'can not be converted to a String'), ('GET', '/2015-03-31/nowhere', b'', 404, 'Could not find'),
    ('PATCH', '/2015-03-31/functions/f', b'', 404, 'Could not find'), ('GET', '/2015-03-31/functions?MaxItems=x', b'', 400, 'not a valid Integer'),
    ('GET', '/2015-03-31/functions/%ff', b'', 404, 'Could not find'),
])
def test_rest(wire, method, path, body, status, code):
    wire.refuses(status, code, 'lambda', method, path, body, {'Content-Type': 'application/json'})


@pytest.mark.parametrize('service, path, body, headers, status, code', [
    ('dynamodb', '/', b'{}', {**JSON_10, 'X-Amz-Target': 'DynamoDB_20120810.Nope'}, 400, 'UnknownOperationException'),
    ('dynamodb', '/', b'{}', {**JSON_10, 'X-Amz-Target': 'Nope'}, 400, 'UnknownOperationException'),
    ('dynamodb', '/', b'{}', {**JSON_10, 'X-Amz-Target': 'DynamoDB_20120810.CreateGlobalTable'}, 501, 'strata does not implement dynamodb:CreateGlobalTable'),
    ('iam', '/', b'Action=Nope&Version=2010-05-08', FORM, 400, 'Could not find operation Nope for version 2010-05-08'),
    ('monitoring', METRICS + 'Nope', b'\xa0', CBOR, 400, 'UnknownOperationException'), ('nosuch', '/', b'{}', JSON_10, 501, 'strata does not serve nosuch'),
])
def test_unknown_operations(wire, service, path, body, headers, status, code):
    wire.refuses(status, code, service, path=path, body=body, headers=headers)


# ---- too much ----

def test_oversized(wire):
    put = {**JSON_10, 'X-Amz-Target': 'DynamoDB_20120810.PutItem'}
    wire.refuses(431, 'headers are too large', 'dynamodb', body=b'{}', headers={**put, 'X-Pad': 'x' * 20_000})
    wire.refuses(431, 'headers are too large', 's3', 'GET', '/bucket/' + 'k' * 20_000)
    wire.refuses(413, 'body is too large', 'dynamodb', body=bytes(81 * 1024 * 1024), headers=put)
    wire.refuses(400, 'Item size has exceeded', 'dynamodb', headers=put, body=json.dumps(
        {'TableName': 'table', 'Item': {'id': {'S': 'x'}, 'v': {'S': 'x' * 410_000}}}).encode())
    wire.refuses(400, 'KeyTooLongError', 's3', 'PUT', '/bucket/' + 'k' * 1025, b'x')
    wire.refuses(400, 'unpacked body is too large', 'logs', body=gzip.compress(bytes(85 * 1024 * 1024), 1), headers={
        **JSON_11, 'X-Amz-Target': 'Logs_20140328.PutLogEvents', 'Content-Encoding': 'gzip'})


# ---- who asks ----

def test_bad_signatures(wire, strata):
    body = json.dumps({'TableName': 'table', 'Item': {'id': {'S': SECRET}}}).encode()
    put = {**JSON_10, 'X-Amz-Target': 'DynamoDB_20120810.PutItem'}
    wire.refuses(400, 'InvalidSignatureException', 'dynamodb', body=body, headers=put, secret=SECRET)
    wire.refuses(403, 'SignatureDoesNotMatch', 's3', 'PUT', '/bucket/k', SECRET.encode(), secret=SECRET)
    wire.refuses(403, 'SignatureDoesNotMatch', 'iam', body=b'Action=CreateUser&UserName=a&Version=2010-05-08', headers=FORM, secret=SECRET)
    assert SECRET not in strata.log_text()


# ---- paths ----

@pytest.mark.parametrize('key', ['../../../etc/passwd', '..%2f..%2f..%2fetc%2fpasswd', '%2e%2e/%2e%2e/x', 'a/../../b', './x', 'a%00b', '%5c..%5c..'])
def test_keys_that_climb_are_names_like_any_other(strata, wire, key):
    outside = sorted(p.name for p in strata.data.parent.iterdir())
    path = '/bucket/' + key
    for body in (key.encode(), bytes(100_000)):  # in the record, and in a file
        assert wire.ask('s3', 'PUT', path, body)[0] == 200
        status, text, _ = wire.ask('s3', 'GET', path)
        assert (status, text.encode()) == (200, body)
    assert sorted(p.name for p in strata.data.parent.iterdir()) == outside
    assert wire.ask('s3', 'DELETE', path)[0] == 204


@pytest.mark.parametrize('service, method, path, status, code', [
    ('s3', 'PUT', '/..', 400, 'InvalidBucketName'), ('s3', 'PUT', '/b%2f..%2fc', 400, 'InvalidBucketName'),
    ('lambda', 'GET', '/2015-03-31/functions/..%2f..%2fetc/configuration', 400, 'failed to satisfy constraint'),
    ('s3', 'GET', '/_strata/../bucket', 404, 'no such page'), ('s3', 'GET', '/_strata/..%2f..%2froot.key', 404, 'no such page'),
])
def test_names_that_climb_are_refused(wire, service, method, path, status, code):
    wire.refuses(status, code, service, method, path)


# ---- bodies that do not come ----

def half(strata, service, method, path, headers, sent, claimed, body_signed):
    """Sends part of a body and leaves."""
    all_headers = signed(strata, service, method, path, body_signed, headers)
    all_headers['Content-Length'] = str(claimed)
    host, port = strata.url.removeprefix('http://').split(':')
    with socket.create_connection((host, int(port)), 30) as s:
        lines = [f'{method} {path} HTTP/1.1', f'Host: {host}:{port}', *(f'{k}: {v}' for k, v in all_headers.items() if k != 'Host'), '', '']
        s.sendall('\r\n'.join(lines).encode() + sent)
        s.shutdown(socket.SHUT_WR)
        return s.recv(4096)


def test_half_sent_bodies(strata, wire):
    before, whole = held(strata), bytes(300_000)
    assert b' 200 ' not in half(strata, 's3', 'PUT', '/bucket/half', {}, whole[:150_000], len(whole), whole)
    body = json.dumps({'TableName': 'table', 'Item': {'id': {'S': 'half'}}}).encode()
    assert b' 200 ' not in half(strata, 'dynamodb', 'POST', '/', {**JSON_10, 'X-Amz-Target': 'DynamoDB_20120810.PutItem'}, body[:20], len(body), body)
    wire.refuses(404, 'NoSuchKey', 's3', 'GET', '/bucket/half')
    assert held(strata) == before
    files = [p for p in (strata.data / 'blobs').rglob('*') if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 150_000, files


def test_slow_senders_hold_up_nobody(strata, wire):
    """That they are closed after their time, test_http.c shows with a shorter one."""
    host, port = strata.url.removeprefix('http://').split(':')
    slow = [socket.create_connection((host, int(port)), 30) for _ in range(200)]
    for i, s in enumerate(slow):
        s.sendall(b'POST / HTTP/1.1\r\nHost: x\r\n' if i % 2 else b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf')
    assert wire.ask('dynamodb', body=b'{}', headers={**JSON_10, 'X-Amz-Target': 'DynamoDB_20120810.ListTables'})[0] == 200
    for s in slow:
        s.close()


# ---- what stands around it ----

def serve(*arguments, program=PROGRAM, **more):
    return subprocess.run([program, 'serve', *arguments], capture_output=True, text=True, timeout=60, **more)


def test_what_keeps_it_from_serving_is_one_line(strata, tmp_path):
    taken = strata.url.removeprefix('http://')
    (tmp_path / 'file').write_text('')
    for arguments, words in ((['--data', tmp_path / 'd', '--listen', taken], f'cannot listen on {taken}'),
                             (['--data', tmp_path / 'file'], 'file'), (['--data', strata.data], 'another strata has the data directory'),
                             (['--data', tmp_path / 'd', '--listen', 'nonsense'], 'nonsense')):
        done = serve(*arguments)
        said = [line for line in done.stderr.splitlines() if line.startswith('strata: ')]
        assert done.returncode == 1 and done.stdout == '' and len(said) == 1 and words in said[0] and ':' in said[0][8:], (arguments, done.stderr)


@pytest.mark.skipif(os.geteuid() != 0, reason='as an ordinary user alone there is nobody else to be refused by')
def test_a_data_directory_of_somebody_else_is_one_line(strata, tmp_path):
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:2]:
        parent.chmod(parent.stat().st_mode | 0o055)
    (tmp_path / 'theirs').mkdir(mode=0o700)
    program = shutil.copy(PROGRAM, tmp_path)  # the build may lie where they may not reach it
    done = serve('--data', tmp_path / 'theirs', program=program, user=65534, group=65534, extra_groups=[])
    said = [line for line in done.stderr.splitlines() if line.startswith('strata: ')]
    assert done.returncode == 1 and len(said) == 1 and str(tmp_path / 'theirs') in said[0] and 'permission' in said[0].lower(), done.stderr


def test_a_runtime_that_is_missing_says_how_to_install_it(tmp_path):
    import functions
    strata = Strata(tmp_path / 'data')
    strata.more_environment = {'STRATA_RUNTIMES': str(tmp_path / 'none')}
    strata.start()
    try:
        name = functions.create(strata, 'def handler(e, c): return 1', functions.role(strata))
        error = json.loads(strata.client('lambda', read_timeout=60).invoke(FunctionName=name)['Payload'].read())
        assert 'strata runtime install python3.13' in error['errorMessage']
    finally:
        assert strata.stop() == 0


# ---- a disk that is full ----

@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / 'disk'
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=128m', 'tmpfs', disk], capture_output=True).returncode:
        pytest.skip('mounting a small tmpfs needs root')
    yield disk
    subprocess.run(['umount', '--lazy', disk], check=True)


def test_a_disk_that_is_full_at_the_start_is_one_line(small_disk):
    (small_disk / 'filler').write_bytes(bytes(100 << 20))
    done = serve('--data', small_disk / 'data')
    said = [line for line in done.stderr.splitlines() if line.startswith('strata: ')]
    assert done.returncode == 1 and len(said) == 1 and 'too full' in said[0] and 'make room' in said[0], done.stderr


def test_a_full_disk(small_disk):
    strata = Strata(small_disk / 'data').start()
    s3, ddb = strata.client('s3'), strata.client('dynamodb')
    s3.create_bucket(Bucket='bucket')
    ddb.create_table(TableName='table', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                     AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}])
    kept = {'items': [], 'objects': []}

    def put_item(i):
        ddb.put_item(TableName='table', Item={'id': {'S': str(i)}, 'v': {'S': str(i) * 1000}})
        kept['items'].append(i)

    def put_object(i):
        s3.put_object(Bucket='bucket', Key=str(i), Body=bytes([i % 256]) * 100_000)
        kept['objects'].append(i)

    def refusal(call, i):
        with pytest.raises(botocore.exceptions.ClientError) as e:
            call(i)
        assert (e.value.response['Error']['Code'], e.value.response['ResponseMetadata']['HTTPStatusCode']) == ('ServiceUnavailable', 503)
        assert 'disk is full' in e.value.response['Error']['Message']

    def all_there():
        for i in kept['items']:
            assert ddb.get_item(TableName='table', Key={'id': {'S': str(i)}}, ConsistentRead=True)['Item']['v']['S'] == str(i) * 1000
        for i in kept['objects']:
            assert s3.get_object(Bucket='bucket', Key=str(i))['Body'].read() == bytes([i % 256]) * 100_000
        assert ddb.scan(TableName='table', Select='COUNT')['Count'] == len(kept['items'])
        assert {int(o['Key']) for o in s3.list_objects_v2(Bucket='bucket').get('Contents', [])} == set(kept['objects'])

    try:
        put_item(0), put_object(0)
        filler = small_disk / 'filler'
        with open(filler, 'wb', buffering=0) as f:
            while shutil.disk_usage(small_disk).free > 64 * 1024:
                f.write(bytes(min(1 << 20, shutil.disk_usage(small_disk).free - 32 * 1024)))
        for i in range(1, 4):
            refusal(put_item, i)
            refusal(put_object, i)
            all_there()
        filler.unlink()
        for i in range(4, 20):
            put_item(i), put_object(i)
        all_there()
        strata.kill()
        strata.start()
        all_there()
        put_item(20)
    finally:
        strata.kill()


@pytest.mark.parametrize('service, call', [('sns', 'list_topics'), ('ssm', 'describe_parameters'), ('route53', 'list_hosted_zones'), ('batch', 'describe_job_queues'),
                                           ('ec2', 'describe_vpcs'), ('stepfunctions', 'list_state_machines')])
def test_a_service_that_is_not_here_is_named_as_its_clients_read_it(strata, service, call):
    client = strata.client(service)
    signed_for = client.meta.service_model.signing_name
    assert refusal(getattr(client, call)) == ('NotImplemented', f'strata does not serve {signed_for}')
