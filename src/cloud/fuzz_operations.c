/* Every operation of every service, in any order, with any input, as the root of an account that is empty at first.
 *
 * A line is "service.Operation {json}", members by their AWS names; "@Name" in the JSON is what a member of that name had in an earlier answer; a body that streams is the text
 * behind a tab, in base64 or as it is. Time goes on by a second a line. The store is one transaction of a store in memory that is dropped at the end, so nothing is left for
 * the next input. An operation succeeds or answers with an error of AWS's: whatever the client sent, none is an internal failure; and what it
 * answers can be encoded and, if it is a refusal, worded. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/error.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/fuzz.h"
#include "cloud/authorize.h"
#include "cloud/background.h"
#include "cloud/fuzz_mutate.h"
#include "cloud/task.h"
#include "wire/test_shapes.h"

enum { LINES_MAX = 64, LINE_BYTES_MAX = 64 * 1024, SEEN_MAX = 200 };

struct session {
    struct arena *arena;
    struct txn *txn;
    struct str_map seen; /* members of answers */
    int64_t now_ms;
};

static struct cloud *cloud;
static struct store *world; /* what operations see; cloud's own store stays empty */

static char dir[] = "/dev/shm/fuzz_operations.XXXXXX"; /* of bodies, which are too short to become files, mostly */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) { return remove(path); }

static void stop(void)
{
    struct store *own = cloud->store;
    struct blobs *blobs = cloud->blobs;
    cloud_stop(cloud); /* a thread of it may still be at work on a key */
    store_close(own);
    store_close(world);
    blobs_close(blobs);
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void start(void)
{
    static const struct cloud_config config = { .region = "us-east-1", .public_url = { "http://127.0.0.1:4566", 21 }, .jobs_by_hand = true };
    struct store *own;
    struct blobs *blobs;
    assert(mkdtemp(dir) && store_open_mem(&own) == 0 && store_open_mem(&world) == 0 && blobs_open(dir, &blobs) == 0);
    assert(cloud_start(&config, own, blobs, &cloud) == 0 && cloud_open(cloud) == 0);
    background_free(cloud->background); /* it would use an operation's memory for longer than the line that made it */
    cloud->background = NULL;
    atexit(stop);
}

/* The texts of an answer, by the names of their members. */
static void remember(struct session *s, const char *name, const struct shape *shape, const void *slot, bool inside)
{
    if (!slot_is_set(shape, slot, inside) || s->seen.n >= SEEN_MAX)
        return;
    if (shape->kind == SHAPE_STRING)
        str_map_put(s->arena, &s->seen, str_c(name), str_dup(s->arena, *(const struct str *)slot));
    else if (shape->kind == SHAPE_STRUCT)
        for (uint32_t i = 0; i < shape->n_members; i++)
            remember(s, shape->members[i].name, shape->members[i].shape, slot_of(slot_struct(slot, inside), &shape->members[i]), false);
    else if (shape->kind == SHAPE_LIST)
        for (uint32_t i = 0; i < ((const struct any_list *)slot)->n; i++)
            remember(s, name, shape->members[0].shape, ((const struct any_list *)slot)->v + (size_t)i * shape->members[0].shape->size, true);
}

/* "@Name" becomes what was seen. */
static struct str resolve(struct session *s, struct str text)
{
    struct buf b;
    buf_init(&b, s->arena, LINE_BYTES_MAX);
    for (size_t i = 0; i < text.n;) {
        size_t n = 1;
        while (text.p[i] == '@' && i + n < text.n && ((text.p[i + n] | 0x20) >= 'a' && (text.p[i + n] | 0x20) <= 'z'))
            n++;
        struct str value = n > 1 ? str_map_get(&s->seen, str_sub(text, i + 1, n - 1)) : STR_NONE;
        if (value.p) {
            struct buf quoted;
            buf_init(&quoted, s->arena, LINE_BYTES_MAX);
            buf_json_string(&quoted, value);
            if (buf_ok(&quoted))
                buf_put(&b, quoted.p + 1, quoted.n - 2);
        } else {
            buf_put(&b, text.p + i, n);
        }
        i += n;
    }
    return fuzz_exact(s->arena, opt_str(buf_done(&b), STR("")));
}

static void check_failure(struct op *op, int rc)
{
    struct answer answer;
    if (rc == E_AWS) {
        assert(op->fail.error && op->fail.error->status >= 300 && op->fail.error != AWS_InternalFailure);
        struct wire_failure f = { .error = op->fail.error, .message = op->fail.message, .detail = op->fail.detail };
        answer_init(&answer, 400);
        wire_encode_error(op->arena, op->protocol, op->row->service, &f, op->request_id, false, &answer);
        return;
    }
    if (rc != E_PARKED && rc != E_LIMIT && rc != E_BUSY)
        fprintf(stderr, "%s.%s: %s\n", op->row->service->name, op->row->name, err_name(rc));
    assert(rc == E_PARKED || rc == E_LIMIT || rc == E_BUSY);
}

static int nothing(void *ctx, struct txn *t) { return 0; }

static int execute(struct op *op, void *in, void *out)
{
    struct str why = STR("");
    if (op->row->in && op->row->service->validates && wire_validate(op->arena, op->row->in, in, &why))
        return aws_fail(op, AWS_ValidationError, "%.*s", STR_ARG(why));
    int rc = op_authorize(op, in);
    if (rc == 0)
        rc = op->row->run(op, in, out);
    if (rc == E_PARKED) {
        assert(writer_call(cloud->writer, nothing, NULL) == 0); /* what it waits for may be a work of the writer's, which points to it */
        op->timed_out = true;
        op->tries++;
        rc = op->row->run(op, in, out);
    }
    return rc;
}

static void give_body(struct op *op, void *in, struct str text)
{
    struct blob **stream = op->row->stream_in ? wire_stream(op->row->in, in) : NULL;
    struct blob_writer *w;
    if (!stream)
        return;
    base64_decode(op->arena, text, &text);
    *stream = arena_one(op->arena, struct blob);
    assert(blob_begin(cloud->blobs, BLOB_MD5 | BLOB_SHA1 | BLOB_SHA256 | BLOB_CRC32 | BLOB_CRC32C | BLOB_CRC64NVME, true, &w) == 0);
    assert(blob_write(w, text.p, text.n) == 0 && blob_finish(w, op->arena, *stream) == 0);
}

static void check_answer(struct session *s, struct op *op, const void *out)
{
    struct answer answer;
    answer_init(&answer, op->row->status);
    assert(wire_encode(op->arena, op->protocol, op->row, out, op->request_id, &answer) == 0);
    if (op->row->out)
        remember(s, "", op->row->out, out, true);
}

static void drop_tree(void *tree) { cJSON_Delete(tree); }

/* An input from JSON; false when that is none. */
static bool read_input(struct session *s, const struct op_row *row, struct str text, void *in)
{
    struct str json = resolve(s, text);
    cJSON *tree = str_is_utf8(json) ? cJSON_ParseWithLength(json.p, json.n) : NULL;
    bool ok = cJSON_IsObject(tree);
    if (tree)
        arena_defer(s->arena, drop_tree, tree); /* keys of maps stay in it */
    if (ok && row->in)
        value_from_json(s->arena, NULL, row->in, tree, in, true);
    return ok;
}

static void run_line(struct session *s, struct str line)
{
    static const struct principal root = { .kind = PRINCIPAL_ROOT, .account = { "000000000000", 12 }, .arn = { "arn:aws:iam::000000000000:root", 30 },
                                           .user_id = { "000000000000", 12 } };
    struct str name, text, body, service_name, operation;
    struct exchange x = { .arena = s->arena, .method = STR("POST"), .target = STR("/"), .host = STR("127.0.0.1:4566"), .loopback = true };
    struct op op;
    str_cut(line, ' ', &name, &text);
    str_cut(opt_str(text, STR("{}")), '\t', &text, &body);
    str_cut(name, '.', &service_name, &operation);
    const struct service_row *service = wire_service(str_dup(s->arena, service_name).p);
    const struct op_row *row = service && operation.p ? wire_op(service, operation) : NULL;
    if (!row)
        return;
    op_init(&op, cloud, s->arena, root.account, STR("us-east-1"));
    op.row = row;
    op.protocol = service->protocol;
    op.caller = &root;
    op.http = &x;
    op.txn = s->txn;
    op.now_ms = s->now_ms += 1000;
    void *in = arena_alloc(s->arena, row->in ? row->in->size : 64), *out = arena_alloc(s->arena, row->out ? row->out->size : 1);
    if (!read_input(s, row, text, in))
        return;
    give_body(&op, in, opt_str(body, STR("")));
    txn_save(s->txn);
    int rc = execute(&op, in, out);
    if (rc == 0) {
        check_answer(s, &op, out);
        txn_save_release(s->txn);
    } else {
        txn_save_rollback(s->txn);
        check_failure(&op, rc);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz f;
    if (!cloud)
        start();
    fuzz_init(&f, data, n);
    struct session s = { .arena = f.arena, .txn = store_write(world), .now_ms = 1700000000000 };
    for (int i = 0; i < LINES_MAX && f.rest.n; i++)
        run_line(&s, fuzz_line(&f));
    txn_end(s.txn);
    fuzz_release(&f);
    return 0;
}

/* libFuzzer's own mutation of bytes; not there when inputs are only replayed. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t n, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned seed)
{
    size_t made = seed % 8 ? mutate_operations(data, n, max, seed) : 0;
    return made ? made : LLVMFuzzerMutate(data, n, max);
}
