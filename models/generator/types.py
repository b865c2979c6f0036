"""Spells the C types of the reached shapes: see src/wire/shape.h for the mapping."""
from .ctext import member as c_member

SCALAR_TYPES = {
    'STRING': 'struct str', 'BLOB': 'struct str', 'RAW': 'struct str', 'BOOL': 'struct opt_bool', 'INT': 'struct opt_i64',
    'LONG': 'struct opt_i64', 'TIMESTAMP': 'struct opt_i64', 'FLOAT': 'struct opt_f64', 'DOUBLE': 'struct opt_f64',
    'STREAM': 'struct blob *',
}
TEXTS = ('STRING', 'BLOB', 'RAW')


def c_type(room, model, name):
    """The C type of a shape as an element (a struct is itself here; members point to it)."""
    kind = model.kind(name)
    shape = model.shapes[name]
    if kind in SCALAR_TYPES:
        return SCALAR_TYPES[kind]
    if kind == 'LIST' and model.kind(shape['member']['shape']) in TEXTS:
        return 'struct str_list'
    if kind == 'MAP' and model.kind(shape['value']['shape']) in TEXTS:
        return 'struct str_map'
    return f'struct {room.name}_{name}'


def entry_type(room, model, name):
    """What the array of a map holds."""
    return 'struct str_pair' if c_type(room, model, name) == 'struct str_map' else f'struct {room.name}_{name}_entry'


def text(room, model):
    n = room.name
    structs, lists, maps, entries = [], [], [], []
    for name in sorted(model.reached):
        kind, shape = model.kind(name), model.shapes[name]
        own = c_type(room, model, name)
        if kind == 'LIST' and own != 'struct str_list':
            element = c_type(room, model, shape['member']['shape'])
            lists.append(f'{own} {{ {element} *v; uint32_t n, cap; bool set; }};')
        elif kind == 'MAP' and own != 'struct str_map':
            maps.append(f'struct {n}_{name}_entry;\n{own} {{ struct {n}_{name}_entry *v; uint32_t n, cap; bool set; }};')
            value = c_type(room, model, shape['value']['shape'])
            entries.append(f'struct {n}_{name}_entry {{ struct str key; {value} value; }};')
        elif kind == 'STRUCT':
            structs.append(_struct(room, model, name, shape))
    forward = [f'struct {n}_{name};' for name in sorted(model.reached) if model.kind(name) == 'STRUCT']
    # Lists and maps hold pointers, so all they need is a declaration; map entries hold structs by value, so they come last.
    return '\n'.join(forward + [''] + lists + maps + [''] + structs + entries + [''])




def _struct(room, model, name, shape):
    lines = [f'struct {room.name}_{name} {{']
    for member, facts in shape['members'].items():
        t = c_type(room, model, facts['shape'])
        pointer = '*' if model.kind(facts['shape']) == 'STRUCT' else ''
        space = '' if t.endswith('*') else ' '
        lines.append(f'    {t}{space}{pointer}{c_member(member)};')
    if not shape['members']:
        lines.append('    char none_;')
    lines.append('};')
    return '\n'.join(lines)
