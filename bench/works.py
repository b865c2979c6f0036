"""The works that are measured, by name: what each needs, and how to load it.

A work is a function of a Cloud that prepares what is not there yet and returns a plan for load.c (steps, range, order ...). The plan may also hold
`connections`, `longer`, how many times the usual seconds a round takes, `sandboxed` when functions run, and `refill`, a function that puts back what a round
took (given its result).
`@work` names it, with its goal: the least ratio to nginx, or None."""

import io
import json
import os
import subprocess
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from machines import REGION, ROOT, Failed

CONNECTIONS, FUNCTION_CONNECTIONS, BIG_CONNECTIONS = 64, 8, 8
BIG_BYTES = 10_000_000
VALUE_BYTES = 1000  # with its key and names an item of 1 KB
PER_PARTITION = 20
QUEUES = 64  # that share the messages where each has few
POOL = 50_000  # requests made before the clock starts, at most
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

    def __init__(self, port, load, items, messages, queues=QUEUES):
        self.port, self.load, self.items, self.messages, self.queues, self.done = port, load, items, messages, queues, {}
        self.session = boto3.Session()

    def client(self, service):
        return self.once(f'client {service}', lambda: self.session.client(
            service, region_name=REGION, endpoint_url=f'http://127.0.0.1:{self.port}', aws_access_key_id='test', aws_secret_access_key='test',
            config=Config(retries={'total_max_attempts': 1}, read_timeout=600, s3={'addressing_style': 'path'})))

    def moved(self, port, load):
        """The same data, served elsewhere."""
        self.port, self.load = port, load
        self.done = {what: made for what, made in self.done.items() if not what.startswith('client ')}

    def once(self, what, make):
        if what not in self.done:
            self.done[what] = make()
        return self.done[what]

    def prepare(self, one):
        """The plan of a work, whole; Failed when it cannot be prepared."""
        try:
            return {'port': self.port, 'connections': CONNECTIONS, 'pool': 1, **one(self)}
        except (ClientError, BotoCoreError) as e:
            raise Failed(f'cannot be prepared: {e}') from e

    def fill(self, step, requests, **numbers):
        """Sends the step that many times. Its {n} go up from first (0), and from there again after range numbers."""
        if requests:
            self.load.run({'port': self.port, 'connections': CONNECTIONS, 'requests': requests, 'order': 'sequence', **numbers, 'steps': [step]})


# ---- DynamoDB ----

def dynamodb(operation, **members):
    return {'service': 'dynamodb', 'method': 'POST', 'target': '/', 'body': json.dumps(members),
            'headers': {'X-Amz-Target': f'DynamoDB_20120810.{operation}', 'Content-Type': 'application/x-amz-json-1.0'}}


def item(key, **more):
    return {'id': {'S': key}, **more, 'value': {'S': f'{{random.{VALUE_BYTES}}}'}}


def table(cloud, name, *key, **more):
    cloud.client('dynamodb').create_table(TableName=name, BillingMode='PAY_PER_REQUEST', **more,
                                          KeySchema=[{'AttributeName': a, 'KeyType': k} for (a, _), k in zip(key, ('HASH', 'RANGE'))],
                                          AttributeDefinitions=[{'AttributeName': a, 'AttributeType': t} for a, t in key])


def grow(cloud, name, wanted, batch, per_batch, key, **more):
    """The table with that many numbers 0, 1, ... in it: what is not there yet is added."""
    if f'numbers of {name}' not in cloud.done:
        table(cloud, name, *key, **more)
    there = cloud.done.get(f'numbers of {name}', 0)
    if there < wanted:
        cloud.fill(batch, -(-(wanted - there) // per_batch), first=there, range=wanted - there)
        cloud.done[f'numbers of {name}'] = wanted


def items(cloud, name='items', **more):
    """The table: cloud.items items k0, k1, ... of 1 KB."""
    batch = dynamodb('BatchWriteItem', RequestItems={name: [{'PutRequest': {'Item': item('k{n}')}} for _ in range(25)]})
    grow(cloud, name, cloud.items, batch, 25, [('id', 'S')], **more)


def item_plan(cloud, step, **more):
    items(cloud)
    return {'steps': [step], 'range': cloud.items, 'pool': min(2 * cloud.items, POOL), **more}


@work('GetItem', goal=0.50)
def get_item(cloud):
    return item_plan(cloud, dynamodb('GetItem', TableName='items', Key={'id': {'S': 'k{n}'}}))


@work('PutItem', goal=0.35)
def put_item(cloud):
    return item_plan(cloud, dynamodb('PutItem', TableName='items', Item=item('k{n}')))


@work('UpdateItem')
def update_item(cloud):
    return item_plan(cloud, dynamodb('UpdateItem', TableName='items', Key={'id': {'S': 'k{n}'}}, UpdateExpression='ADD visits :one',
                                     ExpressionAttributeValues={':one': {'N': '1'}}))


@work('Query')
def query(cloud):
    """The 20 items of a partition, 1 KB each; the table `lists` has a tenth of cloud.items."""
    partitions = max(cloud.items // 10 // PER_PARTITION, 10)
    some = [{'PutRequest': {'Item': item('p{n}' if i == 0 else 'p{same}', at={'N': str(i)})}} for i in range(PER_PARTITION)]
    grow(cloud, 'lists', partitions, dynamodb('BatchWriteItem', RequestItems={'lists': some}), 1, [('id', 'S'), ('at', 'N')])
    step = dynamodb('Query', TableName='lists', KeyConditionExpression='id = :id', ExpressionAttributeValues={':id': {'S': 'p{n}'}})
    return {'steps': [step], 'range': partitions, 'pool': min(2 * partitions, POOL)}


@work('TransactWriteItems')
def transact_write_items(cloud):
    """Two puts of 1 KB, one of them conditional, an update and a check, of four items that no other request has in hand."""
    of = lambda **more: {'TableName': 'items', **more}
    return item_plan(cloud, dynamodb('TransactWriteItems', TransactItems=[
        {'Put': of(Item=item('k{n}'))},
        {'Put': of(Item=item('k{n}'), ConditionExpression='attribute_exists(id)')},
        {'Update': of(Key={'id': {'S': 'k{n}'}}, UpdateExpression='ADD visits :one', ExpressionAttributeValues={':one': {'N': '1'}})},
        {'ConditionCheck': of(Key={'id': {'S': 'k{n}'}}, ConditionExpression='attribute_exists(id)')}]), order='sequence', pool=min(cloud.items // 4, POOL))


# ---- SQS ----

def sqs(operation, **members):
    return {'service': 'sqs', 'method': 'POST', 'target': '/', 'body': json.dumps(members),
            'headers': {'X-Amz-Target': f'AmazonSQS.{operation}', 'Content-Type': 'application/x-amz-json-1.0'}}


def queue(cloud, name):
    return cloud.once(f'queue {name}', lambda: cloud.client('sqs').create_queue(QueueName=name, Attributes={'VisibilityTimeout': '3600'})['QueueUrl'])


def ten_messages(url):
    return sqs('SendMessageBatch', QueueUrl=url, Entries=[{'Id': str(i), 'MessageBody': f'{{random.{VALUE_BYTES}}}'} for i in range(10)])


@work('SendMessage', goal=0.35)
def send_message(cloud):
    return {'steps': [sqs('SendMessage', QueueUrl=queue(cloud, 'send'), MessageBody=f'{{random.{VALUE_BYTES}}}')], 'pool': 1000}


@work('SendMessageBatch')
def send_message_batch(cloud):
    return {'steps': [ten_messages(queue(cloud, 'send-batch'))], 'pool': 1000}


def take(cloud, name, queues, waiting):
    """Receive and delete in turn, each a request, from queues with that many messages waiting in each; a round's loss is put back after it."""
    url = [queue(cloud, f'{name}-{i}') for i in range(queues)][0].removesuffix('-0') + '-{n}'
    more = lambda messages: cloud.fill(ten_messages(url), -(-messages // 10), range=queues)
    cloud.once(f'messages {name}', lambda: more(queues * waiting))
    steps = [sqs('ReceiveMessage', QueueUrl=url), sqs('DeleteMessage', QueueUrl=url.replace('{n}', '{same}'), ReceiptHandle='{answer.ReceiptHandle}')]
    return {'steps': steps, 'order': 'sequence', 'range': queues, 'pool': queues, 'refill': lambda result: more(result['steps'][1]['requests'])}


@work('ReceiveDelete1k')
def receive_delete_few(cloud):
    """Several queues with 1,000 messages each, taken from in turn: one would be empty before the round is over."""
    return take(cloud, 'few', cloud.queues, 1000)


@work('ReceiveDelete1M', goal=0.25)
def receive_delete_many(cloud):
    return take(cloud, 'many', 1, cloud.messages)


# ---- S3, Secrets Manager ----

def body(cloud, size):
    """A file of that many bytes that do not compress."""
    file = cloud.load.dir / f'body-{size}'
    if not file.exists():
        file.write_bytes(os.urandom(size))
    return file


def bucket(cloud):
    cloud.once('bucket', lambda: cloud.client('s3').create_bucket(Bucket='bench'))


def put_object(cloud, size, count, connections):
    bucket(cloud)
    step = {'service': 's3', 'method': 'PUT', 'target': f'/bench/{size}/{{n}}', 'body_file': str(body(cloud, size)), 'headers': {}}
    return {'steps': [step], 'range': count, 'pool': count, 'connections': connections}


def get_object(cloud, size, count, connections):
    put = put_object(cloud, size, count, connections)
    cloud.once(f'objects {size}', lambda: cloud.fill(put['steps'][0], count, range=count))
    return {**put, 'steps': [{'service': 's3', 'method': 'GET', 'target': f'/bench/{size}/{{n}}', 'headers': {}}]}


@work('GetObject1KB')
def get_small(cloud):
    return get_object(cloud, 1024, 1000, CONNECTIONS)


@work('PutObject1KB')
def put_small(cloud):
    return put_object(cloud, 1024, 1000, CONNECTIONS)


@work('GetObject10MB')
def get_big(cloud):
    return {**get_object(cloud, BIG_BYTES, BIG_CONNECTIONS, BIG_CONNECTIONS), 'longer': 4}


@work('PutObject10MB')
def put_big(cloud):
    return {**put_object(cloud, BIG_BYTES, BIG_CONNECTIONS, BIG_CONNECTIONS), 'longer': 4}


@work('GetSecretValue')
def get_secret_value(cloud):
    cloud.once('secret', lambda: cloud.client('secretsmanager').create_secret(Name='bench', SecretString='x' * 40))
    return {'steps': [{'service': 'secretsmanager', 'method': 'POST', 'target': '/', 'body': '{"SecretId":"bench"}',
                       'headers': {'X-Amz-Target': 'secretsmanager.GetSecretValue', 'Content-Type': 'application/x-amz-json-1.1'}}]}


# ---- by a role whose policy names each resource, of what a customer's key seals ----

def customer_key(cloud):
    return cloud.once('key', lambda: cloud.client('kms').create_key()['KeyMetadata']['Arn'])


def session(cloud, **statements):
    """What load.c signs with: a session of a role that may do what statements say: actions of a resource."""
    def make():
        iam = cloud.client('iam')
        account = cloud.client('sts').get_caller_identity()['Account']
        trust = {'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Principal': {'AWS': f'arn:aws:iam::{account}:root'}}
        allowed = [{'Effect': 'Allow', 'Action': action.replace('_', ':'), 'Resource': resource} for action, resource in statements.items()]
        role = iam.create_role(RoleName='bench', AssumeRolePolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [trust]}))['Role']['Arn']
        iam.put_role_policy(RoleName='bench', PolicyName='bench', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': allowed}))
        iam.create_user(UserName='bench')
        iam.put_user_policy(UserName='bench', PolicyName='bench', PolicyDocument=json.dumps(
            {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Resource': role}]}))
        key = iam.create_access_key(UserName='bench')['AccessKey']
        sts = cloud.session.client('sts', region_name=REGION, endpoint_url=f'http://127.0.0.1:{cloud.port}',
                                   aws_access_key_id=key['AccessKeyId'], aws_secret_access_key=key['SecretAccessKey'])
        made = sts.assume_role(RoleArn=role, RoleSessionName='bench')['Credentials']
        return {'access_key_id': made['AccessKeyId'], 'secret': made['SecretAccessKey'], 'session_token': made['SessionToken']}
    return cloud.once('session', make)


def sealed_plan(cloud, plan):
    """The plan, by that session."""
    arn = f'arn:aws:{{}}:{REGION}:{cloud.client("sts").get_caller_identity()["Account"]}:{{}}'
    table_arn = arn.format('dynamodb', 'table/sealed')
    return {**plan, **session(cloud, dynamodb_GetItem=table_arn, dynamodb_PutItem=table_arn, sqs_SendMessage=arn.format('sqs', 'sealed'),
                              kms_Decrypt=customer_key(cloud), kms_GenerateDataKey=customer_key(cloud), s3_GetObject='arn:aws:s3:::sealed/*')}


def sealed_items(cloud, step):
    items(cloud, 'sealed', SSESpecification={'Enabled': True, 'SSEType': 'KMS', 'KMSMasterKeyId': customer_key(cloud)})
    return sealed_plan(cloud, {'steps': [step], 'range': cloud.items, 'pool': min(2 * cloud.items, POOL)})


@work('GetItemSealed', goal=0.50)
def get_item_sealed(cloud):
    return sealed_items(cloud, dynamodb('GetItem', TableName='sealed', Key={'id': {'S': 'k{n}'}}))


@work('PutItemSealed')
def put_item_sealed(cloud):
    return sealed_items(cloud, dynamodb('PutItem', TableName='sealed', Item=item('k{n}')))


@work('SendMessageSealed')
def send_message_sealed(cloud):
    make = lambda: cloud.client('sqs').create_queue(QueueName='sealed', Attributes={'KmsMasterKeyId': customer_key(cloud)})['QueueUrl']
    return sealed_plan(cloud, {'steps': [sqs('SendMessage', QueueUrl=cloud.once('sealed queue', make), MessageBody=f'{{random.{VALUE_BYTES}}}')], 'pool': 1000})


@work('GetObject1KBSealed')
def get_small_sealed(cloud):
    def make():
        s3 = cloud.client('s3')
        s3.create_bucket(Bucket='sealed')
        by = {'SSEAlgorithm': 'aws:kms', 'KMSMasterKeyID': customer_key(cloud)}
        s3.put_bucket_encryption(Bucket='sealed', ServerSideEncryptionConfiguration={'Rules': [{'ApplyServerSideEncryptionByDefault': by, 'BucketKeyEnabled': True}]})
        cloud.fill({'service': 's3', 'method': 'PUT', 'target': '/sealed/{n}', 'body_file': str(body(cloud, 1024)), 'headers': {}}, 1000, range=1000)
    cloud.once('sealed objects', make)
    return sealed_plan(cloud, {'steps': [{'service': 's3', 'method': 'GET', 'target': '/sealed/{n}', 'headers': {}}], 'range': 1000, 'pool': 1000})


# ---- functions: handlers that return 1 KB at once, and the stack's FastAPI server ----

C_HANDLER = '''#include "strata_lambda.h"
static void handle(const struct lambda_invocation *in, struct lambda_result *out, void *ctx)
{
    lambda_result_printf(out, "{\\"statusCode\\":200,\\"body\\":\\"%01000d\\"}", 0);
}
int main(void)
{
    return lambda_run(handle, NULL);
}
'''
PYTHON_HANDLER = 'def handler(event, context):\n    return {"statusCode": 200, "body": "x" * 1000}\n'
DIST = ROOT / 'stack/dist'


def archive(files):
    code = io.BytesIO()
    with zipfile.ZipFile(code, 'w') as z:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            z.writestr(entry, content)
    return code.getvalue()


def c_code(cloud, text=C_HANDLER):
    source, program = cloud.load.dir / 'function.c', cloud.load.dir / 'bootstrap'
    source.write_text(text)
    subprocess.run(['cc', '-O2', '-static', '-I', ROOT / 'runtimes/c', '-o', program, source, ROOT / 'runtimes/c/strata_lambda.c'], check=True, stderr=subprocess.DEVNULL)
    return {'Runtime': 'provided.al2023', 'Handler': 'bootstrap', 'Code': {'ZipFile': archive({'bootstrap': program.read_bytes()})}}


def python_code(cloud):
    return {'Runtime': 'python3.13', 'Handler': 'app.handler', 'Code': {'ZipFile': archive({'app.py': PYTHON_HANDLER})}}


def fastapi_code(cloud):
    """The api_server as stack/build packs it, with its layers. Its archives go through S3, as Terraform sends large ones."""
    if not (DIST / 'manifest.json').exists():
        raise Failed('the stack is not built: run stack/build')
    manifest = json.loads((DIST / 'manifest.json').read_text())
    bucket(cloud)
    layers = []
    for name in sorted(name for name in manifest['archives'] if name.startswith('layer_')):
        cloud.client('s3').put_object(Bucket='bench', Key=name, Body=(DIST / name).read_bytes())
        layer = cloud.client('lambda').publish_layer_version(LayerName=name.removesuffix('.zip'), Content={'S3Bucket': 'bench', 'S3Key': name})
        layers.append(layer['LayerVersionArn'])
    return {'Runtime': manifest['runtime'], 'Handler': 'api_server.lambda_handler', 'Layers': layers, 'MemorySize': 512,
            'Code': {'ZipFile': (DIST / 'api_server.zip').read_bytes()}, 'Environment': {'Variables': {'ENVIRONMENT': 'bench'}}}


def function(cloud, name, code):
    """Makes the function, with an HTTP API before it; returns the API's id."""
    def make():
        trust = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]})
        lam = cloud.client('lambda')
        role = cloud.client('iam').create_role(RoleName=name, AssumeRolePolicyDocument=trust)['Role']['Arn']
        lam.create_function(**{'FunctionName': name, 'Role': role, 'Timeout': 30, 'MemorySize': 256, **code(cloud)})
        lam.get_waiter('function_active_v2').wait(FunctionName=name)
        arn = lam.get_function_configuration(FunctionName=name)['FunctionArn']
        api = cloud.client('apigatewayv2').create_api(Name=name, ProtocolType='HTTP', Target=arn)['ApiId']
        lam.add_permission(FunctionName=name, StatementId='api', Action='lambda:InvokeFunction', Principal='apigateway.amazonaws.com')
        return api
    return cloud.once(f'function {name}', make)


def invoke_plan(cloud, name, code):
    function(cloud, name, code)
    answer = cloud.client('lambda').invoke(FunctionName=name, Payload=b'{}')['Payload'].read()
    if b'statusCode' not in answer:  # some emulators answer without running anything
        raise Failed(f'does not run the function: {answer[:100]}')
    return {'sandboxed': True, 'connections': FUNCTION_CONNECTIONS, 'steps': [{'service': 'lambda', 'method': 'POST', 'target': f'/2015-03-31/functions/{name}/invocations',
                                                            'body': '{}', 'headers': {'Content-Type': 'application/json'}}]}


def http_plan(cloud, name, code, path):
    api = function(cloud, name, code)
    return {'sandboxed': True, 'connections': FUNCTION_CONNECTIONS, 'steps': [{'method': 'GET', 'target': f'/_aws/execute-api/{api}{path}', 'headers': {}}]}


@work('InvokeC')
def invoke_c(cloud):
    return invoke_plan(cloud, 'c', c_code)


@work('InvokePython')
def invoke_python(cloud):
    return invoke_plan(cloud, 'python', python_code)


@work('HttpApiC', goal=0.15)
def http_api_c(cloud):
    return http_plan(cloud, 'c', c_code, '/')


@work('HttpApiPython')
def http_api_python(cloud):
    return http_plan(cloud, 'python', python_code, '/')


@work('HttpApiFastAPI')
def http_api_fastapi(cloud):
    return http_plan(cloud, 'fastapi', fastapi_code, '/health')
