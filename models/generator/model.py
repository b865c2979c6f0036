"""The botocore model of a service with its patches, cut down to what the listed operations reach."""
import gzip
import json
import os

from .rows import Problem

SCALARS = {
    'string': 'STRING', 'character': 'STRING', 'blob': 'BLOB', 'raw': 'RAW', 'boolean': 'BOOL', 'integer': 'INT',
    'long': 'LONG', 'float': 'FLOAT', 'double': 'DOUBLE', 'bigdecimal': 'DOUBLE', 'biginteger': 'LONG',
    'timestamp': 'TIMESTAMP', 'stream': 'STREAM',
}
# Error codes are the shape's name but where the model says otherwise; these fields of a fault tell who is to blame.
DEFAULT_STATUS = {'sender': 400, 'receiver': 500}


def botocore_data():
    import importlib.util
    spec = importlib.util.find_spec('botocore')
    if spec is None:
        raise Problem('botocore is not installed for this python')
    return os.path.join(os.path.dirname(spec.origin), 'data')


class Model:
    def __init__(self, room, patch_file):
        self.room = room
        path = os.path.join(botocore_data(), room.model_name, room.model_version, 'service-2.json.gz')
        self.files = [path]
        with gzip.open(path) as f:
            raw = json.load(f)
        self.metadata, self.operations, self.shapes = raw['metadata'], raw['operations'], raw['shapes']
        if os.path.exists(patch_file):
            self.files.append(patch_file)
            with open(patch_file, encoding='utf-8') as f:
                for patch in json.load(f):
                    self._apply(patch, os.path.basename(patch_file))
        for row in room.operations:
            if row.name not in self.operations:
                raise Problem(f'{row.where}: the model of {room.model_name} has no operation {row.name}')
        self._mark_streams_and_documents()
        self.records = {}
        self._records()
        self.reached = {}
        for row in room.operations:
            op = self.operations[row.name]
            for side in ('input', 'output'):
                if side in op:
                    self._reach(op[side]['shape'])
        self.errors = self._errors()
        for _, _, shape, _ in self.errors:
            if shape:
                self._reach(shape)
        for name in self.records:
            self._reach(name)
        self.kind_shapes = {k.symbol: self._kind_shape(k) for k in room.kinds if k.record}
        for name in self.kind_shapes.values():
            self._reach(name)

    # ---- patches ----

    def _apply(self, patch, file):
        if not patch.get('reason'):
            raise Problem(f'{file}: every patch says its reason')
        if 'maps_of' in patch:
            for shape in self.shapes.values():
                if shape['type'] == 'map' and shape['value']['shape'] == patch['maps_of']:
                    shape.clear()
                    shape.update(patch['set'])
            return
        if patch.get('metadata'):
            targets = [self.metadata]
        elif 'operation' in patch:
            targets = [self.operations.get(patch['operation'])]
        elif 'new_shape' in patch:
            targets = [self.shapes.setdefault(patch['new_shape'], {})]
        else:
            names = patch['shape'] if isinstance(patch['shape'], list) else [patch['shape']]
            targets = [self.shapes.get(n) for n in names]
            if 'member' in patch:
                targets = [self._member_of(t, patch['member'], patch) for t in targets]
        for target in targets:
            if target is None:
                raise Problem(f'{file}: the model has nothing for {patch}')
            if patch.get('replace'):
                target.clear()
            for key, value in patch['set'].items():
                if value is None:
                    target.pop(key, None)
                else:
                    target[key] = value

    @staticmethod
    def _member_of(shape, name, patch):
        if shape is None:
            return None
        if shape['type'] == 'structure':
            return shape['members'].setdefault(name, {}) if patch.get('add') else shape['members'].get(name)
        return shape.get(name)  # list: member; map: key, value

    def _mark_streams_and_documents(self):
        for shape in self.shapes.values():
            if shape.get('document'):
                shape.clear()
                shape['type'] = 'raw'
            elif shape['type'] == 'blob' and shape.get('streaming'):
                shape['type'] = 'stream'
        for shape in list(self.shapes.values()):
            for member in shape.get('members', {}).values():
                if member.get('streaming') and self.shapes[member['shape']]['type'] in ('blob', 'stream'):
                    name = member['shape'] + 'Stream'
                    self.shapes[name] = {'type': 'stream'}
                    member['shape'] = name

    # ---- records ----

    def _records(self):
        self._record_where = None
        for name in self.room.records:
            self.records['rec_' + name] = True
        for name, members in self.room.records.items():
            shape = {'type': 'structure', 'members': {}}
            for where, member, text in members:
                self._record_where = where
                if member in shape['members']:
                    raise Problem(f'{where}: {member} is there already')
                shape['members'][member] = {'shape': self._record_type(text)}
            self.shapes['rec_' + name] = shape

    def _record_type(self, text):
        basic = {'string': 'string', 'blob': 'blob', 'bool': 'boolean', 'int': 'integer', 'long': 'long', 'double': 'double',
                 'timestamp': 'timestamp', 'raw': 'raw'}
        if text in basic:
            name = 'rec__' + text
            self.shapes[name] = {'type': basic[text]}
            if text == 'timestamp':
                self.shapes[name]['timestampFormat'] = 'unixTimestamp'
            return name
        if text.startswith('list<') and text.endswith('>'):
            inner = self._record_type(text[5:-1])
            name = 'rec_list_' + inner.removeprefix('rec__').removeprefix('rec_')
            self.shapes[name] = {'type': 'list', 'member': {'shape': inner}}
            return name
        if text.startswith('map<string,') and text.endswith('>'):
            inner = self._record_type(text[11:-1])
            name = 'rec_map_' + inner.removeprefix('rec__').removeprefix('rec_')
            self.shapes[name] = {'type': 'map', 'key': {'shape': self._record_type('string')}, 'value': {'shape': inner}}
            return name
        if text in self.room.records:
            return 'rec_' + text
        if text in self.shapes:
            return text
        raise Problem(f'{self._record_where}: unknown type {text}')

    def _kind_shape(self, kind):
        name = 'rec_' + kind.record if 'rec_' + kind.record in self.records else kind.record
        if name not in self.shapes or self.kind(name) != 'STRUCT':
            raise Problem(f'{kind.where}: there is no record {kind.record}')
        return name

    # ---- closure ----

    def _reach(self, name):
        if name in self.reached:
            return
        shape = self.shapes[name]
        if shape.get('eventstream'):
            raise Problem(f'{self.room.name}.ops: {name} is an event stream, which the codecs do not speak; patch it')
        self.reached[name] = shape
        for member in self.children(shape):
            self._reach(member['shape'])

    @staticmethod
    def children(shape):
        if shape['type'] == 'structure':
            return list(shape['members'].values())
        if shape['type'] == 'list':
            return [shape['member']]
        if shape['type'] == 'map':
            return [shape['key'], shape['value']]
        return []

    def kind(self, name):
        t = self.shapes[name]['type']
        return {'structure': 'STRUCT', 'list': 'LIST', 'map': 'MAP'}.get(t) or SCALARS[t]

    # ---- errors: (name, code, shape or None, facts), sorted by name ----

    def _errors(self):
        found = {}
        for row in self.room.operations:
            for e in self.operations[row.name].get('errors', []):
                found[e['shape']] = None
        for row in self.room.errors:
            if row.override:
                if row.name not in self.shapes:
                    raise Problem(f'{row.where}: the model has no error {row.name}')
                found[row.name] = row
            elif row.name in self.shapes and self.shapes[row.name].get('exception'):
                raise Problem(f'{row.where}: {row.name} is in the model: write `error {row.name} = ...`')
        out = []
        for name, row in found.items():
            out.append(self._model_error(name, row))
        for row in self.room.errors:
            if not row.override:
                shape = row.name if row.members else None
                if shape:
                    self.shapes[shape] = {'type': 'structure', 'exception': True, 'members': {}}
                sender = row.sender if row.sender is not None else row.status < 500
                out.append((row.name, row.code or row.name, shape, {'status': row.status, 'sender': sender, 'query': row.query_code}))
        for row in self.room.errors:
            self._add_members(row)
        return sorted(out)

    def _add_members(self, row):
        for name, _, wire in (m.partition('=') for m in row.members):
            self.shapes['ErrorMember'] = {'type': 'string'}
            self.shapes[row.name]['members'][name] = {'shape': 'ErrorMember', **({'locationName': wire} if wire else {})}

    def _model_error(self, name, row):
        shape = self.shapes[name]
        e = shape.get('error', {})
        fault = shape.get('fault', False) or e.get('fault', False)
        sender = e.get('senderFault', not fault)
        status = e.get('httpStatusCode', DEFAULT_STATUS['sender' if sender else 'receiver'])
        code, query = e.get('code', name), None
        speaks_both = 'query' in self.room.protocols and len(self.room.protocols) > 1
        if speaks_both and code != name:
            query, code = code, name
        if row:
            if row.sender is not None:
                sender = row.sender
            if row.status is not None:
                status, sender = row.status, row.sender if row.sender is not None else row.status < 500
            if row.code is not None and speaks_both:
                query = row.code
            elif row.code is not None:
                code = row.code
            query = row.query_code or query
        return (name, code, name, {'status': status, 'sender': sender, 'query': query})
