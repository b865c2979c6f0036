"""strata backup, restore and check: what was acknowledged before a backup began is in it, whatever else goes on, and nothing torn."""

import json
import os
import random
import re
import threading

import pytest

from running import ROOT, Strata

FORMAT = max(int(p.stem) for p in (ROOT / 'tests' / 'formats').glob('*.strata'))  # today's: there is a sample of each
FORMAT_LINE = b'"format": %d' % FORMAT


def backup(strata, file, *more):
    done = Strata.run_program('backup', '--data', strata.data, *more, file)
    assert done.returncode == 0, done.stderr
    return done.stdout


def restored(file, data, *more):
    """A strata over what the file holds, checked before it starts."""
    done = Strata.run_program('restore', '--data', data, *more, file)
    assert done.returncode == 0, done.stderr
    copy = Strata(data)
    copy.check()
    return copy.start()


def fill(strata):
    """One of each that a backup must bring along."""
    s3, body = strata.client('s3'), os.urandom(300_000)
    s3.create_bucket(Bucket='kept')
    s3.put_object(Bucket='kept', Key='large', Body=body)
    strata.client('secretsmanager').create_secret(Name='kept', SecretString='a secret that no file shows')
    return body


def expect_filled(copy, strata, body):
    assert copy.client('s3').get_object(Bucket='kept', Key='large')['Body'].read() == body
    assert copy.client('secretsmanager').get_secret_value(SecretId='kept')['SecretString'] == 'a secret that no file shows'
    assert (copy.data / 'ca.pem').read_text() == (strata.data / 'ca.pem').read_text()
    assert copy.stop() == 0


def test_a_backup_is_opened_by_the_root_key(own_strata, tmp_path):
    body, file = fill(own_strata), tmp_path / 'b.strata'
    assert 'keep a copy of that file elsewhere' in backup(own_strata, file)
    text = file.read_bytes()
    head = json.loads(text.split(b'\n')[1])
    assert head['format'] == FORMAT and list(head['keys']) == ['root'] and os.stat(file).st_mode & 0o777 == 0o600
    for secret in ((own_strata.data / 'root.key').read_bytes(), b'PRIVATE KEY', b'a secret that no file shows', b'kept/large'):
        assert secret not in text
    own_strata.client('s3').delete_object(Bucket='kept', Key='large')
    assert not (own_strata.data / 'backup.copy').exists()
    again = Strata.run_program('backup', '--data', own_strata.data, file)
    assert again.returncode == 1 and 'is there already' in again.stderr

    refused = Strata.run_program('restore', '--data', tmp_path / 'none', file)
    assert refused.returncode == 1 and '--root-key FILE' in refused.stderr and not (tmp_path / 'none').exists()
    wrong = tmp_path / 'wrong.key'
    wrong.write_bytes(os.urandom(32))
    refused = Strata.run_program('restore', '--data', tmp_path / 'none', '--root-key', wrong, file)
    assert refused.returncode == 1 and 'not opened by this key' in refused.stderr and not (tmp_path / 'none').exists()
    expect_filled(restored(file, tmp_path / 'copy', '--root-key', own_strata.data / 'root.key'), own_strata, body)


def test_a_backup_is_opened_by_a_passphrase(own_strata, tmp_path):
    body, file = fill(own_strata), tmp_path / 'b.strata'
    passphrase, other = tmp_path / 'passphrase', tmp_path / 'other'
    passphrase.write_text('correct horse\n')
    other.write_text('correct house\n')
    assert own_strata.stop() == 0  # of a stopped directory as well
    assert 'opened by the passphrase' in backup(own_strata, file, '--passphrase-file', passphrase)
    refused = Strata.run_program('restore', '--data', tmp_path / 'none', '--passphrase-file', other, file)
    assert refused.returncode == 1 and 'not opened by this key' in refused.stderr
    expect_filled(restored(file, tmp_path / 'copy', '--passphrase-file', passphrase), own_strata, body)


def test_what_is_no_data_directory_is_not_backed_up(tmp_path):
    refused = Strata.run_program('backup', '--data', tmp_path / 'none', tmp_path / 'b')
    assert refused.returncode == 1 and 'is no data directory' in refused.stderr and list(tmp_path.iterdir()) == []


def test_in_clear_must_be_asked_for(own_strata, tmp_path):
    body, file = fill(own_strata), tmp_path / 'b.strata'
    assert 'whoever has it' in backup(own_strata, file, '--in-clear')
    expect_filled(restored(file, tmp_path / 'copy'), own_strata, body)


def damaged(text, how):
    frame = text.index(b'\n', text.index(b'\n') + 1) + 1
    length = int.from_bytes(text[frame:frame + 4], 'little') & 0x7fffffff
    second = frame + 4 + length
    return {
        'cut at a frame': text[:second], 'cut in a frame': text[:second - 7], 'cut at the end': text[:-1], 'only the head': text[:frame],
        'longer': text + b'x', 'a byte of the head': text.replace(FORMAT_LINE, b'"format": 0', 1), 'the last byte': text[:-1] + bytes([text[-1] ^ 1]),
        'a byte within': text[:second + 99] + bytes([text[second + 99] ^ 1]) + text[second + 100:],
        'a frame gone': text[:frame] + text[second:], 'no backup': b'something else\n' * 100, 'empty': b'',
    }[how]


@pytest.fixture(scope='module')
def a_backup(tmp_path_factory):
    folder = tmp_path_factory.mktemp('backup')
    strata = Strata(folder / 'data').start()
    fill(strata)
    for i in range(6):
        strata.client('s3').put_object(Bucket='kept', Key=f'large-{i}', Body=os.urandom(300_000))
    backup(strata, folder / 'b.strata', '--in-clear')
    assert strata.stop() == 0
    return folder / 'b.strata'


@pytest.mark.parametrize('how', ['cut at a frame', 'cut in a frame', 'cut at the end', 'only the head', 'longer', 'a byte of the head', 'the last byte',
                                 'a byte within', 'a frame gone', 'no backup', 'empty'])
def test_a_damaged_file_is_refused_and_leaves_nothing(a_backup, tmp_path, how):
    file = tmp_path / 'damaged'
    file.write_bytes(damaged(a_backup.read_bytes(), how))
    for data in (tmp_path / 'new', tmp_path / 'empty'):
        if data.name == 'empty':
            data.mkdir()
        done = Strata.run_program('restore', '--data', data, file)
        assert done.returncode == 1 and re.search('cut off or changed|no backup', done.stderr), done
        assert (list(data.iterdir()) == []) if data.name == 'empty' else not data.exists()


def test_restore_wants_an_empty_directory_and_a_format_that_it_knows(a_backup, tmp_path):
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'file').write_text('mine')
    refused = Strata.run_program('restore', '--data', tmp_path / 'full', a_backup)
    assert refused.returncode == 1 and 'not empty' in refused.stderr and [f.name for f in (tmp_path / 'full').iterdir()] == ['file']
    newer = tmp_path / 'newer'
    newer.write_bytes(a_backup.read_bytes().replace(FORMAT_LINE, b'"format": 9', 1))
    refused = Strata.run_program('restore', '--data', tmp_path / 'none', newer)
    assert refused.returncode == 1 and 'data of a newer strata (format 9' in refused.stderr and not (tmp_path / 'none').exists()
    newer.write_bytes(a_backup.read_bytes().replace(b'strata backup 1\n', b'strata backup 2\n', 1))
    refused = Strata.run_program('restore', '--data', tmp_path / 'none', newer)
    assert refused.returncode == 1 and 'made by a newer strata' in refused.stderr


# ---- under load ----

class Load:
    """Writers that note what was acknowledged, until they are told to stop. A body tells its key, so that a torn one would show."""

    def __init__(self, strata):
        self.strata, self.stopping, self.trouble = strata, threading.Event(), []
        self.counters, self.pairs, self.objects, self.sent, self.deleted = {}, {}, set(), {}, set()
        self.asked = {}  # the last value of a counter that was sent, acknowledged or not
        strata.client('dynamodb').create_table(TableName='load', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
                                               AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}, {'AttributeName': 'n', 'AttributeType': 'N'}],
                                               GlobalSecondaryIndexes=[{'IndexName': 'by-n', 'KeySchema': [{'AttributeName': 'n', 'KeyType': 'HASH'}],
                                                                        'Projection': {'ProjectionType': 'ALL'}}])
        strata.client('s3').create_bucket(Bucket='load')
        self.queue = strata.client('sqs').create_queue(QueueName='load')['QueueUrl']
        self.threads = [threading.Thread(target=self.run, args=(work, i)) for i, work in enumerate([self.count, self.pair, self.store, self.queue_up])]
        for t in self.threads:
            t.start()

    def run(self, work, number):
        try:
            chance = random.Random(number)
            clients = {s: self.strata.client(s) for s in ('dynamodb', 's3', 'sqs')}
            n = 0
            while not self.stopping.is_set():
                n += 1
                work(clients, n, chance)
        except Exception as e:
            self.trouble.append(e)

    def count(self, clients, n, chance):
        key = f'count-{n % 7}'
        self.asked[key] = n
        clients['dynamodb'].put_item(TableName='load', Item={'id': {'S': key}, 'n': {'N': str(n)}})
        self.counters[key] = n

    def pair(self, clients, n, chance):
        key = f'{n % 5}'
        self.asked[key] = n
        clients['dynamodb'].transact_write_items(TransactItems=[
            {'Put': {'TableName': 'load', 'Item': {'id': {'S': f'{half}-{key}'}, 'n': {'N': str(n)}}}} for half in ('left', 'right')])
        self.pairs[key] = n

    @staticmethod
    def body(key):
        return (key.encode() + b'.') * (40 if int(key[2:]) % 2 else 12_000)

    def store(self, clients, n, chance):
        key = f'o-{n}'
        clients['s3'].put_object(Bucket='load', Key=key, Body=self.body(key))
        self.objects.add(key)

    def queue_up(self, clients, n, chance):
        sqs = clients['sqs']
        self.sent[n] = sqs.send_message(QueueUrl=self.queue, MessageBody=str(n))['MessageId']
        if n % 3 == 0:
            for m in sqs.receive_message(QueueUrl=self.queue).get('Messages', []):
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=m['ReceiptHandle'])
                self.deleted.add(int(m['Body']))

    def snapshot(self):
        return dict(self.counters), dict(self.pairs), set(self.objects), dict(self.sent), set(self.deleted)

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join()
        assert not self.trouble, self.trouble


def expect_ledger(copy, load, ledger):
    counters, pairs, objects, sent, deleted = ledger
    ddb, s3, sqs = copy.client('dynamodb'), copy.client('s3'), copy.client('sqs')

    def number(key):
        return int(ddb.get_item(TableName='load', Key={'id': {'S': key}})['Item']['n']['N'])

    for key, n in counters.items():
        assert n <= number(key) <= load.asked[key]
    for key, n in pairs.items():
        assert number(f'left-{key}') == number(f'right-{key}') >= n
    for key in objects:
        assert s3.get_object(Bucket='load', Key=key)['Body'].read() == load.body(key)
    found = set()
    while messages := sqs.receive_message(QueueUrl=load.queue, MaxNumberOfMessages=10).get('Messages', []):
        found |= {int(m['Body']) for m in messages}
    copy.advance_clock(31)  # what was in flight at that moment
    while messages := sqs.receive_message(QueueUrl=load.queue, MaxNumberOfMessages=10).get('Messages', []):
        found |= {int(m['Body']) for m in messages}
    assert not found & deleted and set(sent) - found <= load.deleted  # else it was deleted while the backup was being made


def test_a_backup_under_load_is_of_one_moment(own_strata, tmp_path):
    load = Load(own_strata)
    try:
        for i in range(2):
            while len(load.objects) < 60 * (i + 1) and not load.trouble:
                load.stopping.wait(0.05)
            ledger = load.snapshot()
            file = tmp_path / f'b-{i}'
            backup(own_strata, file)
            own_strata.check()  # under load, too
            copy = restored(file, tmp_path / f'copy-{i}', '--root-key', own_strata.data / 'root.key')
            try:
                expect_ledger(copy, load, ledger)
            finally:
                assert copy.stop() == 0
    finally:
        load.stop()
    assert own_strata.stop() == 0
    own_strata.check()
