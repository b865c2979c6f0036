/* Error codes of our own code. AWS's errors are another thing: see aws/error.h.
 *
 * Every function that can fail returns 0 or one of these, negative. */
#ifndef STRATA_BASE_ERR_H
#define STRATA_BASE_ERR_H

enum err {
    E_NOT_FOUND = -1,   /* a lookup missed; not a failure */
    E_EXISTS = -2,      /* it is there already */
    E_INVALID = -3,     /* malformed input */
    E_LIMIT = -4,       /* over a cap of base/limits.h */
    E_IO = -5,          /* the operating system or the store refused; errno may tell */
    E_NO_SPACE = -6,    /* disk full */
    E_BUSY = -7,        /* locked by another process, or a queue is full */
    E_CLOSED = -8,      /* the other side, or ourselves, stopped */
    E_CORRUPT = -9,     /* a stored record does not decode */
    E_DENIED = -10,     /* not allowed (permission bits, sandbox) */
    E_UNSUPPORTED = -11,/* known, and not implemented */
    E_VERSION = -12,    /* written by a newer strata */
    E_AWS = -20,        /* the operation failed; op->fail says how AWS words it */
    E_PARKED = -21,     /* the operation waits; see aws/op.h */
};

/* A short English phrase for log lines; never NULL. */
const char *err_name(int err);

#endif
