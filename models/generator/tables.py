"""Spells the shape tables that the codecs, the validator and the record store walk."""
from . import types
from .ctext import member as c_member, string

LOCATIONS = {
    'uri': 'LOC_URI', 'querystring': 'LOC_QUERY', 'header': 'LOC_HEADER', 'headers': 'LOC_HEADERS', 'statusCode': 'LOC_STATUS',
}
TIMES = {'iso8601': 'TIME_ISO8601', 'unixTimestamp': 'TIME_UNIX', 'rfc822': 'TIME_HTTP'}


def text(room, model):
    out = []
    for name in sorted(model.reached):
        shape, kind = model.shapes[name], model.kind(name)
        rows = _members(room, model, name, shape, kind)
        if rows:
            out.append(f'static const struct member members_{name}[] = {{')
            out += rows
            out.append('};')
        if shape.get('enum') and kind == 'STRING':
            values = ', '.join(string(v) for v in shape['enum'])
            out.append(f'static const char *const enums_{name}[] = {{ {values}, NULL }};')
    out.append('')
    for name in sorted(model.reached):
        out.append(_shape(room, model, name))
    out.append('')
    return '\n'.join(out)


def _members(room, model, name, shape, kind):
    n, rows = room.name, []
    if kind == 'STRUCT':
        for member, facts in shape['members'].items():
            offset = f'offsetof(struct {n}_{name}, {c_member(member)})'
            rows.append(_member(room, member, facts, offset, {
                'required': member in shape.get('required', []), 'payload': shape.get('payload') == member}))
    elif kind == 'LIST':
        rows.append(_member(room, 'member', shape['member'], '0', {}))
    elif kind == 'MAP':
        entry = types.entry_type(room, model, name)
        rows.append(_member(room, 'key', shape['key'], f'offsetof({entry}, key)', {}))
        rows.append(_member(room, 'value', shape['value'], f'offsetof({entry}, value)', {}))
    return rows


def _member(room, name, facts, offset, more):
    fields = [string(name), string(facts.get('locationName', name)), string(facts.get('queryName')),
              f'&{room.name}_{facts["shape"]}_shape', offset]
    if facts.get('location'):
        fields.append(f'.location = {LOCATIONS[facts["location"]]}')
    if facts.get('timestampFormat'):
        fields.append(f'.time_format = {TIMES[facts["timestampFormat"]]}')
    for key, field in (('flattened', 'flattened'), ('xmlAttribute', 'xml_attribute'), ('idempotencyToken', 'idempotency_token'),
                       ('sensitive', 'sensitive'), ('hostLabel', 'host_label'), ('jsonvalue', 'json_value')):
        if facts.get(key):
            fields.append(f'.{field} = true')
    for field in ('required', 'payload'):
        if more.get(field):
            fields.append(f'.{field} = true')
    if 'locationName' in facts:
        fields.append('.renamed = true')
    fields += _namespace(facts)
    return '    { ' + ', '.join(fields) + ' },'


def _namespace(facts):
    ns = facts.get('xmlNamespace')
    if not ns:
        return []
    if isinstance(ns, str):
        return [f'.xml_ns = {string(ns)}']
    fields = [f'.xml_ns = {string(ns["uri"])}']
    if ns.get('prefix'):
        fields.append(f'.xml_ns_prefix = {string(ns["prefix"])}')
    return fields


def _shape(room, model, name):
    n, shape, kind = room.name, model.shapes[name], model.kind(name)
    fields = [f'.kind = SHAPE_{kind}', f'.name = {string(name)}', f'.size = sizeof({types.c_type(room, model, name)})']
    count = {'STRUCT': len(shape.get('members', {})), 'LIST': 1, 'MAP': 2}.get(kind, 0)
    if count:
        fields += [f'.n_members = {count}', f'.members = members_{name}']
    for end in ('min', 'max'):
        if end in shape and kind not in ('RAW', 'STREAM', 'STRUCT'):
            fields += [f'.has_{end} = true', f'.{end} = {float(shape[end])!r}']
    if shape.get('pattern') and kind == 'STRING':
        fields.append(f'.pattern = {string(shape["pattern"])}')
    if shape.get('enum') and kind == 'STRING':
        fields.append(f'.enums = enums_{name}')
    for key, field in (('union', 'is_union'), ('flattened', 'flattened'), ('sensitive', 'sensitive'), ('box', 'boxed'), ('unwrapped', 'unwrapped')):
        if shape.get(key):
            fields.append(f'.{field} = true')
    if shape.get('timestampFormat'):
        fields.append(f'.time_format = {TIMES[shape["timestampFormat"]]}')
    if shape.get('locationName'):
        fields.append(f'.wire = {string(shape["locationName"])}')
    fields += _namespace(shape)
    for i, (error, _, error_shape, _) in enumerate(model.errors):
        if error_shape == name:
            fields.append(f'.error = &{n}_errors[{i}]')
    return f'const struct shape {n}_{name}_shape = {{ {", ".join(fields)} }};'
