"""docs/COVERAGE.md: which operations of which services are there."""


def text(loaded):
    out = ['# Coverage', '',
           'Written by `make coverage` (models/generate.py) from the `.ops` files; an operation that is not listed answers 501 and its name.', '',
           '| service | protocols | operations | of |', '| --- | --- | --- | --- |']
    have = total = 0
    for room, model in loaded:
        out.append(f'| [{room.name}](#{room.name}) | {", ".join(room.protocols)} | {len(room.operations)} | {len(model.operations)} |')
        have += len(room.operations)
        total += len(model.operations)
    out.append(f'| all | | {have} | {total} |')
    for room, model in loaded:
        listed = {o.name for o in room.operations}
        out += ['', f'## {room.name}', '',
                ', '.join(f'**{n}**' if n in listed else n for n in sorted(model.operations)), '',
                f'{len(listed)} of {len(model.operations)}; those in bold are there.']
    return '\n'.join(out) + '\n'
