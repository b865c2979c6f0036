"""Small helpers that spell C."""

KEYWORDS = set('''auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false asm typeof
unix linux errno stdin stdout stderr NULL EOF'''.split())


def member(name):
    """The C name of a member: AWS's own, with a trailing underscore behind a C keyword."""
    name = ''.join(c if c.isalnum() or c == '_' else '_' for c in name)
    if name[0].isdigit():
        name = '_' + name
    return name + '_' if name in KEYWORDS else name


def string(text):
    """A C string literal, or NULL for None."""
    if text is None:
        return 'NULL'
    out = []
    for b in text.encode():
        c = chr(b)
        if b < 32 or b > 126:
            out.append(f'\\{b:03o}')
        elif c in '"\\':
            out.append('\\' + c)
        elif c == '?':
            out.append('\\?')
        else:
            out.append(c)
    return '"' + ''.join(out) + '"'


def boolean(value):
    return 'true' if value else 'false'
