"""Function URLs: their configurations, and what answers at them."""

import base64
import json
import re
import uuid

import pytest
import requests
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import functions
from refusals import refusal
from test_cloudtrail import new_bucket, new_name
from test_cloudtrail_events import logged

ACCOUNT = '000000000000'
NOT_THERE = ('ResourceNotFoundException', 'The resource you requested does not exist.')
NO_FUNCTION = ('ResourceNotFoundException', 'Function does not exist')
CORS = {'AllowCredentials': True, 'AllowHeaders': ['x-one'], 'AllowMethods': ['GET', 'PUT'], 'AllowOrigins': ['https://a.example'], 'ExposeHeaders': ['x-two'], 'MaxAge': 60}


@pytest.fixture(scope='module')
def strata(strata_of_module):
    functions.need_runtime(strata_of_module)
    return strata_of_module


@pytest.fixture(scope='module')
def client(strata):
    return strata.client('lambda', read_timeout=120)


@pytest.fixture(scope='module')
def role(strata):
    return functions.role(strata)


def arn(name, alias=None):
    return f'arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}' + (f':{alias}' if alias else '')


def without(answer, *names):
    return {k: v for k, v in answer.items() if k not in ('ResponseMetadata', *names)}


# ---- configurations ----

@pytest.fixture
def name(strata, client, role):
    made = functions.create(strata, 'def handler(event, context): return event', role)
    client.publish_version(FunctionName=made)
    client.create_alias(FunctionName=made, Name='live', FunctionVersion='1')
    yield made
    client.delete_function(FunctionName=made)


def test_a_configuration_is_made_changed_and_removed(client, name):
    made = client.create_function_url_config(FunctionName=name, AuthType='NONE')
    assert made['ResponseMetadata']['HTTPStatusCode'] == 201
    assert re.fullmatch(r'https://[a-z0-9]{32}\.lambda-url\.us-east-1\.on\.aws/', made['FunctionUrl'])
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z', made['CreationTime'])
    assert without(made, 'FunctionUrl', 'CreationTime') == {'FunctionArn': arn(name), 'AuthType': 'NONE'}
    there = client.get_function_url_config(FunctionName=arn(name))
    assert without(there) == {**without(made), 'LastModifiedTime': made['CreationTime'], 'InvokeMode': 'BUFFERED'}
    assert refusal(client.create_function_url_config, FunctionName=name, AuthType='NONE') == ('ResourceConflictException', (
        f'Failed to create function url config for [functionArn = {arn(name)}]. Error message:  FunctionUrlConfig exists for this Lambda function'))
    changed = client.update_function_url_config(FunctionName=name, AuthType='AWS_IAM')
    assert without(changed, 'LastModifiedTime') == {**without(made), 'AuthType': 'AWS_IAM'}
    assert changed['LastModifiedTime'] > made['CreationTime']
    assert client.update_function_url_config(FunctionName=name, InvokeMode='BUFFERED')['InvokeMode'] == 'BUFFERED'
    assert client.update_function_url_config(FunctionName=name)['InvokeMode'] == 'BUFFERED'
    assert client.delete_function_url_config(FunctionName=name)['ResponseMetadata']['HTTPStatusCode'] == 204
    for call in client.get_function_url_config, client.update_function_url_config, client.delete_function_url_config:
        assert refusal(call, FunctionName=name) == NOT_THERE


def test_cross_origin_settings_are_replaced_whole(client, name):
    assert client.create_function_url_config(FunctionName=name, AuthType='NONE', Cors=CORS)['Cors'] == CORS
    assert client.update_function_url_config(FunctionName=name, AuthType='AWS_IAM')['Cors'] == CORS
    assert client.update_function_url_config(FunctionName=name, Cors={'MaxAge': 1})['Cors'] == {'MaxAge': 1}
    assert 'Cors' not in client.update_function_url_config(FunctionName=name, Cors={})
    assert 'Cors' not in client.get_function_url_config(FunctionName=name)
    assert refusal(client.update_function_url_config, FunctionName=name, Cors={'AllowMethods': ['GO']})[0] == 'InvalidParameterValueException'
    assert refusal(client.update_function_url_config, FunctionName=name, Cors={'MaxAge': 86401})[0] == 'ValidationException'


def test_a_function_and_its_aliases_have_urls_of_their_own(client, name):
    own = client.create_function_url_config(FunctionName=name, AuthType='NONE')
    live = client.create_function_url_config(FunctionName=f'{name}:live', Qualifier='live', AuthType='AWS_IAM')
    assert live['FunctionArn'] == arn(name, 'live')
    assert live['FunctionUrl'] != own['FunctionUrl']
    listed = client.list_function_url_configs(FunctionName=name)['FunctionUrlConfigs']
    assert [(u['FunctionArn'], u['InvokeMode']) for u in listed] == [(arn(name), 'BUFFERED'), (arn(name, 'live'), 'BUFFERED')]
    first = client.list_function_url_configs(FunctionName=name, MaxItems=1)
    second = client.list_function_url_configs(FunctionName=name, MaxItems=1, Marker=first['NextMarker'])
    assert [*first['FunctionUrlConfigs'], *second['FunctionUrlConfigs']] == listed
    assert 'NextMarker' not in second
    client.delete_function_url_config(FunctionName=name)
    assert client.get_function_url_config(FunctionName=name, Qualifier='live')['FunctionUrl'] == live['FunctionUrl']
    client.delete_alias(FunctionName=name, Name='live')
    assert client.list_function_url_configs(FunctionName=name)['FunctionUrlConfigs'] == []


def test_what_has_no_url_is_said_so(client, name):
    for qualifier in '1', '$LATEST':
        assert refusal(client.create_function_url_config, FunctionName=name, Qualifier=qualifier, AuthType='NONE') == ('ValidationException', (
            f"1 validation error detected: Value '{qualifier}' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: "
            r'((?!^\d+$)^[0-9a-zA-Z-_]+$)'))
    for missing in {'FunctionName': 'missing'}, {'FunctionName': arn('missing')}, {'FunctionName': name, 'Qualifier': 'v1'}:
        assert refusal(client.create_function_url_config, AuthType='NONE', **missing) == NO_FUNCTION
        assert refusal(client.get_function_url_config, **missing) == NOT_THERE
    assert refusal(client.list_function_url_configs, FunctionName='missing') == NO_FUNCTION
    assert refusal(client.get_function_url_config, FunctionName=f'{name}:old', Qualifier='live') == (
        'InvalidParameterValueException', 'The derived qualifier from the function name does not match the specified qualifier.')


def test_condition_keys_tell_what_is_made_of_which_function(strata, client, name):
    user, iam, user_name = strata.user('lambda')
    statement = {'Effect': 'Allow', 'Action': 'lambda:*FunctionUrlConfig', 'Resource': '*',
                 'Condition': {'StringEquals': {'lambda:FunctionUrlAuthType': 'AWS_IAM'}, 'ArnEquals': {'lambda:FunctionArn': arn(name)}}}
    iam.put_user_policy(UserName=user_name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [statement]}))
    assert refusal(user.create_function_url_config, FunctionName=name, AuthType='NONE')[0] == 'AccessDeniedException'
    assert refusal(user.create_function_url_config, FunctionName=name, Qualifier='live', AuthType='AWS_IAM')[0] == 'AccessDeniedException'
    user.create_function_url_config(FunctionName=name, AuthType='AWS_IAM')
    assert refusal(user.update_function_url_config, FunctionName=name, AuthType='NONE')[0] == 'AccessDeniedException'
    user.update_function_url_config(FunctionName=name, Cors={'MaxAge': 1})
    client.update_function_url_config(FunctionName=name, AuthType='NONE')
    for call in user.get_function_url_config, user.update_function_url_config, user.delete_function_url_config:
        assert refusal(call, FunctionName=name)[0] == 'AccessDeniedException'


def test_permissions_of_urls_are_statements_with_conditions(client, name):
    said = client.add_permission(FunctionName=name, StatementId='a', Action='lambda:InvokeFunctionUrl', Principal='*', FunctionUrlAuthType='NONE')
    assert json.loads(said['Statement']) == {'Sid': 'a', 'Effect': 'Allow', 'Principal': '*', 'Action': 'lambda:InvokeFunctionUrl', 'Resource': arn(name),
                                             'Condition': {'StringEquals': {'lambda:FunctionUrlAuthType': 'NONE'}}}
    said = client.add_permission(FunctionName=name, StatementId='b', Action='lambda:InvokeFunction', Principal='*', InvokedViaFunctionUrl=True)
    assert json.loads(said['Statement'])['Condition'] == {'Bool': {'lambda:InvokedViaFunctionUrl': 'true'}}


# ---- requests ----

# What the request's body says is what happens; anything else is the event itself.
ECHO = '''
    import json
    def handler(event, context):
        if event.get('isBase64Encoded') or not event.get('body', '').startswith('!'):
            return event
        wanted = json.loads(event['body'][1:])
        if wanted == 'raise':
            raise ValueError('no')
        return 'x' * wanted['much'] if isinstance(wanted, dict) and 'much' in wanted else wanted
'''
ADVICE = 'Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html'


class Url:
    """A URL of a function of its own: called at its host, as strata serves it."""

    def __init__(self, strata, client, name, qualifier=None, auth='NONE', public=True, **config):
        self.strata, self.client, self.name = strata, client, name
        self.of = {'FunctionName': name, **({'Qualifier': qualifier} if qualifier else {})}
        self.url = client.create_function_url_config(**self.of, AuthType=auth, **config)['FunctionUrl']
        self.id = self.url.removeprefix('https://').partition('.')[0]
        self.host = f'{self.id}.lambda-url.us-east-1.on.aws'
        if public:
            self.permit('lambda:InvokeFunctionUrl', FunctionUrlAuthType=auth)
            self.permit('lambda:InvokeFunction', InvokedViaFunctionUrl=True)

    def permit(self, action, principal='*', **more):
        self.client.add_permission(**self.of, StatementId='s' + uuid.uuid4().hex[:8], Action=action, Principal=principal, **more)

    def __call__(self, method='GET', path='/', headers={}, **more):
        return requests.request(method, self.strata.url + path, headers={'Host': self.host, **headers}, timeout=60, **more)

    def says(self, answer, **more):
        """What becomes of this answer of the function."""
        return self('POST', data='!' + json.dumps(answer), headers={'Content-Type': 'text/plain', **more})

    def signed(self, key, path='/', method='GET', region='us-east-1', service='lambda', auth=SigV4Auth, token=None, **more):
        request = AWSRequest(method, f'http://{self.host}{path}', **more)
        auth(Credentials(key['AccessKeyId'], key['SecretAccessKey'], token), service, region).add_auth(request)
        return self(method, request.url.removeprefix(f'http://{self.host}'), headers=dict(request.headers), **more)


def outcome(answer):
    return answer.status_code, answer.headers.get('x-amzn-ErrorType'), answer.json()


def forbidden(message=ADVICE):
    return 403, 'AccessDeniedException', {'Message': message}


@pytest.fixture(scope='module')
def echo(strata, client, role):
    """A function with the alias live; each test makes a URL of its own, and none is left."""
    made = functions.create(strata, ECHO, role, MemorySize=256)
    client.publish_version(FunctionName=made)
    client.create_alias(FunctionName=made, Name='live', FunctionVersion='1')
    return made


@pytest.fixture
def new(strata, client, echo):
    made = []
    yield lambda **more: made.append(Url(strata, client, echo, **more)) or made[-1]
    for url in made:
        client.delete_function_url_config(**url.of)
        for statement in json.loads(client.get_policy(**url.of)['Policy'])['Statement']:
            client.remove_permission(**url.of, StatementId=statement['Sid'])


def test_the_event_is_the_request(strata, new):
    url = new()
    answer = url('PUT', '/a%20b/c?x=1&y=%2F&x=2&z', headers={'X-One': 'Two', 'Cookie': 'a=1; b=2', 'Content-Type': 'application/json'}, data='{"k": "\u00e9"}')
    assert (answer.status_code, answer.headers['Content-Type']) == (200, 'application/json')
    event = answer.json()
    context, headers = event.pop('requestContext'), event.pop('headers')
    assert event == {'version': '2.0', 'routeKey': '$default', 'rawPath': '/a%20b/c', 'rawQueryString': 'x=1&y=%2F&x=2&z', 'cookies': ['a=1', 'b=2'],
                     'queryStringParameters': {'x': '1,2', 'y': '/', 'z': ''}, 'body': '{"k": "\u00e9"}', 'isBase64Encoded': False}
    assert (headers['x-one'], headers['host'], 'cookie' in headers, headers['x-forwarded-port']) == ('Two', url.host, False, '443')
    assert context.pop('requestId') == answer.headers['x-amzn-RequestId']
    assert context.pop('timeEpoch') > 0
    assert re.fullmatch(r'\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000', context.pop('time'))
    assert context == {'accountId': 'anonymous', 'apiId': url.id, 'domainName': url.host, 'domainPrefix': url.id, 'routeKey': '$default', 'stage': '$default',
                       'http': {'method': 'PUT', 'path': '/a%20b/c', 'protocol': 'HTTP/1.1', 'sourceIp': '127.0.0.1', 'userAgent': headers['user-agent']}}
    binary = url('POST', data=b'\xff\x00', headers={'Content-Type': 'application/octet-stream'}).json()
    assert (binary['body'], binary['isBase64Encoded']) == (base64.b64encode(b'\xff\x00').decode(), True)
    empty = url('GET').json()
    assert 'body' not in empty and empty['isBase64Encoded'] is False and 'queryStringParameters' not in empty


def test_every_door_leads_to_it(strata, new):
    url = new()
    assert url(headers={'Host': f'{url.id}.lambda-url.us-east-1.localhost:4566'}).json()['requestContext']['domainName'] == f'{url.id}.lambda-url.us-east-1.localhost'
    for path in '', '/', '/_strata/health':
        assert requests.get(f'{strata.url}/_aws/lambda-url/{url.id}{path}', timeout=60).json()['rawPath'] == path or '/'
    assert url(path='/_strata/health').json()['rawPath'] == '/_strata/health'
    done = strata.command('exec', '--', 'curl', '-sS', '--max-time', '60', url.url + 'x')
    assert json.loads(done.stdout)['rawPath'] == '/x', done.stderr
    assert strata.command('exec', '--', 'sh', '-c', f'aws lambda get-function-url-config --function-name {url.name} --query FunctionUrl --output text').stdout.strip() == url.url


def test_functions_reach_one_another_by_their_urls(strata, client, role, new):
    url = new()
    caller = functions.create(strata, '''
        import ssl, urllib.request
        def handler(event, context):
            return urllib.request.urlopen(event, context=ssl._create_unverified_context()).read().decode()
    ''', role, MemorySize=256)
    answer = json.loads(client.invoke(FunctionName=caller, Payload=json.dumps(url.url + 'from/within'))['Payload'].read())
    assert json.loads(answer)['rawPath'] == '/from/within'


@pytest.mark.parametrize('said, status, text, headers', [
    ({'hello': 'world'}, 200, '{"hello": "world"}', {'Content-Type': 'application/json'}),
    ('hello', 200, 'hello', {'Content-Type': 'application/json'}),
    (['a', 3, True], 200, '["a", 3, true]', {}),
    (3.1, 200, '3.1', {}),
    ({'statusCode': 201, 'body': 'b', 'headers': {'X-One': 'Two', 'Content-Type': 'text/plain'}}, 201, 'b', {'x-one': 'Two', 'content-type': 'text/plain'}),
    ({'statusCode': '418', 'body': 'teapot'}, 418, 'teapot', {'Content-Type': 'application/json'}),
    ({'statusCode': 200, 'body': base64.b64encode(b'bytes').decode(), 'isBase64Encoded': True}, 200, 'bytes', {}),
    ({'statusCode': 200, 'cookies': ['a=1; Secure', 'b=2']}, 200, '', {'Set-Cookie': 'a=1; Secure, b=2'}),
    ({'statusCode': 99}, 502, 'Internal Server Error', {'Content-Type': 'application/json'}),
    ({'statusCode': 200, 'body': {'no': 'text'}}, 502, 'Internal Server Error', {}),
    ({'statusCode': 200, 'body': '*', 'isBase64Encoded': True}, 502, 'Internal Server Error', {}),
    ('raise', 502, 'Internal Server Error', {'Content-Type': 'application/json'}),
])
def test_what_the_function_says_is_the_answer(strata, shared, said, status, text, headers):
    answer = shared.says(said)
    assert (answer.status_code, answer.text) == (status, text)
    assert {k: answer.headers.get(k) for k in headers} == headers
    assert answer.headers['x-amzn-RequestId']


@pytest.fixture(scope='module')
def shared(strata, client, role):
    return Url(strata, client, functions.create(strata, ECHO, role, MemorySize=256))


def test_limits_are_answered_by_the_url(client, shared):
    mb = 1024 * 1024
    assert shared.says({'much': 6 * mb - 1000}).status_code == 200
    assert shared.says({'much': 6 * mb + 1000}).status_code == 502
    assert shared('POST', data=b'\xff' * (5 * mb)).status_code == 413  # in base64 too large for an event
    assert shared('POST', data=b'x' * (7 * mb)).status_code == 413
    client.put_function_concurrency(FunctionName=shared.name, ReservedConcurrentExecutions=0)
    assert outcome(shared()) == (429, 'TooManyRequestsException', {'Message': 'Rate Exceeded.'})
    client.delete_function_concurrency(FunctionName=shared.name)
    assert shared().status_code == 200


def test_the_functions_policy_lets_in_everybody_or_nobody(strata, client, new):
    url = new(public=False)
    assert outcome(url()) == forbidden()
    url.permit('lambda:InvokeFunctionUrl', FunctionUrlAuthType='NONE')
    assert outcome(url()) == forbidden()  # InvokeFunction is asked, too
    url.permit('lambda:InvokeFunction', InvokedViaFunctionUrl=True)
    assert url().status_code == 200
    client.update_function_url_config(**url.of, AuthType='AWS_IAM')
    assert outcome(url()) == forbidden('Forbidden')
    assert outcome(url.signed({'AccessKeyId': 'AKIA' + 'X' * 16, 'SecretAccessKey': 'x'})) == (
        403, 'UnrecognizedClientException', {'Message': 'The security token included in the request is invalid.'})


def user_of(strata, account=None):
    """A new user of an account, as what puts a policy on him, his ARN and his key."""
    iam = strata.client('iam', **({'key': account} if account else {}))
    name = 'u-' + uuid.uuid4().hex[:8]
    made, key = iam.create_user(UserName=name)['User'], iam.create_access_key(UserName=name)['AccessKey']
    def allow(*actions, **more):
        iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
            {'Effect': 'Allow', 'Action': actions, 'Resource': '*', **more}]}))
    return allow, made, key


def test_a_signature_lets_through_whom_policies_allow(strata, new):
    url, (allow, user, key) = new(auth='AWS_IAM', public=False), user_of(strata)
    url.permit('lambda:InvokeFunction', 'events.amazonaws.com')
    assert outcome(url.signed(key)) == forbidden()
    allow('lambda:InvokeFunctionUrl')
    assert outcome(url.signed(key)) == forbidden()
    allow('lambda:InvokeFunctionUrl', 'lambda:InvokeFunction')
    context = url.signed(key, '/p?a=b%20c', 'POST', data='body').json()['requestContext']
    assert context['accountId'] == ACCOUNT
    assert context['authorizer'] == {'iam': {'accessKey': key['AccessKeyId'], 'accountId': ACCOUNT, 'callerId': user['UserId'], 'cognitoIdentity': None,
                                             'principalOrgId': None, 'userArn': user['Arn'], 'userId': user['UserId']}}
    assert url.signed(key, '/p?a=b', auth=SigV4QueryAuth).status_code == 200
    for wrong, words in (({'region': 'eu-west-1'}, 'Credential should be scoped to a valid region. '), ({'service': 's3'}, "Credential should be scoped to correct service: 'lambda'. "),
                         ({'key': {**key, 'SecretAccessKey': 'x' * 40}}, 'The request signature we calculated does not match')):
        status, kind, said = outcome(url.signed(**{'key': key, **wrong}))
        assert (status, kind, said['Message'][:len(words)]) == (403, 'InvalidSignatureException', words)
    allow('lambda:InvokeFunctionUrl', Condition={'StringEquals': {'lambda:FunctionUrlAuthType': 'AWS_IAM'}, 'ArnLike': {'lambda:FunctionArn': arn(url.name)}})
    url.permit('lambda:InvokeFunction', user['Arn'], InvokedViaFunctionUrl=True)  # either policy will do, for each
    assert url.signed(key).status_code == 200
    allow('lambda:InvokeFunctionUrl', Condition={'StringEquals': {'lambda:FunctionUrlAuthType': 'NONE'}})
    assert outcome(url.signed(key)) == forbidden()


def test_who_comes_from_another_account_needs_both_policies(strata, new):
    url, (allow, user, key) = new(auth='AWS_IAM', public=False), user_of(strata, '111111111111')
    allow('lambda:InvokeFunctionUrl', 'lambda:InvokeFunction')
    url.permit('lambda:InvokeFunctionUrl', '111111111111', FunctionUrlAuthType='AWS_IAM')
    assert outcome(url.signed(key)) == forbidden()
    url.permit('lambda:InvokeFunction', '111111111111', InvokedViaFunctionUrl=True)
    context = url.signed(key).json()['requestContext']
    assert (context['accountId'], context['authorizer']['iam']['accountId'], context['authorizer']['iam']['userArn']) == (ACCOUNT, '111111111111', user['Arn'])
    allow('lambda:InvokeFunctionUrl')
    assert outcome(url.signed(key)) == forbidden()


def test_a_role_signs_with_its_session(strata, new):
    url, role_name = new(auth='AWS_IAM', public=False), 'r-' + uuid.uuid4().hex[:8]
    url.permit('lambda:InvokeFunction', 'events.amazonaws.com')
    iam = strata.client('iam')
    trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:root'}}]}
    role_arn = iam.create_role(RoleName=role_name, AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
    iam.put_role_policy(RoleName=role_name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'lambda:InvokeFunction*', 'Resource': arn(url.name)}]}))
    caller, iam, user = strata.user('sts')
    iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Resource': role_arn}]}))
    c = caller.assume_role(RoleArn=role_arn, RoleSessionName='me')['Credentials']
    assert url.signed(c, token=c['SessionToken']).json()['requestContext']['authorizer']['iam']['userArn'] == f'arn:aws:sts::{ACCOUNT}:assumed-role/{role_name}/me'


def test_an_alias_answers_as_its_version_until_it_goes(strata, client, new, role):
    url = Url(strata, client, functions.create(strata, 'def handler(event, context): return context.function_version', role, MemorySize=256), public=False)
    client.publish_version(FunctionName=url.name)
    client.create_alias(FunctionName=url.name, Name='live', FunctionVersion='1')
    live = Url(strata, client, url.name, 'live')
    assert live().text == '1'
    assert outcome(url()) == forbidden()  # what is allowed for an alias is not for the function
    client.delete_alias(FunctionName=url.name, Name='live')
    assert outcome(live()) == forbidden(None)
    client.delete_function(FunctionName=url.name)
    assert outcome(url()) == forbidden(None)
    assert outcome(requests.get(f'{strata.url}/_aws/lambda-url/missing/', timeout=60)) == forbidden(None)


def cors_of(answer):
    return {k.lower().removeprefix('access-control-'): v for k, v in answer.headers.items() if k.lower().startswith('access-control-')}


def test_cross_origin_requests_are_answered_by_the_url(client, new):
    url = new(Cors=CORS, public=False)
    ask = {'Origin': 'https://a.example', 'Access-Control-Request-Method': 'PUT'}
    preflight = url('OPTIONS', headers=ask)  # whoever may come
    assert (preflight.status_code, preflight.content) == (200, b'')
    own = {'allow-origin': 'https://a.example', 'allow-credentials': 'true', 'expose-headers': 'x-two'}
    assert cors_of(preflight) == {**own, 'allow-methods': 'GET,PUT', 'allow-headers': 'x-one', 'max-age': '60'}
    assert cors_of(url('OPTIONS', headers={**ask, 'Origin': 'https://b.example'})) == {}
    url.permit('lambda:InvokeFunctionUrl', FunctionUrlAuthType='NONE')
    url.permit('lambda:InvokeFunction', InvokedViaFunctionUrl=True)
    said = {'statusCode': 200, 'headers': {'Access-Control-Allow-Origin': '*', 'X-Two': '2'}, 'body': 'b'}
    answer = url.says(said, Origin='https://a.example')
    assert cors_of(answer) == own and answer.headers['x-two'] == '2'
    assert cors_of(url.says(said)) == {}
    client.update_function_url_config(**url.of, Cors={})
    assert cors_of(url.says(said, Origin='https://b.example')) == {'allow-origin': '*'}
    assert url('OPTIONS', headers=ask).json()['requestContext']['http']['method'] == 'OPTIONS'  # the function's own affair


def test_invocations_are_data_events(strata, client, new):
    url, trail, trail_name, bucket = new(), strata.client('cloudtrail'), new_name('trail'), new_bucket(strata)
    trail.create_trail(Name=trail_name, S3BucketName=bucket)
    trail.start_logging(Name=trail_name)
    trail.put_event_selectors(TrailName=trail_name, EventSelectors=[{'IncludeManagementEvents': False, 'DataResources': [
        {'Type': 'AWS::Lambda::Function', 'Values': [arn(url.name)]}]}])
    client.update_function_url_config(**url.of, AuthType='AWS_IAM')
    allow, user, key = user_of(strata)
    assert outcome(url.signed(key)) == forbidden()
    client.update_function_url_config(**url.of, AuthType='NONE')
    id = url().headers['x-amzn-RequestId']
    trail.lookup_events()  # what waits in memory is written now
    strata.advance_clock(301)
    refused, record = sorted((r for r in logged(strata, bucket) if not r['managementEvent']), key=lambda r: 'errorCode' not in r)
    assert [r['eventName'] for r in (refused, record)] == ['InvokeFunctionUrl'] * 2
    assert (refused['errorCode'], refused['userIdentity']['userName']) == ('AccessDenied', user['UserName'])
    assert (record['requestID'], record['userIdentity']['accountId'], record['eventCategory']) == (id, 'ANONYMOUS_PRINCIPAL', 'Data')
    assert record['resources'] == [{'accountId': ACCOUNT, 'type': 'AWS::Lambda::Function', 'ARN': arn(url.name)}]
    trail.delete_trail(Name=trail_name)
