"""Secrets Manager and IAM: secrets with their stages; users with their policies, groups and keys."""

import json

from ledger import States
from load import Load

SECRETS, USERS = 4, 3


class Secrets(Load):
    """A secret's state is [value of AWSCURRENT, value of AWSPREVIOUS]."""

    def __init__(self, machine):
        super().__init__(machine)
        self.secrets = self.book(States, 'secrets')

    def setup(self):
        self.manager = self.machine.client('secretsmanager')

    def workers(self):
        return [self.work]

    def work(self, rng):
        name, value, kind = f'secret-{rng.randrange(SECRETS)}', f'{rng.getrandbits(60):x}' * rng.choice((1, 10, 500)), rng.random()
        old = self.secrets.state.get(name)
        if not old and kind < 0.8:
            self.change(self.secrets, {name: [value, '']}, self.manager.create_secret, Name=name, SecretString=value)
        elif not old:
            self.refused(self.secrets, 'ResourceNotFoundException', self.manager.put_secret_value, SecretId=name, SecretString=value)
        elif kind < 0.6:
            self.change(self.secrets, {name: [value, old[0]]}, self.manager.put_secret_value, SecretId=name, SecretString=value)
        elif kind < 0.8:
            self.change(self.secrets, {name: [value, old[0]]}, self.manager.update_secret, SecretId=name, SecretString=value)
        elif kind < 0.9:
            self.refused(self.secrets, 'ResourceExistsException', self.manager.create_secret, Name=name, SecretString=value)
        else:
            self.change(self.secrets, {name: None}, self.manager.delete_secret, SecretId=name, ForceDeleteWithoutRecovery=True)

    def value(self, name, stage):
        try:
            return self.manager.get_secret_value(SecretId=name, VersionStage=stage)['SecretString']
        except self.manager.exceptions.ResourceNotFoundException:
            return ''

    def check(self):
        there = [secret['Name'] for page in self.manager.get_paginator('list_secrets').paginate() for secret in page['SecretList']]
        self.secrets.note('found', now={name: [self.value(name, 'AWSCURRENT'), self.value(name, 'AWSPREVIOUS')] for name in there})


class Identities(Load):
    """A user's state is {policies: {name: a number in it}, groups: [...], keys: how many}."""

    def __init__(self, machine):
        super().__init__(machine)
        self.users = self.book(States, 'users')

    def setup(self):
        self.iam = self.machine.client('iam')
        for group in ('red', 'green'):
            self.iam.create_group(GroupName=group)

    def workers(self):
        return [self.work]

    def document(self, number):
        return json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Deny', 'Action': 's3:*', 'Resource': f'arn:aws:s3:::bucket-{number}'}]})

    def work(self, rng):
        name = f'user-{rng.randrange(USERS)}'
        old = self.users.state.get(name)
        if not old:
            self.change(self.users, {name: {'policies': {}, 'groups': [], 'keys': 0}}, self.iam.create_user, UserName=name)
            return
        policy, group, kind = f'policy-{rng.randrange(3)}', rng.choice(('red', 'green')), rng.random()
        if kind < 0.05 and not any(old.values()):
            self.change(self.users, {name: None}, self.iam.delete_user, UserName=name)
        elif kind < 0.1 and any(old.values()):
            self.refused(self.users, 'DeleteConflict', self.iam.delete_user, UserName=name)
        elif kind < 0.5:
            number = rng.randrange(10000)
            self.to(name, old, policies={**old['policies'], policy: number}, call=self.iam.put_user_policy, PolicyName=policy, PolicyDocument=self.document(number))
        elif kind < 0.65 and policy in old['policies']:
            rest = {p: n for p, n in old['policies'].items() if p != policy}
            self.to(name, old, policies=rest, call=self.iam.delete_user_policy, PolicyName=policy)
        elif kind < 0.8 and group in old['groups']:
            self.to(name, old, groups=[g for g in old['groups'] if g != group], call=self.iam.remove_user_from_group, GroupName=group)
        elif kind < 0.9:
            self.to(name, old, groups=sorted({*old['groups'], group}), call=self.iam.add_user_to_group, GroupName=group)
        elif old['keys'] < 2:
            self.to(name, old, keys=old['keys'] + 1, call=self.iam.create_access_key)
        else:
            self.refused(self.users, 'LimitExceeded', self.iam.create_access_key, UserName=name)
            key = self.machine.ask(self.iam.list_access_keys, UserName=name)['AccessKeyMetadata'][0]['AccessKeyId']
            self.to(name, old, keys=old['keys'] - 1, call=self.iam.delete_access_key, AccessKeyId=key)

    def to(self, name, old, call, policies=None, groups=None, keys=None, **parameters):
        new = {'policies': old['policies'] if policies is None else policies, 'groups': old['groups'] if groups is None else groups,
               'keys': old['keys'] if keys is None else keys}
        self.change(self.users, {name: new}, call, UserName=name, **parameters)

    def policy(self, user, name):
        document = self.iam.get_user_policy(UserName=user, PolicyName=name)['PolicyDocument']
        return int(document['Statement'][0]['Resource'].rsplit('-', 1)[1])

    def check(self):
        now = {}
        for user in [u['UserName'] for u in self.iam.list_users()['Users']]:
            now[user] = {'policies': {p: self.policy(user, p) for p in self.iam.list_user_policies(UserName=user)['PolicyNames']},
                         'groups': sorted(g['GroupName'] for g in self.iam.list_groups_for_user(UserName=user)['Groups']),
                         'keys': len(self.iam.list_access_keys(UserName=user)['AccessKeyMetadata'])}
        self.users.note('found', now=now)
