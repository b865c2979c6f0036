"""SQS: a standard queue that several share, and a FIFO queue with groups, each with one sender and one receiver."""

import collections

from ledger import Lines, Messages
from load import Load, body

VISIBILITY_SECONDS = 60
FIFO_VISIBILITY_SECONDS = 4   # shorter than what the clock is advanced by after a kill: groups that a lost receive locked are free then
FULL = 600                    # from so many messages on they are only taken
FIFO_GROUPS = ('a', 'b', 'c', 'd')
COUNTS = ('ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible', 'ApproximateNumberOfMessagesDelayed')


class Queue(Load):
    name, attributes = '', {}

    def setup(self):
        self.sqs = self.machine.client('sqs')
        self.url = self.sqs.create_queue(QueueName=self.name, Attributes=self.attributes)['QueueUrl']

    def number(self):
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=list(COUNTS))['Attributes']
        return sum(int(attributes[name]) for name in COUNTS)

    def receive(self, seconds, number=10):
        """The messages, and until when nobody may get them again."""
        until = self.machine.now() + seconds
        answer = self.machine.ask(self.sqs.receive_message, QueueUrl=self.url, MaxNumberOfMessages=number, VisibilityTimeout=seconds,
                                  MessageSystemAttributeNames=['MessageGroupId'])
        return answer.get('Messages', []), until

    def check(self):
        self.messages.note('found', number=self.number())


class Standard(Queue):
    """A message's id for the book is how its body begins; how long it is tells whether it came whole."""

    name = 'standard'

    def __init__(self, machine):
        super().__init__(machine)
        self.messages = self.book(Messages, 'standard queue')

    def workers(self):
        return [self.work] * 3

    def text(self, rng):
        id, size = f'{rng.getrandbits(60):015x}', rng.choice((0, 0, 100, 1000, 20000))
        return id, f'{id}:{size}:' + body(id, size // 2).hex()

    def id(self, message):
        id, size, pad = message['Body'].split(':')
        return id if pad == body(id, int(size) // 2).hex() else f'torn {id}'

    def work(self, rng):
        kind = rng.random()
        if kind < 0.3 and self.messages.about() < FULL:
            id, text = self.text(rng)
            self.attempt(self.messages, {'send': [id]}, self.sqs.send_message, QueueUrl=self.url, MessageBody=text)
        elif kind < 0.5 and self.messages.about() < FULL:
            self.send_batch(rng)
        else:
            self.take(rng)

    def send_batch(self, rng):
        texts = dict(self.text(rng) for _ in range(rng.randrange(2, 11)))
        entries = [{'Id': id, 'MessageBody': text} for id, text in texts.items()]
        if rng.random() < 0.2:
            entries[0]['DelaySeconds'] = 901  # this one is refused, the others are not
        self.attempt(self.messages, {'send': list(texts)}, self.sqs.send_message_batch, lambda a: {'failed': [e['Id'] for e in a.get('Failed', [])]},
                     QueueUrl=self.url, Entries=entries)

    def take(self, rng):
        messages, until = self.receive(VISIBILITY_SECONDS, rng.randrange(1, 11))
        handles = {self.id(m): m['ReceiptHandle'] for m in messages}
        self.messages.note('got', ids=list(handles), at=self.machine.now(), until=until)
        stay = [id for id in handles if rng.random() < 0.2]
        if len(handles) - len(stay) > 1 and rng.random() < 0.7:
            entries = [{'Id': id, 'ReceiptHandle': handle} for id, handle in handles.items() if id not in stay]
            self.attempt(self.messages, {'delete': [e['Id'] for e in entries]}, self.sqs.delete_message_batch, QueueUrl=self.url, Entries=entries)
        else:
            for id, handle in handles.items():
                if id not in stay:
                    self.attempt(self.messages, {'delete': [id]}, self.sqs.delete_message, QueueUrl=self.url, ReceiptHandle=handle)
        for id in stay[::2]:
            self.messages.note('release', ids=[id])
            self.machine.ask(self.sqs.change_message_visibility, QueueUrl=self.url, ReceiptHandle=handles[id], VisibilityTimeout=0)

    def finish(self):
        self.machine.advance(VISIBILITY_SECONDS + 1)
        while True:
            messages, until = self.receive(VISIBILITY_SECONDS)
            if not messages:
                break
            self.messages.note('got', ids=[self.id(m) for m in messages], at=self.machine.now(), until=until, last=True)
        self.messages.note('end')


class Fifo(Queue):
    name, attributes = 'ordered.fifo', {'FifoQueue': 'true'}

    def __init__(self, machine):
        super().__init__(machine)
        self.messages = self.book(Lines, 'FIFO queue')

    def workers(self):
        return [self.send, self.take]

    def send(self, rng):
        """One that was not acknowledged is sent again: it has the same deduplication id."""
        group = min(FIFO_GROUPS, key=lambda name: (self.messages.groups[name]['sent'] - self.messages.groups[name]['deleted'], rng.random()))
        number = self.messages.groups[group]['sent'] + 1
        self.attempt(self.messages, {'group': group, 'doing': 'sending', 'number': number}, self.sqs.send_message, QueueUrl=self.url,
                     MessageBody=str(number), MessageGroupId=group, MessageDeduplicationId=f'{group}-{number}')

    def take(self, rng):
        self.drain_once(rng.random() < 0.2)

    def drain_once(self, stop_early=False):
        """Takes some and deletes them in order, sometimes not all. Returns whether there were any."""
        messages, until = self.receive(FIFO_VISIBILITY_SECONDS)
        groups = collections.defaultdict(list)
        for m in messages:
            groups[m['Attributes']['MessageGroupId']].append((int(m['Body']), m['ReceiptHandle']))
        self.messages.note('got', groups={group: [number for number, _ in them] for group, them in groups.items()}, at=self.machine.now(), until=until)
        for group, them in groups.items():
            them = them[:len(them) // 2] if stop_early else them
            if len(them) > 1 and them[0][0] % 2:
                self.attempt(self.messages, {'group': group, 'doing': 'deleting', 'number': them[-1][0]}, self.sqs.delete_message_batch, QueueUrl=self.url,
                             Entries=[{'Id': str(number), 'ReceiptHandle': handle} for number, handle in them])
                continue
            for number, handle in them:
                self.attempt(self.messages, {'group': group, 'doing': 'deleting', 'number': number}, self.sqs.delete_message, QueueUrl=self.url, ReceiptHandle=handle)
        return bool(messages)

    def finish(self):
        self.machine.advance(FIFO_VISIBILITY_SECONDS + 1)
        while self.drain_once():
            pass
        self.messages.note('end')
