"""KMS: key material that is rotated, imported, expired, and shared between Regions."""

import datetime
import os

import pytest
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from refusals import fails

ACCOUNT = '000000000000'
DAY = 86400
NEVER = {'ExpirationModel': 'KEY_MATERIAL_DOES_NOT_EXPIRE'}


@pytest.fixture
def kms(strata):
    return strata.client('kms')


def described(kms, key):
    return kms.describe_key(KeyId=key)['KeyMetadata']


def rotations(kms, key, **more):
    return kms.list_key_rotations(KeyId=key, **more)['Rotations']


def oaep(digest):
    return padding.OAEP(padding.MGF1(digest), digest, None)


wrapping_keys = {}  # RSA keys take a moment to make, and one serves more than once


def wrapped(kms, key, material, algorithm='RSAES_OAEP_SHA_256', spec='RSA_2048'):
    """ImportKeyMaterial's arguments for this material."""
    name = kms.meta.region_name, key, algorithm, spec
    if name not in wrapping_keys:
        wrapping_keys[name] = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)
    got = wrapping_keys[name]
    public = serialization.load_der_public_key(got['PublicKey'])
    digest = hashes.SHA1() if algorithm.endswith('SHA_1') else hashes.SHA256()
    if algorithm.startswith('RSAES'):
        sealed = public.encrypt(material, oaep(digest))
    else:
        aes = os.urandom(32)
        sealed = public.encrypt(aes, oaep(digest)) + keywrap.aes_key_wrap_with_padding(aes, material)
    return {'KeyId': key, 'ImportToken': got['ImportToken'], 'EncryptedKeyMaterial': sealed}


def external(kms, **more):
    return kms.create_key(Origin='EXTERNAL', **more)['KeyMetadata']


# ---- rotation ----

def test_rotation_on_demand_keeps_the_old_material(kms):
    key = kms.create_key()['KeyMetadata']
    first, sealed = key['CurrentKeyMaterialId'], kms.encrypt(KeyId=key['KeyId'], Plaintext=b'old')['CiphertextBlob']
    assert rotations(kms, key['KeyId']) == []
    assert kms.rotate_key_on_demand(KeyId=key['KeyId'])['KeyId'] == key['Arn']
    second = described(kms, key['KeyId'])['CurrentKeyMaterialId']
    assert second != first
    opened = kms.decrypt(CiphertextBlob=sealed)
    assert (opened['Plaintext'], opened['KeyMaterialId']) == (b'old', first)
    assert kms.generate_data_key(KeyId=key['KeyId'], KeySpec='AES_256')['KeyMaterialId'] == second
    done, = rotations(kms, key['KeyId'])
    assert (done['KeyId'], done['KeyMaterialId'], done['RotationType'], done['KeyMaterialState']) == (key['KeyId'], second, 'ON_DEMAND', 'CURRENT')
    assert done['RotationDate'] and 'ImportState' not in done
    everything = rotations(kms, key['KeyId'], IncludeKeyMaterial='ALL_KEY_MATERIAL')
    assert [(m['KeyMaterialId'], m['KeyMaterialState']) for m in everything] == [(first, 'NON_CURRENT'), (second, 'CURRENT')]
    assert 'RotationDate' not in everything[0]


def test_rotations_are_limited_and_listed_in_pages(kms):
    key = kms.create_key()['KeyMetadata']['KeyId']
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=key)
    fails('LimitExceededException', kms.rotate_key_on_demand, 'The on-demand rotations limit has been reached for the given keyId.', KeyId=key)
    pages = list(kms.get_paginator('list_key_rotations').paginate(KeyId=key, PaginationConfig={'PageSize': 10}))
    assert [len(p['Rotations']) for p in pages] == [10, 10, 5]


def test_what_does_not_rotate(kms):
    hmac = kms.create_key(KeySpec='HMAC_256', KeyUsage='GENERATE_VERIFY_MAC')['KeyMetadata']['KeyId']
    for call in (kms.rotate_key_on_demand, kms.enable_key_rotation, kms.disable_key_rotation, kms.list_key_rotations):
        fails('UnsupportedOperationException', call, KeyId=hmac)
    assert kms.get_key_rotation_status(KeyId=hmac)['KeyRotationEnabled'] is False
    empty = external(kms)
    fails('KMSInvalidStateException', kms.rotate_key_on_demand, f'{empty["Arn"]} is pending import.', KeyId=empty['KeyId'])
    kms.import_key_material(**wrapped(kms, empty['KeyId'], os.urandom(32)), **NEVER)
    fails('UnsupportedOperationException', kms.enable_key_rotation, f'{empty["Arn"]} origin is EXTERNAL which is not valid for this operation.',
          KeyId=empty['KeyId'])
    disabled = kms.create_key()['KeyMetadata']
    kms.disable_key(KeyId=disabled['KeyId'])
    fails('DisabledException', kms.rotate_key_on_demand, f'{disabled["Arn"]} is disabled.', KeyId=disabled['KeyId'])


def test_the_clock_rotates_again_and_again(own_strata):
    kms = own_strata.client('kms')
    key = kms.create_key()['KeyMetadata']['KeyId']
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    begun = kms.get_key_rotation_status(KeyId=key)['NextRotationDate']
    own_strata.advance_clock(90 * DAY - 600)
    fails('ConflictException', kms.rotate_key_on_demand, KeyId=key)
    own_strata.advance_clock(700)
    own_strata.advance_clock(90 * DAY)
    assert [r['RotationType'] for r in rotations(kms, key)] == ['AUTOMATIC', 'AUTOMATIC']
    assert kms.get_key_rotation_status(KeyId=key)['NextRotationDate'] - begun == datetime.timedelta(days=180)
    kms.disable_key(KeyId=key)
    own_strata.advance_clock(90 * DAY)
    assert len(rotations(kms, key)) == 2


# ---- imported material ----

def test_importing_for_the_first_time(kms):
    key = external(kms, Description='d')
    assert (key['KeyState'], key['Enabled'], key['Origin']) == ('PendingImport', False, 'EXTERNAL')
    assert 'CurrentKeyMaterialId' not in key and 'ExpirationModel' not in key
    fails('KMSInvalidStateException', kms.encrypt, f'{key["Arn"]} is pending import.', KeyId=key['KeyId'], Plaintext=b'x')
    fails('KMSInvalidStateException', kms.enable_key, KeyId=key['KeyId'])
    material = os.urandom(32)
    arguments = wrapped(kms, key['KeyId'], material)
    fails('ValidationException', kms.import_key_material, 'A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES', **arguments)
    done = kms.import_key_material(**arguments, **NEVER)
    now = described(kms, key['KeyId'])
    assert done['KeyId'] == key['Arn'] and done['KeyMaterialId'] == now['CurrentKeyMaterialId']
    assert (now['KeyState'], now['Enabled'], now['ExpirationModel'], 'ValidTo' in now) == ('Enabled', True, 'KEY_MATERIAL_DOES_NOT_EXPIRE', False)
    sealed = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'x')['CiphertextBlob']
    gone = kms.delete_imported_key_material(KeyId=key['KeyId'])
    assert (gone['KeyId'], gone['KeyMaterialId']) == (key['Arn'], done['KeyMaterialId'])
    now = described(kms, key['KeyId'])
    assert now['KeyState'] == 'PendingImport' and 'ExpirationModel' not in now and now['CurrentKeyMaterialId'] == done['KeyMaterialId']
    fails('KMSInvalidStateException', kms.decrypt, 'is pending import.', CiphertextBlob=sealed)
    fails('IncorrectKeyMaterialException', kms.import_key_material, **wrapped(kms, key['KeyId'], os.urandom(32)), **NEVER)
    kms.import_key_material(**wrapped(kms, key['KeyId'], material, 'RSAES_OAEP_SHA_1', 'RSA_3072'), **NEVER)
    assert kms.decrypt(CiphertextBlob=sealed)['Plaintext'] == b'x'


def der(private):
    return private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@pytest.mark.parametrize('spec,usage,make,algorithm', [
    ('HMAC_224', 'GENERATE_VERIFY_MAC', lambda: os.urandom(28), 'RSAES_OAEP_SHA_256'),
    ('HMAC_512', 'GENERATE_VERIFY_MAC', lambda: os.urandom(64), 'RSA_AES_KEY_WRAP_SHA_256'),
    ('ECC_NIST_P256', 'SIGN_VERIFY', lambda: ec.generate_private_key(ec.SECP256R1()), 'RSAES_OAEP_SHA_256'),
    ('ECC_NIST_P521', 'SIGN_VERIFY', lambda: ec.generate_private_key(ec.SECP521R1()), 'RSA_AES_KEY_WRAP_SHA_1'),
    ('ECC_SECG_P256K1', 'SIGN_VERIFY', lambda: ec.generate_private_key(ec.SECP256K1()), 'RSA_AES_KEY_WRAP_SHA_256'),
    ('ECC_NIST_EDWARDS25519', 'SIGN_VERIFY', ed25519.Ed25519PrivateKey.generate, 'RSAES_OAEP_SHA_256'),
    ('RSA_2048', 'SIGN_VERIFY', lambda: rsa.generate_private_key(65537, 2048), 'RSA_AES_KEY_WRAP_SHA_256'),
])
def test_keys_of_every_kind_take_their_material(kms, spec, usage, make, algorithm):
    key, made = external(kms, KeySpec=spec, KeyUsage=usage), make()
    material = made if isinstance(made, bytes) else der(made)
    done = kms.import_key_material(**wrapped(kms, key['KeyId'], material, algorithm), **NEVER)
    assert 'KeyMaterialId' not in done and described(kms, key['KeyId'])['KeyState'] == 'Enabled'
    if usage == 'SIGN_VERIFY':
        public = made.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert kms.get_public_key(KeyId=key['KeyId'])['PublicKey'] == public
        fails('IncorrectKeyMaterialException', kms.import_key_material, **wrapped(kms, key['KeyId'], der(make()), algorithm), **NEVER)
    fails('IncorrectKeyMaterialException', kms.import_key_material, **wrapped(kms, key['KeyId'], b'no key', algorithm), **NEVER)
    assert kms.delete_imported_key_material(KeyId=key['KeyId']).get('KeyMaterialId') is None
    assert described(kms, key['KeyId'])['KeyState'] == 'PendingImport'
    kms.import_key_material(**wrapped(kms, key['KeyId'], material, algorithm), **NEVER)


def test_tokens_are_for_one_key_and_a_day(own_strata):
    kms = own_strata.client('kms')
    key, other = external(kms), external(kms)
    good = wrapped(kms, key['KeyId'], os.urandom(32))
    fails('InvalidImportTokenException', kms.import_key_material, **{**good, 'KeyId': other['KeyId']}, **NEVER)
    fails('InvalidImportTokenException', kms.import_key_material, **{**good, 'ImportToken': b'x' * 100}, **NEVER)
    fails('InvalidCiphertextException', kms.import_key_material, **{**good, 'EncryptedKeyMaterial': b'x' * 256}, **NEVER)
    fails('IncorrectKeyMaterialException', kms.import_key_material, **wrapped(kms, key['KeyId'], b'x' * 16), **NEVER)
    ours = kms.create_key()['KeyMetadata']
    fails('UnsupportedOperationException', kms.get_parameters_for_import, f'{ours["Arn"]} origin is AWS_KMS which is not valid for this operation.',
          KeyId=ours['KeyId'], WrappingAlgorithm='RSAES_OAEP_SHA_256', WrappingKeySpec='RSA_2048')
    fails('UnsupportedOperationException', kms.get_parameters_for_import, KeyId=key['KeyId'], WrappingAlgorithm='RSAES_PKCS1_V1_5',
          WrappingKeySpec='RSA_2048')
    own_strata.advance_clock(DAY + 1)
    fails('ExpiredImportTokenException', kms.import_key_material, **good, **NEVER)


def test_imported_material_expires_by_the_clock(own_strata):
    kms = own_strata.client('kms')
    key, material = external(kms), os.urandom(32)
    until = datetime.datetime.fromtimestamp(own_strata.now_ms() // 1000 + 5 * DAY, datetime.timezone.utc)
    kms.import_key_material(**wrapped(kms, key['KeyId'], material), ValidTo=until)
    now = described(kms, key['KeyId'])
    assert (now['ExpirationModel'], now['ValidTo']) == ('KEY_MATERIAL_EXPIRES', until)
    sealed = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'x')['CiphertextBlob']
    own_strata.advance_clock(4 * DAY)
    assert described(kms, key['KeyId'])['KeyState'] == 'Enabled'
    own_strata.advance_clock(2 * DAY)
    assert described(kms, key['KeyId'])['KeyState'] == 'PendingImport'
    fails('KMSInvalidStateException', kms.decrypt, 'is pending import.', CiphertextBlob=sealed)
    again = wrapped(kms, key['KeyId'], material, spec='RSA_3072')  # the first token has expired
    fails('ValidationException', kms.import_key_material, **again, ValidTo=until)
    kms.import_key_material(**again, **NEVER)
    own_strata.advance_clock(400 * DAY)
    assert kms.decrypt(CiphertextBlob=sealed)['Plaintext'] == b'x'


def test_rotating_to_imported_material(kms):
    key, first, second = external(kms), os.urandom(32), os.urandom(32)
    one = kms.import_key_material(**wrapped(kms, key['KeyId'], first), KeyMaterialDescription='the first', **NEVER)['KeyMaterialId']
    sealed = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'x')['CiphertextBlob']
    fails('KMSInvalidStateException', kms.rotate_key_on_demand, f'No available key material pending rotation for the key: {key["Arn"]}.',
          KeyId=key['KeyId'])
    two = kms.import_key_material(**wrapped(kms, key['KeyId'], second), ImportType='NEW_KEY_MATERIAL', **NEVER)['KeyMaterialId']
    assert described(kms, key['KeyId'])['CurrentKeyMaterialId'] == one
    fails('KMSInvalidStateException', kms.import_key_material, f'because another key material (id: {two}) is pending rotation.',
          **wrapped(kms, key['KeyId'], os.urandom(32)), ImportType='NEW_KEY_MATERIAL', **NEVER)
    shown = rotations(kms, key['KeyId'], IncludeKeyMaterial='ALL_KEY_MATERIAL')
    assert [(m['KeyMaterialState'], m['ImportState'], m['ExpirationModel']) for m in shown] == [
        ('CURRENT', 'IMPORTED', 'KEY_MATERIAL_DOES_NOT_EXPIRE'), ('PENDING_ROTATION', 'IMPORTED', 'KEY_MATERIAL_DOES_NOT_EXPIRE')]
    assert shown[0]['KeyMaterialDescription'] == 'the first'
    kms.rotate_key_on_demand(KeyId=key['KeyId'])
    assert described(kms, key['KeyId'])['CurrentKeyMaterialId'] == two
    assert kms.decrypt(CiphertextBlob=sealed)['KeyMaterialId'] == one
    kms.delete_imported_key_material(KeyId=key['KeyId'], KeyMaterialId=one)  # a key is usable with all of its materials alone
    fails('KMSInvalidStateException', kms.encrypt, KeyId=key['KeyId'], Plaintext=b'x')
    fails('IncorrectKeyMaterialException', kms.import_key_material, **wrapped(kms, key['KeyId'], first), KeyMaterialId=two, **NEVER)
    kms.import_key_material(**wrapped(kms, key['KeyId'], first), KeyMaterialId=one, **NEVER)
    assert kms.decrypt(CiphertextBlob=sealed)['Plaintext'] == b'x'


# ---- several Regions ----

@pytest.fixture
def abroad(strata):
    return strata.client('kms', region='eu-west-1')


def test_a_replica_is_the_same_key_elsewhere(kms, abroad):
    key = kms.create_key(MultiRegion=True, Description='first', Tags=[{'TagKey': 'a', 'TagValue': 'b'}])['KeyMetadata']
    name, arn = key['KeyId'], key['Arn']
    assert name.startswith('mrk-') and len(name) == 36 and key['MultiRegion'] is True
    assert key['MultiRegionConfiguration'] == {'MultiRegionKeyType': 'PRIMARY', 'PrimaryKey': {'Arn': arn, 'Region': 'us-east-1'}, 'ReplicaKeys': []}
    fails('NotFoundException', abroad.describe_key, f"Key 'arn:aws:kms:eu-west-1:{ACCOUNT}:key/{name}' does not exist", KeyId=name)
    made = kms.replicate_key(KeyId=name, ReplicaRegion='eu-west-1', Description='second')
    replica = made['ReplicaKeyMetadata']
    assert (replica['KeyState'], replica['Enabled'], 'CurrentKeyMaterialId' in replica) == ('Creating', False, False)
    assert replica['Arn'] == f'arn:aws:kms:eu-west-1:{ACCOUNT}:key/{name}' and 'key-default-1' in made['ReplicaPolicy'] and 'ReplicaTags' not in made
    for client, kind, words in ((kms, 'PRIMARY', 'first'), (abroad, 'REPLICA', 'second')):
        shown = described(client, name)
        assert (shown['KeyState'], shown['Description'], shown['CurrentKeyMaterialId']) == ('Enabled', words, key['CurrentKeyMaterialId'])
        assert shown['MultiRegionConfiguration'] == {'MultiRegionKeyType': kind, 'PrimaryKey': {'Arn': arn, 'Region': 'us-east-1'},
                                                     'ReplicaKeys': [{'Arn': replica['Arn'], 'Region': 'eu-west-1'}]}
    assert abroad.list_resource_tags(KeyId=name)['Tags'] == []
    sealed = kms.encrypt(KeyId=name, Plaintext=b'x')['CiphertextBlob']
    opened = abroad.decrypt(CiphertextBlob=sealed)
    assert (opened['Plaintext'], opened['KeyId']) == (b'x', replica['Arn'])
    fails('AlreadyExistsException', kms.replicate_key, KeyId=name, ReplicaRegion='eu-west-1')
    fails('UnsupportedOperationException', abroad.replicate_key, f'{replica["Arn"]} is not a multi-region primary key.', KeyId=name,
          ReplicaRegion='eu-west-2')
    single = kms.create_key()['KeyMetadata']['KeyId']
    fails('UnsupportedOperationException', kms.replicate_key, 'is not a multi-region primary key.', KeyId=single, ReplicaRegion='eu-west-1')
    abroad.disable_key(KeyId=name)
    assert described(kms, name)['KeyState'] == 'Enabled'


def test_rotation_is_the_primarys_and_everywhere(kms, abroad):
    name = kms.create_key(MultiRegion=True)['KeyMetadata']['KeyId']
    kms.replicate_key(KeyId=name, ReplicaRegion='eu-west-1')
    for call in (abroad.rotate_key_on_demand, abroad.enable_key_rotation):
        fails('UnsupportedOperationException', call, 'is not a multi-region primary key.', KeyId=name)
    kms.rotate_key_on_demand(KeyId=name)
    assert described(kms, name)['CurrentKeyMaterialId'] == described(abroad, name)['CurrentKeyMaterialId']
    assert abroad.decrypt(CiphertextBlob=kms.encrypt(KeyId=name, Plaintext=b'x')['CiphertextBlob'])['Plaintext'] == b'x'
    kms.enable_key_rotation(KeyId=name, RotationPeriodInDays=100)
    assert abroad.get_key_rotation_status(KeyId=name)['RotationPeriodInDays'] == 100
    kms.update_primary_region(KeyId=name, PrimaryRegion='eu-west-1')
    assert described(abroad, name)['MultiRegionConfiguration']['MultiRegionKeyType'] == 'PRIMARY'
    assert described(kms, name)['MultiRegionConfiguration']['ReplicaKeys'][0]['Region'] == 'us-east-1'
    abroad.rotate_key_on_demand(KeyId=name)
    fails('UnsupportedOperationException', kms.rotate_key_on_demand, KeyId=name)
    fails('NotFoundException', abroad.update_primary_region, KeyId=name, PrimaryRegion='eu-west-3')


def test_rotation_by_the_clock_follows_the_primary(own_strata):
    kms, abroad = own_strata.client('kms'), own_strata.client('kms', region='eu-west-1')
    name = kms.create_key(MultiRegion=True)['KeyMetadata']['KeyId']
    kms.replicate_key(KeyId=name, ReplicaRegion='eu-west-1')
    kms.enable_key_rotation(KeyId=name, RotationPeriodInDays=90)
    kms.update_primary_region(KeyId=name, PrimaryRegion='eu-west-1')
    own_strata.advance_clock(91 * DAY)
    own_strata.advance_clock(90 * DAY)
    assert len(rotations(abroad, name)) == len(rotations(kms, name)) == 2
    abroad.disable_key_rotation(KeyId=name)
    own_strata.advance_clock(200 * DAY)
    assert len(rotations(abroad, name)) == 2


def test_a_primary_waits_for_its_replicas(own_strata):
    kms, abroad = own_strata.client('kms'), own_strata.client('kms', region='eu-west-1')
    name = kms.create_key(MultiRegion=True)['KeyMetadata']['KeyId']
    kms.replicate_key(KeyId=name, ReplicaRegion='eu-west-1')
    planned = kms.schedule_key_deletion(KeyId=name, PendingWindowInDays=8)
    assert planned['KeyState'] == 'PendingReplicaDeletion' and 'DeletionDate' not in planned
    shown = described(kms, name)
    assert (shown['KeyState'], shown['PendingDeletionWindowInDays'], 'DeletionDate' in shown) == ('PendingReplicaDeletion', 8, False)
    fails('KMSInvalidStateException', kms.encrypt, 'is pending replica deletion.', KeyId=name, Plaintext=b'x')
    own_strata.advance_clock(30 * DAY)
    assert described(kms, name)['KeyState'] == 'PendingReplicaDeletion'
    abroad.schedule_key_deletion(KeyId=name, PendingWindowInDays=7)
    own_strata.advance_clock(7 * DAY + 60)
    fails('NotFoundException', abroad.describe_key, KeyId=name)
    shown = described(kms, name)
    assert shown['KeyState'] == 'PendingDeletion' and shown['DeletionDate'] and shown['MultiRegionConfiguration']['ReplicaKeys'] == []
    own_strata.advance_clock(8 * DAY + 60)
    fails('NotFoundException', kms.describe_key, KeyId=name)


def test_imported_material_of_several_regions(kms, abroad):
    name, first, second = external(kms, MultiRegion=True)['KeyId'], os.urandom(32), os.urandom(32)
    one = kms.import_key_material(**wrapped(kms, name, first), **NEVER)['KeyMaterialId']
    kms.replicate_key(KeyId=name, ReplicaRegion='eu-west-1')
    assert described(abroad, name)['KeyState'] == 'PendingImport'
    fails('IncorrectKeyMaterialException', abroad.import_key_material, **wrapped(abroad, name, second), **NEVER)
    assert abroad.import_key_material(**wrapped(abroad, name, first), **NEVER)['KeyMaterialId'] == one
    sealed = kms.encrypt(KeyId=name, Plaintext=b'x')['CiphertextBlob']
    assert abroad.decrypt(CiphertextBlob=sealed)['Plaintext'] == b'x'
    fails('UnsupportedOperationException', abroad.import_key_material, **wrapped(abroad, name, second), ImportType='NEW_KEY_MATERIAL', **NEVER)
    two = kms.import_key_material(**wrapped(kms, name, second), ImportType='NEW_KEY_MATERIAL', **NEVER)['KeyMaterialId']
    state = rotations(kms, name, IncludeKeyMaterial='ALL_KEY_MATERIAL')[1]['KeyMaterialState']
    assert state == 'PENDING_MULTI_REGION_IMPORT_AND_ROTATION'
    fails('KMSInvalidStateException', kms.rotate_key_on_demand, KeyId=name)
    abroad.import_key_material(**wrapped(abroad, name, second), **NEVER)
    assert rotations(kms, name, IncludeKeyMaterial='ALL_KEY_MATERIAL')[1]['KeyMaterialState'] == 'PENDING_ROTATION'
    kms.rotate_key_on_demand(KeyId=name)
    assert described(kms, name)['CurrentKeyMaterialId'] == described(abroad, name)['CurrentKeyMaterialId'] == two
    assert kms.decrypt(CiphertextBlob=abroad.encrypt(KeyId=name, Plaintext=b'y')['CiphertextBlob'])['Plaintext'] == b'y'
