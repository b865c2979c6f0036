"""The stack on strata, as a user meets it: deployed by Terraform into three environments, used over HTTP, moved through time, killed,
destroyed. The tests of this file build on one another in the order in which they stand.

dev is deployed as GitHub's workflows do, with web identity tokens and no key at all; stage has a customer key; prod is protected."""

import os
import json
import shutil
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from botocore.exceptions import ClientError
from policy_sentry.querying.actions import get_action_data
from running import ROOT, Strata

REGION = 'eu-west-1'
ENVIRONMENTS = ['dev', 'stage', 'prod']
# What GitHub says a workflow's job is: one of a pull request or a push, one in an environment of the repository.
REVIEWED, IN_ENVIRONMENT = 'repo:example/practice:ref:refs/heads/main', 'repo:example/practice:environment:dev'

pytestmark = pytest.mark.skipif(not shutil.which('terraform'), reason='there is no terraform on PATH')


def wait_for(what, seconds=60, pause=0.2):
    """What the function returns as soon as it is true; its last answer after so many seconds."""
    end = time.monotonic() + seconds
    while not (answer := what()) and time.monotonic() < end:
        time.sleep(pause)
    return answer


class Stack:
    """The stack's folder, copied so that a user's own environments stay as they are, and the strata that it is deployed on."""

    def __init__(self, folder):
        self.folder = folder / 'stack'
        shutil.copytree(ROOT / 'stack', self.folder, ignore=shutil.ignore_patterns('.terraform', '*.tfstate*', '__pycache__'))
        self.strata = Strata(folder / 'data').start()

    def command(self, *arguments, ok=(0,)):
        more = {'TF_VAR_create_kms_key': 'true'} if 'stage' in arguments else {}
        return self.done(self.strata.command(*arguments, STRATA_STACK=str(self.folder), **more), arguments, ok)

    @staticmethod
    def done(done, arguments, ok):
        assert done.returncode in ok, f'{arguments}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
        return done

    def token(self, subject, *more):
        return self.command('oidc', 'issue', '--sub', subject, '--ttl', '1h', *more).stdout.strip()

    def workflow(self, role, token, *arguments, ok=(0,)):
        """A program of the stack for dev as a workflow of GitHub's runs it: with a token, and nothing else that says who it is."""
        file = self.folder.parent / f'{uuid.uuid4().hex}.jwt'
        file.write_text(token)
        environment = self.strata.environment(
            AWS_ROLE_ARN=f'arn:aws:iam::000000000000:role/practice-dev-github-{role}', AWS_WEB_IDENTITY_TOKEN_FILE=str(file), AWS_REGION=REGION,
            AWS_ENDPOINT_URL_STS=self.strata.url, AWS_SHARED_CREDENTIALS_FILE='/dev/null', AWS_CONFIG_FILE='/dev/null')
        del environment['AWS_ACCESS_KEY_ID'], environment['AWS_SECRET_ACCESS_KEY']
        script, *rest = arguments
        done = subprocess.run([sys.executable, self.folder / 'bin' / script, 'dev', *rest], env=environment, capture_output=True, text=True)
        return self.done(done, arguments, ok)

    def deploy(self, environment):
        """dev by its own roles, once bootstrap has made them; the others by the root."""
        if environment != 'dev':
            return self.command('deploy', environment, '--no-build')
        made = subprocess.run([sys.executable, self.folder / 'bin/bootstrap', environment], env=self.strata.environment(), capture_output=True, text=True)
        self.done(made, ('bootstrap',), (0,))
        return self.workflow('apply', self.token(IN_ENVIRONMENT), 'deploy', '--no-build')

    def outputs(self, environment):
        layer = self.folder / 'deploy/30_app'
        done = subprocess.run(['terraform', f'-chdir={layer / "main"}', 'output', '-json'], capture_output=True, text=True, check=True,
                              env=self.strata.environment(TF_DATA_DIR=str(layer / 'environments' / environment / '.terraform')))
        return {name: output['value'] for name, output in json.loads(done.stdout).items()}

    def client(self, service):
        return self.strata.client(service, REGION)

    def clock(self, *arguments):
        return self.command('clock', *arguments)


class Api:
    """The HTTP API of an environment."""

    def __init__(self, stack, environment):
        self.stack, self.outputs = stack, stack.outputs(environment)
        self.key = stack.client('secretsmanager').get_secret_value(SecretId=self.outputs['api_key_secret_arn'])['SecretString']

    def __call__(self, method, path, body=None, key=None, **query):
        url = f'{self.stack.strata.url}/_aws/execute-api/{self.outputs["api_id"]}{path}'
        return requests.request(method, url, params=query, json=body, headers={'x-api-key': key or self.key}, timeout=40)

    def post_event(self, type, data):
        answer = self('POST', '/events', {'type': type, 'data': data})
        assert answer.status_code == 202, answer.text
        return answer.json()['id']

    def events(self, type, limit=100):
        found, query = [], {'type': type, 'limit': limit}
        while True:
            answer = self('GET', '/events', **query)
            assert answer.status_code == 200, answer.text
            found += answer.json()['events']
            if not answer.json()['next_cursor']:
                return found
            query['cursor'] = answer.json()['next_cursor']


@pytest.fixture(scope='module')
def stack(tmp_path_factory):
    made = Stack(tmp_path_factory.mktemp('stack'))
    made.command('runtime', 'install', 'python3.13')
    assert subprocess.run([made.folder / 'build'], env=made.strata.environment()).returncode == 0
    with ThreadPoolExecutor(len(ENVIRONMENTS)) as pool:
        done = list(pool.map(made.deploy, ENVIRONMENTS))
    assert all(d.stdout.endswith(f'{e}: deployed\n') for d, e in zip(done, ENVIRONMENTS))
    yield made
    if made.strata.process.poll() is None:
        made.strata.stop()


@pytest.fixture(scope='module')
def api(stack):
    return Api(stack, 'dev')


def no_drift(stack, environment):
    plan = ('deploy', '--plan', '--no-build')
    done = stack.workflow('plan', stack.token(REVIEWED), *plan, ok=(0, 2)) if environment == 'dev' else stack.command(plan[0], environment, *plan[1:], ok=(0, 2))
    assert done.returncode == 0, f'{environment} has drifted:\n{done.stdout[-4000:]}'


def test_nothing_drifts_in_any_layer_of_any_environment(stack):
    with ThreadPoolExecutor(len(ENVIRONMENTS)) as pool:
        list(pool.map(lambda environment: no_drift(stack, environment), ENVIRONMENTS))


def test_who_plans_cannot_apply_and_no_other_token_does_either(stack):
    right = stack.token(IN_ENVIRONMENT)
    head, claims, signature = right.split('.')
    brief = stack.command('oidc', 'issue', '--sub', IN_ENVIRONMENT, '--ttl', '1s').stdout.strip()
    stack.clock('advance', '2s')
    attempts = [
        ('plan', stack.token(REVIEWED), 'is not authorized to perform: dynamodb:PutItem'),
        ('apply', stack.token(REVIEWED), 'Not authorized to perform sts:AssumeRoleWithWebIdentity'),
        ('apply', stack.token('repo:example/other:environment:dev'), 'Not authorized to perform sts:AssumeRoleWithWebIdentity'),
        ('apply', stack.token(IN_ENVIRONMENT, '--aud', 'somebody'), 'Incorrect token audience'),
        ('apply', f'{head}.{claims}.{signature[::-1]}', 'InvalidIdentityToken'),
        ('apply', brief, 'Token expired'),
    ]
    with ThreadPoolExecutor(len(attempts)) as pool:
        done = list(pool.map(lambda a: stack.workflow(a[0], a[1], 'deploy', '--layer', '10_core', ok=(1,)), attempts))
    for (_, _, words), attempt in zip(attempts, done):
        assert words in ' '.join(attempt.stderr.split()), attempt.stderr


def statements(iam):
    """Of every role: its name, and what each of its policies allows."""
    for role in iam.get_paginator('list_roles').paginate().search('Roles[]'):
        name = role['RoleName']
        documents = [iam.get_role_policy(RoleName=name, PolicyName=p)['PolicyDocument'] for p in iam.list_role_policies(RoleName=name)['PolicyNames']]
        for attached in iam.list_attached_role_policies(RoleName=name)['AttachedPolicies']:
            if not attached['PolicyArn'].startswith('arn:aws:iam::aws:'):
                version = iam.get_policy(PolicyArn=attached['PolicyArn'])['Policy']['DefaultVersionId']
                documents.append(iam.get_policy_version(PolicyArn=attached['PolicyArn'], VersionId=version)['PolicyVersion']['Document'])
        for document in documents:
            for statement in document['Statement']:
                for action in [statement['Action']] if isinstance(statement['Action'], str) else statement['Action']:
                    yield name, action, [statement['Resource']] if isinstance(statement['Resource'], str) else statement['Resource']


def test_no_role_may_do_everything_nor_to_everything_where_less_can_be_said(stack):
    seen = 0
    for role, action, resources in statements(stack.client('iam')):
        assert '*' not in action, (role, action)
        service, name = action.split(':')
        rows = get_action_data(service, name)[service]
        if role.endswith('-github-plan'):
            assert {row['access_level'] for row in rows} <= {'Read', 'List'} or action == 'kms:Decrypt', (role, action)
        if '*' in resources:
            assert all(row['resource_arn_format'] == '*' for row in rows), (role, action)
        seen += 1
    assert seen > 300


def test_a_trail_of_each_environment_is_on_and_signs_what_it_writes(stack):
    trails = stack.client('cloudtrail')
    described = {trail['Name']: trail for trail in trails.describe_trails()['trailList']}
    assert set(described) == {f'practice-{environment}-trail' for environment in ENVIRONMENTS}
    for name, trail in described.items():
        assert trails.get_trail_status(Name=name)['IsLogging'] and trail['LogFileValidationEnabled']
        assert ('KmsKeyId' in trail) == ('stage' in name)


def test_a_second_deploy_changes_nothing_and_says_so(stack):
    assert stack.command('deploy', 'dev').stdout.endswith('dev: nothing has changed\n')


def test_smoke_shows_an_event_come_out(stack):
    url = f'{stack.strata.url}/_aws/execute-api/{{api_id}}'
    done = subprocess.run([stack.folder / 'bin/smoke', 'dev', '--url', url], env=stack.strata.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'through API, queue, worker and table' in done.stdout


def test_health_without_a_key_and_the_rest_with_one(api):
    assert api('GET', '/health', key='none').json() == {'status': 'ok', 'environment': 'dev'}
    assert api('GET', '/users', key='wrong').status_code == 403


def test_the_api_answers_at_its_own_host(stack, api):
    host = f'{api.outputs["api_id"]}.execute-api.{REGION}.localhost'
    answer = requests.get(f'{stack.strata.url}/health', headers={'host': host}, timeout=40)
    assert answer.json() == {'status': 'ok', 'environment': 'dev'}


def test_users_round_trip(api):
    user = {'email': 'ada@example.com', 'name': 'Ada', 'attributes': {'born': 1815, 'half': 0.5}}
    created = api('POST', '/users', user)
    assert created.status_code == 201, created.text
    path = f'/users/{created.json()["user_id"]}'
    assert api('GET', path).json() == created.json()
    assert api('PATCH', path, {'name': 'Ada L.'}).json()['version'] == 2
    assert api('PUT', path, {'email': 'l@example.com', 'name': 'L'}).json()['attributes'] == {}
    assert created.json()['user_id'] in [u['user_id'] for u in api('GET', '/users').json()['users']]
    assert api('DELETE', path).status_code == 204
    assert api('GET', path).status_code == 404


def test_who_read_the_api_key_is_in_the_event_history(stack, api):
    pages = stack.client('cloudtrail').get_paginator('lookup_events').paginate(LookupAttributes=[{'AttributeKey': 'EventName', 'AttributeValue': 'GetSecretValue'}])
    reads = [json.loads(event['CloudTrailEvent']) for page in pages for event in page['Events']]
    functions = [r for r in reads if r['userIdentity'].get('sessionContext', {}).get('sessionIssuer', {}).get('userName') == 'practice-dev-api-server']
    assert api.outputs['api_key_secret_arn'] in {r['requestParameters']['secretId'] for r in functions}
    assert api.key not in json.dumps(reads)


def test_a_hundred_events_at_once_all_arrive_exactly_once_and_page(api):
    with ThreadPoolExecutor(25) as pool:
        accepted = list(pool.map(lambda i: api.post_event('load.sent', {'i': i}), range(100)))
    found = wait_for(lambda: len(api.events('load.sent')) >= 100 and api.events('load.sent'))
    assert sorted(e['id'] for e in found) == sorted(accepted)
    assert sorted(e['data']['i'] for e in found) == list(range(100))
    assert [e['id'] for e in api.events('load.sent', limit=7)] == [e['id'] for e in found]


def test_an_environment_knows_nothing_of_another(stack, api):
    stage = Api(stack, 'stage')
    assert stage.key != api.key
    assert stage('GET', '/users', key=api.key).status_code == 403
    assert stage.events('load.sent') == []


def test_under_a_disabled_key_nothing_is_read_and_enabled_again_all_is(stack):
    stage, sqs, kms = Api(stack, 'stage'), stack.client('sqs'), stack.client('kms')
    stage.post_event('key.kept', {'n': 1})
    assert wait_for(lambda: stage.events('key.kept'))
    dead, key = stage.outputs['dead_letter_queue_url'], kms.describe_key(KeyId='alias/practice-stage')['KeyMetadata']['KeyId']
    sqs.send_message(QueueUrl=dead, MessageBody='kept')
    ways = {
        'KMS.DisabledException': [lambda: stack.client('s3').get_object(Bucket='practice-stage-tfstate', Key='30_app/terraform.tfstate'),
                                  lambda: sqs.receive_message(QueueUrl=dead)['Messages']],
        'ValidationException': [lambda: stack.client('dynamodb').scan(TableName=stage.outputs['events_table'])],
        'DecryptionFailure': [lambda: stack.client('secretsmanager').get_secret_value(SecretId=stage.outputs['api_key_secret_arn'])],
    }
    kms.disable_key(KeyId=key)
    for code, calls in ways.items():
        for call in calls:
            with pytest.raises(ClientError) as refused:
                call()
            assert refused.value.response['Error']['Code'] == code
    kms.enable_key(KeyId=key)
    assert all(call() for calls in ways.values() for call in calls)
    assert len(stage.events('key.kept')) == 1
    functions = stack.client('lambda').list_functions()['Functions']
    groups = stack.client('logs').describe_log_groups()['logGroups']
    for things, name, of in ((functions, 'FunctionName', 'KMSKeyArn'), (groups, 'logGroupName', 'kmsKeyId')):
        sealed = {thing[name] for thing in things if thing.get(of, '').endswith(key)}
        assert sealed == {thing[name] for thing in things if 'practice-stage' in thing[name]} and sealed


def test_a_poison_message_ends_in_the_dead_letter_queue(stack, api):
    sqs, dead = stack.client('sqs'), api.outputs['dead_letter_queue_url']
    task = api('POST', '/tasks', {'task': 'unheard_of'}).json()['id']
    raw = f'not json {uuid.uuid4().hex}'
    sqs.send_message(QueueUrl=api.outputs['queue_url'], MessageBody=raw)

    bodies = []

    def both_are_there():
        stack.clock('advance', '61s')  # past the visibility timeout
        for message in sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10, WaitTimeSeconds=2).get('Messages', []):
            bodies.append(message['Body'])
        return any(task in b for b in bodies) and raw in bodies

    assert wait_for(both_are_there, seconds=90), bodies


def test_the_schedule_runs_the_cron_flow(stack, api):
    before = len(api.events('task.heartbeat'))
    stack.clock('advance', '16m')
    found = wait_for(lambda: len(api.events('task.heartbeat')) > before and api.events('task.heartbeat'))
    assert found and found[-1]['source'] == 'cron' and found[-1]['data']['schedule'].endswith('/practice-dev-cron-server')


def test_logs_are_json_and_carry_the_request_through(stack, api):
    answer = api('POST', '/events', {'type': 'log.checked'})
    request_id = answer.headers['x-request-id']
    logs = stack.client('logs')

    def lines(function):
        found = logs.filter_log_events(logGroupName=f'/aws/lambda/practice-dev-{function}', filterPattern=f'"{request_id}"')['events']
        return [json.loads(event['message']) for event in found if event['message'].startswith('{')]

    assert wait_for(lambda: any(line['message'] == 'request' for line in lines('api-server')))
    assert wait_for(lambda: any(line['message'] == 'event written' for line in lines('worker')))


def test_a_task_counts_events(api):
    api.post_event('count.me', {})
    assert wait_for(lambda: api.events('count.me'))
    assert api('POST', '/tasks', {'task': 'count_events', 'arguments': {'type': 'count.me'}}).status_code == 202
    found = wait_for(lambda: api.events('task.count_events'))
    assert found and found[-1]['data'] == {'type': 'count.me', 'count': 1}


def roles_in_report(stack, environment):
    """The roles that the application's functions and its schedule run as, as the access report tells of them."""
    done = stack.command('report', 'access', '--json')
    ours = [f'practice-{environment}-{name}' for name in ('api-server', 'cron-server', 'worker', 'scheduler')]
    return {p['name']: p for p in json.loads(done.stdout)['principals'] if p['kind'] == 'role' and p['name'] in ours}


def test_roles_are_granted_what_was_used_and_nothing_else(stack, api):
    asked_by_aws_alone = {'sqs:GetQueueAttributes'}  # Lambda's, when it watches a queue
    roles = roles_in_report(stack, 'dev')
    assert len(roles) == 4
    found = {}
    for name, role in roles.items():
        granted = {(action, resource) for g in role['granted'] for action in g['actions'] for resource in g['resources'] if action not in asked_by_aws_alone}
        proposed = {(action, resource) for s in role['policy']['Statement'] for action in s['Action'] for resource in s['Resource']}
        own_streams = f'arn:aws:logs:{REGION}:000000000000:log-group:/aws/lambda/{name}:*'
        wide = {(action, resource) for action, resource in granted if '*' in action or ('*' in resource and resource != own_streams)}
        found[name] = {'never used': granted - proposed, 'wide': wide, 'denied': [u['action'] for u in role['denied']]}
    assert {name: {k: v for k, v in f.items() if v} for name, f in found.items()} == {name: {} for name in roles}


def test_by_the_least_policies_everything_works_and_without_a_statement_its_path_fails(stack, api):
    iam, name = stack.client('iam'), 'practice-dev-api-server'
    role = roles_in_report(stack, 'dev')[name]
    before = iam.get_role_policy(RoleName=name, PolicyName='function')['PolicyDocument']
    attached = [p['PolicyArn'] for p in iam.list_attached_role_policies(RoleName=name)['AttachedPolicies']]

    def put(statements):
        iam.put_role_policy(RoleName=name, PolicyName='function', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': statements}))

    def statuses():
        return {'dynamodb:Scan': api('GET', '/users').status_code, 'dynamodb:Query': api('GET', '/events', type='least').status_code,
                'sqs:SendMessage': api('POST', '/events', {'type': 'least', 'data': {}}).status_code}

    try:
        for arn in attached:
            iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        put(role['policy']['Statement'])
        test_users_round_trip(api)
        works = statuses()
        assert set(works.values()) == {200, 202}
        for left_out in role['policy']['Statement']:
            if 'logs:PutLogEvents' in left_out['Action']:
                continue  # what is refused is to be read in the log
            put([s for s in role['policy']['Statement'] if s is not left_out])
            for action, status in statuses().items():
                assert status == works[action] if action not in left_out['Action'] else status >= 500, (action, status)
    finally:
        put(before['Statement'])
        for arn in attached:
            iam.attach_role_policy(RoleName=name, PolicyArn=arn)

    def refusals():
        found = stack.client('logs').filter_log_events(logGroupName=f'/aws/lambda/{name}', filterPattern='"is not authorized to perform"')['events']
        return ' '.join(event['message'] for event in found)

    for action in ('dynamodb:Scan', 'dynamodb:Query', 'sqs:SendMessage'):
        assert wait_for(lambda: f'is not authorized to perform: {action} on resource: arn:aws:{action.split(":")[0]}:{REGION}:' in refusals()), action
        assert f'because no identity-based policy allows the {action} action' in refusals()


def kill_in_the_middle(stack, api, round):
    """Posts from several clients, kills strata under them and starts it again. Everything that was acknowledged arrives, once."""
    kind, accepted = f'kill.round_{round}', []

    def post(i):
        try:
            accepted.append(api.post_event(kind, {'i': i}))
        except (requests.RequestException, AssertionError):
            pass  # not acknowledged: it may be there or not

    with ThreadPoolExecutor(8) as pool:
        for i in range(40):
            pool.submit(post, i)
        wait_for(lambda: len(accepted) >= 10, pause=0.01)
        stack.strata.kill()
    stack.strata.start()
    stack.clock('advance', '61s')  # what a worker had in hand when it died
    found = wait_for(lambda: set(accepted) <= {e['id'] for e in api.events(kind)} and api.events(kind))
    assert found, f'round {round}: lost {set(accepted) - {e["id"] for e in api.events(kind)}}'
    ids = [e['id'] for e in found]
    assert len(ids) == len(set(ids)) and set(accepted) <= set(ids)


def test_killed_and_started_again_nothing_acknowledged_is_lost(stack, api):
    for round in range(int(os.environ.get('STRATA_KILLS', '3'))):
        kill_in_the_middle(stack, api, round)
    no_drift(stack, 'dev')


def test_past_their_time_events_are_gone(stack, api):
    assert api.events('load.sent')
    stack.clock('advance', '8d')
    table = stack.client('dynamodb')

    def left():
        return table.query(TableName=api.outputs['events_table'], KeyConditionExpression='event_type = :t',
                           ExpressionAttributeValues={':t': {'S': 'load.sent'}}, Select='COUNT')['Count']

    assert wait_for(lambda: left() == 0)


def test_past_their_retention_logs_are_gone(stack, api):
    logs = stack.client('logs')
    group = '/aws/lambda/practice-dev-api-server'
    written = logs.filter_log_events(logGroupName=group, filterPattern='"log.checked"')['events']
    stack.clock('advance', '8d')
    assert wait_for(lambda: not logs.filter_log_events(logGroupName=group, endTime=int(time.time() * 1000))['events']), written


def test_rotated_on_the_clock_no_client_ever_sees_a_broken_key(stack, api):
    """One client looks its key up for each request, the other keeps the one that it has."""
    secrets, arn = stack.client('secretsmanager'), api.outputs['api_key_secret_arn']
    look_up = lambda **which: secrets.get_secret_value(SecretId=arn, **which)['SecretString']
    before, answers, enough = look_up(), [], threading.Event()
    assert before == api.key

    def call():
        while not enough.is_set():
            answers.extend([api('GET', '/users', key=look_up()).status_code, api('GET', '/users', key=before).status_code])

    caller = threading.Thread(target=call)
    caller.start()
    try:
        stack.clock('advance', '30d')
        assert wait_for(lambda: look_up() != before)
        count = len(answers)
        assert wait_for(lambda: len(answers) >= count + 10)
    finally:
        enough.set()
        caller.join()
    assert set(answers) == {200}, answers
    assert look_up(VersionStage='AWSPREVIOUS') == before and 'AWSPENDING' not in str(secrets.describe_secret(SecretId=arn)['VersionIdsToStages'])
    no_drift(stack, 'dev')


def test_destroyed_nothing_is_left(stack):
    assert stack.workflow('apply', stack.token(IN_ENVIRONMENT), 'destroy', '--yes', '--keep-bootstrap').stdout.endswith('but for what bootstrap made\n')
    with ThreadPoolExecutor(len(ENVIRONMENTS)) as pool:
        done = list(pool.map(lambda environment: stack.command('destroy', environment, '--yes'), ENVIRONMENTS))
    assert all(d.stdout.endswith(f'{e}: destroyed\n') for d, e in zip(done, ENVIRONMENTS))
    left = {
        'buckets': stack.client('s3').list_buckets()['Buckets'],
        'tables': stack.client('dynamodb').list_tables()['TableNames'],
        'queues': stack.client('sqs').list_queues().get('QueueUrls', []),
        'functions': stack.client('lambda').list_functions()['Functions'],
        'layers': stack.client('lambda').list_layers()['Layers'],
        'mappings': stack.client('lambda').list_event_source_mappings()['EventSourceMappings'],
        'apis': stack.client('apigatewayv2').get_apis()['Items'],
        'schedules': stack.client('scheduler').list_schedules()['Schedules'],
        'secrets': stack.client('secretsmanager').list_secrets()['SecretList'],
        'groups': stack.client('logs').describe_log_groups()['logGroups'],
        'alarms': stack.client('cloudwatch').describe_alarms()['MetricAlarms'],
        'roles': [r['RoleName'] for r in stack.client('iam').list_roles()['Roles'] if not r['Path'].startswith('/aws-service-role/')],
        'policies': stack.client('iam').list_policies(Scope='Local')['Policies'],
        'trails': stack.client('cloudtrail').describe_trails()['trailList'],
        'providers': stack.client('iam').list_open_id_connect_providers()['OpenIDConnectProviderList'],
    }
    assert {kind: things for kind, things in left.items() if things} == {}
    assert stack.strata.stop() == 0
