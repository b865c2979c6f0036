"""A disk whose power can be cut: it plays the log of powercut.c and keeps what a real one would have, at the worst or at random.

The *platter* is a directory with what would be found after the power came back. mount() copies it to the *live* directory, on which a program then works
under powercut.c; cut() plays what it logged and makes the next platter.

The rules are those of POSIX alone, harder than any one file system's: what a file holds is there after its fsync or fdatasync; a name is there (or gone)
after the fsync of its folder, whatever happened to the file; nothing else is promised. Of what was not synced a *fate* tells what becomes:
  lost   none of it is there
  names  all names are there and none of the contents: files are as short as when they were last synced, or as long as they were, filled with zeros
  mixed  each folder has the first few of its changes; each file the first few of its writes, of those some pages, and it may end anywhere
"""

import collections
import os
import pathlib
import shutil
import struct

FATES = ('lost', 'names', 'mixed')
PAGE = 4096
RECORD = struct.Struct('<QQQQqQIIQ')  # struct record in powercut.c


class Unseen(Exception):
    """The log does not tell all: something wrote past the library."""


class File:
    def __init__(self, path=None):
        self.path = path          # of its content on the platter; None: it is in self.synced
        self.synced = b''
        self.unsynced = []        # (place in the log, offset, bytes) and (place, size, None), in order
        self.written = self.claimed = path.stat().st_size if path else 0  # how far writes reached; how long a sync found it
        self.mode = 0o600

    def content(self):
        if self.path:
            self.synced, self.path = bytearray(self.path.read_bytes()), None
        return self.synced

    def change(self, place, at, data):
        self.unsynced.append((place, at, data))
        self.written = max(self.written, at + len(data or b''))

    def sync(self, since):
        """Everything that was logged before that place is on the platter."""
        done = 0
        while done < len(self.unsynced) and self.unsynced[done][0] < since:
            done += 1
        if done:
            self.synced = changed(self.content(), self.unsynced[:done])
            del self.unsynced[:done]

    def survivor(self, rng, fate):
        """What it holds after the cut."""
        if not self.unsynced or fate == 'lost':
            return self.content()
        old = bytes(self.content())
        if fate == 'names':
            return old.ljust(len(changed(bytearray(old), self.unsynced)) if rng.random() < 0.5 else 0, b'\0')
        new = changed(bytearray(old), self.unsynced[:rng.randint(0, len(self.unsynced))])
        old = old.ljust(len(new), b'\0')
        lost = rng.choice((0, 0, 0.1, 0.5))
        for at in range(0, len(new), PAGE):
            if rng.random() < lost:
                new[at:at + PAGE] = old[at:at + PAGE]
        if len(new) > len(self.synced) and rng.random() < 0.5:
            del new[rng.randint(len(self.synced), len(new)):]
        return new


def changed(content, changes):
    content = bytearray(content) if isinstance(content, bytes) else content
    for _, at, data in changes:
        end = at if data is None else at + len(data)
        if len(content) < end:
            content.extend(bytes(end - len(content)))
        if data is None:
            del content[at:]
        else:
            content[at:end] = data
    return content


class Folder:
    def __init__(self):
        self.names = {}           # on the platter: name -> File or Folder
        self.unsynced = []        # (place in the log, name, File, Folder or None: it is gone)
        self.now = {}             # as the program sees it
        self.mode = 0o700

    def change(self, place, name, node):
        self.unsynced.append((place, name, node))
        self.now.pop(name, None)
        if node:
            self.now[name] = node

    def sync(self, since):
        while self.unsynced and self.unsynced[0][0] < since:
            settle(self.names, self.unsynced.pop(0))

    def survivor(self, rng, fate):
        names = dict(self.names)
        kept = {'lost': 0, 'names': len(self.unsynced)}.get(fate, rng.randint(0, len(self.unsynced)))
        for change in self.unsynced[:kept]:
            settle(names, change)
        return names


def settle(names, change):
    _, name, node = change
    names.pop(name, None)
    if node:
        names[name] = node


class Disk:
    def __init__(self, directory, library):
        self.live, self.platter, self.log = directory / 'live', directory / 'platter', directory / 'changes'
        self.environment = {'LD_PRELOAD': str(library), 'POWERCUT_ROOT': str(self.live), 'POWERCUT_LOG': str(self.log)}
        self.platter.mkdir()
        self.live.mkdir()
        self.mount()

    def wipe(self):
        shutil.rmtree(self.platter)
        self.platter.mkdir()
        self.mount()

    def mount(self):
        shutil.rmtree(self.live)
        shutil.copytree(self.platter, self.live, symlinks=True)
        self.log.unlink(missing_ok=True)
        self.nodes = {}  # by inode, as the program sees them
        self.root = self.learn(self.live, self.platter)

    def learn(self, live, platter):
        status = live.lstat()
        if not live.is_dir():
            return self.nodes.setdefault(status.st_ino, File(platter))
        folder = self.nodes[status.st_ino] = Folder()
        folder.names = {entry.name: self.learn(entry, platter / entry.name) for entry in live.iterdir()}
        folder.now = dict(folder.names)
        return folder

    def play(self):
        """Reads the log into the nodes."""
        log, place = self.log.read_bytes() if self.log.exists() else b'', 0
        while len(log) - place >= RECORD.size:
            kind, inode, inside, other, at, since, *lengths = RECORD.unpack_from(log, place)
            start = place + RECORD.size
            if start + sum(lengths) > len(log):
                break  # killed while it wrote this one
            texts = []
            for length in lengths:
                texts.append(log[start:start + length])
                start += length
            self.apply(chr(kind), place, inode, inside, other, at, since, *texts)
            place = start
        for node in self.nodes.values():
            if isinstance(node, File) and node.claimed > node.written:
                raise Unseen(f'a file of {node.claimed} bytes was synced of which only {node.written} were seen written')

    def apply(self, kind, place, inode, inside, other, at, since, name, other_name, data):
        name, other_name = name.decode(), other_name.decode()
        if kind in 'cd':
            self.nodes[inode] = File() if kind == 'c' else Folder()
        if kind in 'cdl':
            self.nodes[inside].change(place, name, self.nodes[inode])
        elif kind == 'u':
            self.nodes[inside].change(place, name, None)
        elif kind == 'r':
            node = self.nodes[inside].now[name]
            self.nodes[inside].change(place, name, None)
            self.nodes[other].change(place, other_name, node)
        elif kind == 'w':
            self.nodes[inode].change(place, at, data)
        elif kind == 't':
            self.nodes[inode].change(place, at, None)
        elif kind == 's':
            self.nodes[inode].sync(since)
            if isinstance(self.nodes[inode], File):
                self.nodes[inode].claimed = max(self.nodes[inode].claimed, at)
        elif kind == 'a':
            for node in self.nodes.values():
                node.sync(since)

    def cut(self, rng, fate):
        """The power fails, for the program that was killed before. Returns what was at stake: bytes written and names changed, not synced."""
        self.play()
        at_stake = collections.Counter()
        modes = {}
        for folder, _, files in os.walk(self.live):
            for path in [pathlib.Path(folder), *(pathlib.Path(folder) / f for f in files)]:
                modes[path.lstat().st_ino] = path.lstat().st_mode & 0o7777
        for inode, node in self.nodes.items():
            node.mode = modes.get(inode, node.mode)
            at_stake['names' if isinstance(node, Folder) else 'bytes'] += \
                len(node.unsynced) if isinstance(node, Folder) else sum(len(data or b'') for _, _, data in node.unsynced)
        fresh = self.platter.with_name('platter.new')
        self.placed = {}
        self.place(self.root, fresh, rng, fate)
        shutil.rmtree(self.platter)
        fresh.rename(self.platter)
        return at_stake

    def place(self, node, path, rng, fate):
        """Puts a file or folder of the next platter down."""
        if node in self.placed:
            os.link(self.placed[node], path)
        elif isinstance(node, Folder):
            path.mkdir()
            for name, child in node.survivor(rng, fate).items():
                self.place(child, path / name, rng, fate)
            path.chmod(node.mode)
        elif node.path and (not node.unsynced or fate == 'lost'):
            os.link(node.path, path)
        else:
            path.write_bytes(node.survivor(rng, fate))
            path.chmod(node.mode)
        if isinstance(node, File):
            self.placed[node] = path
