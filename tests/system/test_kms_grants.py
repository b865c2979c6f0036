"""KMS grants: what they allow, to whom, within which constraints, and how they end."""

import json

import pytest

from refusals import fails

ACCOUNT = '000000000000'


@pytest.fixture
def kms(strata):
    return strata.client('kms')


@pytest.fixture
def key(kms):
    return kms.create_key()['KeyMetadata']


@pytest.fixture
def person(strata):
    """A user without any policy: his client and his ARN."""
    client, _, name = strata.user('kms')
    return client, f'arn:aws:iam::{ACCOUNT}:user/{name}'


def denied(call, **arguments):
    fails('AccessDeniedException', call, **arguments)


def allow(strata, arn, *actions, **more):
    strata.client('iam').put_user_policy(UserName=arn.split('/')[-1], PolicyName='p', PolicyDocument=json.dumps({
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': list(actions), 'Resource': '*', **more}]}))


def test_a_grant_allows_its_operations_on_its_key_alone(kms, key, person):
    client, arn = person
    denied(client.encrypt, KeyId=key['KeyId'], Plaintext=b'x')
    made = kms.create_grant(KeyId=key['KeyId'], GranteePrincipal=arn, Operations=['Encrypt', 'DescribeKey', 'GenerateDataKey'])
    assert len(made['GrantId']) == 64 and made['GrantToken']
    sealed = client.encrypt(KeyId=key['KeyId'], Plaintext=b'x', GrantTokens=[made['GrantToken']])['CiphertextBlob']
    assert client.describe_key(KeyId=key['KeyId'])['KeyMetadata']['Arn'] == key['Arn']
    client.generate_data_key(KeyId=key['KeyId'], KeySpec='AES_256')
    denied(client.decrypt, CiphertextBlob=sealed)
    denied(client.generate_data_key_without_plaintext, KeyId=key['KeyId'], KeySpec='AES_256')
    denied(client.encrypt, KeyId=kms.create_key()['KeyMetadata']['KeyId'], Plaintext=b'x')
    kms.revoke_grant(KeyId=key['KeyId'], GrantId=made['GrantId'])
    denied(client.encrypt, KeyId=key['KeyId'], Plaintext=b'x')
    fails('NotFoundException', kms.revoke_grant, KeyId=key['KeyId'], GrantId=made['GrantId'])


def test_an_explicit_deny_is_stronger_than_a_grant(kms, key, person):
    client, arn = person
    kms.create_grant(KeyId=key['KeyId'], GranteePrincipal=arn, Operations=['Encrypt'])
    client.encrypt(KeyId=key['KeyId'], Plaintext=b'x')
    kms.put_key_policy(KeyId=key['KeyId'], Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:root'}, 'Action': 'kms:*', 'Resource': '*'},
        {'Effect': 'Deny', 'Principal': {'AWS': arn}, 'Action': 'kms:Encrypt', 'Resource': '*'}]}))
    fails('AccessDeniedException', client.encrypt, 'explicit deny', KeyId=key['KeyId'], Plaintext=b'x')


def test_the_encryption_context_binds(kms, key, person):
    client, arn = person
    kms.create_grant(KeyId=key['KeyId'], GranteePrincipal=arn, Operations=['Encrypt', 'DescribeKey'],
                     Constraints={'EncryptionContextSubset': {'Department': 'IT'}})
    client.encrypt(KeyId=key['KeyId'], Plaintext=b'x', EncryptionContext={'Department': 'IT', 'more': 'x'})
    client.encrypt(KeyId=key['KeyId'], Plaintext=b'x', EncryptionContext={'department': 'IT'})  # the key's case does not count in grants
    client.describe_key(KeyId=key['KeyId'])
    denied(client.encrypt, KeyId=key['KeyId'], Plaintext=b'x', EncryptionContext={'Department': 'it'})
    denied(client.encrypt, KeyId=key['KeyId'], Plaintext=b'x')
    other = kms.create_key()['KeyMetadata']['KeyId']
    kms.create_grant(KeyId=other, GranteePrincipal=arn, Operations=['Encrypt'], Constraints={'EncryptionContextEquals': {'a': '1', 'b': '2'}})
    client.encrypt(KeyId=other, Plaintext=b'x', EncryptionContext={'b': '2', 'a': '1'})
    denied(client.encrypt, KeyId=other, Plaintext=b'x', EncryptionContext={'a': '1', 'b': '2', 'c': '3'})
    denied(client.encrypt, KeyId=other, Plaintext=b'x', EncryptionContext={'a': '1'})


def test_a_role_has_it_in_every_session(strata, kms, key):
    iam, trust = strata.client('iam'), {'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:root'}, 'Action': 'sts:AssumeRole'}]}
    role = iam.create_role(RoleName='kms-grantee', AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
    strata_user, _, name = strata.user('sts')
    allow(strata, name, 'sts:AssumeRole')
    kms.create_grant(KeyId=key['KeyId'], GranteePrincipal=role, Operations=['Encrypt'])
    session = strata_user.assume_role(RoleArn=role, RoleSessionName='session')['Credentials']
    client = strata.client('kms', key=session['AccessKeyId'], secret=session['SecretAccessKey'], token=session['SessionToken'])
    client.encrypt(KeyId=key['KeyId'], Plaintext=b'x')
    denied(client.decrypt, CiphertextBlob=kms.encrypt(KeyId=key['KeyId'], Plaintext=b'x')['CiphertextBlob'])


def test_grants_are_listed_by_key_and_by_whom_they_can_be_retired(kms, key, person):
    _, arn = person
    made = [kms.create_grant(KeyId=key['KeyId'], GranteePrincipal=arn, RetiringPrincipal=arn, Operations=['Decrypt'], Name=f'n{i}',
                             Constraints={'EncryptionContextSubset': {'a': str(i)}})['GrantId'] for i in range(3)]
    unnamed = kms.create_grant(KeyId=key['KeyId'], GranteePrincipal=f'arn:aws:iam::{ACCOUNT}:root', Operations=['Encrypt'])['GrantId']
    pages = list(kms.get_paginator('list_grants').paginate(KeyId=key['KeyId'], PaginationConfig={'PageSize': 2}))
    assert len(pages) == 2 and pages[0]['Truncated'] and not pages[1]['Truncated']
    grants = {g['GrantId']: g for p in pages for g in p['Grants']}
    assert set(grants) == {*made, unnamed}
    first = grants[made[0]]
    assert (first['KeyId'], first['Name'], first['GranteePrincipal'], first['RetiringPrincipal']) == (key['Arn'], 'n0', arn, arn)
    assert first['IssuingAccount'] == f'arn:aws:iam::{ACCOUNT}:root' and first['Operations'] == ['Decrypt'] and first['CreationDate']
    assert first['Constraints'] == {'EncryptionContextSubset': {'a': '0'}}
    assert grants[unnamed]['Name'] == '' and 'Constraints' not in grants[unnamed] and 'RetiringPrincipal' not in grants[unnamed]
    assert [g['GrantId'] for g in kms.list_grants(KeyId=key['KeyId'], GrantId=made[1])['Grants']] == [made[1]]
    assert {g['GrantId'] for g in kms.list_grants(KeyId=key['KeyId'], GranteePrincipal=arn)['Grants']} == set(made)
    pages = list(kms.get_paginator('list_retirable_grants').paginate(RetiringPrincipal=arn, PaginationConfig={'PageSize': 2}))
    assert len(pages) == 2 and {g['GrantId'] for p in pages for g in p['Grants']} == set(made)
    kms.revoke_grant(KeyId=key['KeyId'], GrantId=made[0])
    assert {g['GrantId'] for g in kms.list_retirable_grants(RetiringPrincipal=arn)['Grants']} == set(made[1:])


def test_a_named_request_that_is_sent_again_makes_no_second_grant(kms, key, person):
    _, arn = person
    asked = {'KeyId': key['KeyId'], 'GranteePrincipal': arn, 'Operations': ['Encrypt'], 'Name': 'once'}
    first, again = kms.create_grant(**asked), kms.create_grant(**asked)
    assert first['GrantId'] == again['GrantId'] and first['GrantToken'] != again['GrantToken']
    assert kms.create_grant(**{**asked, 'Operations': ['Decrypt']})['GrantId'] != first['GrantId']
    del asked['Name']
    assert kms.create_grant(**asked)['GrantId'] != kms.create_grant(**asked)['GrantId']


def test_retiring(strata, kms, key, person):
    client, arn = person
    other, _, _ = strata.user('kms')

    def grant(**more):
        return kms.create_grant(KeyId=key['KeyId'], GranteePrincipal=arn, Operations=['Encrypt'], **more)
    by_token, by_id = grant(RetiringPrincipal=arn), grant(RetiringPrincipal=arn)
    denied(other.retire_grant, GrantToken=by_token['GrantToken'])
    client.retire_grant(GrantToken=by_token['GrantToken'])
    client.retire_grant(KeyId=key['Arn'], GrantId=by_id['GrantId'])
    assert kms.list_grants(KeyId=key['KeyId'])['Grants'] == []
    plain = grant()
    denied(client.retire_grant, GrantToken=plain['GrantToken'])  # its grantee alone may not
    kms.retire_grant(GrantToken=plain['GrantToken'])             # the account that made it may
    own = kms.create_grant(KeyId=key['KeyId'], GranteePrincipal=arn, Operations=['Encrypt', 'RetireGrant'])
    client.retire_grant(GrantToken=own['GrantToken'])
    delegated = grant()
    allow(strata, arn, 'kms:RetireGrant')
    client.retire_grant(GrantToken=delegated['GrantToken'])
    fails('NotFoundException', kms.retire_grant, GrantToken=plain['GrantToken'])
    fails('InvalidGrantTokenException', kms.retire_grant, GrantToken='AAAA')
    fails('ValidationException', kms.retire_grant, KeyId=key['Arn'])


def test_a_grantee_hands_on_no_more_than_he_has(strata, kms, key, person):
    client, arn = person
    below, _, name = strata.user('kms')
    child = f'arn:aws:iam::{ACCOUNT}:user/{name}'
    denied(client.create_grant, KeyId=key['KeyId'], GranteePrincipal=child, Operations=['Encrypt'])
    kms.create_grant(KeyId=key['KeyId'], GranteePrincipal=arn, Operations=['Encrypt', 'CreateGrant'],
                     Constraints={'EncryptionContextSubset': {'a': '1'}})
    denied(client.create_grant, KeyId=key['KeyId'], GranteePrincipal=child, Operations=['Encrypt'])
    denied(client.create_grant, KeyId=key['KeyId'], GranteePrincipal=child, Operations=['Decrypt'], Constraints={'EncryptionContextSubset': {'a': '1'}})
    client.create_grant(KeyId=key['KeyId'], GranteePrincipal=child, Operations=['Encrypt'],
                        Constraints={'EncryptionContextSubset': {'a': '1', 'b': '2'}})
    below.encrypt(KeyId=key['KeyId'], Plaintext=b'x', EncryptionContext={'a': '1', 'b': '2'})
    denied(below.encrypt, KeyId=key['KeyId'], Plaintext=b'x', EncryptionContext={'a': '1'})


def test_condition_keys_of_making_grants(strata, kms, key, person):
    client, arn = person
    allow(strata, arn, 'kms:CreateGrant', Condition={'ForAllValues:StringEquals': {'kms:GrantOperations': ['Encrypt', 'Decrypt']},
                                                    'StringEquals': {'kms:GranteePrincipal': arn},
                                                    'Bool': {'kms:GrantIsForAWSResource': 'false'}})
    client.create_grant(KeyId=key['KeyId'], GranteePrincipal=arn, Operations=['Encrypt'])
    denied(client.create_grant, KeyId=key['KeyId'], GranteePrincipal=arn, Operations=['Encrypt', 'GenerateDataKey'])
    denied(client.create_grant, KeyId=key['KeyId'], GranteePrincipal=f'arn:aws:iam::{ACCOUNT}:root', Operations=['Encrypt'])


def test_what_is_no_grant(kms, key, person):
    _, arn = person
    ask = {'KeyId': key['KeyId'], 'GranteePrincipal': arn, 'Operations': ['Encrypt']}
    fails('InvalidArnException', kms.create_grant, 'ARN does not refer to a valid principal', **{**ask, 'GranteePrincipal': arn + '-none'})
    fails('InvalidArnException', kms.create_grant, **{**ask, 'RetiringPrincipal': 'arn:aws:s3:::x'})
    fails('ValidationException', kms.create_grant, 'Sign', **{**ask, 'Operations': ['Sign']})
    fails('ValidationException', kms.create_grant, 'enum value set', **{**ask, 'Operations': ['DeleteKey']})
    fails('ValidationException', kms.create_grant, KeyId=key['KeyId'], Operations=['Encrypt'])
    fails('ValidationException', kms.create_grant, 'SourceArn', KeyId=key['KeyId'], GranteeServicePrincipal='sqs.amazonaws.com', Operations=['Encrypt'])
    fails('NotFoundException', kms.create_grant, "Invalid keyId 'invalid'", **{**ask, 'KeyId': 'invalid'})
    fails('DryRunOperationException', kms.create_grant, DryRun=True, **ask)
    assert kms.list_grants(KeyId=key['KeyId'])['Grants'] == []
    fails('InvalidGrantTokenException', kms.encrypt, KeyId=key['KeyId'], Plaintext=b'x', GrantTokens=['none'])
    signing = kms.create_key(KeySpec='ECC_NIST_P256', KeyUsage='SIGN_VERIFY')['KeyMetadata']['KeyId']
    fails('ValidationException', kms.create_grant, 'EncryptionContext is supported only', KeyId=signing, GranteePrincipal=arn, Operations=['Sign'],
          Constraints={'EncryptionContextSubset': {'a': 'b'}})
    kms.create_grant(KeyId=signing, GranteePrincipal=arn, Operations=['Sign', 'Verify', 'GetPublicKey'])
    kms.disable_key(KeyId=key['KeyId'])
    fails('DisabledException', kms.create_grant, **ask)


def test_a_service_may_be_granted_for_one_of_its_resources(kms, key):
    source = f'arn:aws:sqs:us-east-1:{ACCOUNT}:q'
    made = kms.create_grant(KeyId=key['KeyId'], GranteeServicePrincipal='sqs.amazonaws.com', RetiringServicePrincipal='sqs.amazonaws.com',
                            Operations=['Decrypt'], Constraints={'SourceArn': source})
    shown = kms.list_grants(KeyId=key['KeyId'], GranteeServicePrincipal='sqs.amazonaws.com')['Grants'][0]
    assert (shown['GrantId'], shown['RetiringServicePrincipal'], shown['Constraints']) == (made['GrantId'], 'sqs.amazonaws.com', {'SourceArn': source})
    assert 'GranteePrincipal' not in shown
    assert [g['GrantId'] for g in kms.list_retirable_grants(RetiringServicePrincipal='sqs.amazonaws.com')['Grants']] == [made['GrantId']]


def test_a_deleted_key_leaves_no_grants(own_strata):
    kms = own_strata.client('kms')
    key = kms.create_key()['KeyMetadata']['KeyId']
    root = f'arn:aws:iam::{ACCOUNT}:root'
    kms.create_grant(KeyId=key, GranteePrincipal=root, RetiringPrincipal=root, Operations=['Encrypt'])
    assert len(kms.list_retirable_grants(RetiringPrincipal=root)['Grants']) == 1
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    own_strata.advance_clock(8 * 86400)
    assert kms.list_retirable_grants(RetiringPrincipal=root)['Grants'] == []
