/* epoll_wait as libmicrohttpd is to see it: this definition comes before the C library's.
 *
 * libmicrohttpd (0.9.75 to 1.0.1) takes 128 events at a time, and after a full batch it waits for more, with its whole time limit, before it serves any:
 * neither those 128 nor the new and resumed connections that it was woken for are looked at until something else happens, a minute later or so. Of 10,000
 * connections that came at once 4,000 were left without an answer. A batch that is never full is always served. */
#include <stddef.h>
#include <sys/epoll.h>

__attribute__((visibility("default"))) int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
    return epoll_pwait(fd, events, max > 1 ? max - 1 : max, timeout_ms, NULL);
}
