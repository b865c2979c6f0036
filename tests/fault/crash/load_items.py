"""DynamoDB: items written plainly, on conditions, in batches and in transactions, their index, and a number that everybody counts up."""

from ledger import Count, States
from load import Gone, Load

TABLE, KINDS = 'ledger', ('plain', 'whole')
KEYS = 12


class Items(Load):
    """A thing of the book is an item: [n, word, bytes of filler]."""

    def __init__(self, machine):
        super().__init__(machine)
        self.items, self.counter = self.book(States, 'items'), self.book(Count, 'counter')
        self.unanswered = {}  # worker -> a transaction to be sent again with its token

    def setup(self):
        self.dynamodb = self.machine.client('dynamodb')
        self.dynamodb.create_table(
            TableName=TABLE, BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
            AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}, {'AttributeName': 'kind', 'AttributeType': 'S'}],
            GlobalSecondaryIndexes=[{'IndexName': 'by-kind', 'KeySchema': [{'AttributeName': 'kind', 'KeyType': 'HASH'}, {'AttributeName': 'id', 'KeyType': 'RANGE'}],
                                     'Projection': {'ProjectionType': 'ALL'}}])

    def workers(self):
        return [*[lambda rng, name=f'plain-{i}': self.plain(rng, name) for i in range(3)], *[lambda rng, name=f'whole-{i}': self.whole(rng, name) for i in range(2)]]

    # ---- items and requests ----

    def state(self, rng):
        return [rng.randrange(1000), f'{rng.getrandbits(40):010x}', rng.choice((10, 10, 100, 1000, 4000, 60000))]

    def item(self, key, state):
        n, word, size = state
        return {'id': {'S': key}, 'kind': {'S': key.split('-')[0]}, 'n': {'N': str(n)}, 'word': {'S': word}, 'filler': {'S': (word * (size // 10 + 1))[:size]}}

    def read(self, item):
        """An item's state; an item that is not whole is in a state that nothing has."""
        state = [int(item['n']['N']), item['word']['S'], len(item['filler']['S'])]
        return state if item == self.item(item['id']['S'], state) else ['torn', *state]

    def update(self, key, old, rng):
        """UpdateItem's parameters and the state that they lead to: n grows, word and filler are set."""
        by, new = rng.randrange(1, 10), self.state(rng)
        item = self.item(key, new)
        new[0] = (old[0] if old else 0) + by
        values = {':by': {'N': str(by)}, **{f':{name}': item[name] for name in ('word', 'filler', 'kind')}}
        return {'TableName': TABLE, 'Key': {'id': {'S': key}}, 'UpdateExpression': 'SET word = :word, filler = :filler, kind = :kind ADD n :by',
                'ExpressionAttributeValues': values}, new

    def only_if(self, request, old, holds):
        """With a condition that holds, or does not, for this state."""
        value = (old[1] if old else 'none') if holds else 'other'
        test = 'attribute_not_exists(id)' if (old is None) == holds else 'word = :old'
        request['ConditionExpression'] = test
        if ':old' in test:
            request['ExpressionAttributeValues'] = {**request.get('ExpressionAttributeValues', {}), ':old': {'S': value}}
        return request

    # ---- the workers ----

    def plain(self, rng, name):
        key = f'{name}-{rng.randrange(KEYS)}'
        old, new = self.items.state.get(key), self.state(rng)
        put = {'TableName': TABLE, 'Item': self.item(key, new)}
        kind = rng.random()
        if kind < 0.3:
            self.change(self.items, {key: new}, self.dynamodb.put_item, **put)
        elif kind < 0.5:
            request, new = self.update(key, old, rng)
            self.change(self.items, {key: new}, self.dynamodb.update_item, **request)
        elif kind < 0.6:
            self.change(self.items, {key: None}, self.dynamodb.delete_item, TableName=TABLE, Key={'id': {'S': key}})
        elif kind < 0.7:
            self.change(self.items, {key: new}, self.dynamodb.put_item, **self.only_if(put, old, True))
        elif kind < 0.8:
            self.refused(self.items, 'ConditionalCheckFailedException', self.dynamodb.put_item, **self.only_if(put, old, False))
        elif kind < 0.9:
            self.attempt(self.counter, {}, self.dynamodb.update_item, TableName=TABLE, Key={'id': {'S': 'counter'}}, UpdateExpression='ADD n :one',
                         ExpressionAttributeValues={':one': {'N': '1'}})
        else:
            self.batch(rng, name)

    def batch(self, rng, name):
        to = {f'{name}-{i}': rng.choice((None, self.state(rng))) for i in rng.sample(range(KEYS), 4)}
        requests = [{'PutRequest': {'Item': self.item(key, new)}} if new else {'DeleteRequest': {'Key': {'id': {'S': key}}}} for key, new in to.items()]
        self.change(self.items, to, self.dynamodb.batch_write_item, apart=True, RequestItems={TABLE: requests})

    def whole(self, rng, name):
        if name in self.unanswered and rng.random() < 0.7:
            to, request = self.unanswered.pop(name)
        else:
            self.unanswered.pop(name, None)
            to, request = self.transaction(rng, name)
        if to is None:
            self.refused(self.items, 'TransactionCanceledException', self.dynamodb.transact_write_items, **request)
            return
        try:
            self.change(self.items, to, self.dynamodb.transact_write_items, **request)
        except Gone:
            self.unanswered[name] = to, request
            raise

    def transaction(self, rng, name):
        """The states that it leads to (None: it must be refused) and the request."""
        to, actions, keys = {}, [], [f'{name}-{i}' for i in rng.sample(range(KEYS), rng.randrange(2, 6))]
        fails = rng.choice(keys) if rng.random() < 0.2 else None
        for key in keys:
            old, new, kind = self.items.state.get(key), self.state(rng), rng.choice(('Put', 'Update', 'Update', 'Delete', 'ConditionCheck'))
            request = {'TableName': TABLE, 'Item': self.item(key, new)} if kind == 'Put' else {'TableName': TABLE, 'Key': {'id': {'S': key}}}
            if kind == 'Update':
                request, new = self.update(key, old, rng)
            if kind == 'ConditionCheck' or key == fails:
                self.only_if(request, old, key != fails)
            to[key] = {'Delete': None, 'ConditionCheck': old}.get(kind, new)
            actions.append({kind: request})
        return None if fails else to, {'TransactItems': actions, 'ClientRequestToken': f'{name}-{rng.getrandbits(60):x}'}

    # ---- the books ----

    def check(self):
        found = [item for page in self.dynamodb.get_paginator('scan').paginate(TableName=TABLE, ConsistentRead=True) for item in page['Items']]
        counter = [item for item in found if item['id']['S'] == 'counter']
        items = {item['id']['S']: self.read(item) for item in found if item['id']['S'] != 'counter'}
        self.items.note('found', now=items)
        self.counter.note('found', number=int(counter[0]['n']['N']) if counter else 0)
        for kind in KINDS:
            pages = self.dynamodb.get_paginator('query').paginate(TableName=TABLE, IndexName='by-kind', KeyConditionExpression='kind = :kind',
                                                                  ExpressionAttributeValues={':kind': {'S': kind}})
            index = {item['id']['S']: self.read(item) for page in pages for item in page['Items']}
            table = {key: state for key, state in items.items() if key.startswith(kind)}
            if index != table:
                self.items.note('wrong', text=f'the index is not the table: {[(k, table.get(k), index.get(k)) for k in table.keys() | index.keys() if table.get(k) != index.get(k)]}')
