"""Function URLs: their configurations, and what answers at them."""

import json
import re

import pytest

import functions
from refusals import refusal

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
