#!/usr/bin/env python3
"""That the crash ledger can fail: builds strata with one line broken, again and again, and tells what each run finds.

    tests/fault/crash/broken.py [NAME...]

Works on a copy of the tree in a temporary directory. Exit code 1 when a break was not caught within its kills or cuts.
That the lines are still there is a test.
"""

import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]

# name: (file, the line, what it becomes, the form that must catch it)
BREAKS = {
    'answered before the commit': (
        'store/commit.c', ['    int commit_rc = txn_commit(t);\n', '        r->work->done(r->work, commit_rc < 0 ? commit_rc : r->rc);\n    }\n'],
        ['    int commit_rc = 0;\n', '        r->work->done(r->work, r->rc);\n    }\n    txn_commit(t);\n'], 'kill'),
    'a commit in pieces': ('store/rocksdb.c', ['        bytes += n->key.n + p->value.n;\n'], ['''        bytes += n->key.n + p->value.n;
        rocksdb_write(r->db, r->synced, r->batch, &(char *){ NULL });
        rocksdb_writebatch_clear(r->batch);
'''], 'kill'),
    'a body removed before the commit': ('cloud/effects.c', ['    op_on_commit(op, remove_file, kept_id(op, id));\n'],
                                         ['    remove_file(op->cloud, kept_id(op, id));\n'], 'kill'),
    'no timer for a running event': ('services/lambda/invoke.c', ['    return op_timer_set(op, "lambda.event", l->id, op_now_ms(op) + l->target.function.Timeout.v'],
                                     ['    return 0; return op_timer_set(op, "lambda.event", l->id, op_now_ms(op) + l->target.function.Timeout.v'], 'kill'),
    'no log': ('store/rocksdb.c', ['rocksdb_writeoptions_set_sync(r->synced, 1);'], ['rocksdb_writeoptions_disable_WAL(r->synced, 1);'], 'kill'),
    'no sync of the log': ('store/rocksdb.c', ['rocksdb_writeoptions_set_sync(r->synced, 1);'], ['rocksdb_writeoptions_set_sync(r->synced, 0);'], 'power cut'),
    'no sync of a body': ('store/blob.c', ['synced(w->blobs, fdatasync(w->fd))'], ['0'], 'power cut'),
    'no sync of a body\'s name': ('store/blob.c', ['synced(w->blobs, fsync(folder_fd))'], ['0'], 'power cut'),
    'no sync of a copy\'s name': ('store/blob.c', ['synced(b, fsync(folder_fd))'], ['0'], 'power cut'),
    'no sync of a folder of bodies': ('store/blob.c', ['synced(b, fsync(b->dir_fd))'], ['0'], 'power cut'),
    'no sync of a new folder\'s name': ('base/file.c', ['    int rc = folder_sync(slash ? parent : ".");\n'], ['    int rc = 0;\n'], 'power cut'),
    'no sync of unpacked code': ('services/lambda/tree.c', ['        rc = sync_all(parent.p);\n'], ['        rc = 0 * sync_all(STR("/none").p);\n'], 'power cut'),
}
SHOWN = 500
TRIES = {'kill': ['--kills', '100', '--cuts', '0'], 'power cut': ['--kills', '0', '--cuts', '20']}


def broken(name, text):
    """The file's text with that line broken."""
    file, lines, instead, _ = BREAKS[name]
    for line, other in zip(lines, instead):
        assert text.count(line) == 1, f'{file} has no such line, or several, any more: {line}'
        text = text.replace(line, other)
    return text


def try_one(tree, name):
    file, _, _, form = BREAKS[name]
    path = tree / 'src' / file
    text = path.read_text()
    path.write_text(broken(name, text))
    try:
        subprocess.run(['make', '--no-print-directory', 'all'], cwd=tree, check=True, stdout=subprocess.DEVNULL)
        run = subprocess.run([sys.executable, tree / 'tests/fault/crash/crash.py', *TRIES[form], '--first', '--seed', str(random.SystemRandom().randrange(1 << 32))],
                             capture_output=True, text=True)
    finally:
        path.write_text(text)
    print(f'{name} ({file}): {"caught" if run.returncode else "NOT CAUGHT"}\n  {(run.stdout + run.stderr).strip()[:SHOWN]}', flush=True)
    return None if run.returncode else 'not caught'


def main():
    with tempfile.TemporaryDirectory(prefix='strata-broken-') as temporary:
        tree = pathlib.Path(temporary) / 'tree'
        shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns('build*', '.git', '.venv', '__pycache__'))
        (tree / '.venv').symlink_to(ROOT / '.venv')
        failed = {name: why for name in sys.argv[1:] or BREAKS if (why := try_one(tree, name))}
    print(*[f'{name}: {why}' for name, why in failed.items()] or ['every one was caught'], sep='\n')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
