"""Condition keys whose value strata looks up: what a role is bounded by, which function a mapping is for, the tags of what is asked about."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

ACCOUNT = '000000000000'
TRUST = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]})
NOTHING = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sqs:SendMessage', 'Resource': '*'}]})


def allow(iam, user, actions, **condition):
    statement = {'Effect': 'Allow', 'Action': actions, 'Resource': '*', 'Condition': condition}
    iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [statement]}))


def denied(call, **arguments):
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    assert refused.value.response['Error']['Code'] in ('AccessDenied', 'AccessDeniedException'), refused.value


def test_a_role_is_changed_by_whom_its_boundary_lets(strata):
    client, iam, user = strata.user('iam')
    name = 'b-' + uuid.uuid4().hex[:12]
    boundary = iam.create_policy(PolicyName=name, PolicyDocument=NOTHING)['Policy']['Arn']
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=boundary)
    iam.create_role(RoleName=name + '-free', AssumeRolePolicyDocument=TRUST)
    changes = [
        ('put_role_policy', {'PolicyName': 'p', 'PolicyDocument': NOTHING}),
        ('delete_role_policy', {'PolicyName': 'p'}),
        ('attach_role_policy', {'PolicyArn': boundary}),
        ('detach_role_policy', {'PolicyArn': boundary}),
        ('update_assume_role_policy', {'PolicyDocument': TRUST}),
        ('update_role', {'Description': 'd'}),
        ('delete_role', {}),
    ]
    actions = ['iam:' + ''.join(part.title() for part in operation.split('_')) for operation, _ in changes]
    allow(iam, user, actions, StringEquals={'iam:PermissionsBoundary': boundary})
    for operation, arguments in changes:
        denied(getattr(client, operation), RoleName=name + '-free', **arguments)
        getattr(client, operation)(RoleName=name, **arguments)


def test_an_event_source_mapping_is_its_functions(strata):
    client, iam, user = strata.user('lambda')
    function = f'arn:aws:lambda:us-east-1:{ACCOUNT}:function:'
    allow(iam, user, 'lambda:CreateEventSourceMapping', ArnLike={'lambda:FunctionArn': function + 'mine-*'})
    queue = f'arn:aws:sqs:us-east-1:{ACCOUNT}:q'
    denied(client.create_event_source_mapping, FunctionName='other', EventSourceArn=queue)
    with pytest.raises(client.exceptions.ResourceNotFoundException):  # allowed, but there is no such function
        client.create_event_source_mapping(FunctionName='mine-1', EventSourceArn=queue)


def test_an_apis_tags_are_those_of_all_that_is_in_it(strata):
    client, iam, user = strata.user('apigatewayv2')
    root = strata.client('apigatewayv2')
    ids = {team: root.create_api(Name=team, ProtocolType='HTTP', Tags={'team': team})['ApiId'] for team in ('blue', 'red')}
    allow(iam, user, ['apigateway:GET', 'apigateway:POST'], StringEquals={'aws:ResourceTag/team': 'blue'})
    for call, arguments in ((client.get_api, {}), (client.create_route, {'RouteKey': 'GET /'}), (client.create_stage, {'StageName': 'one'})):
        denied(call, ApiId=ids['red'], **arguments)
        call(ApiId=ids['blue'], **arguments)
    denied(client.get_stage, ApiId=ids['blue'], StageName='one')  # a stage's tags are its own
    root.tag_resource(ResourceArn=f'arn:aws:apigateway:us-east-1::/apis/{ids["blue"]}/stages/one', Tags={'team': 'blue'})
    client.get_stage(ApiId=ids['blue'], StageName='one')
