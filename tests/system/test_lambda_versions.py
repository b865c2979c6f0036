"""Versions and aliases of functions: what is published never changes, aliases lead to it, and each qualifier has settings of its own."""

import json

import pytest

import functions
from functions import wait_for, zipped
from refusals import refusal

WHO = '''
    import os
    def handler(event, context):
        return [os.environ['WHO'], os.environ['AWS_LAMBDA_FUNCTION_VERSION'], context.function_version, context.invoked_function_arn, context.log_stream_name]
'''


@pytest.fixture(scope='module')
def strata(strata_of_module):
    functions.need_runtime(strata_of_module)
    return strata_of_module


@pytest.fixture
def client(strata):
    return strata.client('lambda', read_timeout=120)


@pytest.fixture(scope='module')
def role(strata):
    return functions.role(strata)


@pytest.fixture
def name(strata, client, role):
    made = functions.create(strata, WHO, role, Environment={'Variables': {'WHO': 'first'}})
    yield made
    client.delete_function(FunctionName=made)


def arn(name, qualifier=None):
    return f'arn:aws:lambda:us-east-1:000000000000:function:{name}' + (f':{qualifier}' if qualifier else '')


def publish(client, name, who, **more):
    client.update_function_configuration(FunctionName=name, Environment={'Variables': {'WHO': who}})
    return client.publish_version(FunctionName=name, **more)


def invoke(client, name, **more):
    answer = client.invoke(FunctionName=name, **more)
    return answer['ExecutedVersion'], json.loads(answer['Payload'].read())


def test_what_is_published_runs_as_it_was(client, name):
    one = client.publish_version(FunctionName=name, Description='number one')
    assert (one['Version'], one['FunctionArn'], one['Description']) == ('1', arn(name, 1), 'number one')
    assert client.publish_version(FunctionName=name)['Version'] == '1'  # nothing has changed since
    assert publish(client, name, 'second')['Version'] == '2'
    client.update_function_configuration(FunctionName=name, Environment={'Variables': {'WHO': 'third'}})
    for qualifier, who in (('1', 'first'), ('2', 'second'), ('$LATEST', 'third')):
        executed, (ran, variable, version, invoked, stream) = invoke(client, name, Qualifier=qualifier)
        assert (executed, ran, variable, version) == (qualifier, who, qualifier, qualifier)
        assert invoked == arn(name, qualifier) and f'/[{qualifier}]' in stream
    shown = client.list_versions_by_function(FunctionName=name)['Versions']
    assert [(v['Version'], v['FunctionArn']) for v in shown] == [(v, arn(name, v)) for v in ('$LATEST', '1', '2')] and 'State' not in shown[0]
    pages = client.get_paginator('list_versions_by_function').paginate(FunctionName=name, PaginationConfig={'PageSize': 2})
    assert [[v['Version'] for v in p['Versions']] for p in pages] == [['$LATEST', '1'], ['2']]
    pages = client.get_paginator('list_functions').paginate(FunctionVersion='ALL', PaginationConfig={'PageSize': 1})
    assert [f['Version'] for p in pages for f in p['Functions'] if f['FunctionName'] == name] == ['$LATEST', '1', '2']


def test_publishing_with_create_and_with_new_code(strata, client, role):
    made = client.create_function(FunctionName='published', Role=role, Code={'ZipFile': zipped(WHO)}, Runtime='python3.13', Handler='app.handler', Publish=True)
    assert (made['Version'], made['State'], made['FunctionArn']) == ('1', 'Pending', arn('published'))
    code = zipped('def handler(event, context): return "new"')
    assert client.update_function_code(FunctionName='published', ZipFile=code, Publish=True)['Version'] == '2'
    assert client.update_function_code(FunctionName='published', ZipFile=code)['LastUpdateStatus'] == 'InProgress'
    assert invoke(client, 'published:2') == ('2', 'new')
    assert refusal(client.publish_version, FunctionName='published', CodeSha256='no')[0] == 'InvalidParameterValueException'
    assert refusal(client.publish_version, FunctionName='published', RevisionId='no')[0] == 'PreconditionFailedException'
    client.delete_function(FunctionName='published')
    assert refusal(client.get_function, FunctionName='published', Qualifier='2')[0] == 'ResourceNotFoundException'


def test_an_alias_leads_to_one_version_or_to_two(client, name):
    client.publish_version(FunctionName=name)
    publish(client, name, 'second')
    made = client.create_alias(FunctionName=name, Name='live', FunctionVersion='1', Description='d')
    assert (made['AliasArn'], made['FunctionVersion'], made['Description']) == (arn(name, 'live'), '1', 'd') and 'RoutingConfig' not in made
    executed, answer = invoke(client, name, Qualifier='live')
    assert (executed, answer[0], answer[3]) == ('1', 'first', arn(name, 'live'))
    got = client.get_function_configuration(FunctionName=arn(name, 'live'))
    assert (got['Version'], got['FunctionArn']) == ('1', arn(name, 'live'))
    weights = {'AdditionalVersionWeights': {'2': 0.5}}
    moved = client.update_alias(FunctionName=name, Name='live', RoutingConfig=weights, RevisionId=made['RevisionId'])
    assert moved['RoutingConfig'] == weights and moved['RevisionId'] != made['RevisionId']
    assert {invoke(client, name, Qualifier='live')[0] for _ in range(60)} == {'1', '2'}
    assert 'RoutingConfig' not in client.update_alias(FunctionName=name, Name='live', FunctionVersion='2', RoutingConfig={})
    assert invoke(client, name, Qualifier='live')[0] == '2'
    client.create_alias(FunctionName=name, Name='test', FunctionVersion='$LATEST')
    assert [a['Name'] for a in client.list_aliases(FunctionName=name)['Aliases']] == ['live', 'test']
    assert [a['Name'] for a in client.list_aliases(FunctionName=name, FunctionVersion='2')['Aliases']] == ['live']
    assert refusal(client.delete_function, FunctionName=name, Qualifier='2')[0] == 'ResourceConflictException'
    client.delete_function(FunctionName=name, Qualifier='1')
    assert [v['Version'] for v in client.list_versions_by_function(FunctionName=name)['Versions']] == ['$LATEST', '2']
    assert publish(client, name, 'third')['Version'] == '3'  # numbers do not come back
    client.delete_alias(FunctionName=name, Name='live')
    assert refusal(client.get_alias, FunctionName=name, Name='live') == ('ResourceNotFoundException', 'Cannot find alias arn: ' + arn(name, 'live'))


def test_aliases_that_cannot_be(client, name):
    client.publish_version(FunctionName=name)
    publish(client, name, 'second')
    client.create_alias(FunctionName=name, Name='live', FunctionVersion='1')

    def of(version, **weights):
        return refusal(client.create_alias, FunctionName=name, Name='x', FunctionVersion=version, RoutingConfig={'AdditionalVersionWeights': weights})

    assert refusal(client.create_alias, FunctionName=name, Name='live', FunctionVersion='2') == (
        'ResourceConflictException', 'Alias already exists: ' + arn(name, 'live'))
    assert of('7') == ('ResourceNotFoundException', 'Function not found: ' + arn(name, 7))
    assert of('1', **{'7': 0.1}) == ('ResourceNotFoundException', 'Function not found: ' + arn(name, 7))
    assert of('1', **{'1': 0.1})[1] == 'Invalid function version 1. Function version 1 is already included in routing configuration.'
    assert of('1', **{'1': 0.1, '2': 0.1})[1] == 'Number of items in AdditionalVersionWeights cannot be greater than 1'
    assert of('$LATEST', **{'1': 0.1})[1] == '$LATEST is not supported for an alias pointing to more than 1 version'
    assert of('1', **{'2': 1.5})[0] == 'ValidationException'
    assert refusal(client.create_alias, FunctionName=name, Name='2024', FunctionVersion='1')[0] == 'ValidationException'
    assert refusal(client.update_alias, FunctionName=name, Name='nobody')[1] == 'Alias not found: ' + arn(name, 'nobody')
    client.delete_alias(FunctionName=name, Name='nobody')


def test_each_qualifier_has_its_own_policy(strata, client, name):
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name='live', FunctionVersion='1')
    grant = dict(FunctionName=name, StatementId='s', Action='lambda:InvokeFunction', Principal='events.amazonaws.com')
    said = json.loads(client.add_permission(**grant, Qualifier='live')['Statement'])
    assert said['Resource'] == arn(name, 'live')
    assert json.loads(client.get_policy(FunctionName=name, Qualifier='live')['Policy'])['Statement'] == [said]
    for qualifier in ({}, {'Qualifier': '1'}):
        assert refusal(client.get_policy, FunctionName=name, **qualifier)[0] == 'ResourceNotFoundException'
    assert refusal(client.add_permission, **grant, Qualifier='$LATEST')[1] == 'We currently do not support adding policies for $LATEST.'
    assert refusal(client.add_permission, **grant, Qualifier='nobody')[1] == 'Cannot find alias arn: ' + arn(name, 'nobody')
    assert refusal(client.remove_permission, FunctionName=name, StatementId='s')[1] == 'No policy is associated with the given resource.'

    # A rule may run what the alias's policy lets it, and that alone.
    events, logs, patterns = strata.client('events'), strata.client('logs'), {'source': ['versions.test']}
    events.put_rule(Name='to-' + name, EventPattern=json.dumps(patterns))
    events.put_targets(Rule='to-' + name, Targets=[{'Id': 'alias', 'Arn': arn(name, 'live')}, {'Id': 'function', 'Arn': arn(name)}])
    events.put_events(Entries=[{'Source': 'versions.test', 'DetailType': 'd', 'Detail': '{}'}])

    def streams():
        groups = logs.describe_log_groups(logGroupNamePrefix='/aws/lambda/' + name)['logGroups']
        return groups and [s['logStreamName'] for s in logs.describe_log_streams(logGroupName='/aws/lambda/' + name)['logStreams']]

    assert all('/[1]' in s for s in wait_for(streams)) and streams()
    events.remove_targets(Rule='to-' + name, Ids=['alias', 'function'])
    events.delete_rule(Name='to-' + name)


def test_each_qualifier_has_its_own_event_configuration(strata, client, name):
    sqs = strata.client('sqs')
    url = sqs.create_queue(QueueName='outcome-' + name)['QueueUrl']
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
    strata.client('iam').put_role_policy(
        RoleName=client.get_function_configuration(FunctionName=name)['Role'].split('/')[-1], PolicyName='out',
        PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sqs:SendMessage', 'Resource': queue}]}))
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name='live', FunctionVersion='1')
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    client.put_function_event_invoke_config(FunctionName=name, Qualifier='live', MaximumEventAgeInSeconds=60)
    changed = client.update_function_event_invoke_config(FunctionName=name, Qualifier='live', DestinationConfig={'OnSuccess': {'Destination': queue}})
    assert (changed['FunctionArn'], changed['MaximumEventAgeInSeconds']) == (arn(name, 'live'), 60)
    listed = client.get_paginator('list_function_event_invoke_configs').paginate(FunctionName=name, PaginationConfig={'PageSize': 1})
    assert [c['FunctionArn'] for p in listed for c in p['FunctionEventInvokeConfigs']] == [arn(name, '$LATEST'), arn(name, 'live')]
    assert refusal(client.get_function_event_invoke_config, FunctionName=name, Qualifier='1')[1] == (
        f"The function {arn(name, 1)} doesn't have an EventInvokeConfig")
    assert refusal(client.put_function_event_invoke_config, FunctionName=name)[1] == 'You must specify at least one of error handling or destination setting.'
    client.invoke(FunctionName=name, Qualifier='live', InvocationType='Event')
    message = wait_for(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get('Messages'))
    outcome = json.loads(message[0]['Body'])
    assert outcome['requestContext']['functionArn'] == arn(name, 'live') and outcome['responseContext']['executedVersion'] == '1'
    client.delete_function_event_invoke_config(FunctionName=name, Qualifier='live')
    assert refusal(client.delete_function_event_invoke_config, FunctionName=name, Qualifier='live')[0] == 'ResourceNotFoundException'


def test_tags_and_concurrency_are_of_the_function(client, name):
    client.publish_version(FunctionName=name)
    client.tag_resource(Resource=arn(name), Tags={'a': 'b'})
    assert client.get_function(FunctionName=name, Qualifier='1')['Tags'] == {'a': 'b'}
    assert refusal(client.tag_resource, Resource=arn(name, 1), Tags={'a': 'b'})[1] == (
        'Tags on function aliases and versions are not supported. Please specify a function ARN.')
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert refusal(client.invoke, FunctionName=name, Qualifier='1')[0] == 'TooManyRequestsException'


def test_what_is_of_the_function_takes_no_name_of_a_version(client, name):
    client.publish_version(FunctionName=name)
    for qualified in (f'{name}:1', f'{name}:$LATEST', arn(name, 1)):
        for call, more in ((client.update_function_configuration, {'Timeout': 9}), (client.update_function_code, {'ZipFile': zipped(WHO)}), (client.publish_version, {}),
                           (client.delete_function_concurrency, {}), (client.get_function_concurrency, {}), (client.list_versions_by_function, {})):
            assert refusal(call, FunctionName=qualified, **more)[0] == 'InvalidParameterValueException', (qualified, call)
    assert client.get_function_configuration(FunctionName=name, Qualifier='1')['Timeout'] == 20


def test_a_version_has_one_name(client, name):
    client.publish_version(FunctionName=name)
    assert refusal(client.invoke, FunctionName=name, Qualifier='01')[0] == 'ResourceNotFoundException'
    client.create_alias(FunctionName=name, Name='live', FunctionVersion='1')
    assert refusal(client.delete_function, FunctionName=name, Qualifier='1')[0] == 'ResourceConflictException'
    assert refusal(client.delete_function, FunctionName=name, Qualifier='01')[0] == 'InvalidParameterValueException'
    assert invoke(client, name, Qualifier='live')[0] == '1'


def test_a_runtime_is_the_one_that_is_installed(client, name):
    assert client.get_runtime_management_config(FunctionName=name)['UpdateRuntimeOn'] == 'Auto'
    set_to = client.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn='Auto')
    assert (set_to['UpdateRuntimeOn'], set_to['FunctionArn'], 'RuntimeVersionArn' in set_to) == ('Auto', arn(name), False)
    for other in 'FunctionUpdate', 'Manual':
        assert 'UpdateRuntimeOn' in refusal(client.put_runtime_management_config, FunctionName=name, UpdateRuntimeOn=other)[1]
    assert refusal(client.get_runtime_management_config, FunctionName='missing')[0] == 'ResourceNotFoundException'
