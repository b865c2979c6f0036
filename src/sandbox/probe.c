/* What runs inside the sandboxes of test_sandbox.c: probe [rest] NAME [ARGUMENT [ARGUMENT]]; rest: after a pause, where it may be kept. A program of its own, built without sanitizers: their shadow
 * memory is beyond a box's limits, and their signal handlers hide how a program ended. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/rseq.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MB = 1 << 20, WAIT_MS = 20000 };

#define CHECK(x)                                                                                                        \
    do {                                                                                                                \
        if (!(x)) {                                                                                                     \
            fprintf(stderr, "%s:%d: %s is false (uid %d)\n", __FILE__, __LINE__, #x, (int)geteuid());                    \
            _exit(1);                                                                                                   \
        }                                                                                                               \
    } while (0)

static int number(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

static void inside_show(char **argv)
{
    char cwd[256], host[64];

    CHECK(getcwd(cwd, sizeof cwd) != NULL && gethostname(host, sizeof host) == 0);
    printf("%s %s %s %d %d %s", cwd, host, getenv("COLOR"), (int)getuid(), (int)getgid(), argv[0]);
}

static void inside_privileges(char **argv)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];

    CHECK(f != NULL);
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "NoNewPrivs", 10) == 0 || strncmp(line, "Seccomp:", 8) == 0)
            fputs(line, stdout);
    printf("Batch:\t%d\n", sched_getscheduler(0) == SCHED_BATCH);
}

static void inside_open(char **argv)
{
    int fd = open(argv[0], O_RDONLY);

    printf("%s", fd >= 0 ? "open" : strerror(errno));
}

/* How many mounts are at /, and each that is nowhere where one should be. */
static void inside_mounts(char **argv)
{
    static const char *const known[] = { "/", "/proc", "/tmp", "/usr", "/probe", "/var/task", "/dev" };
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char line[1024], point[256];
    int roots = 0;

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        int is_known = sscanf(line, "%*s %*s %*s %*s %255s", point) == 1 && strncmp(point, "/dev/", 5) == 0;
        for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
            is_known |= strcmp(point, known[i]) == 0;
        roots += strcmp(point, "/") == 0;
        if (!is_known)
            printf("%s ", point);
    }
    printf("%d", roots);
}

/* Where it can create a file. */
static void inside_writable(char **argv)
{
    static const char *const dirs[] = { "", "/dev", "/proc", "/usr", "/usr/lib", "/var/task", "/tmp" };
    char path[64];

    for (unsigned i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        snprintf(path, sizeof path, "%s/probe", dirs[i]);
        if (open(path, O_CREAT | O_WRONLY, 0600) >= 0)
            printf("%s ", dirs[i]);
    }
}

static void inside_fill(char **argv)
{
    static char block[65536];
    int fd = open("/tmp/fill", O_CREAT | O_WRONLY, 0600);
    int64_t total = 0;
    ssize_t n;

    while ((n = write(fd, block, sizeof block)) > 0)
        total += n;
    printf("%lld %s", (long long)(total / MB), strerror(errno));
}

static void inside_processes(char **argv)
{
    DIR *d = opendir("/proc");
    int n = 0;

    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
    printf("%d", n);
}

static void inside_memory(char **argv)
{
    size_t bytes = (size_t)number(argv[0]) * MB;
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p != MAP_FAILED)
        for (size_t i = 0; i < bytes; i += 4096) {
            p[i] = 1;
            if (i % (8 * MB) == 0)
                usleep(5000); /* as fast as a program works on its data, not as fast as memset */
        }
    printf("took");
}

static void inside_unmapped(char **argv)
{
    static char block[65536];
    int fd = memfd_create("hidden", 0);

    for (int i = 0; fd >= 0 && i < 4096; i++)
        if (write(fd, block, sizeof block) < 0)
            break;
    printf("%s", errno != 0 ? strerror(errno) : "all");
}

static void inside_forks(char **argv)
{
    int n = 0;

    for (; n < 2000; n++) {
        pid_t pid = fork();
        if (pid == 0) {
            pause();
            _exit(0);
        }
        if (pid < 0)
            break;
    }
    printf("%d", n);
}

static int refused_calls(void)
{
    union bpf_attr attr = { 0 };
    int ok = 0;

#define REFUSED(call)                                                                                                   \
    do {                                                                                                                \
        errno = 0;                                                                                                      \
        if ((call) != -1 || errno != EPERM)                                                                             \
            printf("%s: %s\n", #call, strerror(errno));                                                                 \
        else                                                                                                            \
            ok++;                                                                                                       \
    } while (0)
    REFUSED(mount("tmpfs", "/tmp", "tmpfs", 0, NULL));
    REFUSED(umount2("/tmp", MNT_DETACH));
    REFUSED(syscall(SYS_pivot_root, "/tmp", "/tmp"));
    REFUSED(chroot("/tmp"));
    REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    REFUSED(unshare(CLONE_NEWUSER));
    REFUSED(unshare(CLONE_NEWNET));
    REFUSED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
    REFUSED(syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, NULL));
    REFUSED(setns(0, 0));
    REFUSED(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr));
    REFUSED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
    REFUSED(syscall(SYS_add_key, "user", "a", "b", 1, -1));
    REFUSED(syscall(SYS_userfaultfd, 0));
    REFUSED(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
    REFUSED(syscall(SYS_io_uring_setup, 8, NULL));
    REFUSED(syscall(SYS_open_by_handle_at, 0, NULL, 0));
    REFUSED(syscall(SYS_init_module, NULL, 0, ""));
    REFUSED(syscall(SYS_kexec_load, 0, 0, NULL, 0));
    REFUSED(syscall(SYS_reboot, 0, 0, 0, NULL));
    REFUSED(syscall(SYS_syslog, 3, NULL, 0));
    REFUSED(syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0));
    REFUSED(sethostname("x", 1));
    REFUSED(socket(AF_VSOCK, SOCK_STREAM, 0));
    REFUSED(socket(AF_PACKET, SOCK_RAW, 0));
    REFUSED(socket(AF_ALG, SOCK_SEQPACKET, 0));
    REFUSED(socket(AF_NETLINK, SOCK_RAW, 12));
    REFUSED(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    return ok;
}

static void *nothing(void *arg)
{
    return arg;
}

static void inside_calls(char **argv)
{
    pthread_t t;

    (void)refused_calls();
    CHECK(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
    /* and what programs need works: threads, processes, shared memory */
    CHECK(pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(7);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
    CHECK(open("/dev/null", O_RDWR) >= 0 && open("/dev/urandom", O_RDONLY) >= 0 && open("/dev/stdout", O_WRONLY) >= 0);
    CHECK(open("/proc/1/environ", O_RDONLY) < 0 && open("/proc/1/mem", O_RDONLY) < 0);
    CHECK(open("/proc/sys/kernel/hostname", O_WRONLY) < 0);
}

static int dial(const char *ip, int port, int timeout_ms)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), e = 0;
    socklen_t n = sizeof e;
    struct pollfd p = { .fd = fd, .events = POLLOUT };

    CHECK(fd >= 0 && inet_pton(AF_INET, ip, &a.sin_addr) == 1);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        if (errno != EINPROGRESS)
            return -errno;
        if (poll(&p, 1, timeout_ms) == 0)
            return -ETIMEDOUT;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n);
        if (e != 0)
            return -e;
    }
    fcntl(fd, F_SETFL, 0);
    return fd;
}

static void inside_network(char **argv)
{
    static const char *const away[] = { "10.0.0.1", "192.168.0.1", "169.254.169.254", "1.1.1.1", "172.17.0.1" };
    char reply[16];
    int fd = dial("127.0.0.1", number(argv[0]), WAIT_MS);

    CHECK(fd >= 0 && write(fd, "ping", 4) == 4 && read(fd, reply, sizeof reply) == 4);
    printf("%.4s ", reply);
    for (unsigned i = 0; i < sizeof away / sizeof *away; i++)
        CHECK(dial(away[i], 80, 1000) == -ENETUNREACH);
    /* the host's own listener, whose port came along, is not on this lo */
    printf("%s", strerror(-dial("127.0.0.1", number(argv[1]), 1000)));
}

static void inside_tick(char **argv)
{
    for (;;) {
        CHECK(write(1, ".", 1) == 1);
        usleep(1000);
    }
}

static void inside_orphan(char **argv)
{
    if (fork() == 0 && fork() == 0) {
        setsid();
        for (;;)
            pause();
    }
}

static void inside_descriptors(char **argv)
{
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("%d ", fd);
}

static void inside_exit(char **argv)
{
    exit(number(argv[0]));
}

static void inside_crash(char **argv)
{
    abort();
}

static void inside_nothing(char **argv)
{
}

static void inside_pause(char **argv)
{
    for (;;)
        pause();
}

/* What keeps it from being kept; then it rests. */

static void inside_went_on(void)
{
    pause();
    printf("went on");
}

static void *stay(void *arg)
{
    pause();
    return arg;
}

static void inside_thread(char **argv)
{
    pthread_t t;

    CHECK(pthread_create(&t, NULL, stay, NULL) == 0);
    inside_went_on();
}

static void inside_child(char **argv)
{
    if (fork() == 0)
        inside_pause(NULL);
    inside_went_on();
}

static void inside_file(char **argv)
{
    CHECK(open("/dev/null", O_RDONLY) == 3);
    inside_went_on();
}

static void inside_shared(char **argv)
{
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    inside_went_on();
}

static void inside_litter(char **argv)
{
    int fd = open("/tmp/litter", O_CREAT | O_WRONLY, 0600);

    CHECK(fd >= 0 && close(fd) == 0);
    inside_went_on();
}

/* Rests in code of its own, on a stack of its own. */
static void rest_at(char *code, char *stack)
{
    static const char syscall_and_return[] = { 0x0f, 0x05, (char)0xc3 };
    long nr = SYS_pause;

    memcpy(code, syscall_and_return, sizeof syscall_and_return);
#ifdef __x86_64__
    __asm__ volatile("mov %%rsp, %%r15\n\tmov %[stack], %%rsp\n\tcall *%[code]\n\tmov %%r15, %%rsp"
                     : "+a"(nr)
                     : [stack] "r"(stack), [code] "r"(code)
                     : "rcx", "r11", "r15", "memory");
#endif
    printf("went on");
}

static char *own_memory(void)
{
    char *p = mmap(NULL, 64 * 1024, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(p != MAP_FAILED);
    return p;
}

/* What is written below its stack is written over the code that it runs. */
static void inside_near(char **argv)
{
    char *p = own_memory();

    rest_at(p + 16384, p + 16384 + 8192 + 64);
}

/* What the kernel writes for it is written over the code that it runs. */
static void inside_rseq(char **argv)
{
    char *p = own_memory();

    CHECK(syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG) == 0);
    CHECK(syscall(SYS_rseq, p + 4096, 32, 0, RSEQ_SIG) == 0);
    rest_at(p + 4096 - 8, p + 60 * 1024);
}

static const struct {
    const char *name;
    void (*run)(char **argv);
} probes[] = {
    { "show", inside_show },           { "privileges", inside_privileges }, { "open", inside_open },   { "writable", inside_writable },
    { "fill", inside_fill },           { "processes", inside_processes },   { "memory", inside_memory }, { "forks", inside_forks },
    { "calls", inside_calls },         { "network", inside_network },       { "tick", inside_tick },   { "orphan", inside_orphan },
    { "descriptors", inside_descriptors }, { "exit", inside_exit },         { "crash", inside_crash }, { "pause", inside_pause },
    { "nothing", inside_nothing },     { "unmapped", inside_unmapped },   { "mounts", inside_mounts },
    { "thread", inside_thread },       { "child", inside_child },           { "file", inside_file },   { "shared", inside_shared },
    { "litter", inside_litter },       { "near", inside_near },             { "rseq", inside_rseq },
};

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "rest") == 0) {
        pause();
        argc--;
        argv++;
    }
    for (unsigned i = 0; argc >= 2 && i < sizeof probes / sizeof *probes; i++)
        if (strcmp(argv[1], probes[i].name) == 0) {
            probes[i].run(argv + 2);
            fflush(stdout);
            _exit(0);
        }
    return 99;
}
