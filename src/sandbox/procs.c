#include "sandbox/procs.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"

enum { STOP_ROUNDS_MAX = 16 };

static ssize_t read_file(const char *path, char *buf, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t got;

    if (fd < 0)
        return -1;
    while (n < cap - 1 && (got = read(fd, buf + n, cap - 1 - n)) > 0)
        n += (size_t)got;
    close(fd);
    buf[n] = '\0';
    return (ssize_t)n;
}

/* A child belongs to the thread that made it, so each thread is asked. */
static uint32_t children(pid_t pid, pid_t *ret, uint32_t cap)
{
    char path[64], list[16384];
    uint32_t n = 0;
    DIR *threads;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    threads = opendir(path);
    for (struct dirent *e; threads != NULL && (e = readdir(threads)) != NULL;) {
        if (e->d_name[0] < '0' || e->d_name[0] > '9')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.16s/children", (int)pid, e->d_name);
        if (read_file(path, list, sizeof list) <= 0)
            continue;
        for (char *p = list, *end; n < cap; p = end) {
            long child = strtol(p, &end, 10);
            if (child <= 0)
                break;
            ret[n++] = (pid_t)child;
        }
    }
    if (threads != NULL)
        closedir(threads);
    return n;
}

uint32_t procs_below(pid_t init, pid_t *ret, uint32_t cap)
{
    uint32_t n = children(init, ret, cap);

    for (uint32_t i = 0; i < n && n < cap; i++)
        n += children(ret[i], ret + n, cap - n);
    return n;
}

static int64_t field_kb(const char *status, const char *name)
{
    const char *at = strstr(status, name);

    return at != NULL ? strtoll(at + strlen(name), NULL, 10) : 0;
}

void procs_memory(pid_t init, int64_t *ret_now_bytes, int64_t *ret_peak_bytes)
{
    pid_t *pids = xalloc(sizeof *pids * PROCS_MAX);
    uint32_t n = procs_below(init, pids, PROCS_MAX);
    char path[64], status[8192];
    int64_t now = 0, peak = 0;

    for (uint32_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "/proc/%d/status", (int)pids[i]);
        if (read_file(path, status, sizeof status) <= 0)
            continue;
        now += field_kb(status, "\nRssAnon:") + field_kb(status, "\nRssShmem:") + field_kb(status, "\nVmPTE:");
        peak += field_kb(status, "\nVmHWM:");
    }
    free(pids);
    *ret_now_bytes = now * 1024;
    *ret_peak_bytes = peak * 1024;
}

uint32_t procs_memory_shared(pid_t init, int64_t *ret_now_bytes)
{
    pid_t *pids = xalloc(sizeof *pids * PROCS_MAX);
    uint32_t n = procs_below(init, pids, PROCS_MAX);
    char path[64], rollup[4096];
    int64_t now = 0;

    for (uint32_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pids[i]);
        if (read_file(path, rollup, sizeof rollup) > 0)
            now += field_kb(rollup, "\nPss_Anon:") + field_kb(rollup, "\nPss_Shmem:");
        snprintf(path, sizeof path, "/proc/%d/status", (int)pids[i]);
        if (read_file(path, rollup, sizeof rollup) > 0)
            now += field_kb(rollup, "\nVmPTE:");
    }
    free(pids);
    *ret_now_bytes = now * 1024;
    return n;
}

void procs_stop(pid_t init, bool stop)
{
    pid_t *pids = xalloc(sizeof *pids * PROCS_MAX);
    uint32_t before = 0;

    for (int round = 0; round < STOP_ROUNDS_MAX; round++) {
        uint32_t n = procs_below(init, pids, PROCS_MAX);
        for (uint32_t i = 0; i < n; i++)
            (void)kill(pids[i], stop ? SIGSTOP : SIGCONT);
        if (!stop || n == before)
            break;
        before = n;
    }
    free(pids);
}
