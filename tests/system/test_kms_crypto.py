"""KMS: what each kind of key does, checked by another implementation of the same cryptography."""

import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512

from refusals import fails

SIGNING = {
    'RSA_2048': [f'RSASSA_{s}_SHA_{b}' for s in ('PKCS1_V1_5', 'PSS') for b in (256, 384, 512)],
    'ECC_NIST_P256': ['ECDSA_SHA_256'], 'ECC_NIST_P384': ['ECDSA_SHA_384'], 'ECC_NIST_P521': ['ECDSA_SHA_512'],
    'ECC_SECG_P256K1': ['ECDSA_SHA_256'], 'ECC_NIST_EDWARDS25519': ['ED25519_SHA_512'],
}
SHA = {'256': SHA256(), '384': SHA384(), '512': SHA512()}


@pytest.fixture(scope='module')
def kms(strata):
    return strata.client('kms')


@pytest.fixture(scope='module')
def keys(kms):
    """One key of a spec and usage for all tests of this file: RSA keys take a moment to make."""
    made = {}

    def of(spec, usage):
        if (spec, usage) not in made:
            made[spec, usage] = kms.create_key(KeySpec=spec, KeyUsage=usage)['KeyMetadata']
        return made[spec, usage]
    return of


def public_of(kms, key):
    return serialization.load_der_public_key(kms.get_public_key(KeyId=key['KeyId'])['PublicKey'])


def verify(public, algorithm, signature, message):
    digest = SHA[algorithm[-3:]]
    if 'PSS' in algorithm:
        public.verify(signature, message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    elif 'PKCS1' in algorithm:
        public.verify(signature, message, padding.PKCS1v15(), digest)
    elif 'ECDSA' in algorithm:
        public.verify(signature, message, ec.ECDSA(digest))
    else:
        public.verify(signature, message)


@pytest.mark.parametrize('spec', SIGNING)
def test_signatures_are_what_others_verify(kms, keys, spec):
    key = keys(spec, 'SIGN_VERIFY')
    assert key['SigningAlgorithms'] == SIGNING[spec] and key['CustomerMasterKeySpec'] == key['KeySpec'] == spec
    assert 'CurrentKeyMaterialId' not in key and 'EncryptionAlgorithms' not in key
    public, message = public_of(kms, key), b'message ' * 500
    for algorithm in SIGNING[spec]:
        signed = kms.sign(KeyId=key['KeyId'], Message=message, SigningAlgorithm=algorithm)
        assert (signed['KeyId'], signed['SigningAlgorithm']) == (key['Arn'], algorithm)
        verify(public, algorithm, signed['Signature'], message)
        with pytest.raises(InvalidSignature):
            verify(public, algorithm, signed['Signature'], message[1:])
        asked = {'KeyId': key['KeyId'], 'SigningAlgorithm': algorithm, 'Signature': signed['Signature']}
        answer = kms.verify(Message=message, MessageType='RAW', **asked)
        assert (answer['SignatureValid'], answer['KeyId'], answer['SigningAlgorithm']) == (True, key['Arn'], algorithm)
        fails('KMSInvalidSignatureException', kms.verify, Message=message[1:], **asked)


@pytest.mark.parametrize('spec', [s for s in SIGNING if s != 'ECC_NIST_EDWARDS25519'])
def test_a_digest_stands_for_its_message(kms, keys, spec):
    key, message = keys(spec, 'SIGN_VERIFY'), b'm'
    algorithm = SIGNING[spec][-1]
    digest = hashlib.new('sha' + algorithm[-3:], message).digest()
    signed = kms.sign(KeyId=key['KeyId'], Message=digest, MessageType='DIGEST', SigningAlgorithm=algorithm)['Signature']
    verify(public_of(kms, key), algorithm, signed, message)
    assert kms.verify(KeyId=key['KeyId'], Message=message, Signature=signed, SigningAlgorithm=algorithm)['SignatureValid']
    for call, more in ((kms.sign, {}), (kms.verify, {'Signature': signed})):
        fails('ValidationException', call, f'Digest is invalid length for algorithm {algorithm}.', KeyId=key['KeyId'], Message=b'short',
              MessageType='DIGEST', SigningAlgorithm=algorithm, **more)


def test_what_does_not_fit_the_key_is_refused(kms, keys):
    signing, encrypting = keys('ECC_NIST_P256', 'SIGN_VERIFY'), keys('RSA_2048', 'ENCRYPT_DECRYPT')
    fails('InvalidKeyUsageException', kms.sign, 'Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256.', KeyId=signing['KeyId'],
          Message=b'x', SigningAlgorithm='ECDSA_SHA_384')
    fails('InvalidKeyUsageException', kms.encrypt, f'{signing["Arn"]} key usage is SIGN_VERIFY which is not valid for Encrypt.',
          KeyId=signing['KeyId'], Plaintext=b'x')
    fails('InvalidKeyUsageException', kms.encrypt, 'Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.',
          KeyId=encrypting['KeyId'], Plaintext=b'x')
    fails('InvalidKeyUsageException', kms.generate_data_key, KeyId=encrypting['KeyId'], KeySpec='AES_256')
    ed25519_key = keys('ECC_NIST_EDWARDS25519', 'SIGN_VERIFY')
    fails('ValidationException', kms.sign, 'MessageType DIGEST', KeyId=ed25519_key['KeyId'], Message=b'x' * 64, MessageType='DIGEST',
          SigningAlgorithm='ED25519_SHA_512')
    fails('ValidationException', kms.create_key, 'KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048', KeySpec='RSA_2048',
          KeyUsage='KEY_AGREEMENT')
    fails('ValidationException', kms.create_key, 'You must specify a KeyUsage value', KeySpec='ECC_NIST_P256')
    fails('UnsupportedOperationException', kms.get_public_key, KeyId=kms.create_key()['KeyMetadata']['KeyId'])
    fails('ValidationException', kms.sign, 'Member must have length less than or equal to 4096', KeyId=signing['KeyId'], Message=b'x' * 4097,
          SigningAlgorithm='ECDSA_SHA_256')


@pytest.mark.parametrize('name', ['ML_DSA_44', 'ML_KEM_512', 'SM2'])
def test_what_openssl_here_cannot_is_refused_by_name(kms, name):
    fails('NotImplemented', kms.create_key, f'KeySpec {name}', KeySpec=name, KeyUsage='SIGN_VERIFY')


def test_more_that_is_refused_by_name(kms, keys):
    ed25519_key = keys('ECC_NIST_EDWARDS25519', 'SIGN_VERIFY')
    fails('NotImplemented', kms.sign, 'ED25519_PH_SHA_512', KeyId=ed25519_key['KeyId'], Message=b'x' * 64, MessageType='DIGEST',
          SigningAlgorithm='ED25519_PH_SHA_512')
    fails('NotImplemented', kms.create_key, 'CustomKeyStoreId', CustomKeyStoreId='cks-1')
    fails('NotImplemented', kms.create_key, 'AWS_CLOUDHSM', Origin='AWS_CLOUDHSM')
    fails('NotImplemented', kms.decrypt, 'Recipient', CiphertextBlob=b'x', Recipient={'AttestationDocument': b'x'})


@pytest.mark.parametrize('spec,bits', [('RSA_2048', 2048), ('RSA_3072', 3072), ('RSA_4096', 4096)])
def test_rsa_encrypts_what_others_open_and_opens_what_others_encrypt(kms, keys, spec, bits):
    key = keys(spec, 'ENCRYPT_DECRYPT')
    shown = kms.get_public_key(KeyId=key['KeyId'])
    assert shown['EncryptionAlgorithms'] == ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] and shown['KeyUsage'] == 'ENCRYPT_DECRYPT'
    assert shown['KeySpec'] == shown['CustomerMasterKeySpec'] == spec and 'SigningAlgorithms' not in shown
    public = public_of(kms, key)
    assert public.key_size == bits
    for algorithm, digest in (('RSAES_OAEP_SHA_1', SHA1()), ('RSAES_OAEP_SHA_256', SHA256())):
        most = bits // 8 - 2 * digest.digest_size - 2
        sealed = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'x' * most, EncryptionAlgorithm=algorithm)
        assert sealed['EncryptionAlgorithm'] == algorithm
        opened = kms.decrypt(KeyId=key['KeyId'], CiphertextBlob=sealed['CiphertextBlob'], EncryptionAlgorithm=algorithm)
        assert (opened['Plaintext'], opened['EncryptionAlgorithm'], 'KeyMaterialId' in opened) == (b'x' * most, algorithm, False)
        foreign = public.encrypt(b'foreign', padding.OAEP(padding.MGF1(digest), digest, None))
        assert kms.decrypt(KeyId=key['KeyId'], CiphertextBlob=foreign, EncryptionAlgorithm=algorithm)['Plaintext'] == b'foreign'
        fails('ValidationException', kms.encrypt, f'Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes.',
              KeyId=key['KeyId'], Plaintext=b'x' * (most + 1), EncryptionAlgorithm=algorithm)
        fails('InvalidCiphertextException', kms.decrypt, KeyId=key['KeyId'], CiphertextBlob=foreign[:-1], EncryptionAlgorithm=algorithm)
        fails('ValidationException', kms.decrypt, CiphertextBlob=foreign, EncryptionAlgorithm=algorithm)


def test_between_a_symmetric_key_and_a_pair(kms, keys):
    pair, symmetric = keys('RSA_2048', 'ENCRYPT_DECRYPT'), kms.create_key()['KeyMetadata']
    sealed = kms.encrypt(KeyId=symmetric['KeyId'], Plaintext=b'x', EncryptionContext={'a': 'b'})['CiphertextBlob']
    moved = kms.re_encrypt(CiphertextBlob=sealed, SourceEncryptionContext={'a': 'b'}, DestinationKeyId=pair['KeyId'],
                           DestinationEncryptionAlgorithm='RSAES_OAEP_SHA_256')
    assert (moved['SourceEncryptionAlgorithm'], moved['DestinationEncryptionAlgorithm']) == ('SYMMETRIC_DEFAULT', 'RSAES_OAEP_SHA_256')
    assert moved['SourceKeyMaterialId'] == symmetric['CurrentKeyMaterialId'] and 'DestinationKeyMaterialId' not in moved
    back = kms.re_encrypt(CiphertextBlob=moved['CiphertextBlob'], SourceKeyId=pair['KeyId'], SourceEncryptionAlgorithm='RSAES_OAEP_SHA_256',
                          DestinationKeyId=symmetric['KeyId'])
    assert (back['SourceKeyId'], back['KeyId']) == (pair['Arn'], symmetric['Arn'])
    assert back['DestinationKeyMaterialId'] == symmetric['CurrentKeyMaterialId']
    assert kms.decrypt(CiphertextBlob=back['CiphertextBlob'])['Plaintext'] == b'x'


@pytest.mark.parametrize('spec,kind', [('RSA_2048', rsa.RSAPrivateKey), ('ECC_NIST_P384', ec.EllipticCurvePrivateKey),
                                       ('ECC_NIST_EDWARDS25519', ed25519.Ed25519PrivateKey)])
def test_data_key_pairs(kms, spec, kind):
    key = kms.create_key()['KeyMetadata']
    made = kms.generate_data_key_pair(KeyId=key['KeyId'], KeyPairSpec=spec, EncryptionContext={'a': 'b'})
    private = serialization.load_der_private_key(made['PrivateKeyPlaintext'], None)
    assert isinstance(private, kind) and (made['KeyId'], made['KeyPairSpec']) == (key['Arn'], spec)
    assert private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) == made['PublicKey']
    assert made['KeyMaterialId'] == key['CurrentKeyMaterialId']
    opened = kms.decrypt(CiphertextBlob=made['PrivateKeyCiphertextBlob'], EncryptionContext={'a': 'b'})
    assert opened['Plaintext'] == made['PrivateKeyPlaintext']
    fails('InvalidCiphertextException', kms.decrypt, CiphertextBlob=made['PrivateKeyCiphertextBlob'])
    made = kms.generate_data_key_pair_without_plaintext(KeyId=key['KeyId'], KeyPairSpec=spec)
    assert 'PrivateKeyPlaintext' not in made and serialization.load_der_public_key(made['PublicKey'])


@pytest.mark.parametrize('spec,curve', [('ECC_NIST_P256', ec.SECP256R1()), ('ECC_NIST_P521', ec.SECP521R1())])
def test_a_shared_secret(kms, keys, spec, curve):
    key, peer = keys(spec, 'KEY_AGREEMENT'), ec.generate_private_key(curve)
    assert key['KeyAgreementAlgorithms'] == ['ECDH'] and 'SigningAlgorithms' not in key
    der = peer.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    asked = {'KeyId': key['KeyId'], 'KeyAgreementAlgorithm': 'ECDH'}
    derived = kms.derive_shared_secret(PublicKey=der, **asked)
    assert derived['SharedSecret'] == peer.exchange(ec.ECDH(), public_of(kms, key))
    assert (derived['KeyId'], derived['KeyAgreementAlgorithm'], derived['KeyOrigin']) == (key['Arn'], 'ECDH', 'AWS_KMS')
    fails('ValidationException', kms.derive_shared_secret, PublicKey=der[:-1], **asked)
    fails('InvalidKeyUsageException', kms.derive_shared_secret, KeyId=keys(spec, 'SIGN_VERIFY')['KeyId'], KeyAgreementAlgorithm='ECDH', PublicKey=der)


@pytest.mark.parametrize('bits', [224, 256, 384, 512])
def test_macs_of_every_length(kms, bits):
    key = kms.create_key(KeySpec=f'HMAC_{bits}', KeyUsage='GENERATE_VERIFY_MAC')['KeyMetadata']
    algorithm = f'HMAC_SHA_{bits}'
    assert key['MacAlgorithms'] == [algorithm] and 'CurrentKeyMaterialId' not in key
    made = kms.generate_mac(KeyId=key['KeyId'], Message=b'm', MacAlgorithm=algorithm)
    assert len(made['Mac']) == bits // 8 and (made['KeyId'], made['MacAlgorithm']) == (key['Arn'], algorithm)
    answer = kms.verify_mac(KeyId=key['KeyId'], Message=b'm', MacAlgorithm=algorithm, Mac=made['Mac'])
    assert (answer['MacValid'], answer['KeyId'], answer['MacAlgorithm']) == (True, key['Arn'], algorithm)
    other = 'HMAC_SHA_256' if bits != 256 else 'HMAC_SHA_512'
    fails('InvalidKeyUsageException', kms.generate_mac, f'Algorithm {other} is incompatible with key spec HMAC_{bits}.', KeyId=key['KeyId'],
          Message=b'm', MacAlgorithm=other)


def test_a_dry_run_says_only_whether_it_would(kms, keys):
    key, signing, mac = kms.create_key()['KeyMetadata'], keys('ECC_NIST_P256', 'SIGN_VERIFY'), kms.create_key(KeySpec='HMAC_256', KeyUsage='GENERATE_VERIFY_MAC')['KeyMetadata']
    sealed = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'x')['CiphertextBlob']
    signature = kms.sign(KeyId=signing['KeyId'], Message=b'x', SigningAlgorithm='ECDSA_SHA_256')['Signature']
    for call, arguments in [
        (kms.encrypt, {'KeyId': key['KeyId'], 'Plaintext': b'x'}), (kms.decrypt, {'CiphertextBlob': sealed}),
        (kms.re_encrypt, {'CiphertextBlob': sealed, 'DestinationKeyId': key['KeyId']}),
        (kms.generate_data_key, {'KeyId': key['KeyId'], 'KeySpec': 'AES_128'}),
        (kms.generate_data_key_without_plaintext, {'KeyId': key['KeyId'], 'KeySpec': 'AES_128'}),
        (kms.generate_data_key_pair, {'KeyId': key['KeyId'], 'KeyPairSpec': 'ECC_NIST_P256'}),
        (kms.generate_data_key_pair_without_plaintext, {'KeyId': key['KeyId'], 'KeyPairSpec': 'RSA_4096'}),
        (kms.generate_mac, {'KeyId': mac['KeyId'], 'Message': b'x', 'MacAlgorithm': 'HMAC_SHA_256'}),
        (kms.sign, {'KeyId': signing['KeyId'], 'Message': b'x', 'SigningAlgorithm': 'ECDSA_SHA_256'}),
        (kms.verify, {'KeyId': signing['KeyId'], 'Message': b'x', 'SigningAlgorithm': 'ECDSA_SHA_256', 'Signature': signature}),
    ]:
        fails('DryRunOperationException', call, 'The request would have succeeded, but the DryRun option is set.', DryRun=True, **arguments)
    fails('InvalidCiphertextException', kms.decrypt, CiphertextBlob=b'junk', DryRun=True)
    fails('DryRunOperationException', kms.decrypt, CiphertextBlob=b'junk', KeyId=key['KeyId'], DryRun=True, DryRunModifiers=['IGNORE_CIPHERTEXT'])
    fails('ValidationException', kms.decrypt, CiphertextBlob=b'junk', KeyId=key['KeyId'], DryRunModifiers=['IGNORE_CIPHERTEXT'])


def test_a_ciphertext_of_a_key_that_is_not_here(strata, kms):
    elsewhere = strata.client('kms', region='eu-west-1')
    sealed = elsewhere.encrypt(KeyId=elsewhere.create_key()['KeyMetadata']['KeyId'], Plaintext=b'x')['CiphertextBlob']
    fails('AccessDeniedException', kms.decrypt, 'The ciphertext refers to a customer master key that does not exist', CiphertextBlob=sealed)


def test_sizes_of_requests(kms):
    key = kms.create_key()['KeyMetadata']['KeyId']
    fails('ValidationException', kms.encrypt, "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096",
          KeyId=key, Plaintext=b'x' * 4097)
    sealed = kms.encrypt(KeyId=key, Plaintext=b'x' * 4096)['CiphertextBlob']
    assert len(kms.decrypt(CiphertextBlob=sealed)['Plaintext']) == 4096
    fails('ValidationException', kms.generate_random, 'NumberOfBytes is required.')
    fails('ValidationException', kms.generate_random, "Value '1025' at 'numberOfBytes'", NumberOfBytes=1025)


