#!/usr/bin/env python3
"""Makes the sample of today's data format, tests/formats/<format>.strata, with build/strata. Once a format: a sample is never made anew."""
import json
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))

import content  # noqa: E402
from running import Strata  # noqa: E402

BYTES_MAX = 200_000


def main():
    with tempfile.TemporaryDirectory() as folder:
        strata = Strata(pathlib.Path(folder) / 'data').start()
        try:
            content.fill(strata)
        finally:
            strata.stop()
        strata.check()
        file = pathlib.Path(folder) / 'backup'
        done = strata.run_program('backup', '--data', strata.data, '--in-clear', file)
        if done.returncode:
            sys.exit(done.stderr)
        data = file.read_bytes()
    head = json.loads(data.split(b'\n')[1])
    sample = HERE / f'{head["format"]}.strata'
    if sample.exists():
        sys.exit(f'{sample} is there: a sample is never made anew')
    if len(data) > BYTES_MAX:
        sys.exit(f'{len(data)} bytes are too many to keep')
    sample.write_bytes(data)
    print(f'{sample}: {len(data)} bytes')


if __name__ == '__main__':
    main()
