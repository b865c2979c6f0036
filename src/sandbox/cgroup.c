#include "sandbox/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

enum { CPU_PERIOD_US = 100000, REMOVE_TRIES = 20, REMOVE_PAUSE_US = 1000 };

static const char *const controller_names[CG_CONTROLLERS] = { "memory", "pids", "cpu", "freezer" };

static int write_file_at(int dir, const char *path, const char *text)
{
    int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return E_IO;
    n = write(fd, text, strlen(text));
    close(fd);
    return n < 0 ? E_IO : 0;
}

static ssize_t read_file_at(int dir, const char *path, char *buf, size_t cap)
{
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return E_IO;
    n = read(fd, buf, cap - 1);
    close(fd);
    if (n < 0)
        return E_IO;
    buf[n] = '\0';
    return n;
}

/* Is word one of the words of list, which sep divides? */
static bool has_word(const char *list, const char *word, char sep)
{
    size_t n = strlen(word);

    for (const char *p = list; p != NULL; p = strchr(p, sep), p = p != NULL ? p + 1 : NULL)
        if (strncmp(p, word, n) == 0 && (p[n] == '\0' || p[n] == sep || p[n] == '\n'))
            return true;
    return false;
}

/* Our group in a hierarchy, from /proc/self/cgroup: "4:memory:/a/b"; controller NULL is the v2 line "0::/a/b". */
static bool own_group(const char *controller, char ret[PATH_MAX])
{
    FILE *f = fopen("/proc/self/cgroup", "re");
    char line[PATH_MAX + 256];
    bool found = false;

    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
        char *list = strchr(line, ':');
        char *path = list != NULL ? strchr(list + 1, ':') : NULL;
        if (path == NULL)
            continue;
        *path++ = '\0';
        list++;
        path[strcspn(path, "\n")] = '\0';
        found = controller != NULL ? has_word(list, controller, ',') : *list == '\0' && strncmp(line, "0", 1) == 0;
        if (found)
            snprintf(ret, PATH_MAX, "%s", path);
    }
    if (f != NULL)
        fclose(f);
    return found;
}

/* Where a hierarchy is mounted, and which of its groups is at the mount point. */
static bool mount_of(const char *controller, char ret_point[PATH_MAX], char ret_root[PATH_MAX])
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char line[2 * PATH_MAX + 512];
    bool found = false;

    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
        char root[PATH_MAX], point[PATH_MAX], type[32], options[512];
        char *rest = strstr(line, " - ");
        if (rest == NULL || sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2 ||
            sscanf(rest, " - %31s %*s %511s", type, options) != 2)
            continue;
        found = controller != NULL ? strcmp(type, "cgroup") == 0 && has_word(options, controller, ',') : strcmp(type, "cgroup2") == 0;
        if (found) {
            snprintf(ret_point, PATH_MAX, "%s", point);
            snprintf(ret_root, PATH_MAX, "%s", root);
        }
    }
    if (f != NULL)
        fclose(f);
    return found;
}

/* The directory of our own group. In a container the mount may show only a part of the hierarchy. */
static bool own_dir(const char *controller, char ret[PATH_MAX], size_t *ret_point_n)
{
    char point[PATH_MAX], root[PATH_MAX], group[PATH_MAX];
    const char *below;
    size_t n;

    if (!own_group(controller, group) || !mount_of(controller, point, root))
        return false;
    n = strcmp(root, "/") == 0 ? 0 : strlen(root);
    below = strncmp(group, root, n) == 0 ? group + n : "";
    if (strcmp(below, "/") == 0)
        below = "";
    *ret_point_n = strlen(point);
    if (snprintf(ret, PATH_MAX, "%s%s", point, below) >= PATH_MAX)
        return false;
    if (access(ret, F_OK) != 0)
        snprintf(ret, PATH_MAX, "%s", point);
    return true;
}

static void remove_tree(int parent, const char *name)
{
    int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = dir >= 0 ? fdopendir(dir) : NULL;

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (e->d_type == DT_DIR && e->d_name[0] != '.')
            (void)unlinkat(dir, e->d_name, AT_REMOVEDIR);
    if (d != NULL)
        closedir(d);
    else if (dir >= 0)
        close(dir);
    (void)unlinkat(parent, name, AT_REMOVEDIR);
}

/* Groups that helpers which were killed have left. */
static void sweep(int parent)
{
    int dir = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = dir >= 0 ? fdopendir(dir) : NULL;

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char *end;
        if (strncmp(e->d_name, "strata-", 7) != 0)
            continue;
        long pid = strtol(e->d_name + 7, &end, 10);
        if (*end == '\0' && pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH)
            remove_tree(dir, e->d_name);
    }
    if (d != NULL)
        closedir(d);
    else if (dir >= 0)
        close(dir);
}

static bool open_base(struct cgroups *g, enum cgroup_controller c, const char *dir)
{
    int parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (parent < 0)
        return false;
    sweep(parent);
    if (mkdirat(parent, g->name, 0755) != 0 && errno != EEXIST) {
        close(parent);
        return false;
    }
    g->base[c] = openat(parent, g->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (g->base[c] < 0) {
        close(parent);
        return false;
    }
    g->parent[c] = parent;
    return true;
}

static void open_v1(struct cgroups *g)
{
    for (int c = 0; c < CG_CONTROLLERS; c++) {
        char dir[PATH_MAX];
        size_t point_n;
        g->has[c] = own_dir(controller_names[c], dir, &point_n) && open_base(g, (enum cgroup_controller)c, dir);
    }
}

/* A v2 group with children that use controllers may hold no processes itself. When strata and this helper are alone in theirs (a systemd
 * service with Delegate=yes) they move into a child of it. */
static void leave_group(int dir)
{
    char pids[4096], text[32];
    pid_t self = getpid(), parent = getppid();

    if (read_file_at(dir, "cgroup.procs", pids, sizeof pids) < 0)
        return;
    for (char *p = pids; *p != '\0';) {
        pid_t pid = (pid_t)strtol(p, &p, 10);
        if (pid != self && pid != parent)
            return;
        while (*p == '\n')
            p++;
    }
    if (mkdirat(dir, "strata-main", 0755) != 0 && errno != EEXIST)
        return;
    snprintf(text, sizeof text, "%d", (int)parent);
    (void)write_file_at(dir, "strata-main/cgroup.procs", text);
    snprintf(text, sizeof text, "%d", (int)self);
    (void)write_file_at(dir, "strata-main/cgroup.procs", text);
}

static bool enable(int dir, const char *name)
{
    char enabled[512], word[32];

    if (read_file_at(dir, "cgroup.subtree_control", enabled, sizeof enabled) < 0)
        return false;
    if (has_word(enabled, name, ' '))
        return true;
    snprintf(word, sizeof word, "+%s", name);
    return write_file_at(dir, "cgroup.subtree_control", word) == 0;
}

static bool open_v2_at(struct cgroups *g, const char *dir, bool own)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok;

    if (fd < 0)
        return false;
    ok = enable(fd, "memory");
    if (!ok && own) {
        leave_group(fd);
        ok = enable(fd, "memory");
    }
    if (ok) {
        (void)enable(fd, "pids");
        (void)enable(fd, "cpu");
    }
    close(fd);
    if (!ok || !open_base(g, CG_MEMORY, dir))
        return false;
    for (int c = CG_MEMORY; c <= CG_CPU; c++)
        g->has[c] = enable(g->base[CG_MEMORY], controller_names[c]);
    g->has[CG_FREEZER] = faccessat(g->base[CG_MEMORY], "cgroup.freeze", W_OK, 0) == 0;
    if (!g->has[CG_MEMORY]) {
        (void)unlinkat(g->parent[CG_MEMORY], g->name, AT_REMOVEDIR);
        close(g->base[CG_MEMORY]);
        close(g->parent[CG_MEMORY]);
        g->base[CG_MEMORY] = g->parent[CG_MEMORY] = -1;
        memset(g->has, 0, sizeof g->has);
        return false;
    }
    for (int c = CG_MEMORY + 1; c < CG_CONTROLLERS; c++)
        g->base[c] = g->base[CG_MEMORY];
    return true;
}

static void open_v2(struct cgroups *g)
{
    char dir[PATH_MAX];
    size_t point_n;

    if (!own_dir(NULL, dir, &point_n))
        return;
    g->v2 = true;
    for (bool own = true;; own = false) {
        if (open_v2_at(g, dir, own))
            return;
        char *slash = strrchr(dir, '/');
        if (strlen(dir) <= point_n || slash == NULL)
            return;
        *slash = '\0';
    }
}

void cgroups_open(struct cgroups *g)
{
    char point[PATH_MAX], root[PATH_MAX];

    memset(g, 0, sizeof *g);
    for (int c = 0; c < CG_CONTROLLERS; c++)
        g->base[c] = g->parent[c] = -1;
    snprintf(g->name, sizeof g->name, "strata-%d", (int)getpid());
    if (mount_of("memory", point, root))
        open_v1(g);
    else
        open_v2(g);
}

void cgroups_close(struct cgroups *g)
{
    for (int c = 0; c < CG_CONTROLLERS; c++) {
        if (g->parent[c] < 0)
            continue;
        remove_tree(g->parent[c], g->name);
        close(g->base[c]);
        close(g->parent[c]);
        g->base[c] = g->parent[c] = -1;
    }
    g->v2 = false;
    memset(g->has, 0, sizeof g->has);
}

/* How many hierarchies a group has a directory in. */
static int hierarchies(const struct cgroups *g)
{
    return g->v2 ? 1 : CG_CONTROLLERS;
}

int cgroup_make(const struct cgroups *g, uint32_t n, struct cgroup *ret)
{
    snprintf(ret->name, sizeof ret->name, "box-%u", n);
    for (int c = 0; c < hierarchies(g); c++)
        if (g->has[c] && mkdirat(g->base[c], ret->name, 0755) != 0 && errno != EEXIST) {
            cgroup_remove(g, ret);
            return E_IO;
        }
    return 0;
}

static int put(const struct cgroups *g, const struct cgroup *c, enum cgroup_controller k, const char *file, int64_t value)
{
    char path[96], text[32];

    snprintf(path, sizeof path, "%s/%s", c->name, file);
    snprintf(text, sizeof text, "%lld", (long long)value);
    return write_file_at(g->base[k], path, text);
}

int cgroup_add(const struct cgroups *g, const struct cgroup *c, pid_t pid)
{
    for (int k = 0; k < hierarchies(g); k++)
        if (g->has[k] && put(g, c, (enum cgroup_controller)k, "cgroup.procs", pid) != 0)
            return E_IO;
    return 0;
}

int cgroup_dir_fd(const struct cgroups *g, const struct cgroup *c)
{
    return g->v2 && g->has[CG_MEMORY] ? openat(g->base[CG_MEMORY], c->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

int cgroup_limit(const struct cgroups *g, const struct cgroup *c, int64_t memory_bytes, uint32_t pids_max, uint32_t cpu_percent)
{
    char path[96], text[64];
    int r = 0;

    if (g->has[CG_MEMORY] && g->v2) {
        r |= put(g, c, CG_MEMORY, "memory.max", memory_bytes);
        (void)put(g, c, CG_MEMORY, "memory.swap.max", 0);
    } else if (g->has[CG_MEMORY]) {
        (void)put(g, c, CG_MEMORY, "memory.memsw.limit_in_bytes", -1);
        r |= put(g, c, CG_MEMORY, "memory.limit_in_bytes", memory_bytes);
        if (put(g, c, CG_MEMORY, "memory.memsw.limit_in_bytes", memory_bytes) != 0)
            (void)put(g, c, CG_MEMORY, "memory.swappiness", 0);
    }
    if (g->has[CG_PIDS])
        r |= put(g, c, CG_PIDS, "pids.max", pids_max);
    if (g->has[CG_CPU] && cpu_percent > 0 && g->v2) {
        snprintf(path, sizeof path, "%s/cpu.max", c->name);
        snprintf(text, sizeof text, "%lld %d", (long long)cpu_percent * CPU_PERIOD_US / 100, CPU_PERIOD_US);
        r |= write_file_at(g->base[CG_CPU], path, text);
    } else if (g->has[CG_CPU] && cpu_percent > 0) {
        r |= put(g, c, CG_CPU, "cpu.cfs_period_us", CPU_PERIOD_US);
        r |= put(g, c, CG_CPU, "cpu.cfs_quota_us", (int64_t)cpu_percent * CPU_PERIOD_US / 100);
    }
    return r != 0 ? E_IO : 0;
}

int cgroup_unlimit(const struct cgroups *g, const struct cgroup *c)
{
    char path[96];
    int r = 0;

    if (g->has[CG_MEMORY] && g->v2) {
        snprintf(path, sizeof path, "%s/memory.max", c->name);
        r |= write_file_at(g->base[CG_MEMORY], path, "max");
    } else if (g->has[CG_MEMORY]) {
        (void)put(g, c, CG_MEMORY, "memory.memsw.limit_in_bytes", -1);
        r |= put(g, c, CG_MEMORY, "memory.limit_in_bytes", -1);
    }
    if (g->has[CG_CPU] && g->v2) {
        snprintf(path, sizeof path, "%s/cpu.max", c->name);
        r |= write_file_at(g->base[CG_CPU], path, "max");
    } else if (g->has[CG_CPU]) {
        r |= put(g, c, CG_CPU, "cpu.cfs_quota_us", -1);
    }
    return r != 0 ? E_IO : 0;
}

int cgroup_freezer_fd(const struct cgroups *g, const struct cgroup *c)
{
    char path[96];

    if (!g->has[CG_FREEZER])
        return -1;
    snprintf(path, sizeof path, "%s/%s", c->name, g->v2 ? "cgroup.freeze" : "freezer.state");
    return openat(g->base[CG_FREEZER], path, O_WRONLY | O_CLOEXEC);
}

const char *cgroup_freeze_word(bool v2, bool freeze)
{
    if (v2)
        return freeze ? "1" : "0";
    return freeze ? "FROZEN" : "THAWED";
}

int cgroup_oom_kills(const struct cgroups *g, const struct cgroup *c)
{
    char path[96], text[1024], *at;

    if (!g->has[CG_MEMORY])
        return 0;
    snprintf(path, sizeof path, "%s/%s", c->name, g->v2 ? "memory.events" : "memory.oom_control");
    if (read_file_at(g->base[CG_MEMORY], path, text, sizeof text) < 0)
        return 0;
    at = strstr(text, "oom_kill ");
    return at != NULL ? (int)strtol(at + 9, NULL, 10) : 0;
}

void cgroup_remove(const struct cgroups *g, struct cgroup *c)
{
    if (c->name[0] == '\0')
        return;
    for (int k = 0; k < hierarchies(g); k++) {
        if (!g->has[k])
            continue;
        /* The kernel lets go of a group a moment after its last process was reaped; what stays goes when the helper ends. */
        for (int i = 0; i < REMOVE_TRIES && unlinkat(g->base[k], c->name, AT_REMOVEDIR) != 0 && errno == EBUSY; i++)
            usleep(REMOVE_PAUSE_US);
    }
    c->name[0] = '\0';
}
