#!/usr/bin/env python3
"""Writes the typed structs, tables and dispatch of strata's services from the AWS models. See models/README.md.

    generate.py list                         the services, FOLDER/NAME, one a line (a service is a .ops file)
    generate.py service NAME OUT_DIR         NAME.h and NAME.c
    generate.py services OUT_DIR             services.c
    generate.py --coverage FILE              docs/COVERAGE.md
    generate.py --check-coverage FILE        fails when that is not up to date
Outputs are written only when they change. --depfile FILE names what was read.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from generator import coverage, emit, rows  # noqa: E402
from generator.model import Model  # noqa: E402
from generator.rows import Problem  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PATCHES = os.path.join(HERE, 'patches')  # the folder is an input, too: a file may come into it
ROOMS = os.path.join(os.path.dirname(HERE), 'src', 'services')


def write_if_changed(path, text):
    try:
        with open(path, encoding='utf-8') as f:
            if f.read() == text:
                return
    except OSError:
        pass
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def check_coverage(path, text):
    try:
        with open(path, encoding='utf-8') as f:
            if f.read() == text:
                return
    except OSError:
        pass
    raise Problem(f'{path} is not what the .ops files say: make coverage')


def own_sources():
    folder = os.path.join(HERE, 'generator')
    return [os.path.join(HERE, 'generate.py')] + [
        os.path.join(folder, f) for f in sorted(os.listdir(folder)) if f.endswith('.py')]


def load(name):
    room = rows.Room(ROOMS, name)
    model = Model(room, os.path.join(PATCHES, name + '.json'))
    return room, model


def write_depfile(path, target, inputs):
    if path:
        with open(path, 'w', encoding='utf-8') as f:
            f.write(target + ': ' + ' '.join(i.replace(' ', '\\ ') for i in inputs) + '\n')


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--depfile')
    p.add_argument('--coverage')
    p.add_argument('--check-coverage')
    p.add_argument('what', nargs='?', choices=['list', 'service', 'services'])
    p.add_argument('args', nargs='*')
    a = p.parse_args()
    names = rows.room_folders(ROOMS)
    if a.what == 'list':
        print('\n'.join(f'{folder}/{name}' for name, folder in names.items()))
    elif a.what == 'service':
        name, out = a.args
        room, model = load(name)
        write_if_changed(os.path.join(out, name + '.h'), emit.header(room, model))
        write_if_changed(os.path.join(out, name + '.c'), emit.source(room, model))
        write_depfile(a.depfile, os.path.join(out, name + '.h'), own_sources() + room.files + model.files + [PATCHES])
    elif a.what == 'services':
        (out,) = a.args
        rooms = [rows.Room(ROOMS, n) for n in names]
        write_if_changed(os.path.join(out, 'services.c'), emit.services(rooms))
        write_depfile(a.depfile, os.path.join(out, 'services.c'), own_sources() + [f for r in rooms for f in r.files])
    elif a.coverage:
        write_if_changed(a.coverage, coverage.text([load(n) for n in names]))
    elif a.check_coverage:
        check_coverage(a.check_coverage, coverage.text([load(n) for n in names]))
    else:
        p.error('nothing to do')


if __name__ == '__main__':
    try:
        main()
    except Problem as e:
        sys.exit(f'generate.py: {e}')
