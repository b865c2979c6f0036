"""Passwords and MFA devices of users, and what a device's code opens."""

import base64
import hmac
import json
import struct
import uuid
import zlib

import pytest

from refusals import refused

ACCOUNT = '000000000000'
GOOD = 'Correct-horse-7'


def fresh(prefix):
    return f'{prefix}-{uuid.uuid4().hex[:10]}'


def document(effect, action, resource='*', **more):
    return json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': effect, 'Action': action, 'Resource': resource, **more}]})


class Device:
    """What a phone does with the seed."""

    def __init__(self, strata, iam, name=None):
        made = iam.create_virtual_mfa_device(VirtualMFADeviceName=name or fresh('phone'))['VirtualMFADevice']
        self.strata, self.serial, self.seed, self.png = strata, made['SerialNumber'], base64.b32decode(made['Base32StringSeed']), made['QRCodePNG']

    def step(self):
        return self.strata.now_ms() // 30000

    def code_at(self, step):
        digest = hmac.digest(self.seed, struct.pack('>Q', step), 'sha1')
        return f'{(struct.unpack(">I", digest[digest[19] & 15:][:4])[0] & 0x7FFFFFFF) % 1000000:06}'

    def code(self, later=0):
        return self.code_at(self.step() + later)

    def pair(self, later=0):
        step = self.step() + later  # once: a new step may begin between two looks at the clock
        return {'AuthenticationCode1': self.code_at(step), 'AuthenticationCode2': self.code_at(step + 1)}

    def wrong(self):
        pair = self.pair()
        return {**pair, 'AuthenticationCode2': f'{(int(pair["AuthenticationCode2"]) + 1) % 1000000:06}'}


@pytest.fixture(scope='module')
def cloud(tmp_path_factory):
    """One of our own: the password policy is the account's, and the clock is moved."""
    from running import Strata
    running = Strata(tmp_path_factory.mktemp('login') / 'data').start()
    yield running
    running.check()
    assert running.stop() == 0
    running.check()


@pytest.fixture
def iam(cloud):
    return cloud.client('iam')


@pytest.fixture
def user(iam):
    name = fresh('user')
    iam.create_user(UserName=name)
    return name


def test_a_login_profiles_life(iam, user):
    assert refused('NoSuchEntity', iam.get_login_profile, UserName=user) == f'Login Profile for User {user} cannot be found.'
    made = iam.create_login_profile(UserName=user, Password=GOOD, PasswordResetRequired=True)['LoginProfile']
    assert set(made) == {'UserName', 'CreateDate', 'PasswordResetRequired'} and made['PasswordResetRequired'] and made['CreateDate'].microsecond == 0
    assert refused('EntityAlreadyExists', iam.create_login_profile, UserName=user, Password=GOOD) == f'Login Profile for user {user} already exists.'
    iam.update_login_profile(UserName=user, PasswordResetRequired=False)
    assert iam.get_login_profile(UserName=user)['LoginProfile'] == {**made, 'PasswordResetRequired': False}
    assert refused('DeleteConflict', iam.delete_user, UserName=user) == 'Cannot delete entity, must delete login profile first.'
    iam.update_user(UserName=user, NewUserName=user + '-new')
    assert iam.get_login_profile(UserName=user + '-new')['LoginProfile']['UserName'] == user + '-new'
    iam.delete_login_profile(UserName=user + '-new')
    refused('NoSuchEntity', iam.delete_login_profile, UserName=user + '-new')
    refused('NoSuchEntity', iam.update_login_profile, UserName=user + '-new', Password=GOOD)
    refused('ValidationError', iam.create_login_profile, UserName=user + '-new')
    refused('ValidationError', iam.get_login_profile)
    refused('NoSuchEntity', iam.create_login_profile, UserName='no-such-user', Password=GOOD)
    iam.delete_user(UserName=user + '-new')


def test_a_password_conforms(cloud, user):
    iam = cloud.client('iam', parameter_validation=False)
    assert refused('NoSuchEntity', iam.get_account_password_policy) == f'The Password Policy with domain name {ACCOUNT} cannot be found.'
    assert refused('NoSuchEntity', iam.delete_account_password_policy) == 'The account policy with name PasswordPolicy cannot be found.'
    words = 'Password does not conform to the account password policy.'
    for bad in ('Ab1-', 'alllowercase', 'two4classes', ACCOUNT):
        assert refused('PasswordPolicyViolation', iam.create_login_profile, UserName=user, Password=bad) == words
    iam.create_login_profile(UserName=user, Password='Three4classes')
    iam.update_account_password_policy(MinimumPasswordLength=10, RequireSymbols=True, RequireNumbers=True, RequireUppercaseCharacters=True,
                                       RequireLowercaseCharacters=True, MaxPasswordAge=90, PasswordReusePrevention=2, HardExpiry=False)
    assert iam.get_account_password_policy()['PasswordPolicy'] == {
        'MinimumPasswordLength': 10, 'RequireSymbols': True, 'RequireNumbers': True, 'RequireUppercaseCharacters': True, 'RequireLowercaseCharacters': True,
        'AllowUsersToChangePassword': False, 'ExpirePasswords': True, 'MaxPasswordAge': 90, 'PasswordReusePrevention': 2, 'HardExpiry': False}
    for bad in ('Short-pw1', 'NoSymbolAt7all', 'No-Number-at-all', 'no-upper-case-7', 'NO-LOWER-CASE-7'):
        assert refused('PasswordPolicyViolation', iam.update_login_profile, UserName=user, Password=bad) == words
    change = lambda n: iam.update_login_profile(UserName=user, Password=f'{GOOD}{n}')
    change(1)
    change(2)
    for again in (1, 2):
        assert 'reuse' in refused('PasswordPolicyViolation', change, again)
    change(3)
    change(1)
    iam.update_account_password_policy()
    plain = iam.get_account_password_policy()['PasswordPolicy']
    assert plain == {'MinimumPasswordLength': 6, 'AllowUsersToChangePassword': False, 'ExpirePasswords': False,
                     **{k: False for k in plain if k.startswith('Require')}}
    for bad in ({'MinimumPasswordLength': 5}, {'MaxPasswordAge': 0}, {'PasswordReusePrevention': 25}):
        refused('ValidationError', iam.update_account_password_policy, **bad)
    iam.delete_account_password_policy()


def test_one_changes_ones_own_password(cloud):
    mine, iam, name = cloud.user('iam')
    iam.create_login_profile(UserName=name, Password=GOOD, PasswordResetRequired=True)
    assert 'iam:ChangePassword' in refused('AccessDenied', mine.change_password, OldPassword=GOOD, NewPassword=GOOD + 'x')
    iam.update_account_password_policy(AllowUsersToChangePassword=True)
    assert refused('AccessDenied', mine.change_password, OldPassword='wrong', NewPassword=GOOD + 'x') == 'The old password was incorrect.'
    mine.change_password(OldPassword=GOOD, NewPassword=GOOD + 'x')
    assert not iam.get_login_profile(UserName=name)['LoginProfile']['PasswordResetRequired']
    refused('AccessDenied', mine.change_password, OldPassword=GOOD, NewPassword=GOOD + 'y')
    iam.put_user_policy(UserName=name, PolicyName='no', PolicyDocument=document('Deny', 'iam:ChangePassword'))
    assert 'explicit deny' in refused('AccessDenied', mine.change_password, OldPassword=GOOD + 'x', NewPassword=GOOD + 'y')
    iam.put_user_policy(UserName=name, PolicyName='no', PolicyDocument=document('Allow', ['iam:ChangePassword', 'iam:GetLoginProfile']))
    iam.delete_account_password_policy()
    mine.change_password(OldPassword=GOOD + 'x', NewPassword=GOOD + 'y')
    assert mine.get_login_profile()['LoginProfile']['UserName'] == name
    iam.delete_login_profile(UserName=name)
    refused('NoSuchEntity', mine.change_password, OldPassword=GOOD, NewPassword=GOOD)
    refused('InvalidUserType', iam.change_password, OldPassword=GOOD, NewPassword=GOOD)


def test_passwords_and_seeds_are_not_kept_in_clear(own_strata):
    iam = own_strata.client('iam')
    iam.create_user(UserName='u')
    iam.create_login_profile(UserName='u', Password='Zq7-unlikely-words')
    seed = Device(own_strata, iam).seed
    own_strata.stop()
    kept = b''.join(f.read_bytes() for f in own_strata.data.rglob('*') if f.is_file())
    assert b'Zq7-unlikely' not in kept and seed not in kept and base64.b32encode(seed) not in kept and b'user' in kept


def test_a_devices_life(cloud, iam, user):
    phone = Device(cloud, iam)
    assert phone.serial.startswith(f'arn:aws:iam::{ACCOUNT}:mfa/phone-') and len(phone.seed) == 40
    refused('EntityAlreadyExists', iam.create_virtual_mfa_device, VirtualMFADeviceName=phone.serial.rpartition('/')[2])
    assert iam.list_mfa_devices(UserName=user)['MFADevices'] == []
    assert phone.serial in [d['SerialNumber'] for d in iam.list_virtual_mfa_devices(AssignmentStatus='Unassigned')['VirtualMFADevices']]
    enable = lambda **codes: iam.enable_mfa_device(UserName=user, SerialNumber=phone.serial, **codes)
    assert refused('InvalidAuthenticationCode', enable, **phone.wrong()) == 'Authentication code for device is not valid.'
    refused('InvalidAuthenticationCode', enable, AuthenticationCode1=phone.code(1), AuthenticationCode2=phone.code(0))
    enable(**phone.pair())
    refused('EntityAlreadyExists', enable, **phone.pair())
    device, = iam.list_mfa_devices(UserName=user)['MFADevices']
    assert device['SerialNumber'] == phone.serial and device['UserName'] == user and device['EnableDate']
    assert iam.get_mfa_device(UserName=user, SerialNumber=phone.serial)['UserName'] == user
    listed, = [d for d in iam.list_virtual_mfa_devices(AssignmentStatus='Assigned')['VirtualMFADevices'] if d['SerialNumber'] == phone.serial]
    assert listed['User']['UserName'] == user and 'Base32StringSeed' not in listed and 'QRCodePNG' not in listed
    cloud.advance_clock(60)
    iam.resync_mfa_device(UserName=user, SerialNumber=phone.serial, **phone.pair(later=-1))
    refused('InvalidAuthenticationCode', iam.resync_mfa_device, UserName=user, SerialNumber=phone.serial, **phone.pair(later=-1))
    assert refused('DeleteConflict', iam.delete_virtual_mfa_device, SerialNumber=phone.serial) == 'MFA VirtualDevice in use. Must deactivate first.'
    assert refused('DeleteConflict', iam.delete_user, UserName=user) == 'Cannot delete entity, must delete MFA device first.'
    iam.update_user(UserName=user, NewUserName=user + '-new')
    refused('NoSuchEntity', iam.deactivate_mfa_device, UserName=user, SerialNumber=phone.serial)
    iam.deactivate_mfa_device(UserName=user + '-new', SerialNumber=phone.serial)
    refused('NoSuchEntity', iam.get_mfa_device, UserName=user + '-new', SerialNumber=phone.serial)
    iam.tag_mfa_device(SerialNumber=phone.serial, Tags=[{'Key': 'a', 'Value': '1'}, {'Key': 'b', 'Value': '2'}])
    iam.untag_mfa_device(SerialNumber=phone.serial, TagKeys=['a'])
    assert iam.list_mfa_device_tags(SerialNumber=phone.serial)['Tags'] == [{'Key': 'b', 'Value': '2'}]
    iam.delete_virtual_mfa_device(SerialNumber=phone.serial)
    assert refused('NoSuchEntity', iam.delete_virtual_mfa_device, SerialNumber=phone.serial) == \
        f'VirtualMFADevice with serial number {phone.serial} does not exist.'
    iam.delete_user(UserName=user + '-new')


def test_a_user_has_eight_devices(cloud, iam, user):
    for _ in range(8):
        phone = Device(cloud, iam)
        iam.enable_mfa_device(UserName=user, SerialNumber=phone.serial, **phone.pair())
    one_more = Device(cloud, iam)
    refused('LimitExceeded', iam.enable_mfa_device, UserName=user, SerialNumber=one_more.serial, **one_more.pair())
    assert len(iam.list_mfa_devices(UserName=user, MaxItems=5)['MFADevices']) == 5


def test_the_picture_is_a_qr_code(cloud, iam):
    png = Device(cloud, iam).png
    assert png[:8] == b'\x89PNG\r\n\x1a\n'
    chunks, at = {}, 8
    while at < len(png):
        n, kind = struct.unpack('>I4s', png[at:at + 8])
        chunks[kind] = png[at + 8:at + 8 + n]
        assert struct.unpack('>I', png[at + 8 + n:at + 12 + n])[0] == zlib.crc32(kind + chunks[kind])
        at += 12 + n
    width, height, *rest = struct.unpack('>IIBBBBB', chunks[b'IHDR'])
    assert width == height and rest == [1, 0, 0, 0, 0]
    rows, row_bytes = zlib.decompress(chunks[b'IDAT']), 1 + (width + 7) // 8
    dark = lambda x, y: not rows[y * 4 * row_bytes + 1 + x * 4 // 8] >> (7 - x * 4 % 8) & 1  # by modules of four pixels
    finder = ['#######', '#.....#', '#.###.#', '#.###.#', '#.###.#', '#.....#', '#######']
    modules = width // 4
    for corner_x, corner_y in ((4, 4), (modules - 11, 4), (4, modules - 11)):
        assert [''.join('#' if dark(corner_x + x, corner_y + y) else '.' for x in range(7)) for y in range(7)] == finder
    assert not any(dark(x, 0) or dark(0, x) for x in range(modules)) and (modules - 8 - 17) % 4 == 0


@pytest.fixture
def armed(cloud):
    """A user with a device, and a role that he may assume only with it."""
    sts, iam, name = cloud.user('sts')
    phone = Device(cloud, iam)
    iam.enable_mfa_device(UserName=name, SerialNumber=phone.serial, **phone.pair())
    cloud.advance_clock(90)  # the codes that enabled it count no more
    me, role = f'arn:aws:iam::{ACCOUNT}:user/{name}', fresh('role')
    trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': me}, 'Action': 'sts:AssumeRole',
                                                     'Condition': {'NumericLessThan': {'aws:MultiFactorAuthAge': '3600'}}}]}
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
    return sts, iam, name, phone, arn


def test_a_role_is_assumed_with_a_code(armed):
    sts, iam, name, phone, role = armed
    assume = lambda **more: sts.assume_role(RoleArn=role, RoleSessionName='session', **more)
    assert 'sts:AssumeRole' in refused('AccessDenied', assume)
    assert 'must provide both' in refused('AccessDenied', assume, SerialNumber=phone.serial)
    other = Device(phone.strata, iam)
    for serial in (other.serial, f'arn:aws:iam::{ACCOUNT}:mfa/none'):
        assert 'unable to validate MFA code' in refused('AccessDenied', assume, SerialNumber=serial, TokenCode=phone.code())
    invalid = 'MultiFactorAuthentication failed with invalid MFA one time pass code.'
    assert refused('AccessDenied', assume, SerialNumber=phone.serial, TokenCode=phone.code(later=5)) == invalid
    code = phone.code()
    assume(SerialNumber=phone.serial, TokenCode=code)
    assert refused('AccessDenied', assume, SerialNumber=phone.serial, TokenCode=code) == invalid


def test_codes_are_not_to_be_guessed(armed, cloud):
    sts, iam, name, phone, role = armed
    with_code = lambda TokenCode: sts.get_session_token(SerialNumber=phone.serial, TokenCode=TokenCode)
    wrong = f'{(int(phone.code()) + 500000) % 1000000:06}'
    assert wrong not in {phone.code(later) for later in (-2, -1, 0, 1, 2)}
    for _ in range(9):
        refused('AccessDenied', with_code, TokenCode=wrong)
    with_code(phone.code())  # who knew it in the end begins anew
    cloud.advance_clock(60)
    for _ in range(10):
        refused('AccessDenied', with_code, TokenCode=wrong)
    assert refused('AccessDenied', with_code, TokenCode=phone.code()) == 'MultiFactorAuthentication failed with invalid MFA one time pass code.'
    cloud.advance_clock(300)
    with_code(phone.code())


def test_a_session_with_a_code_is_told_from_one_without(armed, cloud):
    sts, iam, name, phone, role = armed
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=document(
        'Allow', 'sqs:ListQueues', Condition={'Bool': {'aws:MultiFactorAuthPresent': 'true'}, 'NumericLessThan': {'aws:MultiFactorAuthAge': '900'}}))
    client = lambda service, c: cloud.client(service, key=c['AccessKeyId'], secret=c['SecretAccessKey'], token=c['SessionToken'])
    plain = sts.get_session_token()['Credentials']
    refused('AccessDenied', client('sqs', plain).list_queues)
    refused('AccessDenied', client('sts', plain).assume_role, RoleArn=role, RoleSessionName='session')
    refused('AccessDenied', sts.get_session_token, SerialNumber=phone.serial, TokenCode=phone.code(later=7))
    strong = sts.get_session_token(SerialNumber=phone.serial, TokenCode=phone.code())['Credentials']
    client('sqs', strong).list_queues()
    assert 'iam:ListRoles' in refused('AccessDenied', client('iam', strong).list_roles)  # a session with a code may ask IAM
    client('sts', strong).assume_role(RoleArn=role, RoleSessionName='session')
    cloud.advance_clock(901)
    refused('AccessDenied', client('sqs', strong).list_queues)
    client('sts', strong).assume_role(RoleArn=role, RoleSessionName='session')
    cloud.advance_clock(2700)
    refused('AccessDenied', client('sts', strong).assume_role, RoleArn=role, RoleSessionName='session')


def test_each_needs_a_grant(cloud):
    mine, iam, name = cloud.user('iam')
    phone, spare, profile = Device(cloud, iam), Device(cloud, iam), fresh('profile')
    iam.create_instance_profile(InstanceProfileName=profile)
    user, device = dict(UserName=name), dict(SerialNumber=phone.serial)
    calls = [
        ('CreateLoginProfile', lambda: mine.create_login_profile(**user, Password=GOOD)),
        ('GetLoginProfile', lambda: mine.get_login_profile(**user)),
        ('UpdateLoginProfile', lambda: mine.update_login_profile(**user, PasswordResetRequired=False)),
        ('DeleteLoginProfile', lambda: mine.delete_login_profile(**user)),
        ('UpdateAccountPasswordPolicy', lambda: mine.update_account_password_policy()),
        ('GetAccountPasswordPolicy', lambda: mine.get_account_password_policy()),
        ('DeleteAccountPasswordPolicy', lambda: mine.delete_account_password_policy()),
        ('CreateVirtualMFADevice', lambda: mine.create_virtual_mfa_device(VirtualMFADeviceName=fresh('x'))),
        ('ListVirtualMFADevices', lambda: mine.list_virtual_mfa_devices()),
        ('EnableMFADevice', lambda: mine.enable_mfa_device(**user, **device, **phone.pair())),
        ('ListMFADevices', lambda: mine.list_mfa_devices()),
        ('GetMFADevice', lambda: mine.get_mfa_device(**device)),
        ('ResyncMFADevice', lambda: mine.resync_mfa_device(**user, **device, **phone.pair(later=3))),
        ('DeactivateMFADevice', lambda: mine.deactivate_mfa_device(**device)),
        ('TagMFADevice', lambda: mine.tag_mfa_device(**device, Tags=[{'Key': 'a', 'Value': 'b'}])),
        ('UntagMFADevice', lambda: mine.untag_mfa_device(**device, TagKeys=['a'])),
        ('ListMFADeviceTags', lambda: mine.list_mfa_device_tags(**device)),
        ('DeleteVirtualMFADevice', lambda: mine.delete_virtual_mfa_device(SerialNumber=spare.serial)),
        ('TagInstanceProfile', lambda: mine.tag_instance_profile(InstanceProfileName=profile, Tags=[{'Key': 'a', 'Value': 'b'}])),
        ('UntagInstanceProfile', lambda: mine.untag_instance_profile(InstanceProfileName=profile, TagKeys=['b'])),
        ('ListInstanceProfileTags', lambda: mine.list_instance_profile_tags(InstanceProfileName=profile)),
    ]
    for action, call in calls:
        assert f'iam:{action}' in refused('AccessDenied', call)
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=document('Allow', [f'iam:{action}' for action, _ in calls]))
    for _, call in calls:
        call()
    assert iam.list_instance_profile_tags(InstanceProfileName=profile)['Tags'] == [{'Key': 'a', 'Value': 'b'}]
