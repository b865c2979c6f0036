"""Lambda: what is kept of functions, how they run, what feeds them, and what their sandboxes keep in."""

import base64
import concurrent.futures
import io
import json
import os
import socket
import threading
import time
import uuid
import zipfile

import pytest
from botocore.exceptions import ClientError

import functions
from functions import CALL, SAY, queue, wait_for, with_calls, zipped
from refusals import refusal

ECHO = 'def handler(event, context): return event'


@pytest.fixture(scope='module')
def strata(strata_of_module):
    functions.need_runtime(strata_of_module)
    return strata_of_module


@pytest.fixture(scope='module')
def role(strata):
    return functions.role(strata)


@pytest.fixture
def client(strata):
    return strata.client('lambda', read_timeout=120)


@pytest.fixture
def make(strata, role, client):
    made = []

    def create(source, role_arn=role, **config):
        made.append(functions.create(strata, source, role_arn, **config))
        return made[-1]

    yield create
    for name in made:
        try:
            client.delete_function(FunctionName=name)
        except ClientError:
            pass


@pytest.fixture
def sqs(strata):
    return strata.client('sqs')


def receive(sqs, url, seconds=60):
    """The first message that comes."""
    return wait_for(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get('Messages'), seconds)


def waiting(sqs, url):
    a = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes']
    return int(a['ApproximateNumberOfMessages']), int(a['ApproximateNumberOfMessagesNotVisible'])


def invoke(client, name, event=None, **more):
    """(error, payload) of a synchronous invocation."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event), **more)
    return answer.get('FunctionError'), json.loads(answer['Payload'].read())


def ok(client, name, event=None):
    error, payload = invoke(client, name, event)
    assert error is None, payload
    return payload


# ---- records ----

def test_members_come_back_as_described(client, make, role):
    name = make(ECHO)
    arn = f'arn:aws:lambda:us-east-1:000000000000:function:{name}'
    c = client.get_function_configuration(FunctionName=name)
    assert (c['FunctionArn'], c['Role'], c['Runtime'], c['Handler'], c['Timeout']) == (arn, role, 'python3.13', 'app.handler', 20)
    assert (c['MemorySize'], c['Description'], c['Version'], c['PackageType']) == (128, '', '$LATEST', 'Zip')
    assert (c['State'], c['LastUpdateStatus'], c['Architectures']) == ('Active', 'Successful', ['x86_64'])
    assert (c['EphemeralStorage'], c['TracingConfig']) == ({'Size': 512}, {'Mode': 'PassThrough'})
    assert c['LoggingConfig'] == {'LogFormat': 'Text', 'LogGroup': '/aws/lambda/' + name}
    got = client.get_function(FunctionName=arn)
    assert got['Configuration']['RevisionId'] == c['RevisionId'] and got['Code']['RepositoryType'] == 'S3' and 'Tags' not in got
    changed = client.update_function_configuration(FunctionName=name, Timeout=5, MemorySize=256, Description='d', Environment={'Variables': {'AB': 'b'}})
    assert (changed['Timeout'], changed['MemorySize'], changed['Description'], changed['Environment']) == (5, 256, 'd', {'Variables': {'AB': 'b'}})
    assert changed['RevisionId'] != c['RevisionId'] and changed['Handler'] == 'app.handler'
    assert name in [f['FunctionName'] for p in client.get_paginator('list_functions').paginate(PaginationConfig={'PageSize': 2}) for f in p['Functions']]
    assert refusal(client.update_function_configuration, FunctionName=name, RevisionId=c['RevisionId'], Timeout=6)[0] == 'PreconditionFailedException'
    assert client.list_versions_by_function(FunctionName=name)['Versions'][0]['FunctionArn'] == arn + ':$LATEST'
    client.delete_function(FunctionName=name)
    assert refusal(client.get_function, FunctionName=name) == ('ResourceNotFoundException', f'Function not found: {arn}')


def test_what_is_not_there_is_named(client):
    arn = 'arn:aws:lambda:us-east-1:000000000000:function:nobody'
    for call in (client.get_function, client.get_function_configuration, client.invoke, client.delete_function):
        assert refusal(call, FunctionName='nobody') == ('ResourceNotFoundException', f'Function not found: {arn}')
    assert refusal(client.get_policy, FunctionName='nobody') == ('ResourceNotFoundException', 'The resource you requested does not exist.')
    assert refusal(client.invoke, FunctionName='nobody', Qualifier='7') == ('ResourceNotFoundException', f'Function not found: {arn}:7')


def test_a_name_is_taken_once(client, make, role):
    name = make(ECHO)
    arguments = dict(FunctionName=name, Role=role, Code={'ZipFile': zipped(ECHO)}, Runtime='python3.13', Handler='app.handler')
    assert refusal(client.create_function, **arguments) == ('ResourceConflictException', f'Function already exist: {name}')


def test_bad_zips_are_refused(client, role):
    def of_zip(data):
        return refusal(client.create_function, FunctionName='bad-zip', Role=role, Code={'ZipFile': data}, Runtime='python3.13', Handler='a.b')

    broken = ('InvalidParameterValueException', 'Could not unzip uploaded file. Please check your file, then try to upload again.')
    assert of_zip(b'no zip at all') == broken
    assert of_zip(zipped({'../outside': 'x'})) == broken
    assert of_zip(zipped({'/etc/outside': 'x'})) == broken
    assert of_zip(zipped({'a/../../outside': 'x'})) == broken
    link = zipfile.ZipInfo('link')
    link.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as z:
        z.writestr(link, '/etc/shadow')
    assert of_zip(out.getvalue()) == broken
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, 'w', zipfile.ZIP_DEFLATED) as z, z.open('zeros', 'w', force_zip64=True) as f:
        for _ in range(251):
            f.write(bytes(1 << 20))
    assert of_zip(bomb.getvalue()) == ('InvalidParameterValueException', 'Unzipped size must be smaller than 262144000 bytes')


def test_code_from_s3(strata, client, role):
    s3, name = strata.client('s3'), 'f-' + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key='code.zip', Body=zipped(ECHO))
    arguments = dict(FunctionName=name, Role=role, Runtime='python3.13', Handler='app.handler')
    assert refusal(client.create_function, Code={'S3Bucket': name, 'S3Key': 'none'}, **arguments)[1].startswith(
        'Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message:')
    client.create_function(Code={'S3Bucket': name, 'S3Key': 'code.zip'}, **arguments)
    assert ok(client, name, [1]) == [1]
    s3.put_object(Bucket=name, Key='great.zip', Body=zipped({'app.py': 'def handler(e, c): return 2', 'weight': os.urandom(1 << 20)}))
    client.update_function_code(FunctionName=name, S3Bucket=name, S3Key='great.zip')
    assert ok(client, name) == 2
    client.delete_function(FunctionName=name)


def test_of_four_who_bring_a_great_zip_for_one_name_one_creates_it(own_strata):
    role = functions.role(own_strata)
    code = zipped({'app.py': ECHO, 'weight': os.urandom(1 << 20)})

    def create(_):
        try:
            made = own_strata.client('lambda').create_function(FunctionName='f', Role=role, Runtime='python3.13', Handler='app.handler', Code={'ZipFile': code})
            return made['CodeSize']
        except ClientError as e:
            return e.response['Error']['Code']

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(create, range(4)), key=str) == [len(code)] + 3 * ['ResourceConflictException']
    assert wait_for(lambda: len([p for p in (own_strata.data / 'blobs').glob('??/*')]) == 1)  # the others' bodies went with them
    own_strata.check()


def test_tags(client, make):
    name = make(ECHO, Tags={'a': '1'})
    arn = client.get_function(FunctionName=name)['Configuration']['FunctionArn']
    client.tag_resource(Resource=arn, Tags={'b': '2'})
    client.untag_resource(Resource=arn, TagKeys=['a'])
    assert client.list_tags(Resource=arn)['Tags'] == {'b': '2'} == client.get_function(FunctionName=name)['Tags']


def test_permissions(client, make):
    name = make(ECHO)
    assert refusal(client.get_policy, FunctionName=name)[0] == 'ResourceNotFoundException'
    one = dict(FunctionName=name, StatementId='s', Action='lambda:InvokeFunction', Principal='events.amazonaws.com', SourceArn='arn:aws:events:us-east-1:000000000000:rule/r')
    made = json.loads(client.add_permission(**one)['Statement'])
    assert made == {'Sid': 's', 'Effect': 'Allow', 'Principal': {'Service': 'events.amazonaws.com'}, 'Action': 'lambda:InvokeFunction',
                    'Resource': f'arn:aws:lambda:us-east-1:000000000000:function:{name}', 'Condition': {'ArnLike': {'AWS:SourceArn': one['SourceArn']}}}
    assert json.loads(client.get_policy(FunctionName=name)['Policy'])['Statement'] == [made]
    assert refusal(client.add_permission, **one)[0] == 'ResourceConflictException'
    client.remove_permission(FunctionName=name, StatementId='s')
    assert refusal(client.remove_permission, FunctionName=name, StatementId='s')[0] == 'ResourceNotFoundException'


# ---- running ----

def test_success_error_and_environment(client, make):
    name = make('''
        import os
        def handler(event, context):
            if event == 'fail':
                raise ValueError('no good')
            return {'event': event, 'v': os.environ['VAR'], 'name': context.function_name, 'left': context.get_remaining_time_in_millis() <= 20000}
    ''', Environment={'Variables': {'VAR': 'x y=z'}})
    assert ok(client, name, {'a': 1}) == {'event': {'a': 1}, 'v': 'x y=z', 'name': name, 'left': True}
    error, payload = invoke(client, name, 'fail')
    assert (error, payload['errorType'], payload['errorMessage']) == ('Unhandled', 'ValueError', 'no good') and payload['stackTrace']
    answer = client.invoke(FunctionName=name)
    assert json.loads(answer['Payload'].read())['event'] == {} and (answer['StatusCode'], answer['ExecutedVersion']) == (200, '$LATEST')
    for no_json in (b'{no json', b'{} {}', b'"\xff"', b'"\n"'):
        assert refusal(client.invoke, FunctionName=name, Payload=no_json)[0] == 'InvalidRequestContentException'
    assert client.invoke(FunctionName=name, InvocationType='DryRun')['StatusCode'] == 204


def test_a_missing_module_is_told(client, make):
    error, payload = invoke(client, make('import nowhere_to_be_found'))
    assert (error, payload['errorType']) == ('Unhandled', 'Runtime.ImportModuleError')
    assert "No module named 'nowhere_to_be_found'" in payload['errorMessage']


def test_ends_that_no_handler_survives(client, make):
    name = make('''
        import os, time
        def handler(event, context):
            if event == 'sleep':
                time.sleep(60)
            if event == 'exit':
                os._exit(3)
            if event == 'memory':
                hog = bytearray(1 << 30)
                for i in range(0, len(hog), 4096):
                    hog[i] = 1
            return 'alive'
    ''', Timeout=2, MemorySize=128)
    assert ok(client, name) == 'alive'
    error, payload = invoke(client, name, 'sleep')
    assert (error, payload['errorType']) == ('Unhandled', 'Sandbox.Timedout') and payload['errorMessage'].endswith('Task timed out after 2.00 seconds')
    error, payload = invoke(client, name, 'exit')
    assert (error, payload['errorType']) == ('Unhandled', 'Runtime.ExitError') and payload['errorMessage'].endswith('exit status 3')
    error, payload = invoke(client, name, 'memory')
    assert error == 'Unhandled' and payload['errorType'] in ('Runtime.ExitError', 'MemoryError')
    assert ok(client, name) == 'alive'


def test_an_initialization_that_is_over_cannot_fail(client, make):
    name = make('''
import urllib.error, urllib.request
def handler(event, context):
    try:
        return urllib.request.urlopen('http://127.0.0.1:9001/2018-06-01/runtime/init/error', b'x' * 1000).status
    except urllib.error.HTTPError as e:
        return e.code
''')
    assert [ok(client, name) for _ in range(2)] == [403, 403]


def test_the_log(strata, client, make):
    name = make('''
        def handler(event, context):
            print('said by the handler')
    ''')
    tail = base64.b64decode(client.invoke(FunctionName=name, LogType='Tail')['LogResult']).decode()
    lines = tail.splitlines()
    assert lines[0].startswith('START RequestId: ') and lines[1] == 'said by the handler' and lines[2].startswith('END RequestId: ')
    assert lines[3].startswith('REPORT RequestId: ') and 'Memory Size: 128 MB' in lines[3] and 'Init Duration: ' in lines[3]
    logs = strata.client('logs')

    def events():
        try:
            return [e['message'].rstrip() for e in logs.filter_log_events(logGroupName='/aws/lambda/' + name)['events']]
        except ClientError:
            return []

    assert wait_for(lambda: 'said by the handler' in events())


def test_new_code_runs_at_once(client, make):
    name = make('def handler(e, c): return 1')
    assert ok(client, name) == 1
    before = client.get_function_configuration(FunctionName=name)['CodeSha256']
    assert client.update_function_code(FunctionName=name, ZipFile=zipped('def handler(e, c): return 2'))['CodeSha256'] != before
    assert ok(client, name) == 2
    client.update_function_configuration(FunctionName=name, Handler='app.nobody')
    assert invoke(client, name)[1]['errorType'] == 'Runtime.HandlerNotFound'


def test_unpacked_code_goes_behind_the_last_that_needs_it(own_strata):
    functions.need_runtime(own_strata)
    client, role = own_strata.client('lambda', read_timeout=120), functions.role(own_strata)
    trees = lambda: sorted(p.name for p in (own_strata.data / 'lambda').glob('*') if len(p.name) == 32)
    one, two = zipped('def handler(e, c): return 1'), zipped('def handler(e, c): return 2')
    layer = client.publish_layer_version(LayerName='l', Content={'ZipFile': zipped({'data.txt': 'd'})})['LayerVersionArn']
    name = functions.create(own_strata, one, role, Layers=[layer])
    assert ok(client, name) == 1
    first = trees()
    assert len(first) == 2  # its code, and its layer
    twin = functions.create(own_strata, one, role)
    assert ok(client, twin) == 1 and trees() == first
    client.update_function_code(FunctionName=name, ZipFile=two)
    assert ok(client, name) == 2 and len(trees()) == 3  # the twin needs the first one's
    client.publish_version(FunctionName=twin)
    client.update_function_code(FunctionName=twin, ZipFile=two)
    assert ok(client, twin) == 2 and len(trees()) == 3  # and its version
    client.delete_function(FunctionName=twin)
    assert wait_for(lambda: len(trees()) == 2)
    own_strata.stop()
    (own_strata.data / 'lambda' / ('0' * 32)).mkdir()  # as if it had been killed before it came to that
    own_strata.start()
    assert wait_for(lambda: len(trees()) == 2)
    assert ok(client, name) == 2
    client.delete_function(FunctionName=name)
    assert wait_for(lambda: not trees())


def test_layers(client, make):
    layer = 'l-' + uuid.uuid4().hex[:12]
    made = client.publish_layer_version(LayerName=layer, Content={'ZipFile': zipped({'python/of_layer.py': 'x = 42', 'data.txt': 'd'})})
    assert made['Version'] == 1 and made['LayerVersionArn'].endswith(f':layer:{layer}:1')
    name = make('''
        import of_layer
        def handler(event, context): return [of_layer.x, open('/opt/data.txt').read()]
    ''', Layers=[made['LayerVersionArn']])
    assert ok(client, name) == [42, 'd']
    assert client.get_function_configuration(FunctionName=name)['Layers'][0]['Arn'] == made['LayerVersionArn']
    assert refusal(client.update_function_configuration, FunctionName=name, Layers=[made['LayerArn'] + ':9'])[0] == 'InvalidParameterValueException'
    client.delete_layer_version(LayerName=layer, VersionNumber=1)
    assert client.list_layer_versions(LayerName=layer)['LayerVersions'] == []


def test_a_layer_is_shared_by_its_policy(strata, client):
    published = client.publish_layer_version(LayerName='shared', Content={'ZipFile': zipped({'python/a.py': ''})})
    arn = published['LayerVersionArn']
    iam = strata.client('iam', key='555555555556')
    iam.create_user(UserName='u')
    iam.put_user_policy(UserName='u', PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'lambda:*', 'Resource': '*'}]}))
    key = iam.create_access_key(UserName='u')['AccessKey']
    stranger = strata.client('lambda', key=key['AccessKeyId'], secret=key['SecretAccessKey'])
    assert refusal(stranger.get_layer_version_by_arn, Arn=arn)[0] == 'AccessDeniedException'
    of = dict(LayerName='shared', VersionNumber=1)
    assert refusal(client.get_layer_version_policy, **of)[1] == 'No policy is associated with the given resource.'
    grant = dict(StatementId='s', Action='lambda:GetLayerVersion', Principal='555555555556', **of)
    said = json.loads(client.add_layer_version_permission(**grant)['Statement'])
    assert said['Resource'] == arn and json.loads(client.get_layer_version_policy(**of)['Policy'])['Statement'] == [said]
    assert refusal(client.add_layer_version_permission, **grant)[0] == 'ResourceConflictException'
    assert stranger.get_layer_version_by_arn(Arn=arn)['LayerVersionArn'] == arn
    assert refusal(client.remove_layer_version_permission, **of, StatementId='s', RevisionId='no')[0] == 'PreconditionFailedException'
    client.remove_layer_version_permission(**of, StatementId='s')
    assert refusal(stranger.get_layer_version_by_arn, Arn=arn)[0] == 'AccessDeniedException'
    assert refusal(client.get_layer_version, LayerName='shared', VersionNumber=0)[1] == 'Layer Version Cannot be less than 1'


def test_what_a_function_cannot_be(client, make, role):
    name = make(ECHO)

    def of(**config):
        return refusal(client.update_function_configuration, FunctionName=name, **config)

    arns = [client.publish_layer_version(LayerName='twice', Content={'ZipFile': zipped({'a': str(i)})})['LayerVersionArn'] for i in range(2)]
    assert of(Layers=arns)[1].startswith('Two different versions of the same layer are not allowed')
    assert of(Layers=[arns[0].replace('us-east-1', 'eu-west-1')])[1] == (
        'Layers are not in the same region as the function. Layers are expected to be in region us-east-1.')
    assert of(Runtime='python3.7')[1].startswith('The runtime parameter of python3.7 is no longer supported')
    assert of(Runtime='PYTHON3.9')[0] == 'InvalidParameterValueException'
    fits = 'x' * (4096 - len('{"AB":""}'))
    client.update_function_configuration(FunctionName=name, Environment={'Variables': {'AB': fits}})
    assert of(Environment={'Variables': {'AB': fits + 'x'}})[1].endswith('{"AB":"' + fits + 'x"}')
    assert refusal(client.put_function_concurrency, FunctionName=name, ReservedConcurrentExecutions=1000)[0] == 'InvalidParameterValueException'
    assert refusal(client.put_function_concurrency, FunctionName=name + ':1', ReservedConcurrentExecutions=1)[1].startswith(
        'This operation is permitted on Lambda functions only.')
    assert client.get_function_recursion_config(FunctionName=name)['RecursiveLoop'] == 'Terminate'
    assert client.put_function_recursion_config(FunctionName=name, RecursiveLoop='Allow')['RecursiveLoop'] == 'Allow'
    assert client.get_function_recursion_config(FunctionName=name)['RecursiveLoop'] == 'Allow'
    assert refusal(client.get_function_recursion_config, FunctionName='none')[0] == 'ResourceNotFoundException'
    many = {str(i): '' for i in range(51)}
    assert refusal(client.tag_resource, Resource=f'arn:aws:lambda:us-east-1:000000000000:function:{name}', Tags=many)[1] == (
        'Number of tags exceeds resource tag limit.')


def test_what_is_logged(client, make):
    name = make(ECHO)

    def set_to(**config):
        return client.update_function_configuration(FunctionName=name, LoggingConfig=config)['LoggingConfig']

    group = '/aws/lambda/' + name
    assert set_to(LogFormat='JSON') == {'LogFormat': 'JSON', 'ApplicationLogLevel': 'INFO', 'SystemLogLevel': 'INFO', 'LogGroup': group}
    assert set_to(ApplicationLogLevel='DEBUG') == {'LogFormat': 'JSON', 'ApplicationLogLevel': 'DEBUG', 'SystemLogLevel': 'INFO', 'LogGroup': group}
    assert set_to(LogFormat='Text') == {'LogFormat': 'Text', 'LogGroup': group}


def test_reserved_concurrency(client, make):
    name = make(ECHO)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert refusal(client.invoke, FunctionName=name) == ('TooManyRequestsException', 'Rate Exceeded.')
    assert client.get_function_concurrency(FunctionName=name)['ReservedConcurrentExecutions'] == 0
    client.delete_function_concurrency(FunctionName=name)
    assert ok(client, name, 1) == 1


def test_thirty_at_once(client, make):
    name = make('''
        import time
        def handler(event, context):
            time.sleep(0.2)
            return event
    ''', Timeout=60)
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        assert sorted(pool.map(lambda i: ok(client, name, i), range(30))) == list(range(30))


def test_removed_while_it_runs(strata, client, make, sqs):
    url, _ = queue(sqs)
    role = functions.role(strata, ('sqs:*', '*'))
    name = make(with_calls(SAY, '''
        import time
        def handler(event, context):
            say('running')
            time.sleep(1)
            return 'done'
    '''), role, Environment={'Variables': {'QUEUE': url}})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(invoke, client, name)
        assert receive(sqs, url)
        client.delete_function(FunctionName=name)
        assert answer.result() == (None, 'done')
    assert refusal(client.invoke, FunctionName=name)[0] == 'ResourceNotFoundException'


# ---- calls to the cloud, signed by hand: the runtime has no SDK ----

def test_the_role_is_who_it_is(strata, client, make, sqs):
    url, arn = queue(sqs)
    role = functions.role(strata, ('sqs:SendMessage', arn))
    name = make(with_calls(SAY, '''
        def handler(event, context):
            say('x')
            return [call('sts', IDENTITY), call('sqs', '{}', 'AmazonSQS.ListQueues'), call('sts', IDENTITY, key='test', secret='test', token='')]
    '''), role, Environment={'Variables': {'QUEUE': url}})
    who, denied, root = ok(client, name)
    assert who[0] == 200 and f':assumed-role/{role.rsplit("/", 1)[1]}/{name}' in who[1]
    assert denied[0] in (400, 403) and 'AccessDenied' in denied[1]
    assert root[0] == 403 and 'InvalidClientTokenId' in root[1], 'the test keys are of no use in a sandbox'
    assert waiting(sqs, url)[0] == 1


def test_a_role_that_lambda_may_not_assume(strata, client, make):
    name = make(ECHO, 'arn:aws:iam::000000000000:role/nobody')
    assert 'cannot be assumed by Lambda' in invoke(client, name)[1]['errorMessage']


def test_credentials_that_were_made_ahead_are_of_no_use_when_the_role_has_changed(strata, client, make):
    role = functions.role(strata)
    name = make('''
        import time

        def handler(event, context):
            time.sleep(event)
    ''', role)
    ok(client, name, 0)
    trust = {**functions.TRUST['Statement'][0], 'Principal': {'Service': 'ec2.amazonaws.com'}}
    strata.client('iam').update_assume_role_policy(RoleName=role.rsplit('/', 1)[1], PolicyDocument=json.dumps({**functions.TRUST, 'Statement': [trust]}))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # one for the environment that is there, one for a new one
        answers = sorted(str(a) for a in pool.map(lambda _: invoke(client, name, 3), range(2)))
    assert 'cannot be assumed by Lambda' in answers[0] and answers[1] == '(None, None)', answers


# ---- asynchronous ----

def test_an_event_is_retried_and_then_lands_in_the_dead_letter_queue(strata, client, make, sqs):
    said, _ = queue(sqs)
    dead, dead_arn = queue(sqs)
    name = make(with_calls(SAY, '''
        def handler(event, context):
            say(json.dumps(event))
            raise ValueError('never')
    '''), functions.role(strata, ('sqs:*', '*')), Environment={'Variables': {'QUEUE': said}}, DeadLetterConfig={'TargetArn': dead_arn})
    assert client.invoke(FunctionName=name, InvocationType='Event', Payload=b'{"n": 1}')['StatusCode'] == 202
    for attempt in range(3):
        assert wait_for(lambda: sum(waiting(sqs, said)) == attempt + 1 or strata.advance_clock(60), 90), f'attempt {attempt + 1}'
    (message,) = wait_for(lambda: receive(sqs, dead, 1) or strata.advance_clock(60))
    assert json.loads(message['Body']) == {'n': 1}
    assert sum(waiting(sqs, said)) == 3


def test_destinations(strata, client, make, sqs):
    good, good_arn = queue(sqs)
    bad, bad_arn = queue(sqs)
    name = make('''
        def handler(event, context):
            return {'fine': 10 / event['by']}
    ''', functions.role(strata, ('sqs:*', '*')))
    config = {'OnSuccess': {'Destination': good_arn}, 'OnFailure': {'Destination': bad_arn}}
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0, DestinationConfig=config)
    assert client.get_function_event_invoke_config(FunctionName=name)['DestinationConfig'] == config
    for by in (1, 0):
        client.invoke(FunctionName=name, InvocationType='Event', Payload=json.dumps({'by': by}))
    record = json.loads(receive(sqs, good)[0]['Body'])
    assert (record['version'], record['requestPayload'], record['responsePayload']) == ('1.0', {'by': 1}, {'fine': 10})
    assert record['requestContext']['condition'] == 'Success'
    record = json.loads(receive(sqs, bad)[0]['Body'])
    assert (record['requestContext']['condition'], record['requestContext']['approximateInvokeCount']) == ('RetriesExhausted', 1)
    assert record['responseContext']['functionError'] == 'Unhandled' and record['responsePayload']['errorType'] == 'ZeroDivisionError'


def test_an_accepted_event_survives_kill_9(own_strata):
    strata = own_strata
    functions.need_runtime(strata)
    client, sqs = strata.client('lambda'), strata.client('sqs')
    url, _ = queue(sqs)
    role = functions.role(strata, ('sqs:*', '*'))
    name = functions.create(strata, with_calls(SAY, '''
        def handler(event, context):
            say('ran')
    '''), role, Environment={'Variables': {'QUEUE': url}})
    assert client.invoke(FunctionName=name, InvocationType='Event', Payload=b'{}')['StatusCode'] == 202
    strata.kill()
    strata.start()
    assert wait_for(lambda: receive(sqs, url, 1) or strata.advance_clock(60))


def test_sigterm_ends_busy_functions(own_strata):
    functions.need_runtime(own_strata)
    role = functions.role(own_strata)
    name = functions.create(own_strata, '''
        import time
        def handler(event, context):
            print('busy')
            time.sleep(300)
    ''', role, Timeout=600)
    client = own_strata.client('lambda', read_timeout=120)
    outcome = []

    def one():
        try:
            client.invoke(FunctionName=name)
        except Exception as e:
            outcome.append(e)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for t in threads:
        t.start()

    def busy():
        try:
            return len(own_strata.client('logs').describe_log_streams(logGroupName='/aws/lambda/' + name)['logStreams']) == 3
        except ClientError:
            return False

    wait_for(busy, 10)  # a function's first lines may only come when it is idle: then it has been running for long
    assert own_strata.stop() == 0
    for t in threads:
        t.join()
    assert len(outcome) == 3


# ---- from SQS ----

def mapped(strata, make, client, source, source_arn, url, **mapping):
    name = make(with_calls(SAY, source), functions.role(strata, ('sqs:*', '*')), Environment={'Variables': {'QUEUE': url}}, Timeout=10)
    return name, client.create_event_source_mapping(FunctionName=name, EventSourceArn=source_arn, **mapping)['UUID']


def test_a_queue_feeds_a_function(strata, client, make, sqs):
    source, source_arn = queue(sqs)
    said, _ = queue(sqs)
    name, mapping = mapped(strata, make, client, '''
        def handler(event, context):
            for r in event['Records']:
                say(json.dumps([r['body'], r['eventSource'], r['eventSourceARN'], r['awsRegion'], r['messageAttributes'], sorted(r['attributes'])]))
    ''', source_arn, said)
    got = client.get_event_source_mapping(UUID=mapping)
    assert (got['BatchSize'], got['State'], got['EventSourceArn'], got['MaximumBatchingWindowInSeconds']) == (10, 'Enabled', source_arn, 0)
    assert got['FunctionArn'].endswith(':function:' + name)
    assert refusal(client.create_event_source_mapping, FunctionName=name, EventSourceArn=source_arn)[0] == 'ResourceConflictException'
    sqs.send_message(QueueUrl=source, MessageBody='hello', MessageAttributes={'k': {'DataType': 'String', 'StringValue': 'v'}})
    body = json.loads(receive(sqs, said)[0]['Body'])
    assert body[:4] == ['hello', 'aws:sqs', source_arn, 'us-east-1']
    assert body[4] == {'k': {'stringValue': 'v', 'stringListValues': [], 'binaryListValues': [], 'dataType': 'String'}}
    assert body[5] == ['ApproximateFirstReceiveTimestamp', 'ApproximateReceiveCount', 'SenderId', 'SentTimestamp']
    assert wait_for(lambda: waiting(sqs, source) == (0, 0))
    assert client.update_event_source_mapping(UUID=mapping, Enabled=False)['State'] in ('Disabling', 'Disabled')
    assert wait_for(lambda: client.get_event_source_mapping(UUID=mapping)['State'] == 'Disabled')
    sqs.send_message(QueueUrl=source, MessageBody='later')
    time.sleep(1)
    assert waiting(sqs, source) == (1, 0)
    client.update_event_source_mapping(UUID=mapping, Enabled=True)
    assert wait_for(lambda: waiting(sqs, source) == (0, 0))
    client.delete_event_source_mapping(UUID=mapping)
    assert refusal(client.get_event_source_mapping, UUID=mapping)[0] == 'ResourceNotFoundException'
    sqs.send_message(QueueUrl=source, MessageBody='too late')
    time.sleep(1)
    assert waiting(sqs, source) == (1, 0)


def test_partial_failures_and_poison(strata, client, make, sqs):
    dead, dead_arn = queue(sqs)
    source, source_arn = queue(sqs, VisibilityTimeout='12', RedrivePolicy=json.dumps({'deadLetterTargetArn': dead_arn, 'maxReceiveCount': '2'}))
    said, _ = queue(sqs)
    for body in ('good one', 'poison', 'good two'):
        sqs.send_message(QueueUrl=source, MessageBody=body)
    mapped(strata, make, client, '''
        def handler(event, context):
            bad = []
            for r in event['Records']:
                if r['body'] == 'poison':
                    bad.append({'itemIdentifier': r['messageId']})
                else:
                    say(r['body'])
            return {'batchItemFailures': bad}
    ''', source_arn, said, FunctionResponseTypes=['ReportBatchItemFailures'])
    assert wait_for(lambda: sum(waiting(sqs, said)) == 2)
    (message,) = wait_for(lambda: receive(sqs, dead, 1) or strata.advance_clock(13), 90)
    assert message['Body'] == 'poison'
    assert sum(waiting(sqs, said)) == 2 and waiting(sqs, source) == (0, 0)


# ---- what the sandbox keeps in ----

PROBE = '''
import json, os, socket, subprocess, time

def attempt(what):
    try:
        return ['did', repr(what())[:200]]
    except OSError as e:
        return ['failed', type(e).__name__]
'''


def probe(make, source, **config):
    import textwrap
    return make(PROBE + textwrap.dedent(source), **config)


def test_no_file_of_the_host(strata, client, make):
    name = probe(make, '''
        def handler(event, context):
            return {'read': [attempt(lambda: open(p).read(10)) for p in event['files']], 'list': [attempt(lambda: os.listdir(d)) for d in event['folders']],
                    'uid': os.getuid(), 'shadow': attempt(lambda: open('/etc/shadow').read(10))}
    ''')
    secret = strata.data.parent / 'secret.txt'
    secret.write_text('secret')
    got = ok(client, name, {'files': [str(secret), str(strata.data / 'endpoint'), '/proc/1/environ', '/proc/kcore'],
                            'folders': ['/root', '/home', str(strata.data), '/proc/1/root/root', '/sys/fs/cgroup']})
    assert all(r[0] == 'failed' or r[1] in ("''", '[]') for r in got['read'][:2] + got['read'][3:]), got
    assert all(r[0] == 'failed' or r[1] == '[]' for r in got['list']), got
    assert got['shadow'][0] == 'failed', got


def own_address():
    """The machine's address towards the outside; its loopback where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(('192.0.2.1', 9))  # sends nothing
            return s.getsockname()[0]
        except OSError:
            return '127.0.0.1'


def test_nothing_outside_on_the_network(strata, client, make):
    listener = socket.create_server(('127.0.0.1', 0))
    everywhere = socket.create_server(('0.0.0.0', 0))
    name = probe(make, '''
        def handler(event, context):
            return [attempt(lambda: socket.create_connection((a, p), 2)) for a, p in event]
    ''')
    port = int(strata.url.rsplit(':', 1)[1])
    own = own_address()
    places = [['127.0.0.1', listener.getsockname()[1]], ['127.0.0.1', port], [own, everywhere.getsockname()[1]], ['192.0.2.1', 80], ['1.1.1.1', 53]]
    got = ok(client, name, places)
    listener.close()
    everywhere.close()
    assert [g[0] for g in got] == ['failed'] * len(places), got


def test_no_other_process(client, make):
    name = probe(make, '''
        def handler(event, context):
            pids = [int(p) for p in os.listdir('/proc') if p.isdigit()]
            others = [p for p in event if p not in pids]  # in a container the host's numbers may be as small as ours
            return [sorted(pids), [open(f'/proc/{p}/cmdline').read() for p in pids], [attempt(lambda: os.kill(p, 0))[0] for p in others]]
    ''')
    pids, commands, killed = ok(client, name, [*range(1, 100), os.getpid(), os.getppid()])
    assert len(pids) <= 3 and all('strata serve' not in c.replace('\\0', ' ') for c in commands), (pids, commands)
    assert set(killed) == {'failed'}


def test_the_disk_is_small_and_the_rest_of_it_read_only(client, make):
    name = probe(make, '''
        def fill():
            with open('/tmp/fill', 'wb') as f:
                for _ in range(600):
                    f.write(bytes(1 << 20))
            return 'filled'
        def write(path):
            with open(path, 'w') as f:
                f.write('x')
        def handler(event, context):
            return [attempt(fill), [attempt(lambda: write(p)) for p in ('/x', '/var/task/x', '/etc/x', '/usr/x', '/var/x', '/dev/x')],
                    attempt(lambda: os.mkdir('/y'))]
    ''', EphemeralStorage={'Size': 512}, MemorySize=1024, Timeout=60)
    filled, written, folder = ok(client, name)
    assert filled[0] == 'failed' and [w[0] for w in written] == ['failed'] * 6 and folder[0] == 'failed', (filled, written, folder)


def test_nothing_outlives_the_timeout(client, make):
    name = probe(make, '''
        def handler(event, context):
            if event == 'daemon':
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:
                        while True:
                            open('/tmp/alive', 'w').write(str(time.time()))
                            time.sleep(0.01)
                    os._exit(0)
                time.sleep(60)
            return [os.path.exists('/tmp/alive'), len([p for p in os.listdir('/proc') if p.isdigit()])]
    ''', Timeout=2)
    assert invoke(client, name, 'daemon')[1]['errorType'] == 'Sandbox.Timedout'
    alive, processes = ok(client, name)
    assert not alive and processes <= 3


def test_asking_for_more_work_sheds_no_deadline(client, make):
    """The same work is given again."""
    name = probe(make, '''
        import urllib.request
        def handler(event, context):
            while True:
                again = urllib.request.urlopen('http://127.0.0.1:9001/2018-06-01/runtime/invocation/next', timeout=1)
                same = again.headers['Lambda-Runtime-Aws-Request-Id'] == context.aws_request_id and json.load(again) == event
                if event != 'forever' or not same:
                    return same
    ''', Timeout=2)
    assert ok(client, name, 'once') is True
    assert invoke(client, name, 'forever')[1]['errorType'] == 'Sandbox.Timedout'


def test_many_processes_are_refused(client, make):
    name = probe(make, '''
        def handler(event, context):
            n = 0
            try:
                while n < 3000:
                    if os.fork() == 0:
                        time.sleep(30)
                        os._exit(0)
                    n += 1
            except OSError:
                return n
            return n
    ''', MemorySize=1024, Timeout=20)
    answer = invoke(client, name)
    assert answer[0] == 'Unhandled' or answer[1] < 1100


def test_no_other_functions_credentials(client, make):
    source = '''
        def handler(event, context):
            mine = os.environ['AWS_SECRET_ACCESS_KEY']
            if event is None:
                open('/tmp/kept', 'w').write(mine)
                return mine
            seen = []
            for p in os.listdir('/proc'):
                try:
                    seen.append(open(f'/proc/{p}/environ').read())
                except OSError:
                    pass
            return [event in ''.join(seen), os.path.exists('/tmp/kept'), mine == event]
    '''
    one, two = probe(make, source), probe(make, source)
    secret = ok(client, one)
    assert ok(client, two, secret) == [False, False, False]
