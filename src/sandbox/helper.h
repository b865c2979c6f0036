/* What the parts of the privileged half share: its one thread (helper.c), the boxes that it starts (helper_box.c), and the templates and the boxes that are
 * restored from them (helper_template.c).
 *
 * Each sandbox is a box with an init process (box.c). Spares are kept: namespaces made, ids mapped, groups joined, the host's mounts left, so that a start
 * pays for none of it. Making the first shows whether sandboxes work here at all; from the first start on there are SPARES. What was taken is made again
 * a moment later (helper_refill), when what took it has begun: two cores have better to do meanwhile, and while a process joins v1 groups none can start.
 *
 *   FREE -> NEW (helper_spawn) -> SPARE (its first READY) -> STARTING (a START is sent) -> RUNNING (its second READY) -> FREE (helper_finish: init has ended)
 *
 * A running box may become a template (helper_snapshot): it gets a keeper, which makes boxes that go on from where it rests. Of these, too, a spare is kept:
 *   FREE -> NEW (the keeper was asked) -> SPARE (its READY) -> RUNNING -> FREE (its EXITED); asked for while NEW it is STARTING until its READY
 * Their init is no child of ours: the keeper tells of its end. */
#ifndef STRATA_SANDBOX_HELPER_H
#define STRATA_SANDBOX_HELPER_H

#include "sandbox/cgroup.h"
#include "sandbox/filter.h"
#include "sandbox/protocol.h"

enum { SPARES = 3 };

enum box_state { BOX_FREE, BOX_NEW, BOX_SPARE, BOX_STARTING, BOX_RUNNING };

struct box {
    enum box_state state;
    uint32_t id; /* strata's number, from STARTING on */
    pid_t pid;
    int pidfd, ctl;
    struct cgroup group;
    struct start_wire limits; /* what it was started with */
    struct box *template;     /* that it was restored from; NULL: none */
    pid_t keeper;             /* of a template; 0: it is none */
    int keeper_ctl;
    bool kept;                /* its keeper has taken it */
    int fds[MSG_FDS_MAX];     /* of a spare that was restored: output, listeners */
    uint32_t n_fds;
    int64_t memory_bytes, peak_bytes;
    uint32_t looks_to_skip; /* of watch_memory: after one that was slow */
    bool killed, over_memory, frozen, has_exit;
    struct exited_wire exit;
    char why[256]; /* what it said before it gave up */
};

struct helper {
    int strata, epoll;
    int timer;  /* runs while there is memory to watch */
    int refill; /* a timer, too: spares are to be made */
    uint32_t spares; /* how many are to be kept */
    bool root, hello_sent, stopping;
    struct cgroups groups;
    struct sock_fprog filter;
    struct sandbox_caps caps;
    uint32_t group_seq;
    uint32_t running; /* boxes that are not FREE */
    char *message;    /* MSG_BYTES_MAX */
    struct box boxes[SANDBOX_BOXES_MAX];
};

/* What an event is about, in epoll's 64 bits. */
enum event_kind { EVENT_STRATA, EVENT_TIMER, EVENT_REFILL, EVENT_CTL, EVENT_KEEPER, EVENT_PID };

/* ---- helper.c ---- */

int helper_watch(struct helper *h, int fd, enum event_kind kind, const struct box *b); /* E_IO */
/* Takes it out of epoll and closes it. Closing alone is not enough: an init that was just made holds a copy until it has closed what it does
 * not need, and meanwhile the old descriptor would go on telling events, of a box that is another by now. */
void helper_unwatch(const struct helper *h, int fd);
void helper_set_timer(const struct helper *h, bool on); /* to look at memory, where no control group limits it */
void helper_refill(const struct helper *h);             /* has spares made in a moment, of boxes and of templates */
int helper_write(const char *path, const char *text);   /* E_IO, and errno */
void helper_close(const int *fds, uint32_t n);
struct box *helper_find(struct helper *h, enum box_state state, const struct box *template); /* NULL: there is none */
struct box *helper_find_id(struct helper *h, uint32_t id);                                  /* by strata's number; NULL */
void helper_unavailable(struct helper *h, const char *what, int e); /* no sandbox can be made here; e: errno, or 0 */
void helper_say_hello(struct helper *h);                            /* once */

/* ---- helper_box.c ---- */

int helper_spawn(struct helper *h, struct box *b, char why[256]); /* makes the init of a box. E_IO: why says what, and the box is free */
void helper_keep_spare(struct helper *h);                         /* makes one, unless there are enough; helper_refill until there are */
/* By the START of n bytes in h->message. E_INVALID, E_UNSUPPORTED, E_LIMIT, E_IO, E_CLOSED; why says what. */
int helper_start(struct helper *h, size_t n, int output, char why[256]);
void helper_freeze(struct helper *h, struct box *b, bool on);
void helper_kill(struct helper *h, struct box *b);
bool helper_on_init(struct helper *h, struct box *b); /* a message of an init; false when there is none */
void helper_finish(struct helper *h, struct box *b);  /* init has ended, and with it all of its namespace */
/* Tells strata that it runs. fds: the listeners, and the output of a restored one; there is room for one more. */
void helper_tell_started(struct helper *h, struct box *b, int *fds, uint32_t n_fds);
void helper_tell_end(struct helper *h, struct box *b); /* tells strata what has become of it, if it knows of it */
void helper_set_free(struct helper *h, struct box *b);

/* ---- helper_template.c ---- */

int helper_snapshot(struct helper *h, struct box *b); /* its keeper will answer. E_INVALID, E_IO */
void helper_tell_snapshot(const struct helper *h, const struct box *b, int err, const char *why);
void helper_keep_restored_spare(struct helper *h, struct box *template);
int helper_restore(struct helper *h, uint32_t id, uint32_t template_id, char why[256]); /* E_CLOSED, E_LIMIT: why says what */
void helper_on_keeper(struct helper *h, struct box *template);  /* a message of its keeper, or its end */
void helper_end_keeper(struct helper *h, struct box *template); /* what was restored from the template ends with it */

#endif
