"""KMS: keys, aliases, policies, and that what is encrypted is opened by nothing else."""

import json
import subprocess

import pytest

from refusals import fails
from running import PROGRAM, Strata

ACCOUNT = '000000000000'


@pytest.fixture
def kms(strata):
    return strata.client('kms')


@pytest.fixture
def key(kms):
    return kms.create_key(Description='a test', Tags=[{'TagKey': 'a', 'TagValue': 'b'}])['KeyMetadata']


def user(strata, name, *statements):
    iam = strata.client('iam')
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName='p',
                            PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': list(statements)}))
    made = iam.create_access_key(UserName=name)['AccessKey']
    return {'key': made['AccessKeyId'], 'secret': made['SecretAccessKey']}


def test_a_new_key_is_described_as_asked(kms, key):
    assert key['Arn'] == f'arn:aws:kms:us-east-1:{ACCOUNT}:key/{key["KeyId"]}'
    assert (key['KeyState'], key['Enabled'], key['KeyManager'], key['Origin']) == ('Enabled', True, 'CUSTOMER', 'AWS_KMS')
    assert key['EncryptionAlgorithms'] == ['SYMMETRIC_DEFAULT'] and key['MultiRegion'] is False and key['Description'] == 'a test'
    assert kms.describe_key(KeyId=key['Arn'])['KeyMetadata'] == key
    assert kms.list_resource_tags(KeyId=key['KeyId'])['Tags'] == [{'TagKey': 'a', 'TagValue': 'b'}]
    assert key['KeyId'] in [k['KeyId'] for page in kms.get_paginator('list_keys').paginate(PaginationConfig={'PageSize': 2}) for k in page['Keys']]


def test_what_is_not_there_is_said_by_name(kms):
    missing = '11111111-2222-3333-4444-555555555555'
    fails('NotFoundException', kms.describe_key, f"Key 'arn:aws:kms:us-east-1:{ACCOUNT}:key/{missing}' does not exist", KeyId=missing)
    fails('NotFoundException', kms.describe_key, f'Alias arn:aws:kms:us-east-1:{ACCOUNT}:alias/none is not found.', KeyId='alias/none')
    fails('NotFoundException', kms.describe_key, "Invalid keyId 'foo'", KeyId='foo')


def test_encrypted_text_opens_with_its_context_alone(kms, key):
    sealed = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'secret', EncryptionContext={'a': '1', 'b': '2'})
    assert sealed['KeyId'] == key['Arn'] and b'secret' not in sealed['CiphertextBlob']
    opened = kms.decrypt(CiphertextBlob=sealed['CiphertextBlob'], EncryptionContext={'b': '2', 'a': '1'})
    assert (opened['Plaintext'], opened['KeyId']) == (b'secret', key['Arn'])
    fails('InvalidCiphertextException', kms.decrypt, CiphertextBlob=sealed['CiphertextBlob'])
    fails('InvalidCiphertextException', kms.decrypt, CiphertextBlob=sealed['CiphertextBlob'], EncryptionContext={'a': '1', 'b': '3'})
    fails('InvalidCiphertextException', kms.decrypt, CiphertextBlob=sealed['CiphertextBlob'][:-1] + b'x', EncryptionContext={'a': '1', 'b': '2'})
    fails('InvalidCiphertextException', kms.decrypt, CiphertextBlob=b'junk')
    other = kms.create_key()['KeyMetadata']['KeyId']
    fails('IncorrectKeyException', kms.decrypt, CiphertextBlob=sealed['CiphertextBlob'], KeyId=other, EncryptionContext={'a': '1', 'b': '2'})


def test_reencrypted_under_another_key(kms, key):
    other = kms.create_key()['KeyMetadata']
    sealed = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'x')['CiphertextBlob']
    again = kms.re_encrypt(CiphertextBlob=sealed, DestinationKeyId=other['KeyId'], DestinationEncryptionContext={'k': 'v'})
    assert (again['SourceKeyId'], again['KeyId']) == (key['Arn'], other['Arn'])
    assert kms.decrypt(CiphertextBlob=again['CiphertextBlob'], EncryptionContext={'k': 'v'})['Plaintext'] == b'x'


def test_data_keys(kms, key):
    made = kms.generate_data_key(KeyId=key['KeyId'], KeySpec='AES_256')
    assert len(made['Plaintext']) == 32 and kms.decrypt(CiphertextBlob=made['CiphertextBlob'])['Plaintext'] == made['Plaintext']
    made = kms.generate_data_key_without_plaintext(KeyId=key['KeyId'], NumberOfBytes=7)
    assert 'Plaintext' not in made and len(kms.decrypt(CiphertextBlob=made['CiphertextBlob'])['Plaintext']) == 7
    fails('ValidationException', kms.generate_data_key, 'Please specify either number of bytes or key spec.', KeyId=key['KeyId'])
    assert len(kms.generate_random(NumberOfBytes=20)['Plaintext']) == 20


def test_a_disabled_key_does_nothing(kms, key):
    sealed = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'x')['CiphertextBlob']
    kms.disable_key(KeyId=key['KeyId'])
    fails('DisabledException', kms.encrypt, f'{key["Arn"]} is disabled.', KeyId=key['KeyId'], Plaintext=b'x')
    fails('DisabledException', kms.decrypt, CiphertextBlob=sealed)
    kms.enable_key(KeyId=key['KeyId'])
    assert kms.decrypt(CiphertextBlob=sealed)['Plaintext'] == b'x'


def test_deletion_waits_and_can_be_called_off(kms, key):
    fails('ValidationException', kms.schedule_key_deletion, KeyId=key['KeyId'], PendingWindowInDays=6)
    kms.schedule_key_deletion(KeyId=key['KeyId'], PendingWindowInDays=7)
    assert kms.describe_key(KeyId=key['KeyId'])['KeyMetadata']['KeyState'] == 'PendingDeletion'
    fails('KMSInvalidStateException', kms.encrypt, 'is pending deletion.', KeyId=key['KeyId'], Plaintext=b'x')
    kms.cancel_key_deletion(KeyId=key['KeyId'])
    assert kms.describe_key(KeyId=key['KeyId'])['KeyMetadata']['KeyState'] == 'Disabled'
    fails('KMSInvalidStateException', kms.cancel_key_deletion, 'is not pending deletion.', KeyId=key['KeyId'])


def test_the_clock_deletes_and_rotates(own_strata):
    kms = own_strata.client('kms')
    kept, gone = (kms.create_key()['KeyMetadata']['KeyId'] for _ in range(2))
    kms.create_alias(AliasName='alias/gone', TargetKeyId=gone)
    kms.enable_key_rotation(KeyId=kept, RotationPeriodInDays=90)
    sealed = kms.encrypt(KeyId=kept, Plaintext=b'old')['CiphertextBlob']
    before = kms.describe_key(KeyId=kept)['KeyMetadata']['CurrentKeyMaterialId']
    kms.schedule_key_deletion(KeyId=gone, PendingWindowInDays=7)
    advanced = own_strata.command('clock', 'advance', '91d')
    assert advanced.returncode == 0, advanced.stderr
    fails('NotFoundException', kms.describe_key, KeyId=gone)
    fails('NotFoundException', kms.describe_key, KeyId='alias/gone')
    assert kms.describe_key(KeyId=kept)['KeyMetadata']['CurrentKeyMaterialId'] != before
    assert kms.decrypt(CiphertextBlob=sealed)['Plaintext'] == b'old'


def test_aliases(kms, key):
    kms.create_alias(AliasName='alias/test-one', TargetKeyId=key['KeyId'])
    fails('AlreadyExistsException', kms.create_alias, f'An alias with the name arn:aws:kms:us-east-1:{ACCOUNT}:alias/test-one already exists',
          AliasName='alias/test-one', TargetKeyId=key['KeyId'])
    assert kms.describe_key(KeyId='alias/test-one')['KeyMetadata']['KeyId'] == key['KeyId']
    assert [a['AliasName'] for a in kms.list_aliases(KeyId=key['KeyId'])['Aliases']] == ['alias/test-one']
    sealed = kms.encrypt(KeyId=f'arn:aws:kms:us-east-1:{ACCOUNT}:alias/test-one', Plaintext=b'x')['CiphertextBlob']
    other = kms.create_key()['KeyMetadata']
    kms.update_alias(AliasName='alias/test-one', TargetKeyId=other['KeyId'])
    fails('IncorrectKeyException', kms.decrypt, CiphertextBlob=sealed, KeyId='alias/test-one')
    kms.delete_alias(AliasName='alias/test-one')
    fails('NotFoundException', kms.delete_alias, AliasName='alias/test-one')
    fails('ValidationException', kms.create_alias, AliasName='nothing', TargetKeyId=key['KeyId'])
    fails('NotAuthorizedException', kms.create_alias, AliasName='alias/aws/mine', TargetKeyId=key['KeyId'])


def test_keys_of_aws_exist_on_first_use(kms):
    made = kms.describe_key(KeyId='alias/aws/s3')['KeyMetadata']
    assert made['KeyManager'] == 'AWS' and kms.describe_key(KeyId='alias/aws/s3')['KeyMetadata'] == made
    fails('AccessDeniedException', kms.disable_key, KeyId=made['KeyId'])
    fails('NotFoundException', kms.describe_key, KeyId='alias/aws/nothing')


def test_policies_come_back_as_sent(kms, key):
    assert json.loads(kms.get_key_policy(KeyId=key['KeyId'])['Policy'])['Id'] == 'key-default-1'
    text = '{"Version":"2012-10-17",  "Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"kms:*","Resource":"*"}]}' % ACCOUNT
    kms.put_key_policy(KeyId=key['KeyId'], PolicyName='default', Policy=text)
    assert kms.get_key_policy(KeyId=key['KeyId'], PolicyName='default')['Policy'] == text
    assert kms.list_key_policies(KeyId=key['KeyId'])['PolicyNames'] == ['default']
    locked = text.replace('kms:*', 'kms:Decrypt')
    fails('MalformedPolicyDocumentException', kms.put_key_policy, 'will not allow you to update the key policy', KeyId=key['KeyId'], Policy=locked)
    fails('MalformedPolicyDocumentException', kms.create_key, Policy='{')


def test_rotation_status(kms, key):
    assert kms.get_key_rotation_status(KeyId=key['KeyId'])['KeyRotationEnabled'] is False
    kms.enable_key_rotation(KeyId=key['KeyId'])
    status = kms.get_key_rotation_status(KeyId=key['KeyId'])
    assert status['KeyRotationEnabled'] is True and status['RotationPeriodInDays'] == 365
    kms.disable_key_rotation(KeyId=key['KeyId'])
    assert kms.get_key_rotation_status(KeyId=key['KeyId'])['KeyRotationEnabled'] is False


def test_macs(kms):
    key = kms.create_key(KeySpec='HMAC_256', KeyUsage='GENERATE_VERIFY_MAC')['KeyMetadata']
    assert key['MacAlgorithms'] == ['HMAC_SHA_256']
    mac = kms.generate_mac(KeyId=key['KeyId'], Message=b'm', MacAlgorithm='HMAC_SHA_256')['Mac']
    assert kms.verify_mac(KeyId=key['KeyId'], Message=b'm', MacAlgorithm='HMAC_SHA_256', Mac=mac)['MacValid'] is True
    fails('KMSInvalidMacException', kms.verify_mac, KeyId=key['KeyId'], Message=b'n', MacAlgorithm='HMAC_SHA_256', Mac=mac)
    fails('InvalidKeyUsageException', kms.encrypt, KeyId=key['KeyId'], Plaintext=b'x')


def test_identity_policies_count_only_where_the_key_policy_names_the_account(strata, kms, key):
    allowed = {'Effect': 'Allow', 'Action': 'kms:*', 'Resource': '*'}
    anybody, nobody = user(strata, 'kms-allowed', allowed), user(strata, 'kms-denied')
    strata.client('kms', **anybody).encrypt(KeyId=key['KeyId'], Plaintext=b'x')
    fails('AccessDeniedException', strata.client('kms', **nobody).encrypt, 'kms:Encrypt', key['Arn'], KeyId=key['KeyId'], Plaintext=b'x')
    only = {'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:user/kms-denied'}, 'Action': 'kms:*', 'Resource': '*'}]}
    kms.put_key_policy(KeyId=key['KeyId'], Policy=json.dumps(only))
    strata.client('kms', **nobody).encrypt(KeyId=key['KeyId'], Plaintext=b'x')
    fails('AccessDeniedException', strata.client('kms', **anybody).encrypt, KeyId=key['KeyId'], Plaintext=b'x')


def test_the_encryption_context_is_a_condition(strata, kms, key):
    if_a = {'Effect': 'Allow', 'Action': ['kms:Encrypt', 'kms:Decrypt'], 'Resource': key['Arn'],
            'Condition': {'StringEquals': {'kms:EncryptionContext:app': 'one'}}}
    client = strata.client('kms', **user(strata, 'kms-context', if_a))
    sealed = client.encrypt(KeyId=key['KeyId'], Plaintext=b'x', EncryptionContext={'app': 'one'})['CiphertextBlob']
    assert client.decrypt(CiphertextBlob=sealed, EncryptionContext={'app': 'one'})['Plaintext'] == b'x'
    fails('AccessDeniedException', client.encrypt, KeyId=key['KeyId'], Plaintext=b'x', EncryptionContext={'app': 'two'})


def test_keys_outlive_a_power_cut_and_need_the_root_key(own_strata):
    kms = own_strata.client('kms')
    sealed = kms.encrypt(KeyId=kms.create_key()['KeyMetadata']['KeyId'], Plaintext=b'x')['CiphertextBlob']
    root = own_strata.data / 'root.key'
    assert root.stat().st_mode & 0o777 == 0o600 and root.stat().st_size == 32
    own_strata.kill()
    own_strata.start()
    assert own_strata.client('kms').decrypt(CiphertextBlob=sealed)['Plaintext'] == b'x'
    own_strata.stop()
    root.rename(root.with_name('elsewhere'))
    with pytest.raises(AssertionError):
        Strata(own_strata.data).start()
    root.with_name('elsewhere').rename(root)
    own_strata.start()
    assert own_strata.client('kms').decrypt(CiphertextBlob=sealed)['Plaintext'] == b'x'


def test_the_root_key_from_a_passphrase_or_a_credential_is_nowhere_on_disk(tmp_path):
    words, wrong = tmp_path / 'words', tmp_path / 'wrong'
    words.write_text('correct horse battery staple\n')
    wrong.write_text('correct horse battery stapler\n')
    running = Strata(tmp_path / 'data', '127.0.0.1:0', '--root-key-passphrase-file', str(words)).start()
    kms = running.client('kms')
    sealed = kms.encrypt(KeyId=kms.create_key()['KeyMetadata']['KeyId'], Plaintext=b'x')['CiphertextBlob']
    assert not (running.data / 'root.key').exists()
    assert running.stop() == 0
    for arguments in (('--root-key-passphrase-file', str(wrong)), ()):
        with pytest.raises(AssertionError):
            Strata(running.data, '127.0.0.1:0', *arguments).start()
    running.start()
    assert running.client('kms').decrypt(CiphertextBlob=sealed)['Plaintext'] == b'x'
    assert running.stop() == 0

    (tmp_path / 'strata.root-key').write_text('0123456789abcdef' * 4 + '\n')
    other = Strata(tmp_path / 'other')
    other.more_environment = {'CREDENTIALS_DIRECTORY': str(tmp_path)}
    other.start()
    assert not (other.data / 'root.key').exists()
    assert other.stop() == 0
    (tmp_path / 'strata.root-key').write_bytes(b'too short')
    with pytest.raises(AssertionError, match='strata.root-key'):
        other.start()


def test_a_token_for_the_root_key_is_refused_by_name(tmp_path):
    done = subprocess.run([PROGRAM, 'serve', '--data', tmp_path / 'd', '--root-key-pkcs11', 'pkcs11:token=x'], capture_output=True, text=True)
    assert done.returncode == 2 and 'PKCS#11 token is not supported' in done.stderr
