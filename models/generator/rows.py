"""Reads the hand-written files of a service: NAME.ops (operations) and NAME.rec (records). Their form: models/README.md."""
import os
import re

PROTOCOLS = {
    'json-1.0': 'PROTO_JSON_1_0', 'json-1.1': 'PROTO_JSON_1_1', 'query': 'PROTO_QUERY', 'ec2': 'PROTO_EC2',
    'rest-json': 'PROTO_REST_JSON', 'rest-xml': 'PROTO_REST_XML', 'cbor': 'PROTO_CBOR',
}


class Problem(Exception):
    """Something in the hand-written files that does not fit; the text names file and line."""


def room_folders(rooms):
    """The folder of each service: its own, or that of the room whose second API it is (dynamodb/dynamodbstreams.ops)."""
    if not os.path.isdir(rooms):
        return {}
    found = [(f[:-4], n) for n in os.listdir(rooms) if os.path.isdir(os.path.join(rooms, n))
             for f in os.listdir(os.path.join(rooms, n)) if f.endswith('.ops')]
    return dict(sorted(found))


class Operation:
    """One row: its transaction, action, resource as (kind, argument paths), condition keys as (key, path), flags."""

    def __init__(self, where, name, txn, action, resource, conditions, flags):
        self.where, self.name, self.action, self.flags = where, name, action, flags
        if txn not in ('ro', 'rw'):
            raise Problem(f'{where}: txn is ro or rw, not {txn}')
        self.txn = 'OP_RO' if txn == 'ro' else 'OP_RW'
        self.resource = self._call(resource)
        self.tags, self.conditions, self.lates = [], [], []
        for item in self._items(conditions):
            if item.startswith('tags('):
                self.tags.append(self._path(item[5:-1]))
            else:
                key, sep, path = item.partition('=')
                if not sep:
                    raise Problem(f'{where}: condition key {item} needs =in.Member')
                m = re.fullmatch(r'late\((\w+)\)', path)
                if m:
                    self.lates.append((key, m.group(1)))
                else:
                    self.conditions.append((key, self._path(path)))
        for flag in flags:
            if flag not in ('anonymous', 'data', 'reads') and not flag.startswith('event='):
                raise Problem(f'{where}: unknown flag {flag}')
        self.event = next((f.partition('=')[2] for f in flags if f.startswith('event=')), None)

    @staticmethod
    def _items(text):
        return [] if text == '-' else [t for t in text.split(',') if t]

    def _path(self, text):
        if not text.startswith('in.'):
            raise Problem(f'{self.where}: {text} must begin with in.')
        return text[3:].split('.')

    def _call(self, text):
        if text in ('-', '*'):
            return None
        m = re.fullmatch(r'(\w+)\(([^)]*)\)', text)
        if not m:
            raise Problem(f'{self.where}: resource is *, - or kind(in.Member), not {text}')
        return m.group(1), [self._path(p) for p in self._items(m.group(2) or '-')]


class ErrorRow:
    """`error Name ... [members A B=wire-name ...]`: an error the model lacks, or (override) what the wire says otherwise than the model; and its members,
    all strings, beyond the model's."""

    def __init__(self, where, words):
        self.where, self.name, self.members = where, words[0], []
        if 'members' in words:
            at = words.index('members')
            words, self.members = words[:at], words[at + 1:]
        self.status = self.code = self.query_code = self.sender = None
        self.override = len(words) == 1 or words[1] == '='
        if self.override:
            it = iter(words[2:])
            for w in it:
                if w in ('sender', 'receiver'):
                    self.sender = w == 'sender'
                elif w in ('code', 'status', 'query'):
                    value = next(it, None)
                    if value is None:
                        raise Problem(f'{where}: {w} needs a value')
                    setattr(self, {'query': 'query_code'}.get(w, w), int(value) if w == 'status' else value)
                else:
                    raise Problem(f'{where}: unknown word {w}')
        else:
            self.status = int(words[1])
            rest = words[2:]
            if rest and rest[0] in ('sender', 'receiver'):
                self.sender = rest.pop(0) == 'sender'
            if rest and rest[0] == 'code':
                self.code = rest[1]
            elif rest:
                self.query_code = rest[0]


class Kind:
    """`kind name Record|- [world|account] [check[=name]]`: what lies under the keys of that name; `kind symbol=name ...` where one name has two scopes."""

    SCOPES = {'world': 'SCOPE_WORLD', 'account': 'SCOPE_ACCOUNT', 'region': 'SCOPE_REGION'}

    def __init__(self, where, words):
        self.symbol, _, name = words[0].partition('=')
        self.check = None
        if len(words) > 2 and words[-1].split('=')[0] == 'check':
            self.check = words.pop().partition('=')[2] or self.symbol
        if len(words) not in (2, 3) or words[-1] not in self.SCOPES and len(words) == 3:
            raise Problem(f'{where}: a kind is `kind name Record|- [account|world] [check[=name]]`')
        self.where, self.name, self.record = where, name or self.symbol, None if words[1] == '-' else words[1]
        self.scope = self.SCOPES[words[2] if len(words) == 3 else 'region']


class Room:
    """Everything the hand-written files of one service say."""

    def __init__(self, rooms, name):
        self.name, self.prefix = name, name.upper()
        self.folder = os.path.join(rooms, room_folders(rooms)[name])
        self.files = [self.folder]
        self.model_name = self.model_version = None
        self.resource_policy = self.resource_tags = self.cross_origin = self.error_namespace = self.xmlns = self.throttled = self.door = self.start = self.stop = self.free = None
        self.protocols, self.errors, self.jobs, self.operations, self.records, self.kinds = [], [], [], [], {}, []
        self.validation = 'smithy'
        self._read_ops(os.path.join(self.folder, name + '.ops'))
        records = os.path.join(self.folder, name + '.rec')
        if os.path.exists(records):
            self._read_rec(records)
        names = [(k.name, k.scope) for k in self.kinds]
        twice = {n for n, s in names if names.count((n, s)) > 1}
        if twice:
            raise Problem(f'{name}.rec: kinds listed twice: {", ".join(sorted(twice))}')
        if not self.model_name or not self.protocols:
            raise Problem(f'{name}.ops: model and protocols are needed')

    def _lines(self, path):
        self.files.append(path)
        with open(path, encoding='utf-8') as f:
            for n, line in enumerate(f, 1):
                indented = line[:1] in ' \t'
                words = line.split('#', 1)[0].split() if not line.startswith('error') else line.split(' #', 1)[0].split()
                if words:
                    yield f'{os.path.basename(path)}:{n}', indented, words

    def _read_ops(self, path):
        for where, _, words in self._lines(path):
            head, rest = words[0], words[1:]
            if head == 'service':
                if rest != [self.name]:
                    raise Problem(f'{where}: the service is named as its file, {self.name}')
            elif head == 'model':
                self.model_name, self.model_version = rest
            elif head == 'protocols':
                unknown = [w for w in rest if w not in PROTOCOLS]
                if unknown:
                    raise Problem(f'{where}: unknown protocol {unknown[0]}')
                self.protocols = rest
            elif head == 'error':
                self.errors.append(ErrorRow(where, rest))
            elif head in ('resource_policy', 'resource_tags', 'cross_origin', 'door', 'start', 'stop', 'free', 'error_namespace', 'xmlns', 'throttled') and len(rest) == 1:
                setattr(self, head, rest[0])
            elif head == 'job':
                self.jobs.append((rest[0], rest[1]))
            elif head == 'validation':
                self.validation = rest[0]
            elif len(words) >= 5 or (len(words) == 4 and words[2] == '-'):
                words = words + ['-'] * (5 - len(words))
                self.operations.append(Operation(where, *words[:5], words[5:]))
            else:
                raise Problem(f'{where}: an operation has 5 columns: name txn action resource conditions')
        names = [o.name for o in self.operations]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise Problem(f'{self.name}.ops: listed twice: {", ".join(sorted(twice))}')
        self.operations.sort(key=lambda o: o.name)

    def _read_rec(self, path):
        current = None
        for where, indented, words in self._lines(path):
            if not indented and words[0] == 'kind':
                self.kinds.append(Kind(where, words[1:]))
                current = None
            elif not indented and words[0] == 'record':
                current = self.records.setdefault(words[1], [])
            elif indented and current is not None and len(words) >= 2:
                current.append((where, words[0], ''.join(words[1:])))
            else:
                raise Problem(f'{where}: expected `kind name Record`, `record Name` or an indented `Member type`')
