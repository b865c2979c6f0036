"""The disk of the power cuts: that it drops what was not synced and nothing else, and that nothing is written past it."""

import os
import random
import subprocess
import sys
import textwrap

import pytest

from crash import LIBRARY
from disk import FATES, Disk, File, Unseen, changed
from running import Strata

PAGE = 4096


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path, LIBRARY)


def run(disk, source):
    """A program in the disk's directory: `at` names a file in it, `sync` syncs a file or folder."""
    helpers = '''
        import os
        root = os.environ['POWERCUT_ROOT']
        def at(name): return os.path.join(root, name)
        def write(name, data, flags=os.O_CREAT, sync=False):
            fd = os.open(at(name), os.O_WRONLY | flags, 0o600)
            os.write(fd, data)
            if sync: os.fsync(fd)
            os.close(fd)
        def sync(name=''):
            fd = os.open(at(name), os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)
    '''
    subprocess.run([sys.executable, '-c', textwrap.dedent(helpers) + textwrap.dedent(source)], env={**os.environ, **disk.environment}, check=True)


def after(disk, fate='lost', seed=0):
    """{name: what is in it (a folder: None)} after the cut."""
    disk.cut(random.Random(seed), fate)
    disk.mount()
    paths = sorted(disk.live.rglob('*'))
    return {str(p.relative_to(disk.live)): None if p.is_dir() else p.read_bytes() for p in paths}


def test_what_was_not_synced_is_gone(disk):
    run(disk, "write('a', b'text'); os.mkdir(at('d')); write('d/b', b'text')")
    assert after(disk) == {}


def test_a_file_needs_its_sync_and_its_folders(disk):
    run(disk, "write('both', b'text', sync=True); write('name', b'text'); sync(); write('content', b'text', sync=True)")
    assert after(disk) == {'both': b'text', 'name': b''}


def test_a_folder_needs_the_sync_of_the_one_above(disk):
    run(disk, "os.mkdir(at('d')); write('d/a', b'text', sync=True); sync('d')")
    assert after(disk) == {}
    run(disk, "os.mkdir(at('d')); write('d/a', b'text', sync=True); sync('d'); sync()")
    assert after(disk) == {'d': None, 'd/a': b'text'}


def test_what_came_after_the_sync_is_gone(disk):
    run(disk, '''
        write('a', b'old text', sync=True); write('b', b'old', sync=True); sync()
        write('a', b'new'); write('b', b'', os.O_TRUNC)
        fd = os.open(at('a'), os.O_WRONLY | os.O_APPEND); os.write(fd, b' and more'); os.ftruncate(fd, 3); os.close(fd)
    ''')
    assert after(disk) == {'a': b'old text', 'b': b'old'}


def test_names_change_with_the_sync_of_their_folder(disk):
    run(disk, '''
        os.mkdir(at('d'))
        for name in ('kept', 'moved', 'over', 'gone', 'd/moved-too'):
            write(name, name.encode(), sync=True)
        sync('d'); sync()
        os.rename(at('moved'), at('over')); os.unlink(at('gone')); os.rename(at('d/moved-too'), at('here')); os.link(at('kept'), at('second'))
    ''')
    old = {'d': None, 'd/moved-too': b'd/moved-too', 'gone': b'gone', 'kept': b'kept', 'moved': b'moved', 'over': b'over'}
    assert after(disk) == old
    run(disk, "os.rename(at('moved'), at('over')); os.unlink(at('gone')); os.rename(at('d/moved-too'), at('here')); os.link(at('kept'), at('second')); sync()")
    assert after(disk) == {'d': None, 'd/moved-too': b'd/moved-too', 'here': b'd/moved-too', 'kept': b'kept', 'over': b'moved', 'second': b'kept'}
    assert (disk.live / 'second').read_bytes() == b'kept'
    run(disk, "sync('d'); write('kept', b'both', sync=True); os.unlink(at('d/moved-too')); sync('d')")
    assert after(disk)['kept'] == b'both'


def test_all_names_and_no_contents():
    file = appended(b'text', b' and more')
    assert {bytes(file.survivor(random.Random(seed), 'names')) for seed in range(20)} == {b'text', b'text' + bytes(9)}


def appended(synced, *more):
    file = File()
    for place, data in enumerate((synced, *more)):
        file.change(place, file.written, data)
    file.sync(1)
    return file


def test_of_what_was_not_synced_some_may_be_there():
    synced, more = b'a' * (PAGE + 100), [b'b' * PAGE, b'c' * PAGE]
    file = appended(synced, *more)
    whole, found = synced + b''.join(more), set()
    for seed in range(300):
        data = bytes(file.survivor(random.Random(seed), 'mixed'))
        assert data.startswith(synced) and len(data) <= len(whole)
        for at in range(len(synced), len(data)):
            assert data[at] in (0, whole[at])
        found.add(data)
    assert {synced, synced + more[0], whole} <= found
    assert any(data != whole[:len(data)] for data in found), 'a page that is missing before one that is there'
    assert any(len(data) % PAGE not in (len(synced) % PAGE, 0) for data in found), 'an end within a page'


def test_every_fate_keeps_what_was_synced():
    file = appended(b'text', b' and more')
    file.sync(10)
    for fate in FATES:
        assert bytes(file.survivor(random.Random(0), fate)) == b'text and more'


def test_a_write_that_was_not_seen_is_told(disk):
    run(disk, """
        write('a', b'text')
        from_, to = os.open(at('a'), os.O_RDONLY), os.open(at('b'), os.O_WRONLY | os.O_CREAT, 0o600)
        os.sendfile(to, from_, 0, 4)
        os.fsync(to)
    """)
    with pytest.raises(Unseen):
        disk.play()


def test_all_that_strata_writes_is_seen(disk):
    """Played to its end, the log leads to what there is."""
    strata = Strata(disk.live / 'data')
    strata.log_path = disk.live.with_name('log')
    strata.more_environment = disk.environment
    for _ in range(2):
        disk.mount()
        strata.start()
        s3 = strata.client('s3')
        s3.create_bucket(Bucket='bucket')
        for size in (10, 20000, 9 << 20):
            s3.put_object(Bucket='bucket', Key=str(size), Body=bytes(size))
        s3.copy_object(Bucket='bucket', Key='copy', CopySource='bucket/20000')
        s3.delete_object(Bucket='bucket', Key='20000')
        assert strata.stop() == 0
        disk.play()
        assert differences(disk.root, disk.live) == {'endpoint'}  # by stdio, and nothing that must last
        disk.cut(random.Random(0), 'lost')


def differences(folder, path):
    there = {p.name: p for p in path.iterdir()}
    found = there.keys() ^ folder.now.keys()
    for name, node in folder.now.items():
        if isinstance(node, File):
            found |= {name} if bytes(changed(bytearray(node.content()), node.unsynced)) != there[name].read_bytes() else set()
        else:
            found |= differences(node, there[name])
    return found
