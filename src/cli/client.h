/* What the subcommands ask the running strata: a small HTTP client, signed where the question goes to the AWS API.
 *
 * One connection a call. Where strata is: $STRATA_ENDPOINT, else the file `endpoint` of the data directory. Everything lives in the arena. */
#ifndef STRATA_CLI_CLIENT_H
#define STRATA_CLI_CLIENT_H

#include "base/list.h"

struct cJSON;

struct client {
    struct arena *arena;
    const char *data_dir, *endpoint; /* http://HOST:PORT */
    const char *region;              /* $AWS_REGION, $AWS_DEFAULT_REGION, else us-east-1; may be set by the caller */
    struct str access_key_id, secret;
};

struct client_call {
    const char *method;
    struct str path;        /* "/" and segments, percent-encoded; a query may follow */
    const char *service;    /* signs for it; NULL: unsigned, for /_strata/ */
    const char *target;     /* X-Amz-Target, or NULL */
    struct str_map headers; /* further ones */
    struct str body;
    int patience_s;         /* 0: 60 */
};

struct client_reply {
    int status;
    struct str head, body;
};

/* 0, or E_NOT_FOUND and one line on stderr that says what to do. data_dir NULL: the default. */
int client_open(struct client *c, struct arena *a, const char *data_dir);
/* 0 with any status; E_CLOSED, E_LIMIT, E_INVALID, and a line on stderr. */
int client_send(struct client *c, const struct client_call *call, struct client_reply *ret);
/* Asks strata's own pages. 0 and the answer, a JSON object to be deleted, and its text; <0, and a line on stderr: also for any status but 200. */
int client_ask(struct client *c, const char *method, const char *path, struct str body, int patience_s, struct cJSON **ret, struct str *ret_text);
struct str client_header(const struct client_reply *r, const char *name); /* absent when missing */
/* The `message` of an error, or the body itself. */
struct str client_problem(struct client *c, const struct client_reply *r);

/* A member of a JSON object: 0, "" when it is not there. */
int64_t json_number(const struct cJSON *tree, const char *name);
const char *json_text(const struct cJSON *tree, const char *name);

#endif
