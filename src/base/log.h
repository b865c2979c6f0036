/* The server's own log: one line a call on stderr, "LEVEL message". Library code does not log: the pipeline, serve and the workers do.
 * Never give it a secret, a signature or a body. */
#ifndef STRATA_BASE_LOG_H
#define STRATA_BASE_LOG_H

enum log_level { LOG_NOTHING /* a threshold alone */, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level); /* LOG_INFO at first */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
