"""Provisioned concurrency: environments that are there before anybody asks."""

import json

import pytest

import functions
from functions import wait_for
from refusals import refusal

WHO = '''
    import os, time
    STARTED = time.time()
    def handler(event, context):
        time.sleep(event.get('sleep', 0) if isinstance(event, dict) else 0)
        return [STARTED, context.log_stream_name]
'''
BROKEN = 'raise ValueError("no")'
UNPUBLISHED = ('InvalidParameterValueException', 'The function resource provided must be an alias or a published version.')
NONE = ('ProvisionedConcurrencyConfigNotFoundException', 'No Provisioned Concurrency Config found for this function')


@pytest.fixture
def client(own_strata):
    functions.need_runtime(own_strata)
    return own_strata.client('lambda', read_timeout=120)


def make(strata, client, source=WHO, versions=1):
    name = functions.create(strata, source, functions.role(strata))
    for n in range(versions):
        client.update_function_configuration(FunctionName=name, Description=str(n))
        client.publish_version(FunctionName=name)
    return name


def arn(name, qualifier):
    return f'arn:aws:lambda:us-east-1:000000000000:function:{name}:{qualifier}'


def put(client, name, qualifier, n):
    return client.put_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=n)


def get(client, name, qualifier):
    return client.get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier)


def streams(strata, name):
    """Of environments that have said something: each INIT and each invocation does."""
    return {s['logStreamName'] for s in strata.client('logs').describe_log_streams(logGroupName=f'/aws/lambda/{name}')['logStreams']}


def test_environments_are_there_before_they_are_asked_for(own_strata, client):
    name = make(own_strata, client)
    made = put(client, name, '1', 2)
    assert made['ResponseMetadata']['HTTPStatusCode'] == 202
    assert made['LastModified'].endswith('+0000')
    assert {k: v for k, v in made.items() if k not in ('ResponseMetadata', 'LastModified')} == {
        'RequestedProvisionedConcurrentExecutions': 2, 'AllocatedProvisionedConcurrentExecutions': 0, 'AvailableProvisionedConcurrentExecutions': 0, 'Status': 'IN_PROGRESS'}
    ready = wait_for(lambda: (s := get(client, name, '1'))['Status'] == 'READY' and s)
    assert (ready['AllocatedProvisionedConcurrentExecutions'], ready['AvailableProvisionedConcurrentExecutions']) == (2, 2)
    (listed,) = client.list_provisioned_concurrency_configs(FunctionName=name)['ProvisionedConcurrencyConfigs']
    assert listed == {'FunctionArn': arn(name, 1), **{k: v for k, v in ready.items() if k != 'ResponseMetadata'}}
    asked = own_strata.now_ms() / 1000
    started, _ = json.loads(client.invoke(FunctionName=name, Qualifier='1')['Payload'].read())
    assert started < asked
    own_strata.kill()
    own_strata.start()  # they are there again
    assert wait_for(lambda: get(client, name, '1')['Status'] == 'READY')
    client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier='1')
    assert refusal(get, client, name, '1') == NONE
    assert client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier='1')['ResponseMetadata']['HTTPStatusCode'] == 204


def test_an_alias_takes_its_environments_along(own_strata, client):
    name = make(own_strata, client, versions=2)
    client.create_alias(FunctionName=name, Name='live', FunctionVersion='1')
    put(client, name, 'live', 1)
    assert wait_for(lambda: get(client, name, 'live')['Status'] == 'READY')
    assert refusal(put, client, name, '1', 1) == ('ResourceConflictException', 'Version is pointed by a Provisioned Concurrency alias')
    client.update_alias(FunctionName=name, Name='live', FunctionVersion='2')
    assert wait_for(lambda: get(client, name, 'live')['Status'] == 'READY')
    assert client.invoke(FunctionName=name, Qualifier='live')['ExecutedVersion'] == '2'
    put(client, name, '1', 1)
    client.create_alias(FunctionName=name, Name='old', FunctionVersion='1')
    assert refusal(put, client, name, 'old', 1) == (
        'ResourceConflictException', "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
    client.delete_alias(FunctionName=name, Name='live')
    assert [c['FunctionArn'] for c in client.list_provisioned_concurrency_configs(FunctionName=name)['ProvisionedConcurrencyConfigs']] == [arn(name, 1)]
    client.delete_function(FunctionName=name)


def test_what_cannot_start_is_said_so_once(own_strata, client):
    name = make(own_strata, client, BROKEN)
    put(client, name, '1', 2)
    assert wait_for(lambda: get(client, name, '1')['Status'] == 'FAILED')
    assert get(client, name, '1')['StatusReason'] == 'FUNCTION_ERROR_INIT_FAILURE'


def test_what_cannot_be_provisioned_is_refused(own_strata, client):
    name = make(own_strata, client)
    client.create_alias(FunctionName=name, Name='latest', FunctionVersion='$LATEST')
    for qualifier in '$LATEST', 'latest':
        assert refusal(put, client, name, qualifier, 1) == (
            'InvalidParameterValueException', 'Provisioned Concurrency Configs cannot be applied to unpublished function versions.')
    assert refusal(get, client, name, '$LATEST') == UNPUBLISHED
    for call in (lambda q: put(client, name, q, 1)), (lambda q: get(client, name, q)):
        assert refusal(call, '10') == ('ResourceNotFoundException', f'Function not found: {arn(name, 10)}')
        assert refusal(call, 'none') == ('ResourceNotFoundException', f'Cannot find alias arn: {arn(name, "none")}')
    assert refusal(put, client, name, '1', 1001)[1] == "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000]."
    assert 'below its minimum value of [100]' in refusal(put, client, name, '1', 901)[1]
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    assert refusal(put, client, name, '1', 2)[1] == 'Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function'
    assert refusal(client.list_provisioned_concurrency_configs, FunctionName='missing')[0] == 'ResourceNotFoundException'
