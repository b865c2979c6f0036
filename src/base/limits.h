/* Every cap on input, in one place. Bytes unless the name says otherwise. */
#ifndef STRATA_BASE_LIMITS_H
#define STRATA_BASE_LIMITS_H

enum {
    LIMIT_HEADER_BYTES = 16 * 1024,          /* request line and headers together; see src/http/README.md */
    LIMIT_HEADERS = 200,                     /* header lines */
    LIMIT_BODY_BYTES = 80 * 1024 * 1024,     /* a body that is held in memory: the greatest is a 50 MB zip in base64 (CreateFunction) */
    LIMIT_RESPONSE_BYTES = 64 * 1024 * 1024, /* an encoded answer */
    LIMIT_DEPTH = 100,                       /* nesting of JSON, XML, CBOR (a DynamoDB document nests 32, two levels of JSON each) */
    LIMIT_LIST = 100000,                     /* elements of one list or map */
    LIMIT_KEY_BYTES = 8192,                  /* an encoded store key */
    LIMIT_RECORD_BYTES = 32 * 1024 * 1024,   /* one stored record */
    LIMIT_QUERY_PARAMS = 10000,              /* pairs in a query string or form */
    LIMIT_PARKED = 100000,                   /* parked operations */
    LIMIT_WRITER_QUEUE = 16384,              /* operations waiting for the writer */
    LIMIT_BACKGROUND = 64,                   /* long work waiting for a thread (cloud/background.h) */
    LIMIT_REQUEST_SECONDS = 60,              /* idle time while a request is being sent */
    LIMIT_STEP_BYTES = 16 * 1024 * 1024,     /* what a step of a job, or a search that goes on with a token, reads: behind it comes the next one */
    LIMIT_HELD_BYTES = 512 * 1024 * 1024,    /* bodies and answers in memory, of all requests together: over it new ones are turned away */
};

#define LIMIT_OBJECT_BYTES (5LL * 1024 * 1024 * 1024) /* one S3 PUT */

#endif
