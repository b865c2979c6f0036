"""What a stage of an HTTP API does with requests: access logs through resource policies of CloudWatch Logs, throttling, the default endpoint."""

import json

import pytest

import functions
from apis import Api, new_function
from refusals import refusal

SOURCE = '''
    def handler(event, context):
        if 'fail' in (event.get('queryStringParameters') or {}):
            raise ValueError('on purpose')
        return {'statusCode': 201, 'body': 'made'}
'''
FORMAT = ('{"id":"$context.requestId","route":"$context.routeKey","status":$context.status,"bytes":$context.responseLength,"what":"$context.error.message",'
          '"why":"$context.integrationErrorMessage","at":"$context.requestTime","who":"$context.identity.sourceIp","none":"$context.no.such"} $context. $x')
SERVICE_MAY = {'Effect': 'Allow', 'Principal': {'Service': 'es.amazonaws.com'}, 'Action': 'logs:PutLogEvents', 'Resource': '*'}


def document(*statements):
    return json.dumps({'Version': '2012-10-17', 'Statement': statements})


@pytest.fixture(scope='module')
def strata(strata_of_module):
    return strata_of_module


@pytest.fixture(scope='module')
def client(strata):
    return strata.client('apigatewayv2')


@pytest.fixture(scope='module')
def function(strata):
    return new_function(strata, SOURCE)


def group(strata, name):
    logs = strata.client('logs')
    logs.create_log_group(logGroupName=name)
    return logs, f'arn:aws:logs:us-east-1:000000000000:log-group:{name}'


def lines(logs, name):
    return [e['message'] for e in logs.filter_log_events(logGroupName=name)['events']]


# ---- access logs ----

def test_each_request_is_a_line_of_the_log(strata, client, function):
    logs, arn = group(strata, 'access')
    api = Api(strata, client, ['GET /a', 'ANY /f'], function)
    stage = client.update_stage(ApiId=api.id, StageName='$default', AccessLogSettings={'DestinationArn': arn, 'Format': FORMAT})
    assert stage['AccessLogSettings'] == {'DestinationArn': arn, 'Format': FORMAT}
    answers = [api('GET', '/a'), api('POST', '/f?fail=1'), api('GET', '/none')]
    seen = functions.wait_for(lambda: len(found := lines(logs, 'access')) == 3 and found)
    tail = ' $context. $x'.replace('$context.', '-')
    assert seen and all(line.endswith(tail) for line in seen), seen
    entries = [json.loads(line.removesuffix(tail)) for line in seen]
    assert [e['id'] for e in entries] == [a.headers['apigw-requestid'] for a in answers]
    assert [(e['route'], e['status'], e['bytes'], e['what']) for e in entries] == [
        ('GET /a', 201, 4, '-'), ('ANY /f', 500, 35, 'Internal Server Error'), ('-', 404, 23, 'Not Found')]
    assert [e['why'] for e in entries] == ['-', 'The Lambda function returned an error', '-']
    assert all(e['at'].endswith(' +0000') and (e['who'], e['none']) == ('127.0.0.1', '-') for e in entries)
    client.delete_access_log_settings(ApiId=api.id, StageName='$default')
    assert 'AccessLogSettings' not in client.get_stage(ApiId=api.id, StageName='$default')


def test_no_request_of_a_crowd_is_left_out(strata, client, function):
    logs, arn = group(strata, 'crowd')
    api = Api(strata, client, ['GET /a'], function)
    client.update_stage(ApiId=api.id, StageName='$default', AccessLogSettings={'DestinationArn': arn, 'Format': '$context.requestId'})
    wanted = {api('GET', '/none').headers['apigw-requestid'] for _ in range(200)}
    assert functions.wait_for(lambda: set(lines(logs, 'crowd')) == wanted)


def test_the_log_is_written_by_a_service_that_the_resource_policy_lets_in(strata, client, function):
    logs, arn = group(strata, 'policy')
    api = Api(strata, client, ['GET /a'], function)
    client.update_stage(ApiId=api.id, StageName='$default', AccessLogSettings={'DestinationArn': arn, 'Format': '$context.requestId'})
    name = 'AWSLogDeliveryWrite20150319'
    assert name in [p['policyName'] for p in logs.describe_resource_policies()['resourcePolicies']]
    logs.delete_resource_policy(policyName=name)
    api('GET', '/a')
    logs.put_resource_policy(policyName='mine', policyDocument=document({**SERVICE_MAY, 'Principal': {'Service': 'delivery.logs.amazonaws.com'},
                                                                         'Action': ['logs:CreateLogStream', 'logs:PutLogEvents'], 'Resource': f'{arn}:*'}))
    second = api('GET', '/a').headers['apigw-requestid']
    assert functions.wait_for(lambda: lines(logs, 'policy') == [second])  # the first was refused
    logs.delete_resource_policy(policyName='mine')


def test_who_may_not_let_the_writer_in_sets_no_log(strata, client):
    _, arn = group(strata, 'refused')
    user, iam, name = strata.user('apigatewayv2')
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=document({'Effect': 'Allow', 'Action': 'apigateway:*', 'Resource': '*'}))
    id = user.create_api(Name='x', ProtocolType='HTTP')['ApiId']
    settings = {'ApiId': id, 'StageName': 's', 'AccessLogSettings': {'DestinationArn': arn, 'Format': '$context.requestId'}}
    assert refusal(user.create_stage, **settings) == ('BadRequestException', 'Insufficient permissions to enable logging')
    assert not user.get_stages(ApiId=id)['Items']
    iam.put_user_policy(UserName=name, PolicyName='q', PolicyDocument=document({'Effect': 'Allow', 'Action': 'logs:PutResourcePolicy', 'Resource': '*'}))
    user.create_stage(**settings)
    client.delete_api(ApiId=id)


# ---- resource policies of log groups ----

def test_resource_policies_are_kept_listed_and_limited(own_strata):
    logs, arn = group(own_strata, 'g')
    may = document(SERVICE_MAY)
    made = logs.put_resource_policy(policyName='p0', policyDocument=may)
    assert (made['resourcePolicy']['policyName'], made['resourcePolicy']['policyDocument']) == ('p0', may) and 'revisionId' not in made
    for n in range(1, 10):
        logs.put_resource_policy(policyName=f'p{n}', policyDocument=may)
    assert refusal(logs.put_resource_policy, policyName='more', policyDocument=may) == ('LimitExceededException', 'Resource limit exceeded.')
    other = document({**SERVICE_MAY, 'Effect': 'Deny'})
    logs.put_resource_policy(policyName='p3', policyDocument=other)
    pages = list(logs.get_paginator('describe_resource_policies').paginate(PaginationConfig={'PageSize': 4}))
    assert [len(p['resourcePolicies']) for p in pages] == [4, 4, 2] and pages[0]['resourcePolicies'][3]['policyDocument'] == other
    of_group = logs.put_resource_policy(policyName='one', policyDocument=may, resourceArn=arn)
    assert refusal(logs.put_resource_policy, policyName='one', policyDocument=may, resourceArn=arn)[0] == 'InvalidParameterException'
    logs.put_resource_policy(policyName='two', policyDocument=may, resourceArn=arn, expectedRevisionId=of_group['revisionId'])
    there = logs.describe_resource_policies(resourceArn=arn, policyScope='RESOURCE')['resourcePolicies']
    assert [(p['policyName'], p['policyScope'], p['resourceArn']) for p in there] == [('two', 'RESOURCE', arn)]
    for wrong in ('none', '{}', document(), document({**SERVICE_MAY, 'Effect': 'Maybe'})):
        assert refusal(logs.put_resource_policy, policyName='p1', policyDocument=wrong)[0] == 'InvalidParameterException'
    assert refusal(logs.put_resource_policy, policyName='x', policyDocument=may, resourceArn=arn + 'h')[0] == 'ResourceNotFoundException'
    logs.delete_resource_policy(policyName='p1')
    assert refusal(logs.delete_resource_policy, policyName='p1') == ('ResourceNotFoundException', 'Policy with name [p1] does not exist')
    logs.delete_log_group(logGroupName='g')
    logs.create_log_group(logGroupName='g')
    assert not logs.describe_resource_policies(resourceArn=arn, policyScope='RESOURCE')['resourcePolicies']


# ---- throttling, endpoints ----

def test_a_route_takes_as_many_requests_as_its_bucket_holds(strata, client, function):
    api = Api(strata, client, ['GET /a', 'GET /b', 'GET /c'], function)
    client.update_stage(ApiId=api.id, StageName='$default', DefaultRouteSettings={'ThrottlingBurstLimit': 2, 'ThrottlingRateLimit': 0.001},
                        RouteSettings={'GET /b': {'ThrottlingBurstLimit': 1000, 'ThrottlingRateLimit': 1000}})
    assert [api('GET', '/a').status_code for _ in range(4)] == [201, 201, 429, 429]
    assert api('GET', '/a').json() == {'message': 'Too Many Requests'}
    assert {api('GET', '/b').status_code for _ in range(10)} == {201}
    assert api('GET', '/c').status_code == 201  # a bucket for each route
    client.delete_route_settings(ApiId=api.id, StageName='$default', RouteKey='GET /b')
    assert client.get_stage(ApiId=api.id, StageName='$default')['RouteSettings'] == {}
    assert refusal(client.delete_route_settings, ApiId=api.id, StageName='$default', RouteKey='GET /b')[0] == 'NotFoundException'


def test_settings_that_http_apis_do_not_have_are_refused(strata, client, function):
    api = Api(strata, client, ['GET /a'], function)
    _, arn = group(strata, 'settings')
    for wrong in ({'DefaultRouteSettings': {'DataTraceEnabled': True}}, {'DefaultRouteSettings': {'LoggingLevel': 'INFO'}}, {'DefaultRouteSettings': {'ThrottlingRateLimit': -1.0}},
                  {'RouteSettings': {'GET /none': {'ThrottlingRateLimit': 1.0}}}, {'AccessLogSettings': {'DestinationArn': arn, 'Format': '$context.status'}},
                  {'AccessLogSettings': {'DestinationArn': arn, 'Format': '$context.requestId\n'}}, {'AccessLogSettings': {'DestinationArn': 'arn:aws:s3:::x', 'Format': '$context.requestId'}}):
        assert refusal(client.update_stage, ApiId=api.id, StageName='$default', **wrong)[0] == 'BadRequestException', wrong
    assert 'Execution logs are not supported' in refusal(client.update_stage, ApiId=api.id, StageName='$default', DefaultRouteSettings={'LoggingLevel': 'ERROR'})[1]


def test_a_disabled_endpoint_answers_nobody(strata, client, function):
    api = Api(strata, client, ['GET /a'], function)
    client.update_api(ApiId=api.id, DisableExecuteApiEndpoint=True)
    assert (api('GET', '/a').status_code, api('GET', '/a').json()) == (404, {'message': 'Not Found'})
    client.update_api(ApiId=api.id, DisableExecuteApiEndpoint=False)
    assert api('GET', '/a').status_code == 201
