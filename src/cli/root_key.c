#include "cli/root_key.h"

#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/directory.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"
#include "cloud/call.h"

struct root_key {
    struct arena *arena;
    struct str id, secret;
    int rc;
    sem_t done;
};

static int make(struct op *op, void *ctx)
{
    struct root_key *r = ctx;
    struct iam_rec_AccessKey key = { 0 };
    int rc = directory_root_key(op, op->account, &key);
    if (rc)
        return rc;
    r->id = str_dup(r->arena, key.AccessKeyId); /* again, should the operation run twice */
    r->secret = str_dup(r->arena, key.Secret);
    return 0;
}

static void made(struct cloud *cloud, void *ctx, int rc)
{
    struct root_key *r = ctx;
    r->rc = rc;
    sem_post(&r->done);
}

static int write_profile(const struct root_key *r, const char *data_dir)
{
    struct str text = str_printf(r->arena, "# the root key of this strata, for AWS_SHARED_CREDENTIALS_FILE\n[default]\naws_access_key_id = %.*s\naws_secret_access_key = %.*s\n",
                                 STR_ARG(r->id), STR_ARG(r->secret));
    int fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? file_error() : file_replace(fd, "credentials", text, 0600);
    if (fd >= 0)
        close(fd);
    explicit_bzero((char *)text.p, text.n);
    return rc;
}

int root_key_write(struct cloud *cloud, const char *data_dir)
{
    struct root_key r = { .arena = arena_new() };
    sem_init(&r.done, 0, 0);
    int rc = cloud_run(cloud, STR("000000000000"), STR("us-east-1"), make, made, &r);
    if (rc == 0) {
        while (sem_wait(&r.done) < 0)
            ;
        rc = r.rc;
    }
    if (rc == 0)
        rc = write_profile(&r, data_dir);
    sem_destroy(&r.done);
    if (r.secret.n)
        explicit_bzero((char *)r.secret.p, r.secret.n);
    arena_free(r.arena);
    return rc;
}
