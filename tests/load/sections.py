"""The sections: each presses on strata in one way, says what it saw in a line, and raises Failed when something is not as promised."""

import collections
import http.client
import json
import os
import statistics
import subprocess
import tempfile
import time

from crowd import Client, answers, left, raw
from machines import Failed, Load, Strata
from works import WORKS, Cloud, dynamodb, grow, sqs

MB = 1 << 20
SETTLE_SECONDS = 60
REST_SECONDS, REST_MB = 8, 24
CACHE_MB = 16  # the least default: memory shall not depend on the machine, and what grows behind the first minute is no cache
LIST_TABLES = dynamodb('ListTables')


def need(condition, otherwise):
    if not condition:
        raise Failed(otherwise)


class Stage:
    """strata and what is in it. Each section finds it freshly started, so that the peak of memory is its own."""

    def __init__(self, build, directory):
        self.strata = Strata(build / 'strata', directory / 'data', options=['--cache', str(CACHE_MB)])
        everyone = ','.join(map(str, os.sched_getaffinity(0)))
        self.cloud = Cloud(self.strata.port, Load(build / 'bench/bench-load', directory, everyone), 0, 0)

    @property
    def port(self):
        return self.strata.port

    def client(self, service):
        return self.cloud.client(service)

    def rss(self):
        return self.strata.memory_mb()[0]

    def rest(self, before):
        """What is left of its memory: some is given back a moment behind a crowd."""
        end = time.monotonic() + REST_SECONDS
        while self.rss() > before + REST_MB and time.monotonic() < end:
            time.sleep(0.5)
        return self.rss()

    def peak(self):
        return self.strata.memory_mb()[1]

    def connections(self):
        """Those of its port that it has not let go, also when their client has."""
        established, close_wait, port = '01', '08', f':{self.port:04X}'
        rows = (line.split()[1:4] for line in open(f'/proc/{self.strata.process.pid}/net/tcp'))
        return sum(own.endswith(port) and state in (established, close_wait) for own, _, state in rows)

    def crowd(self, n, **more):
        return [Client(self.port, **more) for _ in range(n)]

    def ask(self, step):
        """One request of a stranger: how it is answered while the others are at it."""
        c = Client(self.port)
        c.send(raw(self.port, step))
        answer = answers([c], 60)[0]
        c.close()
        need(answer, f'no answer to {step["target"]}')
        return answer

    def ask_well(self):
        """Strangers are served."""
        for _ in range(20):
            status, body = self.ask(LIST_TABLES)
            need(status == 200, f'ListTables answers {status} {body[:200]}')

    def gone(self):
        """What the clients left behind is closed: the connections of boto3 may stand. At most a minute."""
        end = time.monotonic() + SETTLE_SECONDS
        while (n := self.connections()) > 16:
            need(time.monotonic() < end, f'{n} connections are open')
            time.sleep(0.2)


def leave(crowd):
    """All of them, and strata has the time to give back what they took (a look a second)."""
    for c in crowd:
        c.close()
    time.sleep(2.5)


def tally(found):
    """The answers by status and, in errors, by code."""
    def name(answer):
        if answer is None:
            return 'none'
        status, body = answer
        code = json.loads(body).get('__type', '').rpartition('#')[2] if status >= 400 and body.startswith(b'{') else ''
        return f'{status} {code}'.strip()
    return collections.Counter(map(name, found))


# ---- clients that rest, are slow, leave ----

def idle(stage, n, seconds):
    """n connections that were answered once, rest, and are answered again."""
    crowd, request, before = stage.crowd(n), raw(stage.port, LIST_TABLES), stage.rss()
    for when in ('at first', 'after the rest'):
        for c in crowd:
            c.send(request)
        found = tally(answers(crowd, 60))
        need(found == {'200': n}, f'{when}: {dict(found)}')
        each = (stage.rss() - before) * 1024 / n
        stage.ask_well()
        time.sleep(seconds)
    leave(crowd)
    need(each <= 48, f'a connection costs {each:.0f} KB')
    return f'all answered before and after {seconds} s of rest; {each:.0f} KB a connection'


def slow_senders(stage, n, until_gone):
    """A half of them sends a head, the others a body, a byte a second each."""
    crowd, request = stage.crowd(n), raw(stage.port, dynamodb('PutItem', TableName='t', Item={'id': {'S': 'x' * 100_000}}))
    body = request.index(b'\r\n\r\n') + 4
    begun = [0 if i % 2 else body for i in range(n)]
    for c, sent in zip(crowd, begun):
        c.send(request[:sent])
    end, ticks, remain = time.monotonic() + 180, 0, n
    while remain and time.monotonic() < end and (until_gone or ticks < 2):
        time.sleep(1)
        for c, sent in zip(crowd, begun):
            if c.open:
                c.send(request[sent + ticks:sent + ticks + 1])
        stage.ask_well()
        remain, ticks = left(crowd), ticks + 1
    leave(crowd)
    need(not until_gone or not remain, f'{remain} are still there after 180 s')
    return f'all let go within {ticks} s; others served throughout' if until_gone else 'others served throughout'


def slow_readers(stage, n):
    """Each asks for an answer of 1 MB and reads nothing, until the memory for answers is at its limit; then they leave."""
    db, s3, queues = stage.client('dynamodb'), stage.client('s3'), stage.client('sqs')
    stage.cloud.once('table of slow readers', lambda: make_table(db, 'slow', 'id', 'at'))
    for i in range(3):
        db.put_item(TableName='slow', Item={'id': {'S': 'one'}, 'at': {'S': str(i)}, 'value': {'S': 'x' * 340_000}})
    s3.create_bucket(Bucket='slow')
    url = queues.create_queue(QueueName='slow')['QueueUrl']
    query = dynamodb('Query', TableName='slow', KeyConditionExpression='id = :id', ExpressionAttributeValues={':id': {'S': 'one'}})
    request = raw(stage.port, query)
    crowd = stage.crowd(n, receive_bytes=4096)
    for c in crowd:
        c.send(request)
    time.sleep(1)
    end = time.monotonic() + 60
    while (full := tally([stage.ask(LIST_TABLES)])) == {'200': 1} and time.monotonic() < end:
        time.sleep(0.5)
    held = stage.rss()
    says = {'dynamodb': full, 'sqs': tally([stage.ask(sqs('GetQueueAttributes', QueueUrl=url))])}
    status, body = stage.ask({'service': 's3', 'method': 'GET', 'target': '/slow', 'headers': {}})
    need(status == 503 and b'<Code>SlowDown</Code>' in body, f's3 answers {status} {body[:200]}')
    need(says == {'dynamodb': {'400 ThrottlingException': 1}, 'sqs': {'400 RequestThrottled': 1}}, f'the answers are {says}')
    leave(crowd)
    end = time.monotonic() + 60
    while tally([stage.ask(LIST_TABLES)]) != {'200': 1}:
        need(time.monotonic() < end, 'still refused a minute after the crowd left')
        time.sleep(0.2)
    stage.ask_well()
    return f'at {held:.0f} MB: 503 SlowDown (s3), ThrottlingException (dynamodb), RequestThrottled (sqs); served again when they left'


def make_table(db, name, *keys):
    db.create_table(TableName=name, BillingMode='PAY_PER_REQUEST', AttributeDefinitions=[{'AttributeName': k, 'AttributeType': 'S'} for k in keys],
                    KeySchema=[{'AttributeName': k, 'KeyType': t} for k, t in zip(keys, ('HASH', 'RANGE'))])


def open_and_drop(stage, n):
    """Connections that end at any point: before a byte, in a head, in a body, before the answer, while their request is parked."""
    url = stage.client('sqs').create_queue(QueueName='dropped')['QueueUrl']
    put, poll = raw(stage.port, dynamodb('PutItem', TableName='t', Item={'id': {'S': 'x' * 100_000}})), raw(stage.port, sqs('ReceiveMessage', QueueUrl=url, WaitTimeSeconds=20))
    body = put.index(b'\r\n\r\n') + 4
    parts = [b'', put[:10], put[:body - 2], put[:body], put[:body + 50_000], raw(stage.port, LIST_TABLES), poll]
    standing = []
    for i in range(n):
        standing.append(Client(stage.port))
        standing[-1].send(parts[i % len(parts)])
        if len(standing) == 500:
            for c in standing:
                c.close()
            standing = []
    for c in standing:
        c.close()
    stage.ask_well()
    return f'{n:,} came and went'


def parked(stage, n):
    """n long polls at once. A message comes for each."""
    sender = stage.client('sqs')
    url = sender.create_queue(QueueName='parked')['QueueUrl']
    crowd, request, before = stage.crowd(n), raw(stage.port, sqs('ReceiveMessage', QueueUrl=url, WaitTimeSeconds=20)), stage.rss()
    for c in crowd:
        c.send(request)
    time.sleep(min(5, n / 500))
    each = (stage.rss() - before) * 1024 / n
    stage.ask_well()
    stage.cloud.fill(sqs('SendMessageBatch', QueueUrl=url, Entries=[{'Id': str(i), 'MessageBody': 'x'} for i in range(10)]), n // 10)
    found = answers(crowd, 60)
    got = sum(1 for a in found if a and b'ReceiptHandle' in a[1])
    need(tally(found) == {'200': n}, f'{tally(found)}')
    leave(crowd)
    return f'{each:.0f} KB each; all answered, {got:,} of them with a message'


def deserted(stage, n):
    """n long polls whose clients leave: what waits for nobody ends before its time."""
    waiting = lambda: json.loads(stage.ask({'service': 'sts', 'method': 'GET', 'target': '/_strata/status', 'headers': {}})[1])['parked']
    url = stage.client('sqs').create_queue(QueueName='deserted')['QueueUrl']
    crowd, request = stage.crowd(n), raw(stage.port, sqs('ReceiveMessage', QueueUrl=url, WaitTimeSeconds=20))
    for c in crowd:
        c.send(request)
    end = time.monotonic() + 20
    while (most := waiting()) < n:
        need(time.monotonic() < end, f'{most} of {n} wait')
        time.sleep(0.05)
    for c in crowd:
        c.close()
    end = time.monotonic() + 15
    while (now := waiting()):
        need(time.monotonic() < end, f'{now} wait for nobody')
        time.sleep(0.1)
    return f'{most:,} waited, and none when their clients had left'


# ---- millions ----

def messages(stage, n):
    client = stage.client('sqs')
    url = client.create_queue(QueueName='many')['QueueUrl']
    begin = time.monotonic()
    stage.cloud.fill(sqs('SendMessageBatch', QueueUrl=url, Entries=[{'Id': str(i), 'MessageBody': '{random.200}'} for i in range(10)]), n // 10)
    took = time.monotonic() - begin
    stage.ask_well()
    waiting = int(client.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes']['ApproximateNumberOfMessages'])
    need(waiting == n // 10 * 10, f'{waiting} wait')
    begin = time.monotonic()
    for _ in range(100):
        need(len(client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get('Messages', [])) == 10, 'fewer than 10 received')
    return f'{n / took:,.0f} a second in; ReceiveMessage of 10 in {(time.monotonic() - begin) * 10:.1f} ms behind them'


def items(stage, n):
    begin = time.monotonic()
    one = {'id': {'S': 'k{n}'}, 'value': {'S': '{random.200}'}}
    grow(stage.cloud, 'many', n, dynamodb('BatchWriteItem', RequestItems={'many': [{'PutRequest': {'Item': one}} for _ in range(25)]}), 25, [('id', 'S')])
    took = time.monotonic() - begin
    stage.ask_well()
    db = stage.client('dynamodb')
    for i in (0, n // 2, n - 1):
        need('Item' in db.get_item(TableName='many', Key={'id': {'S': f'k{i}'}}), f'item {i} is not there')
    page = db.scan(TableName='many', Select='COUNT')
    need('LastEvaluatedKey' in page or page['Count'] == n, f'a page counts {page["Count"]}')
    return f'{n / took:,.0f} a second in; {stage.strata.megabytes():,.0f} MB on disk'


# ---- objects ----

class Pattern:
    """The bytes of an object, 1 MiB at a time, no two blocks in sequence alike."""
    base = os.urandom(2 * MB)

    @classmethod
    def block(cls, i):
        at = i * 4099 % MB
        return memoryview(cls.base)[at:at + MB]

    @classmethod
    def blocks(cls, first, count):
        return (cls.block(i) for i in range(first, first + count))


def transfer(stage, method, url, blocks=None, count=0):
    """PUT of blocks, or GET (its answer is returned unread)."""
    c = http.client.HTTPConnection('127.0.0.1', stage.port, timeout=600)
    c.request(method, url.partition(str(stage.port))[2], body=blocks, headers={'Content-Length': str(count * MB)} if blocks else {})
    answer = c.getresponse()
    need(answer.status == 200, f'{method} answers {answer.status} {answer.read(500) if answer.status != 200 else b""}')
    return answer


def read_whole(stage, url, count):
    answer = transfer(stage, 'GET', url)
    for i in range(count):
        need(answer.read(MB) == Pattern.block(i), f'MiB {i} is not what was sent')
    need(answer.read(1) == b'', 'it is longer than what was sent')


def large_object(stage, megabytes):
    """One PUT, and one upload in 10 parts; each read back and compared, then deleted. URLs are presigned: the payload is streamed, its digest not known ahead."""
    s3, times = stage.client('s3'), []
    s3.create_bucket(Bucket='large')
    sign = lambda operation, **more: s3.generate_presigned_url(operation, Params={'Bucket': 'large', 'Key': 'one', **more})

    def timed(what, begin):
        times.append(f'{what} {megabytes / (time.monotonic() - begin):,.0f} MB/s')

    begin = time.monotonic()
    transfer(stage, 'PUT', sign('put_object'), Pattern.blocks(0, megabytes), megabytes).read()
    timed('PUT', begin)
    begin = time.monotonic()
    read_whole(stage, sign('get_object'), megabytes)
    timed('GET', begin)
    s3.delete_object(Bucket='large', Key='one')
    begin = time.monotonic()
    upload, part, parts = s3.create_multipart_upload(Bucket='large', Key='one')['UploadId'], megabytes // 10, []
    for i in range(10):
        answer = transfer(stage, 'PUT', sign('upload_part', UploadId=upload, PartNumber=i + 1), Pattern.blocks(i * part, part), part)
        parts.append({'PartNumber': i + 1, 'ETag': answer.headers['ETag']})
        answer.read()
    timed('parts', begin)
    begin = time.monotonic()
    s3.complete_multipart_upload(Bucket='large', Key='one', UploadId=upload, MultipartUpload={'Parts': parts})
    timed('completing', begin)
    read_whole(stage, sign('get_object'), part * 10)
    s3.delete_object(Bucket='large', Key='one')
    return ', '.join(times)


# ---- time ----

def soak_steps(stage, functions):
    """What a connection does in turn: something of every service."""
    client, cloud = stage.client, stage.cloud
    make_table(client('dynamodb'), 'soak', 'id')
    client('s3').create_bucket(Bucket='soak')
    client('secretsmanager').create_secret(Name='soak', SecretString='x' * 40)
    client('logs').create_log_group(logGroupName='soak')
    client('logs').create_log_stream(logGroupName='soak', logStreamName='soak')
    url, key = client('sqs').create_queue(QueueName='soak')['QueueUrl'], client('kms').create_key()['KeyMetadata']['KeyId']
    item, mine = {'id': {'S': 'k{n}'}, 'value': {'S': '{random.1000}'}}, {'TableName': 'soak', 'Key': {'id': {'S': 'k{same}'}}}
    add = {'UpdateExpression': 'ADD visits :one', 'ExpressionAttributeValues': {':one': {'N': '1'}}}
    json_step = lambda service, target, **members: {'service': service, 'method': 'POST', 'target': '/', 'body': json.dumps(members),
                                                    'headers': {'X-Amz-Target': target, 'Content-Type': 'application/x-amz-json-1.1'}}
    object_step = lambda method, **more: {'service': 's3', 'method': method, 'target': '/soak/{same}', 'headers': {}, **more}
    return [
        dynamodb('PutItem', TableName='soak', Item=item), dynamodb('GetItem', **mine), dynamodb('UpdateItem', **mine, **add),
        dynamodb('Query', TableName='soak', KeyConditionExpression='id = :id', ExpressionAttributeValues={':id': {'S': 'k{same}'}}),
        dynamodb('TransactWriteItems', TransactItems=[{'Update': {**mine, **add}}]), dynamodb('Scan', TableName='soak', Limit=20),
        object_step('PUT', body='{random.2000}'), object_step('GET'), object_step('DELETE'),
        sqs('SendMessage', QueueUrl=url, MessageBody='{random.1000}'), sqs('ReceiveMessage', QueueUrl=url),
        sqs('DeleteMessage', QueueUrl=url, ReceiptHandle='{answer.ReceiptHandle}'),
        json_step('secretsmanager', 'secretsmanager.GetSecretValue', SecretId='soak'), json_step('kms', 'TrentService.GenerateDataKey', KeyId=key, KeySpec='AES_256'),
        json_step('logs', 'Logs_20140328.PutLogEvents', logGroupName='soak', logStreamName='soak', logEvents=[{'timestamp': int(time.time() * 1000), 'message': '{random.200}'}]),
        json_step('logs', 'Logs_20140328.GetLogEvents', logGroupName='soak', logStreamName='soak', limit=10),
        *(WORKS['InvokeC'](cloud)['steps'] + WORKS['HttpApiC'](cloud)['steps'] if functions else []),
    ]


def soak(stage, minutes, seconds, functions):
    """Sixteen clients that do something of everything; a minute has that many seconds. Memory: the median of each minute's samples."""
    plan = {'port': stage.port, 'connections': 16, 'pool': 0, 'order': 'sequence', 'range': 1000, 'steps': soak_steps(stage, functions), 'seconds': seconds}
    rss, requests = [], 0
    for _ in range(minutes):  # each minute's requests are signed anew
        load, samples = subprocess.Popen(stage.cloud.load.command(plan), stdout=subprocess.PIPE, text=True), []
        while load.poll() is None:
            time.sleep(seconds / 60)
            samples.append(stage.rss())
        result = json.loads(load.stdout.read())
        load.stdout.close()
        need(not result['refused'] and not result['failed'], f'{result["refused"]} refused, {result["failed"]} failed: {result["refusal"][:300]}')
        requests += result['requests']
        rss.append(statistics.median(samples))
    need(minutes < 10 or rss[-1] <= rss[0] * 1.1 + 8, f'it grows: {", ".join(f"{m:.0f}" for m in rss)} MB')
    return f'{requests:,} requests; MB by minute: {", ".join(f"{m:.1f}" for m in rss)}'


# ---- all that the others left ----

def command(stage, *what):
    """Runs a command of strata; returns its name, seconds and peak of memory."""
    begin, peak = time.monotonic(), 0
    with tempfile.TemporaryFile('w+') as error:
        process = subprocess.Popen([stage.strata.program, *what], stdout=subprocess.DEVNULL, stderr=error)
        while process.poll() is None:
            found = [line for line in open(f'/proc/{process.pid}/status') if line.startswith('VmHWM:')]
            peak = max(peak, int(found[0].split()[1]) / 1024) if found else peak  # a process that has just ended has none
            time.sleep(0.02)
        error.seek(0)
        need(process.returncode == 0, f'strata {what[0]}: {error.read()[-300:]}')
    return f'{what[0]} {time.monotonic() - begin:.0f} s ({peak:.0f} MB)'


def whole(stage, directory):
    """check and backup beside the running strata, restore of the backup, check of the restored directory."""
    data, backup, again = stage.strata.data, directory / 'all.strata', directory / 'again'
    says = [command(stage, 'check', '--data', data), command(stage, 'backup', '--data', data, backup),
            command(stage, 'restore', backup, '--data', again, '--root-key', data / 'root.key'), command(stage, 'check', '--data', again)]
    return f'{", ".join(says)}; {stage.strata.megabytes():,.0f} MB, a backup of {backup.stat().st_size / 1e6:,.0f} MB'
