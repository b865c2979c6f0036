/* The fault driver is a hook in the calls of any other: store.c asks fault_hit before it does something. */
#include "base/arena.h"
#include "store/driver.h"
#include "store/store.h"

#include <assert.h>

struct fault {
    atomic_uint_fast64_t calls; /* since the last arming */
    atomic_uint_fast64_t nth;   /* 0: disarmed */
    atomic_int err;
    atomic_uint writes;         /* write transactions since then */
    atomic_uint place;          /* of the call that failed last */
};

int store_open_fault(struct store *under, struct store **ret)
{
    assert(!under->fault);
    under->fault = xalloc(sizeof *under->fault);
    *ret = under;
    return 0;
}

uint64_t store_fault_arm(struct store *s, uint64_t nth, int err)
{
    assert(s->fault && (nth == 0 || err < 0));
    atomic_store(&s->fault->nth, 0);
    atomic_store(&s->fault->err, err);
    atomic_store(&s->fault->writes, 0);
    uint64_t calls = atomic_exchange(&s->fault->calls, 0);
    atomic_store(&s->fault->nth, nth);
    return calls;
}

unsigned store_fault_place(struct store *s)
{
    return atomic_load(&s->fault->place);
}

void fault_write_begins(struct fault *f)
{
    atomic_fetch_add(&f->writes, 1);
}

int fault_hit(struct fault *f, bool write)
{
    uint64_t call = atomic_fetch_add(&f->calls, 1) + 1;
    if (call != atomic_load(&f->nth))
        return 0;
    atomic_store(&f->place, write ? atomic_load(&f->writes) : 0);
    return atomic_load(&f->err);
}
