"""AssumeRoleWithWebIdentity: tokens of a provider on loopback, of the local issuer (`strata oidc issue`), and all that must not pass."""

import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError
from issuer import AUDIENCE, Issuer, openssl, part

ACCOUNT = '000000000000'


@pytest.fixture(scope='module')
def issuer(tmp_path_factory):
    running = Issuer(tmp_path_factory.mktemp('issuer'))
    yield running
    running.stop()


def trust(host, **conditions):
    statement = {'Effect': 'Allow', 'Principal': {'Federated': f'arn:aws:iam::{ACCOUNT}:oidc-provider/{host}'}, 'Action': 'sts:AssumeRoleWithWebIdentity',
                 'Condition': {'StringEquals': {f'{host}:{k}': v for k, v in conditions.items()}}}
    return json.dumps({'Version': '2012-10-17', 'Statement': [statement]})


def role_of(strata, host, **conditions):
    name = 'web-' + uuid.uuid4().hex[:12]
    return strata.client('iam').create_role(RoleName=name, AssumeRolePolicyDocument=trust(host, **conditions))['Role']['Arn']


@pytest.fixture(scope='module')
def provider(strata, issuer):
    strata.client('iam').create_open_id_connect_provider(Url=f'https://{issuer.host}', ClientIDList=[AUDIENCE], ThumbprintList=[issuer.thumbprint()])
    return issuer.host


@pytest.fixture(scope='module')
def role(strata, provider):
    return role_of(strata, provider, aud=AUDIENCE, sub='repo:org/name:ref:refs/heads/main')


def assume(strata, role, token, **more):
    """Unsigned, as whoever brings a token has no keys."""
    from botocore import UNSIGNED
    return strata.client('sts', signature_version=UNSIGNED).assume_role_with_web_identity(RoleArn=role, RoleSessionName='ci', WebIdentityToken=token, **more)


def refused(code, strata, role, token, **more):
    with pytest.raises(ClientError) as e:
        assume(strata, role, token, **more)
    assert e.value.response['Error']['Code'] == code, e.value
    return e.value.response['Error']['Message']


def test_a_token_of_the_provider_gives_a_session(strata, issuer, role):
    answer = assume(strata, role, issuer.token(), DurationSeconds=900)
    assert answer['SubjectFromWebIdentityToken'] == 'repo:org/name:ref:refs/heads/main'
    assert answer['Audience'] == AUDIENCE
    assert answer['Provider'] == f'arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer.host}'
    assert answer['AssumedRoleUser']['Arn'].endswith(role.rsplit('/')[-1] + '/ci')
    c = answer['Credentials']
    me = strata.client('sts', key=c['AccessKeyId'], secret=c['SecretAccessKey'], token=c['SessionToken']).get_caller_identity()
    assert me['Arn'] == answer['AssumedRoleUser']['Arn']


def test_the_event_says_whom_the_provider_vouched_for(strata, issuer, role):
    assume(strata, role, issuer.token())
    shown = strata.client('cloudtrail').lookup_events(LookupAttributes=[{'AttributeKey': 'EventName', 'AttributeValue': 'AssumeRoleWithWebIdentity'}])['Events']
    record = next(r for r in (json.loads(e['CloudTrailEvent']) for e in shown) if r['requestParameters']['roleArn'] == role)
    claims = issuer.claims()
    assert record['userIdentity']['type'] == 'WebIdentityUser' and record['userIdentity']['userName'] == claims['sub']
    assert record['userIdentity']['identityProvider'].endswith(f'oidc-provider/{issuer.host}')
    assert record['requestParameters']['webIdentityToken'] == 'HIDDEN_DUE_TO_SECURITY_REASONS' and record['responseElements']['credentials']['accessKeyId']


def test_keys_are_fetched_once_and_again_for_a_new_one(own_strata, issuer):
    own_strata.client('iam').create_open_id_connect_provider(Url=f'https://{issuer.host}', ClientIDList=[AUDIENCE], ThumbprintList=[issuer.thumbprint()])
    role = role_of(own_strata, issuer.host)
    issuer.fetched.clear()
    for _ in range(3):
        assume(own_strata, role, issuer.token())
    assert issuer.fetched == ['/.well-known/openid-configuration', '/keys']
    issuer.add_key('second')
    message = refused('InvalidIdentityToken', own_strata, role, issuer.token('second'))
    assert "Couldn't retrieve verification key" in message  # those it has are seconds old: not asked again at once


def test_what_is_forged_expired_or_for_another_does_not_pass(strata, issuer, role, tmp_path):
    other = tmp_path / 'other.key'
    openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', other)
    assert 'signature is invalid' in refused('InvalidIdentityToken', strata, role, issuer.token(key=other))
    head, claims, signature = issuer.token().split('.')
    changed = part(issuer.claims(sub='repo:org/name:ref:refs/heads/evil'))
    assert 'signature is invalid' in refused('InvalidIdentityToken', strata, role, f'{head}.{changed}.{signature}')
    assert 'Token expired' in refused('ExpiredTokenException', strata, role, issuer.token(exp=int(time.time()) - 1))
    assert refused('InvalidIdentityToken', strata, role, issuer.token(aud='somebody-else')) == 'Incorrect token audience'
    assert 'future' in refused('InvalidIdentityToken', strata, role, issuer.token(iat=int(time.time()) + 3600))
    for missing in ('exp', 'iat', 'sub', 'aud', 'iss'):
        assert refused('InvalidIdentityToken', strata, role, issuer.token(**{missing: None})) == f'Missing a required claim: {missing}'


def test_the_algorithm_is_the_keys_own(strata, issuer, role):
    claims = part(issuer.claims())
    assert 'not supported' in refused('InvalidIdentityToken', strata, role, f'{part({"alg": "none", "kid": "first"})}.{claims}.{part(b"x")}')
    import hashlib
    import hmac
    head = part({'alg': 'HS256', 'kid': 'first'})  # signed with the public key as if it were a secret
    public = openssl('rsa', '-in', issuer.keys['first'], '-pubout')
    mac = hmac.new(public, f'{head}.{claims}'.encode(), hashlib.sha256).digest()
    assert 'not supported' in refused('InvalidIdentityToken', strata, role, f'{head}.{claims}.{part(mac)}')
    refused('InvalidIdentityToken', strata, role, issuer.token(header={'alg': 'ES256', 'kid': 'first'}))
    refused('InvalidIdentityToken', strata, role, issuer.token(header={'alg': 'RS256', 'kid': 'first', 'crit': ['x']}))
    for broken in ('none', 'a.b.c', 'e30.e30.', '....', part(b'{"alg"') + '.e30.eA', part(b'\0' * 40) + '.e30.eA'):
        assert 'not a valid JWT' in refused('InvalidIdentityToken', strata, role, broken)


def test_the_trust_policy_decides(strata, issuer, provider, role):
    message = refused('AccessDenied', strata, role, issuer.token(sub='repo:org/name:ref:refs/heads/other'))
    assert message == 'Not authorized to perform sts:AssumeRoleWithWebIdentity'
    refused('AccessDenied', strata, f'arn:aws:iam::{ACCOUNT}:role/there-is-none', issuer.token())
    nobody = strata.client('iam').create_role(RoleName='n-' + uuid.uuid4().hex[:12], AssumeRolePolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': ACCOUNT}, 'Action': 'sts:AssumeRoleWithWebIdentity'}]}))['Role']['Arn']
    refused('AccessDenied', strata, nobody, issuer.token())
    assert 'MaxSessionDuration' in refused('ValidationError', strata, role, issuer.token(), DurationSeconds=7200)


def test_an_issuer_that_is_not_registered_or_not_who_it_says(own_strata, issuer):
    role = role_of(own_strata, issuer.host)
    assert 'No OpenIDConnect provider found' in refused('InvalidIdentityToken', own_strata, role, issuer.token())
    own_strata.client('iam').create_open_id_connect_provider(Url=f'https://{issuer.host}', ClientIDList=[AUDIENCE], ThumbprintList=['0' * 40])
    assert "Couldn't retrieve verification key" in refused('InvalidIdentityToken', own_strata, role, issuer.token())
    assert 'certificate is not trusted' in own_strata.log_text()


def test_tags_of_the_token_are_the_sessions(strata, issuer, provider):
    tagged = {'https://aws.amazon.com/tags': {'principal_tags': {'team': ['blue']}, 'transitive_tag_keys': ['team']}}
    role = role_of(strata, provider)
    refused('AccessDenied', strata, role, issuer.token(**tagged))  # the trust policy must allow sts:TagSession, too
    name = role.rsplit('/')[-1]
    document = json.loads(trust(provider))
    document['Statement'][0]['Action'] = ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession']
    del document['Statement'][0]['Condition']
    strata.client('iam').update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))
    assume(strata, role, issuer.token(**tagged))


def test_the_local_issuer_stands_for_any_provider(own_strata):
    """What CI on a laptop does: no network, the stack's own trust policy."""
    github = 'token.actions.githubusercontent.com'
    iam = own_strata.client('iam')
    iam.create_open_id_connect_provider(Url=f'https://{github}', ClientIDList=[AUDIENCE])
    role = role_of(own_strata, github, aud=AUDIENCE, sub='repo:org/name:environment:dev', repository='org/name', environment='dev')
    issue = lambda *a: own_strata.command('oidc', 'issue', *a).stdout.strip()
    token = issue('--sub', 'repo:org/name:environment:dev')
    answer = assume(own_strata, role, token)
    assert answer['SubjectFromWebIdentityToken'] == 'repo:org/name:environment:dev'
    refused('AccessDenied', own_strata, role, issue('--sub', 'repo:org/name:environment:prod'))
    assert refused('InvalidIdentityToken', own_strata, role, issue('--sub', 'x', '--aud', 'y')) == 'Incorrect token audience'
    assert (own_strata.data / 'oidc.key').stat().st_mode & 0o777 == 0o600
    own_strata.advance_clock(301)
    refused('ExpiredTokenException', own_strata, role, token)
    assume(own_strata, role, issue('--sub', 'repo:org/name:environment:dev'))  # issued on strata's clock
    head, claims, signature = token.split('.')
    refused('InvalidIdentityToken', own_strata, role, f'{head}.{claims}.{part(b"0" * 64)}')


def test_an_account_has_a_hundred_providers(own_strata):
    iam = own_strata.client('iam')
    for n in range(100):
        iam.create_open_id_connect_provider(Url=f'https://p{n}.example.com', ThumbprintList=['0' * 40])
    with pytest.raises(ClientError) as e:
        iam.create_open_id_connect_provider(Url='https://more.example.com', ThumbprintList=['0' * 40])
    assert e.value.response['Error']['Code'] == 'LimitExceeded'
    assert e.value.response['Error']['Message'] == 'Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100'


def test_oidc_says_how_it_is_used(strata):
    assert strata.command('oidc').returncode == 2
    assert strata.command('oidc', 'issue').returncode == 2
    assert 'not a duration' in strata.command('oidc', 'issue', '--sub', 's', '--ttl', 'x').stderr
