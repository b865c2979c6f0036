"""Authorizers of HTTP APIs: tokens, functions and signatures let a request through, and nothing else does."""

import json
import time
import uuid

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import functions
from apis import Api, new_function, permit
from issuer import Issuer, part
from refusals import refusal

ECHO = '''
    import json
    def handler(event, context):
        return {'statusCode': 200, 'headers': {'content-type': 'application/json'}, 'body': json.dumps(event)}
'''
# Says what the header x-say says, with the event that it got and how often it was asked in the context.
AUTHORIZER = '''
    import json
    asked = 0
    def handler(event, context):
        global asked
        asked += 1
        say = event['headers']['x-say']
        if say == 'raise':
            raise ValueError('on purpose')
        answer = json.loads(say)
        if isinstance(answer, dict):
            answer['context'] = {'asked': asked, 'event': json.dumps(event)}
        return answer
'''
IDP, CLIENT = 'https://idp.example', 'my-client'
UNAUTHORIZED, FORBIDDEN, SERVER_ERROR = ({'message': m} for m in ('Unauthorized', 'Forbidden', 'Internal Server Error'))


@pytest.fixture(scope='module')
def issuer(tmp_path_factory):
    running = Issuer(tmp_path_factory.mktemp('issuer'))
    yield running
    running.stop()


@pytest.fixture(scope='module')
def strata(strata_of_module, issuer):
    """The issuer's certificate is one of the system's authorities."""
    strata_of_module.stop()
    strata_of_module.more_environment = {'SSL_CERT_FILE': str(issuer.certificate)}
    return strata_of_module.start()


@pytest.fixture(scope='module')
def client(strata):
    return strata.client('apigatewayv2')


@pytest.fixture(scope='module')
def echo(strata):
    return new_function(strata, ECHO)


@pytest.fixture
def asked(strata, echo):
    """A new authorizer function."""
    return new_function(strata, AUTHORIZER)


def uri(function):
    return f'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations'


def make_authorizer(api, kind, **settings):
    return api.client.create_authorizer(ApiId=api.id, AuthorizerType=kind, Name='n-' + uuid.uuid4().hex[:8], **settings)['AuthorizerId']


def protect(api, authorizer_id, type, key='GET /{p+}', **more):
    api.client.create_route(ApiId=api.id, RouteKey=key, Target=f'integrations/{api.integration}', AuthorizationType=type, AuthorizerId=authorizer_id, **more)


def jwt_api(strata, client, echo, issuer=IDP, source='$request.header.Authorization', version='2.0'):
    api = Api(strata, client, ['GET /open'], echo, version=version)
    a = make_authorizer(api, 'JWT', IdentitySource=[source], JwtConfiguration={'Issuer': issuer, 'Audience': ['other', CLIENT]})
    protect(api, a, 'JWT')
    protect(api, a, 'JWT', 'GET /scoped', AuthorizationScopes=['read', 'admin'])
    return api


def issue(strata, *more, sub='someone', aud=CLIENT, idp=IDP):
    done = strata.command('oidc', 'issue', '--sub', sub, '--aud', aud, '--issuer', idp, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def bearer(token):
    return {'Authorization': f'Bearer {token}'}


def outcome(answer):
    return answer.status_code, answer.json()


# ---- records ----

def test_authorizers_are_created_changed_listed_and_removed(client):
    id = client.create_api(Name='x', ProtocolType='HTTP')['ApiId']
    jwt = client.create_authorizer(ApiId=id, AuthorizerType='JWT', Name='j', IdentitySource=['$request.header.Authorization'],
                                   JwtConfiguration={'Issuer': IDP, 'Audience': [CLIENT]})
    assert (jwt['AuthorizerType'], jwt['Name'], jwt['JwtConfiguration']) == ('JWT', 'j', {'Issuer': IDP, 'Audience': [CLIENT]})
    fn = client.create_authorizer(ApiId=id, AuthorizerType='REQUEST', Name='r', IdentitySource=['$request.header.A', '$context.routeKey'], AuthorizerResultTtlInSeconds=60,
                                  AuthorizerUri=uri('arn:aws:lambda:us-east-1:000000000000:function:f'), AuthorizerPayloadFormatVersion='2.0', EnableSimpleResponses=True)
    got = client.get_authorizer(ApiId=id, AuthorizerId=fn['AuthorizerId'])
    assert {k: v for k, v in got.items() if k != 'ResponseMetadata'} == {k: v for k, v in fn.items() if k != 'ResponseMetadata'}
    assert (got['AuthorizerResultTtlInSeconds'], got['EnableSimpleResponses'], got['IdentitySource']) == (60, True, ['$request.header.A', '$context.routeKey'])
    assert client.update_authorizer(ApiId=id, AuthorizerId=fn['AuthorizerId'], AuthorizerResultTtlInSeconds=0)['AuthorizerResultTtlInSeconds'] == 0
    assert {a['Name'] for a in client.get_authorizers(ApiId=id)['Items']} == {'j', 'r'}
    route = client.create_route(ApiId=id, RouteKey='GET /a', AuthorizationType='JWT', AuthorizerId=jwt['AuthorizerId'], AuthorizationScopes=['s'])
    assert (route['AuthorizationType'], route['AuthorizerId'], route['AuthorizationScopes']) == ('JWT', jwt['AuthorizerId'], ['s'])
    assert refusal(client.delete_authorizer, ApiId=id, AuthorizerId=jwt['AuthorizerId'])[0] == 'ConflictException'
    freed = client.update_route(ApiId=id, RouteId=route['RouteId'], AuthorizationType='NONE')
    assert freed['AuthorizationType'] == 'NONE' and 'AuthorizerId' not in freed and not freed.get('AuthorizationScopes')
    client.delete_authorizer(ApiId=id, AuthorizerId=jwt['AuthorizerId'])
    assert refusal(client.get_authorizer, ApiId=id, AuthorizerId=jwt['AuthorizerId'])[0] == 'NotFoundException'
    client.delete_api(ApiId=id)


def test_malformed_authorizers_are_bad_requests(client):
    id = client.create_api(Name='x', ProtocolType='HTTP')['ApiId']
    source, config = ['$request.header.A'], {'Issuer': IDP, 'Audience': [CLIENT]}
    function = {'AuthorizerType': 'REQUEST', 'AuthorizerUri': uri('arn:aws:lambda:us-east-1:000000000000:function:f'), 'AuthorizerPayloadFormatVersion': '2.0'}
    jwt = {'AuthorizerType': 'JWT', 'JwtConfiguration': config}
    for wrong in ({**jwt, 'JwtConfiguration': {'Issuer': 'http://idp.example', 'Audience': [CLIENT]}}, {**jwt, 'JwtConfiguration': {'Issuer': IDP}}, {'AuthorizerType': 'JWT'},
                  {**jwt, 'IdentitySource': source * 2}, {**jwt, 'IdentitySource': ['$request.body.a']}, {**jwt, 'AuthorizerUri': function['AuthorizerUri']},
                  {**function, 'AuthorizerUri': 'arn:aws:lambda:us-east-1:000000000000:function:f'}, {**function, 'AuthorizerPayloadFormatVersion': '3.0'},
                  {**function, 'AuthorizerPayloadFormatVersion': '1.0', 'EnableSimpleResponses': True}, {**function, 'JwtConfiguration': config},
                  {**function, 'AuthorizerResultTtlInSeconds': 3601}, {**function, 'AuthorizerResultTtlInSeconds': 1, 'IdentitySource': []},
                  {**function, 'IdentitySource': ['$context.unknown']}):
        assert refusal(client.create_authorizer, ApiId=id, Name='n', **{'IdentitySource': source, **wrong})[0] == 'BadRequestException', wrong
    assert refusal(client.create_route, ApiId=id, RouteKey='GET /a', AuthorizationType='JWT', AuthorizerId='none')[0] == 'BadRequestException'
    made = client.create_authorizer(ApiId=id, Name='n', IdentitySource=source, **jwt)['AuthorizerId']
    assert refusal(client.create_authorizer, ApiId=id, Name='n', IdentitySource=source, **jwt)[0] == 'BadRequestException'
    assert refusal(client.create_route, ApiId=id, RouteKey='GET /a', AuthorizationType='CUSTOM', AuthorizerId=made)[0] == 'BadRequestException'
    assert not client.get_routes(ApiId=id)['Items']
    client.delete_api(ApiId=id)


def test_who_gives_a_role_must_be_allowed_to_pass_it(strata, client):
    id, role = client.create_api(Name='x', ProtocolType='HTTP')['ApiId'], functions.role(strata)
    user, iam, name = strata.user('apigatewayv2')
    allow = lambda *actions: iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': actions, 'Resource': '*'}]}))
    integration = {'ApiId': id, 'IntegrationType': 'AWS_PROXY', 'IntegrationUri': 'arn:aws:lambda:us-east-1:000000000000:function:f', 'PayloadFormatVersion': '2.0'}
    authorizer = {'ApiId': id, 'AuthorizerType': 'REQUEST', 'Name': 'n', 'AuthorizerUri': uri('arn:aws:lambda:us-east-1:000000000000:function:f'),
                  'AuthorizerPayloadFormatVersion': '2.0', 'IdentitySource': []}
    allow('apigateway:POST')
    user.create_integration(**integration)
    assert 'iam:PassRole' in refusal(user.create_integration, CredentialsArn=role, **integration)[1]
    assert 'iam:PassRole' in refusal(user.create_authorizer, AuthorizerCredentialsArn=role, **authorizer)[1]
    allow('apigateway:POST', 'iam:PassRole')
    user.create_integration(CredentialsArn=role, **integration)
    user.create_authorizer(AuthorizerCredentialsArn=role, **authorizer)
    client.delete_api(ApiId=id)


# ---- tokens ----

def test_a_token_lets_through_and_its_claims_are_in_the_event(strata, client, echo):
    api = jwt_api(strata, client, echo)
    token = issue(strata, '--claim', 'scope=read write', '--claim', 'nickname=s"1')
    for headers in (bearer(token), {'Authorization': token}):
        authorizer = api('GET', '/x', headers=headers).json()['requestContext']['authorizer']
        claims = authorizer['jwt']['claims']
        assert (claims['sub'], claims['iss'], claims['aud'], claims['nickname'], authorizer['jwt']['scopes']) == ('someone', IDP, CLIENT, 's"1', None)
        assert abs(int(claims['exp']) - time.time()) < 3600  # a number in the token, here text
    assert api('GET', '/scoped', headers=bearer(token)).json()['requestContext']['authorizer']['jwt']['scopes'] == ['read', 'write']
    old = jwt_api(strata, client, echo, source='$request.querystring.token', version='1.0')
    assert old('GET', f'/x?token={token}').json()['requestContext']['authorizer']['claims']['sub'] == 'someone'
    assert 'authorizer' not in api('GET', '/open').json()['requestContext']


def test_other_tokens_do_not(strata, client, echo):
    api = jwt_api(strata, client, echo)
    good = issue(strata)
    head, claims, signature = good.split('.')

    def refused(token, status=401):
        answer = api('GET', '/scoped' if status == 403 else '/x', headers=bearer(token))
        assert outcome(answer) == (status, UNAUTHORIZED if status == 401 else FORBIDDEN)
        return answer.headers['www-authenticate']

    answer = api('GET', '/x')
    assert outcome(answer) == (401, UNAUTHORIZED) and answer.headers['www-authenticate'] == 'Bearer'
    assert refused(issue(strata, aud='another')) == 'Bearer scope="" error="invalid_token" error_description="the token does not have a valid audience"'
    assert 'issuer' in refused(issue(strata, idp=IDP + '/elsewhere'))
    assert 'signature' in refused(f'{head}.{claims}.{part(b"0" * 256)}')
    assert 'algorithm' in refused(f'{part({"alg": "none"})}.{claims}.')
    assert 'algorithm' in refused(f'{part({"alg": "HS256", "kid": "x"})}.{claims}.{signature}')
    for broken in ('a', 'a.b.c', '....', '\x7f'):
        assert 'malformed' in refused(broken)
    assert 'insufficient_scope' in refused(good, 403)
    assert 'insufficient_scope' in refused(issue(strata, '--claim', 'scope=reader'), 403)
    assert api('GET', '/x', headers=bearer(good)).status_code == 200
    strata.advance_clock(3600)
    assert refused(good) == 'Bearer scope="" error="invalid_token" error_description="the token has expired"'


def test_the_keys_of_an_issuer_are_fetched(strata, client, echo, issuer):
    api = jwt_api(strata, client, echo, issuer=f'https://{issuer.host}')
    now = strata.now_ms() // 1000
    claims = {'aud': [CLIENT, 'x'], 'iat': now, 'exp': now + 300, 'groups': ['a', 'b'], 'admin': True}
    before = len(issuer.fetched)
    for _ in range(2):
        event = api('GET', '/x', headers=bearer(issuer.token(**claims))).json()
        assert {k: event['requestContext']['authorizer']['jwt']['claims'][k] for k in ('aud', 'groups', 'admin', 'exp')} == {
            'aud': f'[{CLIENT} x]', 'groups': '[a b]', 'admin': 'true', 'exp': str(now + 300)}
    assert len(issuer.fetched) == before + 2  # two documents, once
    assert api('GET', '/x', headers=bearer(issuer.token(**{**claims, 'nbf': now + 600}))).status_code == 401
    by_client = {**claims, 'aud': None, 'client_id': CLIENT}
    assert api('GET', '/x', headers=bearer(issuer.token(**by_client))).status_code == 200
    assert api('GET', '/x', headers=bearer(issuer.token(**{**by_client, 'aud': 'another'}))).status_code == 401


# ---- functions ----

def function_api(strata, client, echo, asked, version='2.0', integration='2.0', **settings):
    api = Api(strata, client, [], echo, version=integration)
    settings = {'IdentitySource': ['$request.header.X-Say', '$request.querystring.who'], 'EnableSimpleResponses': version == '2.0', **settings}
    protect(api, make_authorizer(api, 'REQUEST', AuthorizerUri=uri(asked), AuthorizerPayloadFormatVersion=version, **settings), 'CUSTOM')
    return api


def say(answer):
    return {'X-Say': answer if isinstance(answer, str) else json.dumps(answer)}


def policy(api, effect='Allow', resource='*', action='execute-api:Invoke'):
    return {'principalId': 'me', 'policyDocument': {'Version': '2012-10-17', 'Statement': [{'Effect': effect, 'Action': action, 'Resource': resource}]}}


def test_a_function_says_yes_or_no(strata, client, echo, asked):
    api = function_api(strata, client, echo, asked)
    event = api('GET', '/x/y?who=1', headers={**say({'isAuthorized': True}), 'Cookie': 'k=1'}).json()
    context = event['requestContext']['authorizer']['lambda']
    question = json.loads(context['event'])
    assert context['asked'] == 1 and event['requestContext']['http']['path'] == '/x/y'
    assert (question['version'], question['type'], question['routeKey'], question['rawPath']) == ('2.0', 'REQUEST', 'GET /{p+}', '/x/y')
    assert question['routeArn'] == f'arn:aws:execute-api:us-east-1:000000000000:{api.id}/$default/GET/x/y'
    assert question['identitySource'] == ['{"isAuthorized": true}', '1'] and question['pathParameters'] == {'p': 'x/y'} and question['cookies'] == ['k=1']
    assert 'body' not in question and 'authorizer' not in question['requestContext']
    assert outcome(api('GET', '/x?who=1', headers=say({'isAuthorized': False}))) == (403, FORBIDDEN)
    for headers, path in ((say({'isAuthorized': True}), '/x'), ({}, '/x?who=1')):
        assert outcome(api('GET', path, headers=headers)) == (401, UNAUTHORIZED)
    for odd in ({}, {'isAuthorized': 'true'}, [], 'raise', policy(api)):
        assert outcome(api('GET', '/x?who=1', headers=say(odd))) == (500, SERVER_ERROR), odd
    answer = api('GET', '/x?who=1', headers=say({'isAuthorized': True}))
    assert answer.headers['apigw-requestid'] and answer.json()['requestContext']['authorizer']['lambda']['asked'] >= 3  # no TTL: asked each time


def test_a_function_answers_with_a_policy(strata, client, echo, asked):
    api = function_api(strata, client, echo, asked, version='1.0', integration='1.0')
    arn = f'arn:aws:execute-api:us-east-1:000000000000:{api.id}/$default/GET/x'
    ask = lambda answer: api('GET', '/x?who=1', headers=say(answer))
    authorizer = ask(policy(api, resource=arn)).json()['requestContext']['authorizer']
    question = json.loads(authorizer['event'])
    assert authorizer['principalId'] == 'me' and authorizer['asked'] == 1
    assert (question['version'], question['type'], question['methodArn'], question['httpMethod'], question['path']) == ('1.0', 'REQUEST', arn, 'GET', '/x')
    assert question['identitySource'] == question['authorizationToken'] and question['identitySource'].endswith(',1')
    for wrong in (policy(api, effect='Deny'), policy(api, resource=arn + 'y'), policy(api, action='execute-api:ManageConnections')):
        assert outcome(ask(wrong)) == (403, FORBIDDEN)
    for odd in ({'principalId': 'me'}, {**policy(api), 'principalId': 7}, {**policy(api), 'policyDocument': {'Statement': 'none'}}, {'isAuthorized': True}):
        assert outcome(ask(odd)) == (500, SERVER_ERROR), odd


def test_answers_are_kept_as_long_as_the_authorizer_says(strata, client, echo, asked):
    api = function_api(strata, client, echo, asked, AuthorizerResultTtlInSeconds=300)
    authorizer = client.get_authorizers(ApiId=api.id)['Items'][0]['AuthorizerId']
    count = lambda who: api('GET', f'/x?who={who}', headers=say({'isAuthorized': True})).json()['requestContext']['authorizer']['lambda']['asked']
    assert [count('a'), count('a'), count('b'), count('a')] == [1, 1, 2, 1]
    strata.advance_clock(301)
    assert [count('a'), count('a')] == [3, 3]
    client.update_authorizer(ApiId=api.id, AuthorizerId=authorizer, AuthorizerResultTtlInSeconds=200)
    assert count('a') == 4
    no = lambda: api('GET', '/x?who=a', headers=say({'isAuthorized': False})).status_code
    assert [no(), no()] == [403, 403]
    client.update_authorizer(ApiId=api.id, AuthorizerId=authorizer, AuthorizerResultTtlInSeconds=0)
    assert [count('a'), count('a')] == [6, 7]  # the second no was not asked


def test_great_answers_are_not_kept(strata, client, echo, asked):
    api = function_api(strata, client, echo, asked, AuthorizerResultTtlInSeconds=300)
    count = lambda pad: api('GET', '/x?who=a', headers=say({'isAuthorized': True, 'pad': 'x' * pad})).json()['requestContext']['authorizer']['lambda']['asked']
    assert [count(10), count(10), count(9000), count(9000)] == [1, 1, 2, 3]


def test_the_gateway_may_call_by_permission_or_by_a_role(strata, client, echo):
    arn = new_function(strata, AUTHORIZER, permitted=False)
    headers = say({'isAuthorized': True})
    assert outcome(function_api(strata, client, echo, arn)('GET', '/x?who=1', headers=headers)) == (500, SERVER_ERROR)
    iam, name = strata.client('iam'), 'gateway-' + uuid.uuid4().hex[:8]
    trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'apigateway.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
    api = function_api(strata, client, echo, arn, AuthorizerCredentialsArn=role)
    client.update_integration(ApiId=api.id, IntegrationId=api.integration, CredentialsArn=role)
    allow = lambda *functions: iam.put_role_policy(RoleName=name, PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'lambda:InvokeFunction', 'Resource': functions}]}))
    allow(arn, echo)
    assert api('GET', '/x?who=1', headers=headers).status_code == 200
    allow(arn)  # the role asks the function behind the API, too, and its policy names the service alone
    strata.client('lambda').remove_permission(FunctionName=echo, StatementId='api')
    try:
        assert outcome(api('GET', '/x?who=1', headers=headers)) == (500, SERVER_ERROR)
    finally:
        permit(strata, echo)


# ---- signatures ----

def signed(api, path, key, region='us-east-1', service='execute-api'):
    url = f'http://{api.id}.execute-api.us-east-1.localhost:{api.strata.url.rsplit(":", 1)[1]}{path}'
    request = AWSRequest('GET', url)
    SigV4Auth(Credentials(key['AccessKeyId'], key['SecretAccessKey']), service, region).add_auth(request)
    return api('GET', path, headers=dict(request.headers))


def test_a_signature_lets_through_whom_a_policy_allows(strata, client, echo):
    iam, name = strata.client('iam'), 'u-' + uuid.uuid4().hex[:8]
    user = iam.create_user(UserName=name)['User']
    key = iam.create_access_key(UserName=name)['AccessKey']
    new, old = (Api(strata, client, [], echo, version=version) for version in ('2.0', '1.0'))
    for api in (new, old):
        protect(api, '', 'AWS_IAM')
    assert outcome(requests.get(f'{strata.url}/_aws/execute-api/{new.id}/x', timeout=30)) == (403, FORBIDDEN)
    assert outcome(signed(new, '/x', key)) == (403, FORBIDDEN)
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'execute-api:Invoke', 'Resource': f'arn:aws:execute-api:us-east-1:000000000000:*/$default/GET/x*'}]}))
    caller = signed(new, '/x?a=b%20c', key).json()['requestContext']['authorizer']['iam']
    assert (caller['userArn'], caller['accountId'], caller['accessKey'], caller['userId']) == (user['Arn'], '000000000000', key['AccessKeyId'], user['UserId'])
    assert signed(old, '/x', key).json()['requestContext']['identity']['userArn'] == user['Arn']
    assert outcome(signed(new, '/y', key)) == (403, FORBIDDEN)
    assert caller['principalOrgId'] is None
    organization = strata.client('organizations').create_organization()['Organization']['Id']
    try:
        assert signed(new, '/x', key).json()['requestContext']['authorizer']['iam']['principalOrgId'] == organization
        assert signed(old, '/x', key).json()['requestContext']['identity']['principalOrgId'] == organization
    finally:
        strata.client('organizations').delete_organization()
    for wrong in ({'region': 'eu-west-1'}, {'service': 's3'}, {'key': {**key, 'SecretAccessKey': 'x' * 40}}):
        assert outcome(signed(new, '/x', **{'key': key, **wrong})) == (403, FORBIDDEN), wrong
    iam.update_access_key(UserName=name, AccessKeyId=key['AccessKeyId'], Status='Inactive')
    assert outcome(signed(new, '/x', key)) == (403, FORBIDDEN)
