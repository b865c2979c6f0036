/* Templates, the boxes that are restored from them, and what their keepers say. */
#include <assert.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "sandbox/helper.h"
#include "sandbox/keeper.h"

/* A restored box has ended, or cannot be made. */
static void finish_restored(struct helper *h, struct box *b)
{
    helper_tell_end(h, b);
    helper_close(b->fds, b->n_fds);
    if (b->pid > 0)
        close(b->pidfd);
    helper_set_free(h, b);
}

void helper_end_keeper(struct helper *h, struct box *template)
{
    assert(template->keeper > 0); /* kill(-1) reaches everybody */
    helper_unwatch(h, template->keeper_ctl);
    (void)kill(template->keeper, SIGKILL);
    (void)waitpid(template->keeper, NULL, 0);
    template->keeper = 0;
    template->kept = false; /* until it has ended itself, it is asked for no more */
    for (uint32_t i = 0; i < SANDBOX_BOXES_MAX; i++)
        if (h->boxes[i].state != BOX_FREE && h->boxes[i].template == template)
            finish_restored(h, &h->boxes[i]);
}

/* Closes everything but what a keeper needs. */
static void keep_open(const struct helper *h, int ctl)
{
    int from = 3;

    for (;;) {
        int next = ctl >= from ? ctl : INT_MAX;
        for (int c = 0; c < CG_CONTROLLERS; c++)
            if (h->groups.base[c] >= from && h->groups.base[c] < next)
                next = h->groups.base[c];
        (void)close_range((unsigned)from, next == INT_MAX ? ~0U : (unsigned)next - 1, 0);
        if (next == INT_MAX)
            return;
        from = next + 1;
    }
}

int helper_snapshot(struct helper *h, struct box *b)
{
    int pair[2];
    pid_t keeper;

    if (b->state != BOX_RUNNING || b->template != NULL || b->keeper != 0)
        return E_INVALID;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return E_IO;
    keeper = fork();
    if (keeper == 0) {
        keep_open(h, pair[1]);
        keeper_main(pair[1], b->pid, &h->groups, &b->limits);
    }
    close(pair[1]);
    if (keeper < 0 || helper_watch(h, pair[0], EVENT_KEEPER, b) != 0) {
        close(pair[0]);
        if (keeper > 0) {
            (void)kill(keeper, SIGKILL);
            (void)waitpid(keeper, NULL, 0);
        }
        return E_IO;
    }
    b->keeper = keeper;
    b->keeper_ctl = pair[0];
    b->kept = false;
    return 0;
}

void helper_tell_snapshot(const struct helper *h, const struct box *b, int err, const char *why)
{
    struct {
        struct msg head;
        struct failed_wire failed;
    } m;

    memset(&m, 0, sizeof m);
    m.head = (struct msg){ MSG_SNAPSHOT, b->id };
    m.failed.err = err;
    snprintf(m.failed.why, sizeof m.failed.why, "%s", why);
    (void)msg_send(h->strata, &m, sizeof m, NULL, 0);
}

/* Asks for one more box of a template. NULL: there is no room. */
static struct box *order_restored(struct helper *h, struct box *template)
{
    struct {
        struct msg head;
        struct restore_wire restore;
    } m;
    struct box *b = helper_find(h, BOX_FREE, NULL);

    if (b == NULL)
        return NULL;
    memset(b, 0, sizeof *b);
    if (cgroup_make(&h->groups, h->group_seq++, &b->group) != 0)
        return NULL;
    b->state = BOX_NEW;
    b->template = template;
    b->memory_bytes = template->memory_bytes;
    h->running++;
    memset(&m, 0, sizeof m);
    m.head = (struct msg){ MSG_RESTORE, (uint32_t)(b - h->boxes) };
    m.restore.group = b->group;
    if (cgroup_limit(&h->groups, &b->group, template->limits.memory_bytes, template->limits.pids_max + 1, template->limits.cpu_percent) != 0 ||
        msg_send(template->keeper_ctl, &m, sizeof m, NULL, 0) != 0) {
        helper_set_free(h, b);
        return NULL;
    }
    return b;
}

void helper_keep_restored_spare(struct helper *h, struct box *template)
{
    if (!h->stopping && helper_find(h, BOX_SPARE, template) == NULL && helper_find(h, BOX_NEW, template) == NULL)
        (void)order_restored(h, template);
}

/* A box that rests is let go. */
static void run_restored(struct helper *h, struct box *b)
{
    struct msg go = { MSG_GO, (uint32_t)(b - h->boxes) };
    int fds[MSG_FDS_MAX];

    (void)msg_send(b->template->keeper_ctl, &go, sizeof go, NULL, 0);
    memcpy(fds, b->fds, sizeof fds);
    helper_tell_started(h, b, fds, b->n_fds);
    helper_close(b->fds, b->n_fds);
    b->n_fds = 0;
}

int helper_restore(struct helper *h, uint32_t id, uint32_t template_id, char why[256])
{
    struct box *template = helper_find_id(h, template_id), *b;

    if (template == NULL || !template->kept) {
        snprintf(why, 256, "the template has ended");
        return E_CLOSED;
    }
    if ((b = helper_find(h, BOX_SPARE, template)) != NULL) {
        b->id = id;
        run_restored(h, b);
        return 0;
    }
    if ((b = helper_find(h, BOX_NEW, template)) == NULL && (b = order_restored(h, template)) == NULL) {
        snprintf(why, 256, "cannot make control groups, or %d sandboxes run already", SANDBOX_BOXES_MAX);
        return E_LIMIT;
    }
    b->id = id;
    b->state = BOX_STARTING;
    return 0;
}

union from_keeper {
    struct msg head;
    struct {
        struct msg head;
        struct ready_wire ready;
    } ready;
    struct {
        struct msg head;
        struct failed_wire failed;
    } failed;
    struct {
        struct msg head;
        struct exited_wire exited;
    } exited;
};

static void on_restored(struct helper *h, struct box *b, const union from_keeper *m, int *fds, uint32_t *n_fds)
{
    if (m->head.kind == MSG_READY && *n_fds >= KEEPER_FDS && b->pid == 0) {
        b->pid = m->ready.ready.pid;
        b->pidfd = fds[0];
        b->n_fds = *n_fds - 1;
        memcpy(b->fds, fds + KEEPER_FDS, (*n_fds - KEEPER_FDS) * sizeof *fds); /* strata gets the output behind the listeners */
        b->fds[b->n_fds - 1] = fds[1];
        *n_fds = 0;
        if (b->killed)
            helper_kill(h, b);
        if (b->state == BOX_STARTING)
            run_restored(h, b);
        else
            b->state = BOX_SPARE;
    } else if (m->head.kind == MSG_FAILED) {
        snprintf(b->why, sizeof b->why, "%.255s", m->failed.failed.why);
        finish_restored(h, b);
    } else if (m->head.kind == MSG_EXITED) {
        b->exit = m->exited.exited;
        b->has_exit = true;
        finish_restored(h, b);
    }
}

static void on_kept(struct helper *h, struct box *template, const union from_keeper *m)
{
    if (m->head.kind == MSG_READY) {
        template->kept = true;
        (void)cgroup_unlimit(&h->groups, &template->group); /* it stands still, and what is made of it is not to wait for its share */
        helper_tell_snapshot(h, template, 0, "");
        helper_keep_restored_spare(h, template);
    } else { /* it goes on as it was */
        helper_end_keeper(h, template);
        helper_tell_snapshot(h, template, m->failed.failed.err, m->failed.failed.why);
    }
}

void helper_on_keeper(struct helper *h, struct box *template)
{
    union from_keeper m = { 0 };
    int fds[MSG_FDS_MAX];
    uint32_t n_fds;
    ssize_t n = msg_recv(template->keeper_ctl, &m, sizeof m, fds, &n_fds);

    if (n < 0) { /* the template has ended with it */
        if (!template->kept)
            helper_tell_snapshot(h, template, E_CLOSED, "it has ended");
        helper_end_keeper(h, template);
        helper_kill(h, template);
        return;
    }
    if (!template->kept)
        on_kept(h, template, &m);
    else if (m.head.id < SANDBOX_BOXES_MAX && h->boxes[m.head.id].template == template)
        on_restored(h, &h->boxes[m.head.id], &m, fds, &n_fds);
    helper_close(fds, n_fds);
}
