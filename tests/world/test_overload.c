/* What the log says while requests are turned away. */
#include "base/test.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "cloud/door.h"
#include "world/world.h"

enum { CROWD = 1000 };

static void on_reply(struct exchange *x, const struct answer *answer)
{
    assert_int_equal(answer->status, 503);
}

static void turn_away(struct cloud *cloud)
{
    static const struct exchange_ops ops = { .reply = on_reply };
    struct exchange x = { .arena = arena_new(), .method = STR("GET"), .target = STR("/bucket/key"), .host = STR("127.0.0.1"), .loopback = true, .ops = &ops };
    const struct door *door = door_find(cloud, &x);
    door->handler.overloaded(door->handler.ctx, &x);
    arena_free(x.arena);
}

TEST(a_crowd_that_is_turned_away_is_a_line_a_second_which_counts_it)
{
    struct world w;
    static char text[1 << 20];
    int log = memfd_create("log", MFD_CLOEXEC), own = dup(STDERR_FILENO);
    world_open(&w);
    dup2(log, STDERR_FILENO);
    for (int i = 0; i < CROWD; i++)
        turn_away(w.cloud);
    usleep(UNTOLD_MS * 1000);
    turn_away(w.cloud);
    dup2(own, STDERR_FILENO);
    world_close(&w);
    assert_true(pread(log, text, sizeof text - 1, 0) > 0);
    unsigned long told = 0, lines = 0, more;
    for (const char *p = text, *end; (end = strchr(p, '\n')); p = end + 1) {
        const char *also = strstr(p, "(and ");
        told += 1 + (also && also < end && sscanf(also, "(and %lu more", &more) == 1 ? more : 0);
        lines++;
    }
    assert_int_equal(told, CROWD + 1);
    assert_true(lines < 20); /* two, where the crowd takes less than a second */
    close(log);
    close(own);
}
