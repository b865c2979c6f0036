"""KMS: every operation is allowed by a policy that names its actions, and denied by default."""

import json
import re

import pytest
from botocore.exceptions import ClientError

from running import ROOT

ACCOUNT = '000000000000'
LISTED = [m[1] for m in re.finditer(r'^(\w+) +r[ow] ', (ROOT / 'src/services/kms/kms.ops').read_text(), re.M)]
POLICY = json.dumps({'Version': '2012-10-17', 'Statement': [
    {'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:root'}, 'Action': 'kms:*', 'Resource': '*'}]})


@pytest.fixture(scope='module')
def root(strata):
    return strata.client('kms')


@pytest.fixture(scope='module')
def world(root):
    """What the calls below work on."""
    def key(**more):
        return root.create_key(**more)['KeyMetadata']['KeyId']
    w = {'key': key(), 'multi': key(MultiRegion=True), 'primary': key(MultiRegion=True), 'external': key(Origin='EXTERNAL'),
         'pair': key(KeySpec='ECC_NIST_P256', KeyUsage='SIGN_VERIFY'), 'mac': key(KeySpec='HMAC_256', KeyUsage='GENERATE_VERIFY_MAC'),
         'agree': key(KeySpec='ECC_NIST_P256', KeyUsage='KEY_AGREEMENT'), 'doomed': key(), 'dying': key(), 'switched': key()}
    root.replicate_key(KeyId=w['primary'], ReplicaRegion='eu-west-1')
    root.schedule_key_deletion(KeyId=w['dying'])
    w['sealed'] = root.encrypt(KeyId=w['key'], Plaintext=b'x')['CiphertextBlob']
    w['signature'] = root.sign(KeyId=w['pair'], Message=b'x', SigningAlgorithm='ECDSA_SHA_256')['Signature']
    w['code'] = root.generate_mac(KeyId=w['mac'], Message=b'x', MacAlgorithm='HMAC_SHA_256')['Mac']
    w['public'] = root.get_public_key(KeyId=w['agree'])['PublicKey']
    for name in ('moved', 'dropped'):
        root.create_alias(AliasName=f'alias/pairs-{name}', TargetKeyId=w['key'])
    w['grantee'] = f'arn:aws:iam::{ACCOUNT}:root'
    for name in ('revoked', 'retired'):
        w[name] = root.create_grant(KeyId=w['key'], GranteePrincipal=w['grantee'], Operations=['Encrypt'])['GrantId']
    return w


def arguments(w, name):
    """(the call's arguments, the actions it needs when they are not its own)"""
    key = {'KeyId': w['key']}
    sealing = {'Plaintext': b'x', **key}
    table = {
        'CreateKey': ({},), 'ListKeys': ({},), 'ListAliases': ({},), 'GenerateRandom': ({'NumberOfBytes': 1},),
        'EnableKey': ({'KeyId': w['switched']},), 'DisableKey': ({'KeyId': w['switched']},),
        'CreateAlias': ({'AliasName': 'alias/pairs-new', 'TargetKeyId': w['key']},),
        'UpdateAlias': ({'AliasName': 'alias/pairs-moved', 'TargetKeyId': w['doomed']},),
        'DeleteAlias': ({'AliasName': 'alias/pairs-dropped'},),
        'ScheduleKeyDeletion': ({'KeyId': w['doomed'], 'PendingWindowInDays': 30},), 'CancelKeyDeletion': ({'KeyId': w['dying']},),
        'PutKeyPolicy': ({'Policy': POLICY, **key},), 'UpdateKeyDescription': ({'Description': 'd', **key},),
        'TagResource': ({'Tags': [{'TagKey': 'a', 'TagValue': 'b'}], **key},), 'UntagResource': ({'TagKeys': ['a'], **key},),
        'ReplicateKey': ({'KeyId': w['multi'], 'ReplicaRegion': 'eu-west-2'}, 'ReplicateKey', 'CreateKey'),
        'UpdatePrimaryRegion': ({'KeyId': w['primary'], 'PrimaryRegion': 'eu-west-1'},),
        'GetParametersForImport': ({'KeyId': w['external'], 'WrappingAlgorithm': 'RSAES_OAEP_SHA_256', 'WrappingKeySpec': 'RSA_2048'},),
        'ImportKeyMaterial': ({'KeyId': w['external'], 'ImportToken': b'x', 'EncryptedKeyMaterial': b'x',
                               'ExpirationModel': 'KEY_MATERIAL_DOES_NOT_EXPIRE'},),
        'DeleteImportedKeyMaterial': ({'KeyId': w['external']},),
        'CreateGrant': ({'GranteePrincipal': w['grantee'], 'Operations': ['Encrypt'], **key},),
        'ListRetirableGrants': ({'RetiringPrincipal': w['grantee']},), 'RevokeGrant': ({'GrantId': w['revoked'], **key},),
        'RetireGrant': ({'GrantId': w['retired'], **key},),
        'Encrypt': (sealing,), 'Decrypt': ({'CiphertextBlob': w['sealed']},),
        'ReEncrypt': ({'CiphertextBlob': w['sealed'], 'DestinationKeyId': w['key']}, 'ReEncryptFrom', 'ReEncryptTo'),
        'GenerateDataKey': ({'KeySpec': 'AES_256', **key},), 'GenerateDataKeyWithoutPlaintext': ({'KeySpec': 'AES_256', **key},),
        'GenerateDataKeyPair': ({'KeyPairSpec': 'ECC_NIST_P256', **key},),
        'GenerateDataKeyPairWithoutPlaintext': ({'KeyPairSpec': 'ECC_NIST_P256', **key},),
        'GenerateMac': ({'KeyId': w['mac'], 'Message': b'x', 'MacAlgorithm': 'HMAC_SHA_256'},),
        'VerifyMac': ({'KeyId': w['mac'], 'Message': b'x', 'MacAlgorithm': 'HMAC_SHA_256', 'Mac': w['code']},),
        'Sign': ({'KeyId': w['pair'], 'Message': b'x', 'SigningAlgorithm': 'ECDSA_SHA_256'},),
        'Verify': ({'KeyId': w['pair'], 'Message': b'x', 'SigningAlgorithm': 'ECDSA_SHA_256', 'Signature': w['signature']},),
        'GetPublicKey': ({'KeyId': w['pair']},),
        'DeriveSharedSecret': ({'KeyId': w['agree'], 'KeyAgreementAlgorithm': 'ECDH', 'PublicKey': w['public']},),
    }
    return table.get(name, (key,))


def code_of(call, **more):
    try:
        call(**more)
    except ClientError as e:
        return e.response['Error']['Code']
    return None


def test_nothing_listed_is_missing_here():
    assert len(LISTED) == 47


@pytest.mark.parametrize('name', LISTED)
def test_allowed_and_denied_by_default(strata, world, name):
    client, iam, user = strata.user('kms')
    more, *actions = arguments(world, name)
    call = getattr(client, re.sub(r'(?<!^)(?=[A-Z])', '_', name).lower())
    assert code_of(call, **more) == 'AccessDeniedException'
    iam.put_user_policy(UserName=user, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': [f'kms:{a}' for a in actions or [name]], 'Resource': '*'}]}))
    expected = 'InvalidImportTokenException' if name == 'ImportKeyMaterial' else None
    assert code_of(call, **more) == expected
