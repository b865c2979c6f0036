"""The works that are measured, by name. Each prepares what it needs, once in a cloud, and tells how to load it.

A work is a function of a Cloud with a goal: the least ratio to nginx, or None. It returns a plan for load.c (steps, range, order ...) and may add
`connections` (64 otherwise) and `refill`, a function that after each round puts back what that round took."""

import json

import boto3
from botocore.config import Config

from machines import REGION, Failed

ITEM_BYTES = 1000  # of the value: with its key and names an item of 1 KB
WORKS = {}


def work(name, goal=None):
    def add(prepare):
        prepare.goal, prepare.work = goal, name
        WORKS[name] = prepare
        return prepare
    return add


def chosen(names):
    """The works that a comma-separated list names; all of them for None."""
    unknown = set(names.split(',')) - set(WORKS) if names else None
    if unknown:
        raise SystemExit(f'bench: no work {", ".join(sorted(unknown))}; there are {", ".join(WORKS)}')
    return [WORKS[n] for n in (names.split(',') if names else WORKS)]


class Cloud:
    """A server that speaks AWS's protocols, and what has been prepared in it."""

    def __init__(self, port, load, items):
        self.port, self.load, self.items, self.done = port, load, items, {}

    def client(self, service):
        return self.once(f'client {service}', lambda: boto3.client(
            service, region_name=REGION, endpoint_url=f'http://127.0.0.1:{self.port}', aws_access_key_id='test', aws_secret_access_key='test',
            config=Config(retries={'total_max_attempts': 1}, read_timeout=60, s3={'addressing_style': 'path'})))

    def once(self, what, make):
        if what not in self.done:
            self.done[what] = make()
        return self.done[what]

    def fill(self, step, requests, numbers, connections=64):
        """Sends the step that many times; its {n} go up from 0, over and over again where numbers are fewer."""
        if requests:
            self.load.run({'port': self.port, 'connections': connections, 'requests': requests, 'order': 'sequence', 'range': numbers, 'steps': [step]})


# ---- DynamoDB ----

def dynamodb(operation, **members):
    return {'service': 'dynamodb', 'method': 'POST', 'target': '/', 'body': json.dumps(members),
            'headers': {'X-Amz-Target': f'DynamoDB_20120810.{operation}', 'Content-Type': 'application/x-amz-json-1.0'}}


def item(key, **more):
    return {'id': {'S': key}, **more, 'value': {'S': f'{{random.{ITEM_BYTES}}}'}}


def table(cloud, name, *key):
    cloud.client('dynamodb').create_table(TableName=name, BillingMode='PAY_PER_REQUEST',
                                          KeySchema=[{'AttributeName': a, 'KeyType': k} for (a, _), k in zip(key, ('HASH', 'RANGE'))],
                                          AttributeDefinitions=[{'AttributeName': a, 'AttributeType': t} for a, t in key])


def items(cloud):
    """The table `items`: cloud.items items k0, k1, ... of 1 KB."""
    def make():
        table(cloud, 'items', ('id', 'S'))
        batch = dynamodb('BatchWriteItem', RequestItems={'items': [{'PutRequest': {'Item': item('k{n}')}} for _ in range(25)]})
        cloud.fill(batch, -(-cloud.items // 25), cloud.items)
    cloud.once('items', make)


def item_plan(cloud, *steps, **more):
    items(cloud)
    return {'steps': steps, 'range': cloud.items, 'pool': min(cloud.items, 50_000), **more}


@work('GetItem', goal=0.50)
def get_item(cloud):
    return item_plan(cloud, dynamodb('GetItem', TableName='items', Key={'id': {'S': 'k{n}'}}))


@work('PutItem', goal=0.35)
def put_item(cloud):
    return item_plan(cloud, dynamodb('PutItem', TableName='items', Item=item('k{n}')))
