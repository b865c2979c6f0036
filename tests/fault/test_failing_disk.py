"""A running strata whose disk fails under it, and one that is short of descriptors: what it answers, says, and still has afterwards."""

import contextlib
import errno
import mmap
import resource
import socket
import struct

import botocore.exceptions
import pytest
import requests
from running import PROGRAM, Strata

OPEN, MKDIR, WRITE, SYNC, RENAME, LINK, READ, ROOM = (1 << i for i in range(8))
LAYOUT = '=IiQQQ256s'  # struct failing
BIG = b'x' * 20000     # a body with a file of its own


class FailingStrata(Strata):
    """One whose system calls on files below its data directory fail when they are told to (failing.h)."""

    def start(self):
        self.data.mkdir(exist_ok=True)
        self.control_path = self.data.with_name('failing')
        self.control_path.write_bytes(bytes(struct.calcsize(LAYOUT)))
        self.more_environment = {'LD_PRELOAD': PROGRAM.parent / 'tests/fault/libstrata_failing.so', 'STRATA_FAILING': str(self.control_path)}
        return super().start()

    @contextlib.contextmanager
    def failing(self, kinds, error, below=''):
        """From now on every such call fails."""
        def write(kinds):
            with open(self.control_path, 'r+b') as f, mmap.mmap(f.fileno(), 0) as m:
                struct.pack_into(LAYOUT, m, 0, kinds, error, 1, 2**64 - 1, 0, f'{self.data}/{below}'.encode())
        write(kinds)
        try:
            yield
        finally:
            write(0)


@pytest.fixture
def failing_strata(tmp_path):
    running = FailingStrata(tmp_path / 'data').start()
    yield running
    running.kill()


def refused(call, **arguments):
    """It must be answered 5xx; returns the message."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    assert caught.value.response['ResponseMetadata']['HTTPStatusCode'] >= 500
    return caught.value.response['Error']['Message']


def health(strata):
    return requests.get(strata.url + '/_strata/health', timeout=30).json()['status']


def make_table(strata):
    db = strata.client('dynamodb')
    db.create_table(TableName='table', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                    AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}])
    return db


def item(n):
    return {'id': {'S': str(n)}}


def test_after_a_failed_sync_nothing_is_acknowledged_and_nothing_acknowledged_is_lost(failing_strata):
    db = make_table(failing_strata)
    for n in range(10):
        db.put_item(TableName='table', Item=item(n))
    with failing_strata.failing(SYNC, errno.EIO, 'db/'):
        assert 'restart strata' in refused(db.put_item, TableName='table', Item=item('in doubt'))
    assert 'restart strata' in refused(db.put_item, TableName='table', Item=item('refused'))  # although the disk is sound again
    assert 'Item' in db.get_item(TableName='table', Key=item(3))
    assert health(failing_strata) == 'read-only'
    assert 'nothing is written any more' in failing_strata.log_text()
    failing_strata.stop()
    failing_strata.start()
    found = {i['id']['S'] for i in failing_strata.client('dynamodb').scan(TableName='table')['Items']}
    assert found - {'in doubt'} == {str(n) for n in range(10)}
    failing_strata.client('dynamodb').put_item(TableName='table', Item=item('new'))
    assert health(failing_strata) == 'running'


def test_a_disk_with_little_room_is_told_before_anything_is_written(failing_strata):
    db = make_table(failing_strata)
    with failing_strata.failing(ROOM, 0, 'db/'):
        assert 'full: nothing was written' in refused(db.put_item, TableName='table', Item=item('refused'))
    assert health(failing_strata) == 'running'
    db.put_item(TableName='table', Item=item(1))
    assert db.scan(TableName='table')['Items'] == [item(1)]


@pytest.mark.parametrize('kinds', [WRITE, SYNC])
def test_a_disk_that_fills_up_under_the_log_stops_the_writer(failing_strata, kinds):
    db = make_table(failing_strata)
    db.put_item(TableName='table', Item=item(1))
    with failing_strata.failing(kinds, errno.ENOSPC, 'db/'):
        assert 'has room' in refused(db.put_item, TableName='table', Item=item('in doubt'))
    assert 'has room' in refused(db.put_item, TableName='table', Item=item('refused'))
    assert health(failing_strata) == 'read-only'
    failing_strata.kill()
    failing_strata.start()
    found = {i['id']['S'] for i in failing_strata.client('dynamodb').scan(TableName='table')['Items']}
    assert found - {'in doubt'} == {'1'}


def test_a_body_whose_sync_failed_is_refused_and_so_is_every_later_one(failing_strata):
    s3 = failing_strata.client('s3')
    s3.create_bucket(Bucket='bucket')
    s3.put_object(Bucket='bucket', Key='before', Body=BIG)
    with failing_strata.failing(SYNC, errno.EIO, 'blobs/'):
        assert 'restart strata' in refused(s3.put_object, Bucket='bucket', Key='failed', Body=BIG)
    assert 'restart strata' in refused(s3.put_object, Bucket='bucket', Key='later', Body=BIG)
    assert health(failing_strata) == 'read-only'
    assert s3.get_object(Bucket='bucket', Key='before')['Body'].read() == BIG
    failing_strata.stop()
    failing_strata.start()
    s3 = failing_strata.client('s3')
    assert [o['Key'] for o in s3.list_objects_v2(Bucket='bucket')['Contents']] == ['before']
    s3.put_object(Bucket='bucket', Key='later', Body=BIG)
    files = [f for f in (failing_strata.data / 'blobs').rglob('*') if f.is_file()]
    assert len(files) == 2


def test_a_body_that_a_full_disk_refused_leaves_nothing_and_the_next_one_is_taken(failing_strata):
    s3 = failing_strata.client('s3')
    s3.create_bucket(Bucket='bucket')
    with failing_strata.failing(WRITE, errno.ENOSPC, 'blobs/'):
        assert 'full' in refused(s3.put_object, Bucket='bucket', Key='k', Body=BIG)
    s3.put_object(Bucket='bucket', Key='k', Body=BIG)
    assert len([f for f in (failing_strata.data / 'blobs').rglob('*') if f.is_file()]) == 1


def test_a_body_that_cannot_be_read_is_an_error_and_not_an_empty_object(failing_strata):
    s3 = failing_strata.client('s3')
    s3.create_bucket(Bucket='bucket')
    s3.put_object(Bucket='bucket', Key='k', Body=BIG)
    with failing_strata.failing(OPEN, errno.EIO, 'blobs/'):
        refused(s3.get_object, Bucket='bucket', Key='k')
    with failing_strata.failing(OPEN, errno.EMFILE, 'blobs/'):
        refused(s3.get_object, Bucket='bucket', Key='k')
    assert s3.get_object(Bucket='bucket', Key='k')['Body'].read() == BIG


def test_connections_beyond_the_descriptors_wait_and_the_store_keeps_its_own(tmp_path):
    strata = Strata(tmp_path / 'data')
    strata.as_user = {'preexec_fn': lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))}
    strata.start()
    host, port = strata.url.removeprefix('http://').split(':')
    db = make_table(strata)
    idle = [socket.create_connection((host, int(port))) for _ in range(400)]
    for n in range(20):
        db.put_item(TableName='table', Item={**item(n), 'pad': {'S': 'x' * 300000}})  # its own connection is served; the log is rotated meanwhile
    late = socket.create_connection((host, int(port)))
    late.sendall(b'GET /_strata/health HTTP/1.1\r\nHost: localhost\r\n\r\n')
    for connection in idle:
        connection.close()
    late.settimeout(60)
    assert late.recv(12) == b'HTTP/1.1 200'
    late.close()
    assert health(strata) == 'running'
    assert strata.stop() == 0
