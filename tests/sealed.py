"""What the tests of encryption at rest have alike."""

import json

ACCOUNT = '000000000000'


def allow(iam, name, *statements):
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': actions, 'Resource': '*', **more} for actions, more in statements]}))


def lies_in_clear(strata, text):
    """Whether any file of the data directory holds it. What was written lately may be in the store's log alone, which is uncompressed."""
    return any(text in path.read_bytes() for path in strata.data.rglob('*') if path.is_file())


def statement(principal, actions, **conditions):
    """Of a key's policy."""
    return {'Effect': 'Allow', 'Principal': principal, 'Action': actions, 'Resource': '*', **({'Condition': conditions} if conditions else {})}
