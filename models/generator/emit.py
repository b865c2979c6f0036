"""Writes C: types.py spells the structs, tables.py the shape tables; here are the operations, errors, dispatch and services.c."""
from . import iam, tables, types
from .ctext import boolean, member as c_member, string
from .rows import PROTOCOLS, Problem

HEAD = '/* Written by models/generate.py from the model, patches and rows of {}. Do not edit. */\n'


def empty_side(room, row, side):
    return f'{room.name}_{row.name}_{side}_none'


def kind_symbol(room, kind):
    return f'{room.name}_kind_{c_member(kind.symbol)}'


def side_shape(model, row, side):
    op = model.operations[row.name]
    key = 'input' if side == 'in' else 'output'
    return op[key]['shape'] if key in op else None


# ---- header ----

def header(room, model):
    n = room.name
    guard = f'STRATA_GEN_{room.prefix}_H'
    out = [HEAD.format(n), f'#ifndef {guard}\n#define {guard}\n',
           '#include "auth/auth.h"\n#include "aws/error.h"\n#include "aws/op.h"\n#include "wire/service.h"\n']
    out.append(types.text(room, model))
    for name in sorted(model.reached):
        out.append(f'extern const struct shape {n}_{name}_shape;')
    for kind in room.kinds:
        out.append(f'extern const struct record_kind {kind_symbol(room, kind)};')
    out.append('')
    for row in room.operations:
        for side in ('in', 'out'):
            shape = side_shape(model, row, side)
            if shape:
                out.append(f'#define {n}_{row.name}_{side} {n}_{shape}')
            else:
                out.append(f'struct {n}_{row.name}_{side} {{ char none_; }};')
    out.append('')
    out.append(f'extern const struct aws_error {n}_errors[];')
    for i, (name, _, _, _) in enumerate(model.errors):
        out.append(f'#define {room.prefix}_{c_member(name)} (&{n}_errors[{i}])')
    out.append(f'\nextern const struct service_row {n}_service;\n')
    out.append('/* written by hand in the room */')
    for row in room.operations:
        out.append(f'int {n}_{row.name}(struct op *op, const struct {n}_{row.name}_in *in, struct {n}_{row.name}_out *out);')
        if row.action == 'custom':
            out.append(f'int {n}_authorize_{row.name}(struct op *op, const struct {n}_{row.name}_in *in, struct authz *a);')
    out += _resource_prototypes(room, model)
    for check in dict.fromkeys(kind.check for kind in room.kinds if kind.check):
        out.append(f'void {room.name}_check_{c_member(check)}(struct op *op, struct check *c);')
    if room.resource_policy:
        out.append(f'int {room.resource_policy}(struct op *op, struct str arn, struct str *ret_policy, struct str *ret_account);')
    if room.resource_tags:
        out.append(f'int {room.resource_tags}(struct op *op, struct str arn, struct str_map *ret_tags);')
    if room.cross_origin:
        out.append(f'void {room.cross_origin}(struct op *op, const struct exchange *x, const struct wire_route *route,\n'
                   f'          struct header_list *ret);')
    if room.door:
        out.append(f'extern const struct door {room.door};')
    if room.start:
        out.append(f'int {room.start}(struct cloud *cloud);')
    if room.stop:
        out.append(f'void {room.stop}(struct cloud *cloud);')
    if room.free:
        out.append(f'void {room.free}(struct cloud *cloud);')
    for _, function in room.jobs:
        out.append(f'int {function}(struct op *op, struct str payload);')
    out.append('\n#endif\n')
    return '\n'.join(out)


def _resource_prototypes(room, model):
    seen, out = {}, []
    for row in room.operations:
        if row.action in ('-', 'custom') or not row.resource:
            continue
        kind, paths = row.resource
        args = [(p[-1], _argument_type(room, model, row, p)) for p in paths]
        types_only = [t for _, t in args]
        if kind in seen:
            if seen[kind] != types_only:
                raise Problem(f'{row.where}: {kind}(...) is used with other argument types elsewhere')
            continue
        seen[kind] = types_only
        spelled = ''.join(f', {t}{c_member(name)}' for name, t in args)
        out.append(f'struct str {room.name}_arn_{kind}(struct op *op{spelled});')
    for name in sorted({name for row in room.operations for _, name in row.lates}):
        out.append(f'int {room.name}_late_{name}(struct authz *a, struct authz_item *item, const void *arg);')
    return out


def _resolve(room, model, row, path):
    """The shape names along a path of members from the operation's input, the last one included."""
    shape = side_shape(model, row, 'in')
    for name in path:
        members = model.shapes[shape].get('members', {}) if shape else {}
        if name not in members:
            raise Problem(f'{row.where}: {row.name} has no input member {".".join(path)}')
        shape = members[name]['shape']
    return shape


def _argument_type(room, model, row, path):
    kind, t = model.kind(_resolve(room, model, row, path)), None
    t = types.c_type(room, model, _resolve(room, model, row, path))
    return f'const {t} *' if kind in ('LIST', 'MAP', 'STRUCT') else t + ' '


def _access(room, model, row, path):
    """The C expression of a member by its path, and the condition under which it may be looked at."""
    expr, guards = 'in', []
    for i, name in enumerate(path):
        expr += '->' + c_member(name)
        if i < len(path) - 1:
            guards.append(expr)
    return expr, ' && '.join(guards)


# ---- source ----

def source(room, model):
    iam.check(room)
    n = room.name
    out = [HEAD.format(n), f'#include "gen/{n}.h"\n', '#include "aws/tags.h"\n#include "base/arena.h"\n#include "store/blob.h"\n#include "wire/wire.h"\n',
           '#include <stddef.h>\n']
    out.append(tables.text(room, model))
    out.append(f'const struct aws_error {n}_errors[] = {{')
    for name, code, shape, facts in model.errors:
        shape_ref = f'&{n}_{shape}_shape' if shape else 'NULL'
        out.append(f'    {{ {string(name)}, {string(code)}, {string(facts["query"])}, {facts["status"]}, '
                   f'{boolean(facts["sender"])}, {shape_ref} }},')
    if not model.errors:
        out.append('    { .name = NULL },')
    out.append('};\n')
    for row in room.operations:
        check_output(model, row)
        out.append(_thunk(room, row))
        if row.action not in ('-', 'custom'):
            out.append(_authorize(room, model, row))
        elif row.action == 'custom':
            out.append(f'static int authorize_{row.name}(struct op *op, const void *in, struct authz *a)\n{{\n'
                       f'    return {n}_authorize_{row.name}(op, in, a);\n}}\n')
    out.append('static const struct op_row ops[] = {')
    for row in room.operations:
        out.append(_op_row(room, model, row))
    if not room.operations:
        out.append('    { .name = NULL },')
    out.append('};\n')
    out.append('static const struct known_op known_ops[] = {')
    for name in sorted(model.operations):
        http = model.operations[name]['http']
        out.append(f'    {{ {string(name)}, {string(http["method"])}, {string(http["requestUri"])}, '
                   f'{string(_needs(model, model.operations[name]))} }},')
    out.append('    { .name = NULL },\n};\n')
    out += _kinds(room, model)
    out.append(_service_row(room, model))
    return '\n'.join(out)


def _kinds(room, model):
    out = []
    for kind in room.kinds:
        shape = f'&{room.name}_{model.kind_shapes[kind.symbol]}_shape' if kind.record else 'NULL'
        check = f'{room.name}_check_{c_member(kind.check)}' if kind.check else 'NULL'
        out.append(f'const struct record_kind {kind_symbol(room, kind)} = {{ {string(room.name)}, {string(kind.name)}, {kind.scope}, {shape}, {check} }};')
    listed = ''.join(f'&{kind_symbol(room, kind)}, ' for kind in room.kinds)
    return out + [f'static const struct record_kind *const kinds[] = {{ {listed}NULL }};\n']


def _needs(model, op):
    """Required members in the query string (?name) and in headers: they tell S3's operations on one path apart."""
    if 'input' not in op:
        return None
    shape = model.shapes[op['input']['shape']]
    words = []
    for name in shape.get('required', []):
        member = shape['members'].get(name, {})
        if member.get('location') == 'querystring':
            words.append('?' + member.get('locationName', name))
        elif member.get('location') == 'header':
            words.append(member.get('locationName', name))
    return ' '.join(words) or None


def _thunk(room, row):
    return (f'static int run_{row.name}(struct op *op, const void *in, void *out)\n{{\n'
            f'    return {room.name}_{row.name}(op, in, out);\n}}\n')


def _authorize(room, model, row):
    n = room.name
    lines = [f'static int authorize_{row.name}(struct op *op, const void *p, struct authz *a)\n{{']
    lines.append(f'    const struct {n}_{row.name}_in *in = p;')
    lines.append('    (void)in;')
    if row.resource:
        kind, paths = row.resource
        args = ''.join(', ' + _argument(room, model, row, p) for p in paths)
        resource = f'{n}_arn_{kind}(op{args})'
    else:
        resource = 'STR("*")'
    lines.append(f'    struct authz_item *item = authz_add(a, {string(row.action)}, {resource});')
    lines.append('    (void)item;')
    for key, path in row.conditions:
        expr, guard = _access(room, model, row, path)
        shape = _resolve(room, model, row, path)
        if model.kind(shape) in ('STRUCT', 'MAP'):
            raise Problem(f'{row.where}: {key} needs a scalar or a list of scalars')
        call = f'authz_member(a, item, {string(key)}, &{n}_{shape}_shape, &{expr});'
        lines.append(f'    if ({guard})\n        {call}' if guard else f'    {call}')
    for _, name in row.lates:
        lines.append(f'    authz_late(a, item, {n}_late_{name}, NULL);')
    for path in row.tags:
        expr, guard = _access(room, model, row, path)
        shape = _resolve(room, model, row, path)
        by_pointer = model.kind(shape) == 'STRUCT'
        call = f'authz_tags(a, item, &{n}_{shape}_shape, {"" if by_pointer else "&"}{expr});'
        lines.append(f'    if ({guard})\n        {call}' if guard else f'    {call}')
    lines.append('    return 0;\n}\n')
    return '\n'.join(lines)


def _argument(room, model, row, path):
    expr, guard = _access(room, model, row, path)
    shape = _resolve(room, model, row, path)
    kind = model.kind(shape)
    if kind in ('LIST', 'MAP'):
        expr, absent = '&' + expr, 'NULL'
    elif kind in ('STRUCT', 'STREAM'):
        absent = 'NULL'
    else:
        absent = f'({types.c_type(room, model, shape)}){{ 0 }}'
    return f'({guard} ? {expr} : {absent})' if guard else expr


def _op_row(room, model, row):
    n, op = room.name, model.operations[row.name]
    http, checksum = op['http'], op.get('httpChecksum', {})
    wrapper = None
    if any(p in ('query',) for p in room.protocols) and 'output' in op:
        members = model.shapes[op['output']['shape']].get('members')
        wrapper = op['output'].get('resultWrapper') or (row.name + 'Result' if members else None)
    fields = [
        f'.name = {string(row.name)}', f'.service = &{n}_service', f'.txn = {row.txn}',
        f'.method = {string(http["method"])}', f'.uri = {string(http["requestUri"])}', f'.status = {http.get("responseCode", 200)}',
        f'.run = run_{row.name}',
    ]
    if row.action not in ('-', 'custom'):
        fields.append(f'.action = {string(row.action)}')
    if row.action != '-':
        fields.append(f'.authorize = authorize_{row.name}')
    for side in ('in', 'out'):
        shape = side_shape(model, row, side)
        if shape:
            fields.append(f'.{side} = &{n}_{shape}_shape')
    if 'locationName' in op.get('input', {}):
        fields.append(f'.in_wrapper = {string(op["input"]["locationName"])}')
    if wrapper:
        fields.append(f'.result_wrapper = {string(wrapper)}')
    if 'anonymous' in row.flags or op.get('authtype') == 'none':
        fields.append('.anonymous = true')
    if 'data' in row.flags:
        fields.append('.data = true')
    if iam.reads(room, row):
        fields.append('.reads = true')
    if row.event:
        fields.append(f'.event = {string(row.event)}')
    if _streams(model, side_shape(model, row, 'in')):
        fields.append('.stream_in = true')
    if _streams(model, side_shape(model, row, 'out')):
        fields.append('.stream_out = true')
    if checksum.get('requestChecksumRequired') or op.get('httpChecksumRequired'):
        fields.append('.checksum_required = true')
    return '    { ' + ', '.join(fields) + ' },'


def check_output(model, row):
    shape = side_shape(model, row, 'out')
    for name, member in (model.shapes[shape]['members'] if shape else {}).items():
        if member.get('location') in ('uri', 'querystring'):
            raise Problem(f'{row.where}: output member {name} is bound to the request; patch it')


def _streams(model, shape):
    if not shape:
        return False
    return any(model.kind(m['shape']) == 'STREAM' for m in model.shapes[shape].get('members', {}).values())


def _validation_error(room, model):
    if room.validation in ('smithy', 'none'):
        return 'NULL'
    if room.validation not in [name for name, _, _, _ in model.errors]:
        raise Problem(f'{room.name}.ops: validation is smithy, none or an error of the service, not {room.validation}')
    return f'{room.prefix}_{c_member(room.validation)}'


def _service_row(room, model):
    n, meta = room.name, model.metadata
    signing = meta.get('signingName', meta['endpointPrefix'])
    prefixes = [r.action.split(':')[0] for r in room.operations if ':' in r.action]
    iam_prefix = max(set(prefixes), key=prefixes.count) if prefixes else signing
    target = meta.get('targetPrefix')
    bits = ' | '.join(f'1u << {PROTOCOLS[p]}' for p in room.protocols)
    namespace = room.error_namespace and room.error_namespace.rstrip('#') + '#'
    xml_ns = room.xmlns or meta.get('xmlNamespace')
    throttled = 'NULL'
    if room.throttled:
        names = [e[0] for e in model.errors]
        if room.throttled not in names:
            raise Problem(f'{n}.ops: throttled {room.throttled} is none of its errors')
        throttled = f'&{n}_errors[{names.index(room.throttled)}]'
    return f'''const struct service_row {n}_service = {{
    .name = {string(n)}, .signing_name = {string(signing)}, .endpoint_prefix = {string(meta["endpointPrefix"])},
    .target_prefix = {string(target)}, .model_service = {string(target if "cbor" in room.protocols else None)},
    .api_version = {string(meta["apiVersion"])}, .xml_ns = {string(xml_ns)}, .iam_prefix = {string(iam_prefix)},
    .error_namespace = {string(namespace)}, .validates = {boolean(room.validation != "none")}, .validation_error = {_validation_error(room, model)},
    .protocol = {PROTOCOLS[room.protocols[0]]}, .protocols = {bits},
    .ops = ops, .n_ops = {len(room.operations)}, .known_ops = known_ops, .n_known_ops = {len(model.operations)},
    .errors = {n}_errors, .n_errors = {len(model.errors)}, .throttled = {throttled},
    .kinds = kinds,
    .resource_policy = {room.resource_policy or "NULL"}, .resource_tags = {room.resource_tags or "NULL"},
    .cross_origin = {room.cross_origin or "NULL"},
    .door = {"&" + room.door if room.door else "NULL"}, .start = {room.start or "NULL"}, .stop = {room.stop or "NULL"},
    .free = {room.free or "NULL"},
}};
'''


# ---- services.c ----

def services(rooms):
    out = [HEAD.format('every service'), '#include "wire/service.h"\n']
    for room in rooms:
        out.append(f'extern const struct service_row {room.name}_service;')
    for room in rooms:
        for _, function in room.jobs:
            out.append(f'int {function}(struct op *op, struct str payload);')
    out.append('\nconst struct service_row *const wire_services[] = {')
    out += [f'    &{room.name}_service,' for room in rooms]
    out.append('    NULL,\n};\n')
    out.append('const struct job_kind wire_job_kinds[] = {')
    for room in rooms:
        out += [f'    {{ {string(kind)}, {function} }},' for kind, function in room.jobs]
    out.append('    { NULL, NULL },\n};\n')
    return '\n'.join(out)
