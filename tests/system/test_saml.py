"""AssumeRoleWithSAML: responses that an identity provider made here signs, and every way of bending them."""

import base64
import datetime
import hashlib
import json
import pathlib
import subprocess
import uuid
import xml.etree.ElementTree as ET

import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError

ACCOUNT = '000000000000'
SIGN_IN = 'https://signin.aws.amazon.com/saml'
ATTRIBUTE = 'https://aws.amazon.com/SAML/Attributes/'
DS = 'http://www.w3.org/2000/09/xmldsig#'
EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#'
SIGNATURES = {'sha1': f'{DS}rsa-sha1', **{h: f'http://www.w3.org/2001/04/xmldsig-more#rsa-{h}' for h in ('sha256', 'sha384', 'sha512')}}
DIGESTS = {'sha1': f'{DS}sha1', 'sha256': 'http://www.w3.org/2001/04/xmlenc#sha256', 'sha384': 'http://www.w3.org/2001/04/xmldsig-more#sha384',
           'sha512': 'http://www.w3.org/2001/04/xmlenc#sha512'}
NAMESPACES = 'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'


def openssl(*arguments, data=None):
    return subprocess.run(['openssl', *map(str, arguments)], input=data, capture_output=True, check=True).stdout


def canonical(text):
    """Exclusive canonical XML by the standard library: C14N 2.0 as it is by default gives the same for what is here."""
    return ET.canonicalize(text, rewrite_prefixes=False, with_comments=False).encode()


def at(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%S.%fZ')


class Provider:
    """An identity provider: a key, its metadata, the responses that it signs."""

    def __init__(self, directory, bits=2048, entity='https://idp.example.com/saml'):
        self.key, certificate = pathlib.Path(directory) / f'{bits}.key', pathlib.Path(directory) / f'{bits}.pem'
        self.entity = entity
        openssl('req', '-x509', '-newkey', f'rsa:{bits}', '-nodes', '-days', '2', '-subj', '/CN=idp', '-keyout', self.key, '-out', certificate)
        self.certificate = ''.join(certificate.read_text().split('\n')[1:-2])

    def metadata(self, more='', certificate=None, use=' use="signing"', role='IDPSSODescriptor'):
        lines = '\n'.join(certificate[i:i + 64] for i in range(0, len(certificate), 64)) if certificate else self.certificate
        return f'''<?xml version="1.0" encoding="UTF-8"?>
<!-- of a test -->
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{self.entity}"{more}>
  <{role} protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <KeyDescriptor{use}><ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>{lines}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>
    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{self.entity}"/>
  </{role}>
</EntityDescriptor>'''

    def sign(self, element, mark, hash='sha256', digest=None, uri=None, canonicalization=EXCLUSIVE, transform=EXCLUSIVE, key=None):
        """The element with its signature where mark stands: the mark goes before the digest is taken, as the transform has it."""
        identity = ET.fromstring(element).get('ID')
        value = base64.b64encode(hashlib.new(digest or hash, canonical(element.replace(mark, ''))).digest()).decode()
        info = (f'<ds:SignedInfo xmlns:ds="{DS}">\n <ds:CanonicalizationMethod Algorithm="{canonicalization}"/>\n'
                f' <ds:SignatureMethod Algorithm="{SIGNATURES[hash]}"/>\n <ds:Reference URI="{"#" + identity if uri is None else uri}"><ds:Transforms>'
                f'<ds:Transform Algorithm="{DS}enveloped-signature"/><ds:Transform Algorithm="{transform}"/></ds:Transforms>'
                f'<ds:DigestMethod Algorithm="{DIGESTS[digest or hash]}"/><ds:DigestValue>{value}</ds:DigestValue></ds:Reference></ds:SignedInfo>')
        signed = base64.encodebytes(openssl('dgst', f'-{hash}', '-sign', key or self.key, data=canonical(info))).decode()
        return element.replace(mark, f'<ds:Signature xmlns:ds="{DS}">{info}<ds:SignatureValue>\n{signed}</ds:SignatureValue></ds:Signature>')

    def assertion(self, attributes, subject='ann@example.com', audience=SIGN_IN, recipient=SIGN_IN, issued=-1, ends=300, begins=-60, confirmed=300, session='',
                  issuer=None, format=' Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"', identity='_a1', conditions=None):
        statements = ''.join(f'<saml:Attribute Name="{n}">{"".join(f"<saml:AttributeValue>{v}</saml:AttributeValue>" for v in values)}</saml:Attribute>'
                             for n, values in attributes.items())
        if conditions is None:
            conditions = (f'<saml:Conditions NotBefore="{at(begins)}" NotOnOrAfter="{at(ends)}"><saml:AudienceRestriction><saml:Audience>{audience}'
                          '</saml:Audience></saml:AudienceRestriction></saml:Conditions>')
        name = f'<saml:NameID{format}>{subject}</saml:NameID>' if subject is not None else ''
        return f'''<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0" IssueInstant="{at(issued)}" ID='{identity}'>
  <saml:Issuer>{issuer or self.entity}</saml:Issuer><!mark!>
  <saml:Subject>{name}
    <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="{at(confirmed)}"
      Recipient="{recipient}"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>
  {conditions}
  <saml:AuthnStatement AuthnInstant="{at(issued)}"{session}/>
  <saml:AttributeStatement>{statements}</saml:AttributeStatement>
</saml:Assertion>'''

    def response(self, assertion, status='urn:oasis:names:tc:SAML:2.0:status:Success', version='2.0', issuer=None):
        return (f'<samlp:Response {NAMESPACES} ID="_r1" Version="{version}" IssueInstant="{at(0)}"><saml:Issuer>{issuer or self.entity}</saml:Issuer><!whole!>'
                f'<samlp:Status><samlp:StatusCode Value="{status}"/></samlp:Status>{assertion}</samlp:Response>')

    def signed(self, attributes, sign='assertion', response=None, signing=None, **more):
        assertion = self.assertion(attributes, **more)
        if sign in ('assertion', 'both'):
            mark = '<mark/>'
            assertion = self.sign(assertion.replace('<!mark!>', mark), mark, **(signing or {}))
        whole = self.response(assertion.replace('<!mark!>', ''), **(response or {}))
        if sign in ('response', 'both'):
            return self.sign(whole.replace('<!whole!>', '<mark/>'), '<mark/>', **(signing or {}))
        return whole.replace('<!whole!>', '')


@pytest.fixture(scope='module')
def idp(tmp_path_factory):
    return Provider(tmp_path_factory.mktemp('idp'))


@pytest.fixture(scope='module')
def provider(strata, idp):
    """Its name."""
    name = 'idp-' + uuid.uuid4().hex[:12]
    arn = strata.client('iam').create_saml_provider(Name=name, SAMLMetadataDocument=idp.metadata())['SAMLProviderArn']
    assert arn == f'arn:aws:iam::{ACCOUNT}:saml-provider/{name}'
    return arn


def role_of(strata, provider, actions='sts:AssumeRoleWithSAML', **conditions):
    statement = {'Effect': 'Allow', 'Principal': {'Federated': provider}, 'Action': actions}
    if conditions:
        statement['Condition'] = conditions
    return strata.client('iam').create_role(RoleName='saml-' + uuid.uuid4().hex[:12], AssumeRolePolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [statement]}))['Role']['Arn']


@pytest.fixture(scope='module')
def role(strata, provider):
    return role_of(strata, provider, StringEquals={'saml:aud': SIGN_IN})


def attributes(role, provider, **more):
    return {f'{ATTRIBUTE}Role': [f'{role},{provider}'], f'{ATTRIBUTE}RoleSessionName': ['ann'], **{ATTRIBUTE + k: v for k, v in more.items()}}


def assume(strata, role, provider, xml, **more):
    return strata.client('sts', signature_version=UNSIGNED).assume_role_with_saml(
        RoleArn=role, PrincipalArn=provider, SAMLAssertion=base64.b64encode(xml if isinstance(xml, bytes) else xml.encode()).decode(), **more)


def refused(code, strata, role, provider, xml, **more):
    with pytest.raises(ClientError) as e:
        assume(strata, role, provider, xml, **more)
    assert e.value.response['Error']['Code'] == code, e.value
    return e.value.response['Error']['Message']


# ---- providers ----


def test_a_provider_is_kept_updated_tagged_and_deleted(strata, idp):
    iam, name = strata.client('iam'), 'p-' + uuid.uuid4().hex[:12]
    made = iam.create_saml_provider(Name=name, SAMLMetadataDocument=idp.metadata(), Tags=[{'Key': 'b', 'Value': '2'}, {'Key': 'a', 'Value': '1'}])
    arn = made['SAMLProviderArn']
    assert made['Tags'] == [{'Key': 'a', 'Value': '1'}, {'Key': 'b', 'Value': '2'}]
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_saml_provider(Name=name.upper(), SAMLMetadataDocument=idp.metadata())
    got = iam.get_saml_provider(SAMLProviderArn=arn)
    assert got['SAMLMetadataDocument'] == idp.metadata() and got['SAMLProviderUUID'] and got['Tags'] == made['Tags']
    assert got['ValidUntil'] - got['CreateDate'] > datetime.timedelta(days=36000)
    until = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=30)
    assert iam.update_saml_provider(SAMLProviderArn=arn, SAMLMetadataDocument=idp.metadata(f' validUntil="{until.isoformat()}"'))['SAMLProviderArn'] == arn
    listed = next(p for p in iam.list_saml_providers()['SAMLProviderList'] if p['Arn'] == arn)
    assert listed['ValidUntil'] == until and listed['CreateDate'] == got['CreateDate']
    iam.tag_saml_provider(SAMLProviderArn=arn, Tags=[{'Key': 'c', 'Value': '3'}])
    iam.untag_saml_provider(SAMLProviderArn=arn, TagKeys=['a'])
    assert {t['Key'] for t in iam.list_saml_provider_tags(SAMLProviderArn=arn)['Tags']} == {'b', 'c'}
    iam.delete_saml_provider(SAMLProviderArn=arn)
    for call in (iam.get_saml_provider, iam.delete_saml_provider):
        with pytest.raises(iam.exceptions.NoSuchEntityException, match='Manifest not found for arn'):
            call(SAMLProviderArn=arn)
    with pytest.raises(iam.exceptions.InvalidInputException):
        iam.get_saml_provider(SAMLProviderArn=f'arn:aws:iam::{ACCOUNT}:oidc-provider/x.example.com')


def test_metadata_must_be_an_identity_providers(strata, idp, tmp_path):
    iam = strata.client('iam', parameter_validation=False)
    good, pad = idp.metadata(), '<!-- ' + 'x' * 1000 + ' -->'
    weak = Provider(tmp_path, bits=1024)  # the least
    bad = {
        'a byte order mark': '\ufeff' + good, 'not XML': 'x' * 1000, 'a document type': good.replace('<!-- of a test -->', '<!DOCTYPE EntityDescriptor>'),
        'eleven keys': idp.metadata().replace('<SingleSign', 10 * good[good.index('<KeyDescriptor'):good.index('<SingleSign')] + '<SingleSign'),
        'no role': idp.metadata(role='SPSSODescriptor'), 'no certificate': good.replace('X509Certificate', 'X509SKI') + pad,
        'a certificate that is none': idp.metadata(certificate=base64.b64encode(b'0' * 600).decode()), 'keys for encryption alone': idp.metadata(use=' use="encryption"'),
        'no entity': good.replace('entityID', 'entity'), 'past its end': idp.metadata(' validUntil="2020-01-01T00:00:00Z"'), 'no time': idp.metadata(' validUntil="soon"'),
        'another namespace': good.replace('SAML:2.0:metadata', 'SAML:1.1:metadata'),
    }
    for what, document in bad.items():
        with pytest.raises(iam.exceptions.InvalidInputException, match='Could not parse metadata'):
            iam.create_saml_provider(Name='never', SAMLMetadataDocument=document)
            pytest.fail(what)
    with pytest.raises(ClientError, match='1000'):
        iam.create_saml_provider(Name='never', SAMLMetadataDocument='<x/>')
    for parameter in ({'AddPrivateKey': 'x'}, {'AssertionEncryptionMode': 'Allowed'}):
        with pytest.raises(ClientError, match=next(iter(parameter))):
            iam.create_saml_provider(Name='never', SAMLMetadataDocument=good, **parameter)
    arn = iam.create_saml_provider(Name='weak-' + uuid.uuid4().hex[:8], SAMLMetadataDocument=weak.metadata(use='') + pad)['SAMLProviderArn']
    with pytest.raises(iam.exceptions.InvalidInputException, match='No updates are defined'):
        iam.update_saml_provider(SAMLProviderArn=arn)


# ---- sessions ----


@pytest.mark.parametrize('sign', ['assertion', 'response', 'both'])
@pytest.mark.parametrize('hash', ['sha256', 'sha384', 'sha512'])
def test_a_signed_response_gives_a_session(strata, idp, provider, role, sign, hash):
    answer = assume(strata, role, provider, idp.signed(attributes(role, provider), sign=sign, signing={'hash': hash}), DurationSeconds=900)
    assert answer['Subject'] == 'ann@example.com' and answer['SubjectType'] == 'persistent'
    assert answer['Issuer'] == idp.entity and answer['Audience'] == SIGN_IN
    assert answer['NameQualifier'] == base64.b64encode(hashlib.sha1(f'{idp.entity}{ACCOUNT}/{provider.rsplit("/")[-1]}'.encode()).digest()).decode()
    assert answer['AssumedRoleUser']['Arn'].endswith(role.rsplit('/')[-1] + '/ann') and 'SourceIdentity' not in answer
    c = answer['Credentials']
    me = strata.client('sts', key=c['AccessKeyId'], secret=c['SecretAccessKey'], token=c['SessionToken']).get_caller_identity()
    assert me['Arn'] == answer['AssumedRoleUser']['Arn']


def test_other_spellings_of_the_same_are_the_same(strata, idp, provider, role):
    """The pair in the other order, a region's address, the other audience, characters that a canonical form writes otherwise."""
    given = {f'{ATTRIBUTE}Role': [f'arn:aws:iam::{ACCOUNT}:role/other,{provider}', f' {provider} ,\n {role} '], f'{ATTRIBUTE}RoleSessionName': ['ann'],
             'x': ['&lt;&#13;&#x9;"\'&gt;', '<![CDATA[<&]]>', '&#228;\u00e4']}
    answer = assume(strata, role, provider, idp.signed(given, audience='urn:amazon:webservices', format=''))
    assert answer['SubjectType'] == 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified'
    region = 'https://eu-central-1.signin.aws.amazon.com/saml'
    anywhere = role_of(strata, provider)
    assert assume(strata, anywhere, provider, idp.signed(attributes(anywhere, provider), audience=region, recipient=region))['Audience'] == region
    own = SIGN_IN + '/acs/' + strata.client('iam').get_saml_provider(SAMLProviderArn=provider)['SAMLProviderUUID']
    assert assume(strata, anywhere, provider, idp.signed(attributes(anywhere, provider), audience=own, recipient=own))['Audience'] == own


def test_what_the_provider_says_of_the_session(strata, idp, provider):
    sts_actions = ['sts:AssumeRoleWithSAML', 'sts:TagSession', 'sts:SetSourceIdentity']
    role = role_of(strata, provider, sts_actions, StringEquals={
        'saml:iss': idp.entity, 'saml:sub': 'ann@example.com', 'saml:sub_type': 'persistent', 'saml:doc': f'{ACCOUNT}/{provider.rsplit("/")[-1]}',
        'saml:cn': 'Ann', 'aws:RequestTag/team': 'blue', 'sts:SourceIdentity': 'ann', 'sts:RoleSessionName': 'ann', 'aws:FederatedProvider': provider},
        **{'ForAnyValue:StringEquals': {'saml:edupersonaffiliation': 'staff'}, 'ForAllValues:StringEquals': {'aws:TagKeys': ['team', 'cost'], 'sts:TransitiveTagKeys': ['team']}})
    said = {**attributes(role, provider, SourceIdentity=['ann'], **{'PrincipalTag:team': ['blue'], 'PrincipalTag:cost': ['7'], 'TransitiveTagKeys': ['team']}),
            'urn:oid:1.3.6.1.4.1.5923.1.1.1.1': ['member', 'staff'], 'urn:oid:2.5.4.3': ['Ann']}
    allow = {'Effect': 'Allow', 'Action': 'iam:ListSAMLProviders', 'Resource': '*', 'Condition': {'StringEquals': {
        'saml:sub': 'ann@example.com', 'saml:sub_type': 'persistent', 'aws:PrincipalTag/team': 'blue', 'aws:SourceIdentity': 'ann', 'aws:FederatedProvider': provider}}}
    strata.client('iam').put_role_policy(RoleName=role.rsplit('/')[-1], PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [allow]}))
    answer = assume(strata, role, provider, idp.signed(said))
    assert answer['SourceIdentity'] == 'ann'
    c = answer['Credentials']
    keys = {'key': c['AccessKeyId'], 'secret': c['SecretAccessKey'], 'token': c['SessionToken']}
    assert strata.client('iam', **keys).list_saml_providers()['SAMLProviderList']
    with pytest.raises(ClientError, match='is not authorized to perform: iam:ListRoles'):
        strata.client('iam', **keys).list_roles()
    for changed in ({'urn:oid:1.3.6.1.4.1.5923.1.1.1.1': ['member']}, {'urn:oid:2.5.4.3': ['Bob']}, {f'{ATTRIBUTE}PrincipalTag:team': ['red']},
                    {f'{ATTRIBUTE}PrincipalTag:more': ['x']}, {f'{ATTRIBUTE}TransitiveTagKeys': ['team', 'cost']}, {f'{ATTRIBUTE}SourceIdentity': ['bob']}):
        assert refused('AccessDenied', strata, role, provider, idp.signed({**said, **changed})) == 'Not authorized to perform sts:AssumeRoleWithSAML'
    untagged = role_of(strata, provider)  # the trust policy must allow sts:TagSession, too
    refused('AccessDenied', strata, untagged, provider, idp.signed(attributes(untagged, provider, **{'PrincipalTag:team': ['blue']})))


def test_the_session_is_no_longer_than_the_provider_allows(strata, idp, provider, role):
    def seconds(given=None, session='', **more):
        c = assume(strata, role, provider, idp.signed(attributes(role, provider, **(given or {})), session=session), **more)['Credentials']
        return (c['Expiration'] - datetime.datetime.fromtimestamp(strata.now_ms() / 1000, datetime.timezone.utc)).total_seconds()  # by its clock, not ours

    assert 3500 < seconds() <= 3600
    assert 880 < seconds({'SessionDuration': ['900']}) <= 900
    assert 880 < seconds({'SessionDuration': ['3000']}, DurationSeconds=900) <= 900
    assert 80 < seconds(session=f' SessionNotOnOrAfter="{at(100)}"') <= 100
    for bad in ('899', '43201', 'long'):
        assert 'SessionDuration' in refused('InvalidIdentityToken', strata, role, provider, idp.signed(attributes(role, provider, SessionDuration=[bad])))
    refused('ExpiredTokenException', strata, role, provider, idp.signed(attributes(role, provider), session=f' SessionNotOnOrAfter="{at(-10)}"'))
    assert 'MaxSessionDuration' in refused('ValidationError', strata, role, provider, idp.signed(attributes(role, provider, SessionDuration=['900'])), DurationSeconds=7200)


def test_the_names_of_the_session(strata, idp, provider, role):
    def names(message, **given):
        assert refused('InvalidIdentityToken', strata, role, provider, idp.signed({**attributes(role, provider), **{ATTRIBUTE + k: v for k, v in given.items()}})) == message

    for bad in ('a', 'has space', 'n' * 65, 'a/b'):
        names('RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}', RoleSessionName=[bad])
    for bad in ('a', 'aws:x', 'x y'):
        names('Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"', SourceIdentity=[bad])
    given = attributes(role, provider)
    del given[f'{ATTRIBUTE}RoleSessionName']
    assert refused('InvalidIdentityToken', strata, role, provider, idp.signed(given)) == 'RoleSessionName is required in AuthnResponse'
    assert 'exactly one value' in refused('InvalidIdentityToken', strata, role, provider, idp.signed(attributes(role, provider, RoleSessionName=['ann', 'bob'])))


def test_the_event_says_whom_the_provider_vouched_for(strata, idp, provider, role):
    answer = assume(strata, role, provider, idp.signed(attributes(role, provider)))
    shown = strata.client('cloudtrail').lookup_events(LookupAttributes=[{'AttributeKey': 'EventName', 'AttributeValue': 'AssumeRoleWithSAML'}])['Events']
    record = next(r for r in (json.loads(e['CloudTrailEvent']) for e in shown) if r['requestParameters']['roleArn'] == role)
    assert record['userIdentity'] == {'type': 'SAMLUser', 'principalId': f'{answer["NameQualifier"]}:ann@example.com', 'userName': 'ann@example.com',
                                      'identityProvider': answer['NameQualifier']}
    assert 'PHNhbWxw' not in json.dumps(record)  # the response itself


# ---- what must not pass ----


def test_the_wrong_place_and_time(strata, idp, provider, role):
    def bad(code='InvalidIdentityToken', **more):
        return refused(code, strata, role, provider, idp.signed(attributes(role, provider), **more))

    late = 'Token must be redeemed within 5 minutes of issuance'
    assert bad('ExpiredTokenException', issued=-301) == late
    assert bad('ExpiredTokenException', ends=-1) == late
    assert bad('ExpiredTokenException', confirmed=-1) == late
    assert 'not valid at this time' in bad(begins=400)
    assert 'IssueInstant' in bad(issued=400)
    for elsewhere in ('https://example.com/saml', 'https://signin.aws.amazon.com.example.com/saml', 'http://signin.aws.amazon.com/saml', SIGN_IN + '/acs/OTHER', SIGN_IN + 'x'):
        assert bad(audience=elsewhere) == 'Response does not contain the required audience.'
        assert 'Recipient' in bad(recipient=elsewhere)
    assert bad(conditions='') == 'Response does not contain the required audience.'
    assert bad(conditions='<saml:Conditions/>') == 'Response does not contain the required audience.'
    assert bad(issuer='https://other.example.com') == 'Issuer not present in specified provider'
    assert bad(response={'issuer': 'https://other.example.com'}) == 'Issuer not present in specified provider'
    assert 'authentication failed' in bad('IDPRejectedClaim', response={'status': 'urn:oasis:names:tc:SAML:2.0:status:Responder'})
    assert bad('AccessDenied', subject=None) == bad('AccessDenied', subject='') == 'Not authorized to perform sts:AssumeRoleWithSAML'


def test_expiry_follows_the_clock_of_strata(own_strata, idp):
    provider = own_strata.client('iam').create_saml_provider(Name='p', SAMLMetadataDocument=idp.metadata(f' validUntil="{at(7200)}"'))['SAMLProviderArn']
    role = role_of(own_strata, provider)
    xml = idp.signed(attributes(role, provider), ends=9000, confirmed=9000)
    assume(own_strata, role, provider, xml)
    own_strata.advance_clock(302)
    refused('ExpiredTokenException', own_strata, role, provider, xml)
    own_strata.advance_clock(7200)
    assert 'metadata' in refused('InvalidIdentityToken', own_strata, role, provider, idp.signed(attributes(role, provider), issued=7500, ends=9000, confirmed=9000))


def test_the_role_must_be_named_and_trust_the_provider(strata, idp, provider, role):
    other = role_of(strata, provider)
    denied = 'Not authorized to perform sts:AssumeRoleWithSAML'
    assert refused('AccessDenied', strata, other, provider, idp.signed(attributes(role, provider))) == denied
    assert refused('AccessDenied', strata, role, provider, idp.signed({f'{ATTRIBUTE}RoleSessionName': ['ann']})) == denied
    none = f'arn:aws:iam::{ACCOUNT}:role/there-is-none'
    assert refused('AccessDenied', strata, none, provider, idp.signed(attributes(none, provider))) == denied
    untrusting = role_of(strata, provider.replace('saml-provider/', 'saml-provider/x'))
    assert refused('AccessDenied', strata, untrusting, provider, idp.signed(attributes(untrusting, provider))) == denied
    nowhere = provider + '-none'
    assert refused('InvalidIdentityToken', strata, role, nowhere, idp.signed(attributes(role, nowhere))) == "Specified provider doesn't exist"
    foreign = provider.replace(ACCOUNT, '111111111111')
    assert refused('InvalidIdentityToken', strata, role, foreign, idp.signed(attributes(role, foreign))) == "Specified provider doesn't exist"


def test_signatures_that_are_not_the_providers(strata, idp, provider, role, tmp_path):
    def bad(xml):
        return refused('InvalidIdentityToken', strata, role, provider, xml)

    given, invalid = attributes(role, provider), 'Response signature invalid'
    other = Provider(tmp_path)
    assert bad(idp.signed(given, sign='none')) == invalid
    assert bad(idp.signed(given, signing={'key': other.key})) == invalid
    assert bad(other.signed(given)) == invalid
    assert bad(idp.signed(given).replace('ann@example.com', 'bob@example.com')) == invalid
    assert bad(idp.signed(given, sign='response').replace('ann@example.com', 'bob@example.com')) == invalid
    assert bad(idp.signed(given, sign='both').replace('status:Success"/>', 'status:Success" />').replace('Version="2.0" IssueInstant', 'Version="2.0" x="1" IssueInstant', 1)) == invalid
    assert bad(idp.signed(given, signing={'uri': '#_other'})) == invalid
    assert bad(idp.signed(given, signing={'uri': ''})) == invalid
    for weak in ({'hash': 'sha1'}, {'digest': 'sha1'}, {'canonicalization': 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315'},
                 {'transform': 'http://www.w3.org/TR/1999/REC-xslt-19991116'}):
        assert 'algorithm is not supported' in bad(idp.signed(given, signing=weak))
    assert 'algorithm is not supported' in bad(idp.signed(given).replace(SIGNATURES['sha256'], f'{DS}hmac-sha1'))


def test_wrapped_signatures(strata, idp, provider, role):
    """A good assertion is moved or copied, so that its signature still holds while another one would be read."""
    given = attributes(role, provider)
    signed = idp.signed(given)
    start, end = signed.index('<saml:Assertion'), signed.index('</saml:Assertion>') + len('</saml:Assertion>')
    good = signed[start:end]
    forged = idp.assertion(given, subject='root@example.com', identity='_evil').replace('<!mark!>', '')
    same_id = forged.replace("'_evil'", "'_a1'")
    signature = good[good.index('<ds:Signature'):good.index('</ds:Signature>') + len('</ds:Signature>')]
    bare = good.replace(signature, '')

    def bad(*parts):
        return refused('InvalidIdentityToken', strata, role, provider, signed[:start] + ''.join(parts) + signed[end:])

    one = 'SAMLResponse must contain exactly one assertion'
    assert bad(forged, good) == bad(good, forged) == bad(good, good) == bad() == one
    assert bad('<samlp:Extensions>', good, '</samlp:Extensions>', forged) == one
    assert bad('<samlp:Extensions>', good, '</samlp:Extensions>') == one
    assert bad(forged.replace('</saml:Issuer>', f'</saml:Issuer>{signature}', 1)) == 'Response signature invalid'
    assert bad(same_id.replace('</saml:Issuer>', f'</saml:Issuer>{signature}', 1)) == 'Response signature invalid'
    inside = signature.replace('</ds:Signature>', f'<ds:Object>{bare}</ds:Object></ds:Signature>')
    assert bad(same_id.replace('</saml:Issuer>', f'</saml:Issuer>{inside}', 1)) == one
    object = signature.replace('</ds:Signature>', '<ds:Object>x</ds:Object></ds:Signature>')
    assert bad(good.replace(signature, object)) == 'Response signature invalid'
    assert bad(good.replace(signature, signature * 2)) == 'Response signature invalid'
    renamed = bare.replace('saml:Assertion', 'saml:Advice')
    assert bad('<samlp:Extensions>', renamed, '</samlp:Extensions>', same_id.replace('</saml:Issuer>', f'</saml:Issuer>{signature}', 1)) == 'Response signature invalid'
    assert bad('<samlp:Extensions><x ID="_a1"/></samlp:Extensions>', good) == 'Response signature invalid'  # whose ID is it
    assert 'ncrypted' in bad('<saml:EncryptedAssertion/>', good)


def test_documents_that_are_not_plain(strata, idp, provider, role):
    given, malformed = attributes(role, provider), 'SAMLResponse is not a valid SAML 2.0 response'
    signed = idp.signed(given)

    def bad(xml, message=malformed):
        assert refused('InvalidIdentityToken', strata, role, provider, xml) == message

    bad(signed.replace('ann@example.com', 'ann@example.com<!-- -->.evil.com'))  # the canonical form would not show it
    bad(idp.signed(given, subject='ann@example.com<!-- -->.evil.com'))
    bad('<!DOCTYPE Response [<!ENTITY e "ann">]>' + signed)
    bad('<!DOCTYPE Response SYSTEM "http://127.0.0.1:1/x.dtd">' + signed)
    bad('<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><r>&b;</r>')
    bad('<?xml-stylesheet href="x"?>' + signed)
    bad(signed[:-1])
    bad(signed + '<x/>')
    bad(signed.encode().replace(b'ann@', b'\xffnn@'))
    bad(signed.replace('urn:oasis:names:tc:SAML:2.0:protocol', 'urn:oasis:names:tc:SAML:1.1:protocol'))
    bad(idp.signed(given, response={'version': '1.1'}))
    bad('<a>' * 5000)
    bad(f'<samlp:Response {NAMESPACES}>' + ''.join(f'<a xmlns:p{i}="urn:{i}"/>' for i in range(300)) + '</samlp:Response>')
    prefixes = f'<i:InclusiveNamespaces xmlns:i="{EXCLUSIVE}" PrefixList="{" ".join(f"p{i}" for i in range(40))}"/></ds:CanonicalizationMethod>'
    start = signed.index('<ds:CanonicalizationMethod')
    end = signed.index('/>', start)
    bad(signed[:end] + '>' + prefixes + signed[end + 2:], "The signature's algorithm is not supported: it must be exclusive canonicalization and RSA with SHA-256, SHA-384 or SHA-512")
    bad('<r xmlns="urn:oasis:names:tc:SAML:2.0:protocol"/>')
    with pytest.raises(ClientError, match='Invalid base64 SAMLResponse'):
        strata.client('sts', signature_version=UNSIGNED).assume_role_with_saml(RoleArn=role, PrincipalArn=provider, SAMLAssertion='no base64 at all!')
    assert 'split' not in refused('AccessDenied', strata, role, provider, idp.signed(given, subject='<b>split</b>name'))
