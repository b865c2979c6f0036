"""Environment variables of functions at rest: who sets them encrypts, who looks at them decrypts, and the function's role does when it starts."""

import json
import uuid

import pytest

import functions
from refusals import fails
from sealed import ACCOUNT, allow, lies_in_clear

ECHO = 'def handler(event, context):\n    import os\n    return os.environ.get("SECRET")\n'
ROLE = f'arn:aws:iam::{ACCOUNT}:role/some'


@pytest.fixture
def kms(strata):
    return strata.client('kms')


@pytest.fixture
def key(kms):
    return kms.create_key()['KeyMetadata']


def variables(client, name):
    return client.get_function_configuration(FunctionName=name).get('Environment')


def create(strata, role=ROLE, secret='x', **more):
    return functions.create(strata, ECHO, role, Environment={'Variables': {'SECRET': secret}}, **more)


def grantees(kms, key):
    return [g['GranteePrincipal'] for g in kms.list_grants(KeyId=key['KeyId'])['Grants']]


def test_variables_are_not_on_the_disk(own_strata):
    secret = 'a-variable-' + uuid.uuid4().hex
    key, client = own_strata.client('kms').create_key()['KeyMetadata'], own_strata.client('lambda')
    for more in ({}, {'KMSKeyArn': key['Arn']}):
        name = create(own_strata, secret=secret, **more)
        assert variables(client, name) == {'Variables': {'SECRET': secret}}
        client.update_function_configuration(FunctionName=name, Timeout=7)
        assert client.get_function(FunctionName=name)['Configuration']['Environment'] == {'Variables': {'SECRET': secret}}
        assert client.get_function_configuration(FunctionName=name).get('KMSKeyArn') == more.get('KMSKeyArn')
    assert not lies_in_clear(own_strata, secret.encode())
    aliases = [a['AliasName'] for a in own_strata.client('kms').list_aliases()['Aliases']]
    assert 'alias/aws/lambda' in aliases
    client.update_function_configuration(FunctionName=name, Environment={'Variables': {}})
    assert variables(client, name) == {'Variables': {}}


def test_changing_the_key(strata, kms, key):
    client, other = strata.client('lambda'), kms.create_key()['KeyMetadata']
    session = f'arn:aws:sts::{ACCOUNT}:assumed-role'
    name = create(strata)
    assert client.update_function_configuration(FunctionName=name, KMSKeyArn=key['Arn'])['Environment'] == {'Variables': {'SECRET': 'x'}}
    assert grantees(kms, key) == [f'{session}/some/{name}']
    client.update_function_configuration(FunctionName=name, Role=ROLE + '/other')
    assert grantees(kms, key) == [f'{session}/other/{name}']
    client.update_function_configuration(FunctionName=name, KMSKeyArn=other['Arn'])
    assert grantees(kms, key) == [] and grantees(kms, other) == [f'{session}/other/{name}']
    kms.disable_key(KeyId=key['KeyId'])
    assert variables(client, name) == {'Variables': {'SECRET': 'x'}}
    kms.disable_key(KeyId=other['KeyId'])
    shown = variables(client, name)
    assert shown['Error']['ErrorCode'] == 'DisabledException' and 'Variables' not in shown
    assert shown['Error']['Message'] == (
        'Lambda was unable to decrypt your environment variables because the KMS key used is disabled. Please check your KMS key settings. '
        f'KMS Exception: DisabledException KMS Message: {other["Arn"]} is disabled.')
    fails('InvalidParameterValueException', client.update_function_configuration, 'unable to decrypt your environment variables', FunctionName=name,
          KMSKeyArn='')
    fails('InvalidParameterValueException', client.update_function_configuration, 'Lambda was unable to encrypt your environment variables because the '
          'KMS key used is disabled.', FunctionName=name, Environment={'Variables': {'AB': 'c'}})
    kms.enable_key(KeyId=other['KeyId'])
    client.update_function_configuration(FunctionName=name, KMSKeyArn='')
    assert variables(client, name) == {'Variables': {'SECRET': 'x'}} and grantees(kms, other) == []
    client.update_function_configuration(FunctionName=name, KMSKeyArn=other['Arn'])
    client.delete_function(FunctionName=name)
    assert grantees(kms, other) == []


def test_who_sets_and_who_looks_needs_the_key(strata, kms, key):
    client, iam, user = strata.user('lambda')
    name = f'f-{uuid.uuid4().hex[:12]}'
    arguments = {'FunctionName': name, 'Role': ROLE, 'Runtime': 'python3.13', 'Handler': 'app.handler', 'Code': {'ZipFile': functions.zipped(ECHO)},
                 'Environment': {'Variables': {'SECRET': 'x'}}}
    base = ('lambda:*', {}), ('iam:PassRole', {})
    allow(iam, user, *base)
    client.create_function(**arguments)  # the policy of aws/lambda lets in whoever comes through Lambda
    assert variables(client, name) == {'Variables': {'SECRET': 'x'}}
    client.delete_function(FunctionName=name)
    arguments['KMSKeyArn'] = key['Arn']
    fails('InvalidParameterValueException', client.create_function, 'Lambda was unable to encrypt your environment variables because KMS access was denied. '
          'Please check your KMS key settings. KMS Exception: AccessDeniedException KMS Message: User: ', 'kms:Encrypt', **arguments)
    allow(iam, user, *base, ('kms:Encrypt', {}))
    fails('InvalidParameterValueException', client.create_function, 'Lambda was unable to configure access to your environment variables', 'kms:CreateGrant',
          **arguments)
    via = {'Condition': {'StringEquals': {'kms:ViaService': 'lambda.us-east-1.amazonaws.com',
                                          'kms:EncryptionContext:aws:lambda:FunctionArn': f'arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}'}}}
    allow(iam, user, *base, ('kms:Encrypt', via), ('kms:CreateGrant', {}))
    client.create_function(**arguments)
    assert variables(client, name)['Error']['ErrorCode'] == 'AccessDeniedException'
    shown = [f for f in client.list_functions()['Functions'] if f['FunctionName'] == name]
    assert shown[0]['Environment']['Error']['ErrorCode'] == 'AccessDeniedException'
    allow(iam, user, *base, ('kms:Decrypt', via))
    assert variables(client, name) == {'Variables': {'SECRET': 'x'}}


def test_a_function_under_a_disabled_key(strata, kms, key):
    functions.need_runtime(strata)
    client, role = strata.client('lambda'), functions.role(strata)
    name = create(strata, role, secret='opened', KMSKeyArn=key['Arn'])

    def run():
        client.update_function_configuration(FunctionName=name, Description=uuid.uuid4().hex)  # another revision: environments start anew
        answer = client.invoke(FunctionName=name)
        assert 'FunctionError' not in answer
        return json.loads(answer['Payload'].read())
    assert run() == 'opened'
    kms.disable_key(KeyId=key['KeyId'])
    fails('KMSDisabledException', run, 'Lambda was unable to decrypt the environment variables because the KMS key used is disabled. Please check the '
          f"function's KMS key settings. KMS Exception: DisabledException KMS Message: {key['Arn']} is disabled.")
    kms.schedule_key_deletion(KeyId=key['KeyId'])
    fails('KMSInvalidStateException', run, 'KMS Message: ' + key['Arn'] + ' is pending deletion.')
    kms.cancel_key_deletion(KeyId=key['KeyId'])
    kms.enable_key(KeyId=key['KeyId'])
    assert run() == 'opened'
    grant, = kms.list_grants(KeyId=key['KeyId'])['Grants']
    assert grant['GranteePrincipal'].endswith(f'/{role.rsplit("/", 1)[1]}/{name}') and sorted(grant['Operations']) == ['Decrypt', 'RetireGrant']
    kms.revoke_grant(KeyId=key['KeyId'], GrantId=grant['GrantId'])
    fails('KMSAccessDeniedException', run, 'because KMS access was denied')
    other = create(strata, role, secret='by aws/lambda')
    assert json.loads(client.invoke(FunctionName=other)['Payload'].read()) == 'by aws/lambda'
