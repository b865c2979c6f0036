/* Requests to the Runtime API, read as their bytes come: a strict reader of HTTP/1.1 that knows the few headers which decide where a request ends.
 *
 * It allocates nothing and keeps one line at most: a header of a runtime may be a megabyte (an error's cause for X-Ray), and is passed over. Bodies are
 * handed on in the pieces in which they come. What is refused: other versions, folded headers, lines that end without CR, a length beside chunks or two
 * lengths, other transfer codings, a 1.1 without Host. */
#ifndef STRATA_SERVICES_LAMBDA_RUNTIME_HTTP_H
#define STRATA_SERVICES_LAMBDA_RUNTIME_HTTP_H

#include "base/str.h"

enum {
    RUNTIME_TARGET_BYTES_MAX = 512,
    RUNTIME_LINE_BYTES_MAX = 2048,              /* what is kept of one line */
    RUNTIME_HEAD_BYTES_MAX = 2 * 1024 * 1024,   /* request line and headers together; trailers as much again */
};

enum runtime_part {
    RUNTIME_MORE, /* all bytes are taken, and there must come more */
    RUNTIME_HEAD, /* the headers are complete */
    RUNTIME_BODY, /* a piece of the body */
    RUNTIME_END,  /* the request is complete: the next one needs runtime_request_init */
    RUNTIME_BAD,  /* refused with status; what follows on the connection has no meaning */
};

struct runtime_request {
    enum { RUNTIME_GET, RUNTIME_POST, RUNTIME_OTHER_METHOD } method;
    char target[RUNTIME_TARGET_BYTES_MAX]; /* without query */
    size_t target_n;
    int64_t length;                        /* of the body; -1: chunked, or not said, which is none */
    bool chunked;
    bool expects;                          /* 100 Continue, before it sends the body */
    bool last;                             /* the connection is to end behind the answer */
    int status;                            /* of RUNTIME_BAD */

    /* The reader's own. */
    enum { AT_REQUEST_LINE, AT_HEADER, AT_BODY, AT_CHUNK_SIZE, AT_CHUNK, AT_CHUNK_END, AT_TRAILER, AT_END } at;
    bool old, has_host, keeps;             /* old: HTTP/1.0 */
    int64_t left;                          /* of the body or chunk */
    size_t line_bytes;                     /* of the unfinished line; more than line holds when it is too long to be kept */
    size_t head_bytes;
    char before;                           /* the last byte of the unfinished line */
    char line[RUNTIME_LINE_BYTES_MAX];
};

void runtime_request_init(struct runtime_request *r);
/* Reads one part from *in, which moves behind it. ret_piece (of RUNTIME_BODY) lies in what *in was. */
enum runtime_part runtime_request_read(struct runtime_request *r, struct str *in, struct str *ret_piece);

#endif
