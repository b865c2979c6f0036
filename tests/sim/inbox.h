/* A queue as a mailbox: what strata delivered to it, each delivery once, however often it was received. */
#ifndef STRATA_SIM_INBOX_H
#define STRATA_SIM_INBOX_H

#include "sim.h"

enum { INBOX_MAX = 2000, INBOX_ID_BYTES = 40 };

struct inbox {
    struct actor *self;
    char name[48];      /* the queue's */
    unsigned n;         /* deliveries so far */
    char (*ids)[INBOX_ID_BYTES];
};

/* Makes the queue; service may send to it (NULL: nobody but the account). */
void inbox_open(struct inbox *b, struct actor *self, const char *name, const char *service);
void inbox_close(struct inbox *b);
/* Receives and deletes until nothing is left; each new delivery goes to fn with strata's time when it was sent. */
void inbox_drain(struct inbox *b, void (*fn)(void *ctx, struct str body, int64_t sent_ms), void *ctx);

/* Returns when nothing is due any more. */
void sim_settle(struct actor *self);

#endif
