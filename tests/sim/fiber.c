/* longjmp between stacks is what is meant here; fortified libraries take it for an accident. */
#undef _FORTIFY_SOURCE

#include "fiber.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "trace.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define ASAN 1
enum { STACK_BYTES = 8 << 20 };
#else
#define ASAN 0
enum { STACK_BYTES = 1 << 20 };
#endif

enum { FIBERS_MAX = 512, GUARD_BYTES = 4096, SPURIOUS_ONE_IN = 200, SWITCHES_AT_ONCE_MAX = 200 * 1000, SWITCHES_MAX = 20 * 1000 * 1000 };

struct fiber {
    unsigned id;
    enum fiber_kind kind;
    const char *name;
    void *(*fn)(void *arg);
    void *arg;
    char *stack;
    jmp_buf at;
    bool begun, ready, ended;
    const void *on;     /* what it waits for */
    int64_t until_ns;   /* 0: no limit */
    bool woken;
    void *asan_stack;
};

static struct {
    struct fiber_config config;
    struct rng rng;
    struct fiber *all[FIBERS_MAX];
    unsigned n, next_id, actors;
    struct fiber *running; /* NULL: the scheduler */
    jmp_buf scheduler;
    ucontext_t scheduler_context;
    void (*halt)(void);
    bool telling;          /* whoever runs only says where it stands */
    unsigned atomic;
    char *spare_stacks[FIBERS_MAX];
    unsigned n_spare;
    int64_t now_ns;
    unsigned switches, switches_at_once; /* in all; since time last passed because nobody could run */
    uint64_t hash;
    const void *scheduler_stack;
    size_t scheduler_stack_bytes;
} s;

/* ---- stacks and switching ---- */

static char *stack_take(void)
{
    if (s.n_spare)
        return s.spare_stacks[--s.n_spare];
    char *p = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (p == MAP_FAILED || mprotect(p, GUARD_BYTES, PROT_NONE))
        abort();
    return p;
}

static void fiber_free(struct fiber *f)
{
#if ASAN
    ASAN_UNPOISON_MEMORY_REGION(f->stack + GUARD_BYTES, STACK_BYTES - GUARD_BYTES);
#endif
    s.spare_stacks[s.n_spare++] = f->stack;
    free(f);
}

/* The calls that led here, by addr2line. */
static void tell_calls(void)
{
    enum { CALLS_MAX = 24 };
    void *calls[CALLS_MAX];
    char command[64 + 24 * CALLS_MAX], line[512];
    Dl_info program;
    int n = backtrace(calls, CALLS_MAX);
    size_t at = (size_t)snprintf(command, sizeof command, "addr2line -psf -e /proc/%d/exe", (int)getpid());
    dladdr((void *)tell_calls, &program);
    for (int i = 3; i < n; i++) /* behind this, the switch and the wait */
        at += (size_t)snprintf(command + at, sizeof command - at, " %#tx", (char *)calls[i] - 1 - (char *)program.dli_fbase);
    FILE *f = popen(command, "r");
    while (f && fgets(line, sizeof line, f))
        if (line[0] != '?')
            printf("      %s", line);
    if (f)
        pclose(f);
}

static void to_scheduler(struct fiber *f)
{
    if (!f->ended && _setjmp(f->at)) {
#if ASAN
        __sanitizer_finish_switch_fiber(f->asan_stack, &s.scheduler_stack, &s.scheduler_stack_bytes);
#endif
        if (!s.telling)
            return;
        tell_calls();
    }
#if ASAN
    __sanitizer_start_switch_fiber(f->ended ? NULL : &f->asan_stack, s.scheduler_stack, s.scheduler_stack_bytes);
#endif
    _longjmp(s.scheduler, 1);
}

static void enter(void)
{
    struct fiber *f = s.running;
#if ASAN
    __sanitizer_finish_switch_fiber(NULL, &s.scheduler_stack, &s.scheduler_stack_bytes);
#endif
    f->fn(f->arg);
    f->ended = true;
    fiber_wake(f);
    to_scheduler(f);
}

static void run_one(struct fiber *f)
{
    static void *asan_stack; /* the scheduler's */
    s.running = f;
    if (!_setjmp(s.scheduler)) {
#if ASAN
        __sanitizer_start_switch_fiber(&asan_stack, f->stack, STACK_BYTES);
#endif
        if (f->begun)
            _longjmp(f->at, 1);
        f->begun = true;
        ucontext_t context;
        getcontext(&context);
        context.uc_stack.ss_sp = f->stack;
        context.uc_stack.ss_size = STACK_BYTES;
        context.uc_link = NULL;
        makecontext(&context, enter, 0);
        setcontext(&context);
    }
#if ASAN
    __sanitizer_finish_switch_fiber(asan_stack, NULL, NULL);
#endif
    (void)asan_stack;
    s.running = NULL;
}

/* ---- the scheduler ---- */

void fibers_init(const struct fiber_config *config)
{
    memset(&s, 0, sizeof s);
    s.config = *config;
    s.rng = rng_split(config->seed, 1);
}

static void take_out(unsigned i)
{
    struct fiber *f = s.all[i];
    s.all[i] = s.all[--s.n];
    s.actors -= f->kind == FIBER_ACTOR;
    fiber_free(f);
}

static void ready(struct fiber *f, bool woken)
{
    f->ready = true;
    f->woken = woken;
    f->on = NULL;
    f->until_ns = 0;
}

/* Nobody can run: on to the first deadline. */
static void pass_time(void)
{
    int64_t first = INT64_MAX;
    for (unsigned i = 0; i < s.n; i++)
        if (s.all[i]->until_ns && s.all[i]->until_ns < first)
            first = s.all[i]->until_ns;
    if (first == INT64_MAX)
        sim_fail("deadlock", "some thread that can run", "every thread waits for another");
    if (first > s.now_ns)
        s.now_ns = first;
    s.switches_at_once = 0;
}

static struct fiber *choose(void)
{
    struct fiber *can[FIBERS_MAX];
    unsigned n = 0;
    while (n == 0) {
        for (unsigned i = 0; i < s.n; i++) {
            struct fiber *f = s.all[i];
            if (!f->ready && f->until_ns && f->until_ns <= s.now_ns)
                ready(f, false);
            if (f->ready)
                can[n++] = f;
        }
        if (n == 0)
            pass_time();
    }
    return can[n == 1 ? 0 : rng_below(&s.rng, n)];
}

void fibers_run(void)
{
    while (s.actors) {
        struct fiber *f = choose();
        if (rng_one_in(&s.rng, s.config.jitter_one_in))
            s.now_ns += rng_below(&s.rng, s.config.jitter_us) * 1000LL;
        sim_expect(++s.switches_at_once < SWITCHES_AT_ONCE_MAX && ++s.switches < SWITCHES_MAX, "livelock", "threads that come to rest", "%u switches, the last to %s",
                   s.switches, f->name);
        s.hash = rng_mix(s.hash ^ f->id ^ (uint64_t)s.now_ns << 8);
        run_one(f);
        if (f->ended) {
            unsigned i = 0;
            while (s.all[i] != f)
                i++;
            take_out(i);
        }
        if (s.halt) {
            void (*fn)(void) = s.halt;
            s.halt = NULL;
            fn();
        }
    }
}

void fibers_tell(void)
{
    printf("  threads of strata, and where they stand:\n");
    for (unsigned i = 0; i < s.n; i++) {
        struct fiber *f = s.all[i];
        if (f->kind != FIBER_STRATA || f == s.running || !f->begun)
            continue;
        struct fiber *running = s.running;
        printf("    %s %u, %s\n", f->name, f->id, f->ready ? "about to run" : f->until_ns ? "waiting with a limit" : "waiting");
        s.telling = true;
        run_one(f);
        s.running = running;
    }
}

void fiber_spawn(enum fiber_kind kind, const char *name, void *(*fn)(void *arg), void *arg)
{
    if (s.n == FIBERS_MAX)
        sim_fail("threads", "fewer threads than the simulator has room for", "%u", s.n);
    struct fiber *f = calloc(1, sizeof *f);
    *f = (struct fiber){ .id = ++s.next_id, .kind = kind, .name = name, .fn = fn, .arg = arg, .stack = stack_take(), .ready = true };
    s.all[s.n++] = f;
    s.actors += kind == FIBER_ACTOR;
}

void fiber_yield(void)
{
    if (s.running && !s.atomic)
        to_scheduler(s.running);
}

/* A point where another thread might have run. */
static void point(void)
{
    if (s.running && !s.atomic && rng_one_in(&s.rng, s.config.preempt_one_in))
        to_scheduler(s.running);
}

bool fiber_wait(const void *on, int64_t until_ns)
{
    struct fiber *f = s.running;
    if (!f || s.atomic)
        sim_fail("threads", "a thread that may wait", "%s waits where nothing may", f ? f->name : "the scheduler");
    f->ready = false;
    f->on = on;
    f->until_ns = until_ns;
    to_scheduler(f);
    return f->woken;
}

void fiber_wake(const void *on)
{
    for (unsigned i = 0; i < s.n; i++)
        if (!s.all[i]->ready && s.all[i]->on == on)
            ready(s.all[i], true);
}

static void wake_one(const void *on)
{
    struct fiber *can[FIBERS_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < s.n; i++)
        if (!s.all[i]->ready && s.all[i]->on == on)
            can[n++] = s.all[i];
    if (n)
        ready(can[rng_below(&s.rng, n)], true);
}

void fiber_sleep_ms(int64_t ms) { fiber_wait(NULL, s.now_ns + ms * 1000000 + 1); }

void fiber_atomic(bool on) { s.atomic += on ? 1 : -1; }

void fibers_halt(void (*fn)(void))
{
    s.halt = fn;
    s.running->ended = true;
    to_scheduler(s.running);
    abort();
}

void fibers_drop(void)
{
    for (unsigned i = 0; i < s.n;)
        if (s.all[i]->kind == FIBER_STRATA && s.all[i] != s.running)
            take_out(i);
        else
            i++;
}

unsigned fibers_of_strata(void) { return s.n - s.actors; }
bool fiber_is_strata(void) { return s.running && s.running->kind == FIBER_STRATA; }
const char *fiber_name(void) { return s.running ? s.running->name : "scheduler"; }
int64_t fiber_now_ns(void) { return s.now_ns; }
uint64_t fiber_hash(void) { return s.hash; }

/* ---- pthreads, as strata calls them. A lock holds its owner, a condition its clock, in the memory of the real one. ---- */

struct lock {
    struct fiber *owner;
    unsigned waiters;
};

struct condition {
    clockid_t clock;
    unsigned waiters;
};

static struct fiber the_scheduler = { .name = "scheduler" };

static struct fiber *self(void) { return s.running ? s.running : &the_scheduler; }

int __wrap_clock_gettime(clockid_t id, struct timespec *ret); /* machine.c */
pthread_t __wrap_pthread_self(void);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __wrap_pthread_join(pthread_t thread, void **ret);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *m);
int __wrap_pthread_mutex_destroy(pthread_mutex_t *m);
int __wrap_pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr);
int __wrap_pthread_cond_destroy(pthread_cond_t *c);
int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int __wrap_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until);
int __wrap_pthread_cond_signal(pthread_cond_t *c);
int __wrap_pthread_cond_broadcast(pthread_cond_t *c);

/* A thread's name is its number: memory is used again, numbers are not. */
pthread_t __wrap_pthread_self(void) { return self()->id; }

int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    fiber_spawn(FIBER_STRATA, "thread", fn, arg);
    *ret = s.next_id;
    point();
    return 0;
}

int __wrap_pthread_join(pthread_t thread, void **ret)
{
    for (unsigned i = 0; i < s.n; i++)
        if (s.all[i]->id == thread)
            fiber_wait(s.all[i], 0);
    return 0;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
    struct lock *l = (struct lock *)m;
    point();
    if (l->owner == self())
        sim_fail("lock", "a lock that the thread does not hold yet", "%s takes it twice", fiber_name());
    while (l->owner) {
        l->waiters++;
        fiber_wait(l, 0);
        l->waiters--;
    }
    l->owner = self();
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *m)
{
    struct lock *l = (struct lock *)m;
    if (l->owner != self())
        sim_fail("lock", "a lock that the thread holds", "%s leaves another's", fiber_name());
    l->owner = NULL;
    if (l->waiters)
        fiber_wake(l);
    point();
    return 0;
}

int __wrap_pthread_mutex_destroy(pthread_mutex_t *m)
{
    struct lock *l = (struct lock *)m;
    if (l->owner || l->waiters)
        sim_fail("lock", "a lock that nobody uses", "%s destroys it", fiber_name());
    return 0;
}

int __wrap_pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr)
{
    clockid_t clock = CLOCK_REALTIME;
    if (attr)
        pthread_condattr_getclock(attr, &clock);
    *(struct condition *)c = (struct condition){ .clock = clock };
    return 0;
}

int __wrap_pthread_cond_destroy(pthread_cond_t *c)
{
    if (((struct condition *)c)->waiters)
        sim_fail("condition", "a condition that nobody waits for", "%s destroys it", fiber_name());
    return 0;
}

static int cond_wait(pthread_cond_t *c, pthread_mutex_t *m, int64_t until_ns)
{
    struct condition *cond = (struct condition *)c;
    struct lock *l = (struct lock *)m;
    if (l->owner != self())
        sim_fail("lock", "a lock that the thread holds", "%s waits with another's", fiber_name());
    l->owner = NULL;
    if (l->waiters)
        fiber_wake(l);
    bool woken = rng_one_in(&s.rng, SPURIOUS_ONE_IN); /* a condition may wake without a signal */
    cond->waiters++;
    if (woken)
        fiber_yield();
    else
        woken = fiber_wait(c, until_ns);
    cond->waiters--;
    while (l->owner) {
        l->waiters++;
        fiber_wait(l, 0);
        l->waiters--;
    }
    l->owner = self();
    return woken ? 0 : ETIMEDOUT;
}

int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m) { return cond_wait(c, m, 0); }

int __wrap_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
    struct timespec zero;
    __wrap_clock_gettime(((struct condition *)c)->clock, &zero);
    int64_t now_ns = zero.tv_sec * 1000000000LL + zero.tv_nsec, until_ns = until->tv_sec * 1000000000LL + until->tv_nsec;
    return cond_wait(c, m, s.now_ns + (until_ns > now_ns ? until_ns - now_ns : 0) + 1);
}

int __wrap_pthread_cond_signal(pthread_cond_t *c)
{
    if (((struct condition *)c)->waiters)
        wake_one(c);
    point();
    return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *c)
{
    if (((struct condition *)c)->waiters)
        fiber_wake(c);
    point();
    return 0;
}
