"""S3: objects of one version and of many, small ones (in records) and large ones (in files), copies, deletions, and uploads in parts."""

import hashlib

from ledger import States
from load import Load, body

PLAIN, VERSIONED = 'plain-objects', 'versioned-objects'
KEYS, VERSIONS = 6, 4
PART_BYTES = 5 << 20  # the least that S3 takes of a part that is not the last
SIZES = (1, 500, 5000, 16384, 16385, 40000, 200000)


def tag(data):
    return f'"{hashlib.md5(data).hexdigest()}"'


class Objects(Load):
    """A thing of the book is `bucket/key`, its state the versions, the newest first: [ETag or `marker`, version id]; or an upload,
    `upload/key/id`, its state the parts, {number: ETag}."""

    def __init__(self, machine):
        super().__init__(machine)
        self.objects = self.book(States, 'objects')
        self.bodies = {}     # ETag -> what body() made it of, for each part
        self.changed = set() # what was touched since the last restart
        self.creating = 0    # uploads that were begun, and no id came

    def setup(self):
        self.s3 = self.machine.client('s3')
        for bucket in (PLAIN, VERSIONED):
            self.s3.create_bucket(Bucket=bucket)
        self.s3.put_bucket_versioning(Bucket=VERSIONED, VersioningConfiguration={'Status': 'Enabled'})

    def workers(self):
        return [*[lambda rng, name=f'o{i}': self.plain(rng, name) for i in range(2)], *[lambda rng, name=f'v{i}': self.versioned(rng, name) for i in range(2)], self.parts]

    def fresh(self, rng, size=None):
        """A body that was not there yet."""
        made_of = f'{rng.getrandbits(60):x}', size or rng.choice(SIZES)
        data = body(*made_of)
        self.bodies[tag(data)] = [made_of]
        return data

    def touch(self, key, to, call, version=True, **parameters):
        """Brings an object into a state whose first version's id the answer tells."""
        self.changed.add(key)

        def learn(answer):
            return {key: [[to[0][0], answer['VersionId']], *to[1:]] if version else to}
        bucket, name = key.split('/')
        return self.change(self.objects, {key: to or None}, call, learn if version else lambda _: {key: to or None}, Bucket=bucket, Key=name, **parameters)

    def plain(self, rng, name):
        key = f'{PLAIN}/{name}-{rng.randrange(KEYS)}'
        old, kind = self.objects.state.get(key), rng.random()
        if kind < 0.5 or not old and kind < 0.7:
            data = self.fresh(rng)
            self.touch(key, [[tag(data), 'null']], self.s3.put_object, version=False, Body=data, **({} if old else {'IfNoneMatch': '*'}))
        elif kind < 0.7:
            self.refused(self.objects, 'PreconditionFailed', self.s3.put_object, Bucket=PLAIN, Key=key.split('/')[1], Body=self.fresh(rng), IfNoneMatch='*')
        elif kind < 0.85 and old:
            other = f'{PLAIN}/{name}-{rng.randrange(KEYS)}'
            if other != key:
                self.touch(other, old, self.s3.copy_object, version=False, CopySource={'Bucket': PLAIN, 'Key': key.split('/')[1]})
        else:
            self.touch(key, [], self.s3.delete_object, version=False)

    def versioned(self, rng, name):
        key = f'{VERSIONED}/{name}-{rng.randrange(KEYS)}'
        old, kind = self.objects.state.get(key, []), rng.random()
        if len(old) >= VERSIONS or old and kind < 0.3:
            at = rng.randrange(len(old))
            self.touch(key, old[:at] + old[at + 1:], self.s3.delete_object, version=False, VersionId=old[at][1])
        elif kind < 0.4:
            self.touch(key, [['marker', None], *old], self.s3.delete_object)
        elif kind < 0.5 and old and old[0][0] != 'marker':
            self.touch(key, [[old[0][0], None], *old], self.s3.copy_object, CopySource={'Bucket': VERSIONED, 'Key': key.split('/')[1], 'VersionId': old[0][1]})
        else:
            data = self.fresh(rng)
            self.touch(key, [[tag(data), None], *old], self.s3.put_object, Body=data)

    # ---- uploads in parts ----

    def parts(self, rng):
        """The next step of an upload: they go on after a restart."""
        uploads = [key for key in self.objects.state if key.startswith('upload/')]
        if not uploads:
            self.creating += 1
            key = f'parts-{rng.randrange(3)}'
            self.change(self.objects, {}, self.s3.create_multipart_upload, lambda a: {f'upload/{key}/{a["UploadId"]}': {}}, Bucket=PLAIN, Key=key)
            self.creating -= 1
            return
        _, key, upload = uploads[0].split('/')
        there, where = self.objects.state[uploads[0]], {'Bucket': PLAIN, 'Key': key, 'UploadId': upload}
        if '1' not in there or '2' not in there or rng.random() < 0.2:  # the same part again replaces it
            number = rng.choice([n for n in '12' if n not in there] or ['2'])
            data = self.fresh(rng, PART_BYTES if number == '1' else None)
            self.change(self.objects, {uploads[0]: {**there, number: tag(data)}}, self.s3.upload_part, PartNumber=int(number), Body=data, **where)
        elif rng.random() < 0.2:
            self.change(self.objects, {uploads[0]: None}, self.s3.abort_multipart_upload, **where)
        else:
            self.complete(uploads[0], f'{PLAIN}/{key}', there, where)

    def complete(self, upload, key, there, where):
        digests = b''.join(bytes.fromhex(there[number].strip('"')) for number in '12')
        whole = f'"{hashlib.md5(digests).hexdigest()}-2"'
        self.bodies[whole] = self.bodies[there['1']] + self.bodies[there['2']]
        self.changed.add(key)
        self.change(self.objects, {upload: None, key: [[whole, 'null']]}, self.s3.complete_multipart_upload,
                    MultipartUpload={'Parts': [{'PartNumber': int(n), 'ETag': there[n]} for n in '12']}, **where)

    # ---- the books ----

    def versions(self, bucket):
        """{bucket/key: its state}"""
        found = {}
        for page in self.s3.get_paginator('list_object_versions').paginate(Bucket=bucket):
            entries = page.get('Versions', []) + [{**marker, 'ETag': 'marker'} for marker in page.get('DeleteMarkers', [])]
            for e in entries:
                found.setdefault(f'{bucket}/{e["Key"]}', []).append((not e['IsLatest'], -e['LastModified'].timestamp(), e['ETag'], e['VersionId']))
        return found

    def check(self):
        found = {**self.versions(PLAIN), **self.versions(VERSIONED)}
        now = {key: self.in_order(key, entries) for key, entries in found.items()}
        for upload in self.s3.list_multipart_uploads(Bucket=PLAIN).get('Uploads', []):
            name, where = f'upload/{upload["Key"]}/{upload["UploadId"]}', {'Bucket': PLAIN, 'Key': upload['Key'], 'UploadId': upload['UploadId']}
            if name not in self.objects.state and self.creating:
                self.creating -= 1
                self.s3.abort_multipart_upload(**where)  # begun, and its id never came
            else:
                now[name] = {str(p['PartNumber']): p['ETag'] for p in self.s3.list_parts(**where).get('Parts', [])}
        self.creating = 0
        self.objects.note('found', now=now)
        for key in sorted(self.changed & now.keys()):
            self.read(key, now[key])
        self.changed.clear()

    def in_order(self, key, entries):
        """A version's id does not tell its age, and the time is that of a second: the order that is known decides, the newest is told."""
        known = {version: i for i, (_, version) in enumerate(self.objects.state.get(key, [])) if version}
        entries.sort(key=lambda e: (e[0], known.get(e[3], -1)))
        return [[etag, version] for _, _, etag, version in entries]

    def read(self, key, versions):
        bucket, name = key.split('/')
        for etag, version in versions:
            if etag != 'marker':
                self.read_version(key, etag, Bucket=bucket, Key=name, **({'VersionId': version} if version != 'null' else {}))

    def read_version(self, key, etag, **where):
        try:
            data = self.s3.get_object(**where)['Body'].read()
        except Exception as e:  # whatever it is: the object was acknowledged and cannot be read
            self.objects.note('wrong', text=f'{key} {etag} cannot be read: {e!r}')
            return
        if data != b''.join(body(*made_of) for made_of in self.bodies.get(etag, [])):
            self.objects.note('wrong', text=f'{key} {etag} has another body of {len(data)} bytes')

    def finish(self):
        for key, versions in self.objects.state.items():
            if not key.startswith('upload/'):
                self.read(key, versions)
