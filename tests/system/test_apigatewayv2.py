"""HTTP APIs: their records, and requests through them into functions."""

import base64
import json

import pytest
import requests
from botocore.exceptions import ClientError

import functions
from apis import Api, new_function
from refusals import refusal

# Answers with what it got, or with what the body (its JSON) or the query asks for.
SOURCE = '''
    import base64, json, time
    def handler(event, context):
        query = event.get('queryStringParameters') or {}
        if 'sleep' in query:
            time.sleep(float(query['sleep']))
        if 'fail' in query:
            raise ValueError('on purpose')
        if 'answer' in query:
            return json.loads(query['answer'])
        return {'statusCode': 200, 'headers': {'content-type': 'application/json'}, 'body': json.dumps(event)}
'''
NOT_FOUND, SERVER_ERROR, UNAVAILABLE = ({'message': m} for m in ('Not Found', 'Internal Server Error', 'Service Unavailable'))


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


@pytest.fixture(scope='module')
def client(strata):
    return strata.client('apigatewayv2')


@pytest.fixture(scope='module')
def function(strata):
    return new_function(strata, SOURCE)


@pytest.fixture(scope='module')
def api(strata, client, function):
    return Api(strata, client, ['$default', 'GET /items', 'ANY /items', 'GET /items/{id}', 'GET /items/fixed', 'ANY /files/{path+}', 'GET /files/{a}/{b}'],
               function)


# ---- records ----

def test_apis_are_created_changed_listed_and_removed(client):
    made = client.create_api(Name='n', ProtocolType='HTTP', Description='d', Tags={'a': '1'}, CorsConfiguration={'AllowOrigins': ['*'], 'MaxAge': 5})
    assert made['ApiEndpoint'].startswith(f'https://{made["ApiId"]}.execute-api.us-east-1.')
    assert (made['RouteSelectionExpression'], made['ApiKeySelectionExpression']) == ('$request.method $request.path', '$request.header.x-api-key')
    assert made['DisableExecuteApiEndpoint'] is False and made['CorsConfiguration'] == {'AllowOrigins': ['*'], 'MaxAge': 5}
    got = client.get_api(ApiId=made['ApiId'])
    assert (got['Name'], got['Description'], got['Tags'], got['CreatedDate']) == ('n', 'd', {'a': '1'}, made['CreatedDate'])
    assert client.update_api(ApiId=made['ApiId'], Name='m')['Name'] == 'm'
    assert client.get_api(ApiId=made['ApiId'])['Description'] == 'd'
    client.delete_cors_configuration(ApiId=made['ApiId'])
    assert 'CorsConfiguration' not in client.get_api(ApiId=made['ApiId'])
    arn = f'arn:aws:apigateway:us-east-1::/apis/{made["ApiId"]}'
    client.tag_resource(ResourceArn=arn, Tags={'b': '2'})
    client.untag_resource(ResourceArn=arn, TagKeys=['a'])
    assert client.get_tags(ResourceArn=arn)['Tags'] == {'b': '2'}
    client.delete_api(ApiId=made['ApiId'])
    assert refusal(client.get_api, ApiId=made['ApiId']) == ('NotFoundException', f'Invalid API identifier specified 000000000000:{made["ApiId"]}')


def test_apis_come_in_pages(client):
    ids = {client.create_api(Name=f'p{i}', ProtocolType='HTTP')['ApiId'] for i in range(5)}
    seen = [a['ApiId'] for page in client.get_paginator('get_apis').paginate(PaginationConfig={'PageSize': 2}) for a in page['Items']]
    assert ids <= set(seen) and len(seen) == len(set(seen))
    for id in ids:
        client.delete_api(ApiId=id)


def test_parts_come_in_pages(client):
    id = client.create_api(Name='x', ProtocolType='HTTP')['ApiId']
    keys = {f'GET /r{i}' for i in range(5)}
    for key in keys:
        client.create_route(ApiId=id, RouteKey=key)
    pages = list(client.get_paginator('get_routes').paginate(ApiId=id, PaginationConfig={'PageSize': 2}))
    assert [len(p['Items']) for p in pages] == [2, 2, 1] and {r['RouteKey'] for p in pages for r in p['Items']} == keys
    for wrong in ({'MaxResults': '0'}, {'MaxResults': 'x'}, {'NextToken': 'nonsense'}):
        assert refusal(client.get_routes, ApiId=id, **wrong)[0] == 'BadRequestException'
    client.delete_api(ApiId=id)


def test_an_api_has_no_more_parts_than_it_may(client):
    api = client.create_api(Name='many', ProtocolType='HTTP')['ApiId']
    jwt = {'AuthorizerType': 'JWT', 'IdentitySource': ['$request.header.Authorization'], 'JwtConfiguration': {'Audience': ['a'], 'Issuer': 'https://i.example.com'}}
    for what, most, create in (('Routes', 300, lambda n: client.create_route(ApiId=api, RouteKey=f'GET /{n}')),
                               ('Authorizers', 10, lambda n: client.create_authorizer(ApiId=api, Name=f'a{n}', **jwt)),
                               ('Stages', 10, lambda n: client.create_stage(ApiId=api, StageName=f's{n}'))):
        for n in range(most):
            create(n)
        with pytest.raises(ClientError) as e:
            create(most)
        assert e.value.response['ResponseMetadata']['HTTPStatusCode'] == 429 and e.value.response['Error'] == {
            'Code': 'ConflictException', 'Message': f'Maximum number of {what} for this API has been reached. Please contact AWS if you need additional {what}.'}
    client.delete_api(ApiId=api)


def test_what_is_not_there_is_refused_by_name(client):
    assert refusal(client.create_api, Name='w', ProtocolType='WEBSOCKET', RouteSelectionExpression='$request.body.a')[0] == 'NotImplemented'
    id = client.create_api(Name='x', ProtocolType='HTTP')['ApiId']
    assert refusal(client.create_integration, ApiId=id, IntegrationType='HTTP_PROXY', IntegrationUri='http://x', PayloadFormatVersion='1.0')[0] \
        == 'NotImplemented'
    assert refusal(client.create_route, ApiId=id, RouteKey='nonsense')[0] == 'BadRequestException'
    assert refusal(client.get_stage, ApiId=id, StageName='none')[0] == 'NotFoundException'
    client.delete_api(ApiId=id)


def test_constraint_failures_are_bad_requests(strata):
    client = strata.client('apigatewayv2', parameter_validation=False)
    one = '1 validation error detected: '
    assert refusal(client.create_api, Name='n' * 129, ProtocolType='HTTP') == (
        'BadRequestException', f"{one}Value '{'n' * 129}' at 'name' failed to satisfy constraint: Member must have length less than or equal to 128")
    assert refusal(client.create_api, Name='x', ProtocolType='TCP') == (
        'BadRequestException', f"{one}Value 'TCP' at 'protocolType' failed to satisfy constraint: Member must satisfy enum value set: [WEBSOCKET, HTTP]")
    id = client.create_api(Name='x', ProtocolType='HTTP')['ApiId']
    for wrong in ({'TimeoutInMillis': 49}, {'TimeoutInMillis': 30001}, {'IntegrationUri': 'u' * 2049}, {'IntegrationUri': 'no-function'},
                  {'ConnectionType': 'NONE'}, {'PayloadFormatVersion': None}):
        arguments = {'ApiId': id, 'IntegrationType': 'AWS_PROXY', 'IntegrationUri': 'arn:aws:lambda:us-east-1:000000000000:function:f',
                     'PayloadFormatVersion': '2.0', **wrong}
        assert refusal(client.create_integration, **{k: v for k, v in arguments.items() if v is not None})[0] == 'BadRequestException', wrong
    for call, more in ((client.get_route, {'RouteId': 'r'}), (client.get_integration, {'IntegrationId': 'i'}), (client.delete_stage, {'StageName': 's'}),
                       (client.get_deployment, {'DeploymentId': 'd'}), (client.update_route, {'RouteId': 'r'})):
        assert refusal(call, ApiId=id, **more)[0] == 'NotFoundException'
    assert not client.get_integrations(ApiId=id)['Items']
    client.delete_api(ApiId=id)


def test_parts_are_created_changed_listed_and_removed(client, function):
    id = client.create_api(Name='x', ProtocolType='HTTP')['ApiId']
    integration = client.create_integration(ApiId=id, IntegrationType='AWS_PROXY', IntegrationUri=function, PayloadFormatVersion='2.0')
    assert (integration['ConnectionType'], integration['IntegrationMethod'], integration['TimeoutInMillis']) == ('INTERNET', 'POST', 30000)
    i = integration['IntegrationId']
    assert client.update_integration(ApiId=id, IntegrationId=i, TimeoutInMillis=5000)['TimeoutInMillis'] == 5000
    assert refusal(client.update_integration, ApiId=id, IntegrationId=i, TimeoutInMillis=40000)[0] == 'BadRequestException'
    route = client.create_route(ApiId=id, RouteKey='GET /a', Target='integrations/' + i)
    assert (route['ApiKeyRequired'], route['AuthorizationType']) == (False, 'NONE')
    assert refusal(client.create_route, ApiId=id, RouteKey='GET /a')[0] == 'ConflictException'
    assert refusal(client.delete_integration, ApiId=id, IntegrationId=i)[0] in ('BadRequestException', 'ConflictException')
    assert client.update_route(ApiId=id, RouteId=route['RouteId'], RouteKey='GET /b')['RouteKey'] == 'GET /b'
    assert [r['RouteKey'] for r in client.get_routes(ApiId=id)['Items']] == ['GET /b']
    stage = client.create_stage(ApiId=id, StageName='dev', AutoDeploy=True)
    assert stage['AutoDeploy'] is True and refusal(client.create_stage, ApiId=id, StageName='dev')[0] == 'ConflictException'
    assert client.update_stage(ApiId=id, StageName='dev', StageVariables={'a': 'b'})['StageVariables'] == {'a': 'b'}
    d = client.create_deployment(ApiId=id)
    assert d['DeploymentStatus'] == 'DEPLOYED' and d['DeploymentId'] in [x['DeploymentId'] for x in client.get_deployments(ApiId=id)['Items']]
    client.delete_route(ApiId=id, RouteId=route['RouteId'])
    client.delete_integration(ApiId=id, IntegrationId=i)
    client.delete_stage(ApiId=id, StageName='dev')
    assert not client.get_routes(ApiId=id)['Items'] and not client.get_integrations(ApiId=id)['Items'] and not client.get_stages(ApiId=id)['Items']
    client.delete_api(ApiId=id)


# ---- requests ----

@pytest.mark.parametrize('method, path, route, parameters', [
    ('GET', '/items', 'GET /items', None), ('POST', '/items', 'ANY /items', None), ('GET', '/items/7', 'GET /items/{id}', {'id': '7'}),
    ('GET', '/items/a%20b', 'GET /items/{id}', {'id': 'a b'}), ('GET', '/items/fixed', 'GET /items/fixed', None), ('POST', '/items/7', '$default', None),
    ('PUT', '/files/x', 'ANY /files/{path+}', {'path': 'x'}), ('GET', '/files/x/y/z', 'ANY /files/{path+}', {'path': 'x/y/z'}),
    ('GET', '/files/x/y', 'GET /files/{a}/{b}', {'a': 'x', 'b': 'y'}), ('GET', '/', '$default', None), ('DELETE', '/elsewhere', '$default', None),
    ('GET', '/health', '$default', None), ('GET', '/_strata/health', '$default', None), ('GET', '/_localstack/health', '$default', None),
])
def test_routes(api, method, path, route, parameters):
    event = api(method, path).json()
    assert (event['routeKey'], event.get('pathParameters')) == (route, parameters)


def test_both_addresses(api):
    assert api('GET', '/items', host='{}.execute-api.us-east-1.amazonaws.com').json()['routeKey'] == 'GET /items'
    assert requests.get(f'{api.strata.url}/_aws/execute-api/{api.id}/items', timeout=60).json()['routeKey'] == 'GET /items'
    assert requests.get(f'{api.strata.url}/_aws/execute-api/{api.id}', timeout=60).json()['rawPath'] == '/'
    r = requests.get(f'{api.strata.url}/_aws/execute-api/nosuchapi0/items', timeout=60)
    assert (r.status_code, r.json()) == (404, NOT_FOUND)


def test_event_2_0(api):
    e = api('POST', '/items?a=1&a=2&b=x%20y&c', headers={'X-One': 'v', 'Cookie': 'k=1; l=2', 'User-Agent': 'ua', 'Content-Type': 'text/plain'},
            data='text').json()
    assert (e['version'], e['rawPath'], e['rawQueryString'], e['body'], e['isBase64Encoded']) == ('2.0', '/items', 'a=1&a=2&b=x%20y&c', 'text', False)
    assert e['cookies'] == ['k=1', 'l=2'] and e['queryStringParameters'] == {'a': '1,2', 'b': 'x y', 'c': ''}
    assert e['headers']['x-one'] == 'v' and 'cookie' not in e['headers'] and e['stageVariables'] == {'sv': '1'}
    c = e['requestContext']
    assert (c['accountId'], c['apiId'], c['stage'], c['routeKey']) == ('000000000000', api.id, '$default', 'ANY /items')
    assert (c['domainName'], c['domainPrefix']) == (f'{api.id}.execute-api.us-east-1.localhost', api.id)
    assert c['http'] == {'method': 'POST', 'path': '/items', 'protocol': 'HTTP/1.1', 'sourceIp': '127.0.0.1', 'userAgent': 'ua'}
    assert c['requestId'] and c['time'].endswith(' +0000') and isinstance(c['timeEpoch'], int)
    assert 'body' not in api('GET', '/items').json()


def test_event_1_0(strata, client, function):
    api = Api(strata, client, ['ANY /p/{x}'], function, version='1.0')
    e = api('PUT', '/p/7?a=1&a=2', headers={'X-One': 'v', 'Cookie': 'k=1'}, data='text').json()
    assert (e['version'], e['resource'], e['path'], e['httpMethod'], e['body']) == ('1.0', '/p/{x}', '/p/7', 'PUT', 'text')
    assert e['queryStringParameters'] == {'a': '2'} and e['multiValueQueryStringParameters'] == {'a': ['1', '2']}
    assert e['pathParameters'] == {'x': '7'} and e['stageVariables'] == {'sv': '1'} and e['isBase64Encoded'] is False
    lower = {k.lower(): v for k, v in e['multiValueHeaders'].items()}
    assert lower['x-one'] == ['v'] and lower['cookie'] == ['k=1']
    assert (e['requestContext']['resourcePath'], e['requestContext']['httpMethod'], e['requestContext']['stage']) == ('/p/{x}', 'PUT', '$default')
    answer = {'statusCode': 201, 'headers': {'X-A': '1'}, 'multiValueHeaders': {'X-B': ['1', '2']}, 'body': 'made'}
    r = api('GET', '/p/1', params={'answer': json.dumps(answer)})
    assert (r.status_code, r.text, r.headers['X-A'], r.headers['X-B']) == (201, 'made', '1', '1, 2')
    assert (api('GET', '/p/1', params={'answer': '{"no": "status"}'}).json()) == SERVER_ERROR


def test_bodies_in_base64(api):
    raw = bytes(range(256))
    e = api('POST', '/items', data=raw, headers={'Content-Type': 'application/octet-stream'}).json()
    assert e['isBase64Encoded'] is True and base64.b64decode(e['body']) == raw
    answer = {'statusCode': 200, 'headers': {'content-type': 'image/png'}, 'body': base64.b64encode(raw).decode(), 'isBase64Encoded': True}
    r = api('GET', '/items', params={'answer': json.dumps(answer)})
    assert r.content == raw and r.headers['content-type'] == 'image/png'


@pytest.mark.parametrize('answer, status, text, kind', [
    ({'hello': 1}, 200, '{"hello": 1}', 'application/json'), ('words', 200, 'words', 'application/json'), ([1], 200, '[1]', 'application/json'),
    ({'statusCode': 204}, 204, '', None), ({'statusCode': 404, 'body': 'none'}, 404, 'none', None), ({'statusCode': '418', 'body': 'tea'}, 418, 'tea', None),
    ({'statusCode': 'odd'}, 500, '{"message":"Internal Server Error"}', 'application/json'),
])
def test_answers(api, answer, status, text, kind):
    r = api('GET', '/items', params={'answer': json.dumps(answer)})
    assert (r.status_code, r.text) == (status, text)
    assert kind is None or r.headers['content-type'] == kind


def test_cookies_of_an_answer(api):
    answer = {'statusCode': 200, 'cookies': ['a=1; Secure', 'b=2'], 'headers': {'x-many': '1,2'}, 'body': ''}
    r = api('GET', '/items', params={'answer': json.dumps(answer)})
    assert r.raw.headers.getlist('Set-Cookie') == ['a=1; Secure', 'b=2'] and r.headers['x-many'] == '1,2'


def test_stages(strata, client, function):
    api = Api(strata, client, ['GET /here'], function, stage='dev')
    e = api('GET', '/dev/here').json()
    assert (e['requestContext']['stage'], e['rawPath'], e['routeKey']) == ('dev', '/dev/here', 'GET /here')
    assert api('GET', '/here').json() == NOT_FOUND
    client.create_stage(ApiId=api.id, StageName='$default', AutoDeploy=True)
    assert api('GET', '/here').json()['requestContext']['stage'] == '$default'
    assert api('GET', '/dev/here').json()['requestContext']['stage'] == 'dev'
    r = api('GET', '/nowhere')
    assert (r.status_code, r.json()) == (404, NOT_FOUND)


def test_errors_of_the_function(strata, client, function, api):
    r = api('GET', '/items', params={'fail': '1'})
    assert (r.status_code, r.json()) == (500, SERVER_ERROR)
    slow = Api(strata, client, ['$default'], function, timeout=300)
    r = slow('GET', '/', params={'sleep': '3'})
    assert (r.status_code, r.json()) == (503, UNAVAILABLE)
    gone = Api(strata, client, ['$default'], 'arn:aws:lambda:us-east-1:000000000000:function:gone')
    r = gone('GET', '/')
    assert (r.status_code, r.json()) == (500, SERVER_ERROR)


def test_without_permission(strata, client, function):
    name = functions.create(strata, SOURCE, functions.role(strata))
    arn = function.rsplit(':', 1)[0] + ':' + name
    api = Api(strata, client, ['GET /a', 'ANY /{proxy+}'], arn)
    assert (api('GET', '/a').status_code, api('GET', '/a').json()) == (500, SERVER_ERROR)
    strata.client('lambda').add_permission(FunctionName=name, StatementId='s', Action='lambda:InvokeFunction', Principal='apigateway.amazonaws.com',
                                           SourceArn=f'arn:aws:execute-api:us-east-1:000000000000:{api.id}/*/GET/a')
    assert api('GET', '/a').status_code == 200
    assert api('GET', '/b').status_code == 500


def test_cors(strata, client, function):
    api = Api(strata, client, ['ANY /a'], function, CorsConfiguration={
        'AllowOrigins': ['https://one.example', 'http://*'], 'AllowMethods': ['GET', 'PUT'], 'AllowHeaders': ['x-a', 'x-b'], 'ExposeHeaders': ['x-e'],
        'MaxAge': 60, 'AllowCredentials': True})
    asked = {'Origin': 'https://one.example', 'Access-Control-Request-Method': 'PUT'}
    r = api('OPTIONS', '/a', headers=asked)
    assert (r.status_code, r.text) == (204, '')
    assert r.headers['access-control-allow-origin'] == 'https://one.example' and r.headers['access-control-allow-credentials'] == 'true'
    assert {s.strip() for s in r.headers['access-control-allow-methods'].split(',')} == {'GET', 'PUT'}
    assert r.headers['access-control-allow-headers'] == 'x-a,x-b' and r.headers['access-control-max-age'] == '60'
    assert 'access-control-allow-origin' not in api('OPTIONS', '/a', headers={**asked, 'Origin': 'https://two.example'}).headers
    assert api('OPTIONS', '/anything', headers={**asked, 'Origin': 'http://two.example'}).headers['access-control-allow-origin'] == 'http://two.example'
    own = {'statusCode': 200, 'headers': {'Access-Control-Allow-Origin': 'https://evil.example'}, 'body': 'x'}
    r = api('GET', '/a', headers={'Origin': 'https://one.example'}, params={'answer': json.dumps(own)})
    assert r.headers['access-control-allow-origin'] == 'https://one.example' and r.headers['access-control-expose-headers'] == 'x-e'


def test_disabled_and_removed_apis_answer_nobody(strata, client, function):
    api = Api(strata, client, ['$default'], function)
    assert api('GET', '/').status_code == 200
    client.delete_api(ApiId=api.id)
    assert (api('GET', '/').status_code, api('GET', '/').json()) == (404, NOT_FOUND)


def test_quick_create(strata, client, function):
    id = client.create_api(Name='quick', ProtocolType='HTTP', Target=function)['ApiId']
    assert [r['RouteKey'] for r in client.get_routes(ApiId=id)['Items']] == ['$default']
    assert requests.get(f'{strata.url}/_aws/execute-api/{id}/any/thing', timeout=60).json()['rawPath'] == '/any/thing'
