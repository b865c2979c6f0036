"""EventBridge and Lambda: events that a rule sends to a queue, and asynchronous invocations whose destination is another queue."""

import base64
import hashlib
import json
import time

import functions
from ledger import Deliveries, States
from load import Load

VISIBILITY_SECONDS = 30
PATIENCE_SECONDS = 120
INVOKE_PAUSE_SECONDS = 0.03  # functions run on the same processors: no more than they can take
RETRY_SECONDS = 400          # an invocation that a crash interrupted is run again after 5 minutes of strata's clock
SOURCE = 'def handler(event, context):\n    return event\n'


class Delivered(Load):
    """What comes in a queue; workers take it while it comes, finish() takes the rest."""

    queue = ''

    def setup(self):
        self.sqs = self.machine.client('sqs')
        self.url = self.sqs.create_queue(QueueName=self.queue)['QueueUrl']
        self.arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=['QueueArn'])['Attributes']['QueueArn']

    def take(self, rng=None):
        answer = self.machine.ask(self.sqs.receive_message, QueueUrl=self.url, MaxNumberOfMessages=10, VisibilityTimeout=VISIBILITY_SECONDS)
        messages = answer.get('Messages', [])
        if messages:
            self.deliveries.note('got', messages=[[m['MessageId'], self.id(json.loads(m['Body']))] for m in messages])
            entries = [{'Id': str(i), 'ReceiptHandle': m['ReceiptHandle']} for i, m in enumerate(messages)]
            self.machine.ask(self.sqs.delete_message_batch, QueueUrl=self.url, Entries=entries)
            self.deliveries.note('deleted', messages=[m['MessageId'] for m in messages])
        elif rng:
            time.sleep(INVOKE_PAUSE_SECONDS)
        return bool(messages)

    def check(self):
        pass  # what is under way comes when it comes: finish() tells

    def finish(self):
        end = time.monotonic() + PATIENCE_SECONDS
        while self.take() or self.deliveries.missing() and time.monotonic() < end:
            if not self.deliveries.missing():
                continue
            self.machine.advance(RETRY_SECONDS)
            time.sleep(INVOKE_PAUSE_SECONDS)
        self.deliveries.note('end')


class Events(Delivered):
    queue = 'events'

    def __init__(self, machine):
        super().__init__(machine)
        self.deliveries = self.book(Deliveries, 'events')

    def setup(self):
        super().setup()
        self.bus = self.machine.client('events')
        rule = self.bus.put_rule(Name='to-queue', EventPattern=json.dumps({'source': ['ledger']}))['RuleArn']
        allowed = {'Effect': 'Allow', 'Principal': {'Service': 'events.amazonaws.com'}, 'Action': 'sqs:SendMessage', 'Resource': self.arn,
                   'Condition': {'ArnEquals': {'aws:SourceArn': rule}}}
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [allowed]})})
        self.bus.put_targets(Rule='to-queue', Targets=[{'Id': 'queue', 'Arn': self.arn}])

    def workers(self):
        return [self.put, self.take]

    def id(self, event):
        return event['detail']['id']

    def put(self, rng):
        ids = [f'{rng.getrandbits(60):015x}' for _ in range(rng.randrange(1, 5))]
        entries = [{'Source': 'ledger', 'DetailType': 'test', 'Detail': json.dumps({'id': id})} for id in ids]
        if rng.random() < 0.2:
            entries[0]['Detail'] = entries[0]['Detail'][:-1]  # this one is refused, the others are not
        self.attempt(self.deliveries, {'ids': ids}, self.bus.put_events, lambda a: {'failed': [id for id, e in zip(ids, a['Entries']) if 'ErrorCode' in e]},
                     Entries=entries)


class Invocations(Delivered):
    """Besides, the function's code is replaced now and then; the book of codes has its SHA-256."""

    queue = 'ran'

    def __init__(self, machine):
        super().__init__(machine)
        self.deliveries, self.code = self.book(Deliveries, 'invocations'), self.book(States, 'code')

    def setup(self):
        super().setup()
        self.functions = self.machine.client('lambda')
        role = functions.role(self.machine.strata, ('sqs:SendMessage', self.arn))
        self.name = functions.create(self.machine.strata, SOURCE, role)
        self.functions.put_function_event_invoke_config(FunctionName=self.name, DestinationConfig={'OnSuccess': {'Destination': self.arn}})
        self.replace(None)

    def workers(self):
        return [self.invoke, self.take]

    def id(self, record):
        return record['requestPayload']['id']

    def replace(self, rng):
        """New code that does the same."""
        zipped = functions.zipped(f'{SOURCE}# {time.monotonic_ns() if rng is None else rng.getrandbits(60)}\n')
        digest = base64.b64encode(hashlib.sha256(zipped).digest()).decode()
        self.change(self.code, {self.name: digest}, self.functions.update_function_code, FunctionName=self.name, ZipFile=zipped)

    def invoke(self, rng):
        time.sleep(INVOKE_PAUSE_SECONDS)
        if rng.random() < 0.02:
            self.replace(rng)
        elif rng.random() < 0.02:
            self.refused(self.deliveries, 'ResourceNotFoundException', self.functions.invoke, FunctionName='none', InvocationType='Event', Payload=b'{"id": "none"}')
        else:
            id = f'{rng.getrandbits(60):015x}'
            self.attempt(self.deliveries, {'ids': [id]}, self.functions.invoke, FunctionName=self.name, InvocationType='Event', Payload=json.dumps({'id': id}))

    def check(self):
        self.code.note('found', now={self.name: self.functions.get_function_configuration(FunctionName=self.name)['CodeSha256']})
