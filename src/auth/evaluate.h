/* May this principal do this? A pure function over parsed policies and a context: no store, no clock. */
#ifndef STRATA_AUTH_EVALUATE_H
#define STRATA_AUTH_EVALUATE_H

#include "auth/policy.h"
#include "aws/op.h"

/* Condition keys and their values, with this between them where there are several: no value holds it (authz_context, auth.h, sees to it). Keys are
 * compared without case. */
#define CONTEXT_SEPARATOR "\x1f"

enum eval_source { EVAL_NONE, EVAL_IDENTITY, EVAL_RESOURCE, EVAL_BOUNDARY, EVAL_SESSION, EVAL_ORGANIZATION, EVAL_RESOURCE_CONTROL, EVAL_SOURCES };

/* What a simulation is told beside the decision. */
struct eval_match {
    enum eval_source source;
    const struct policy *policy;
    const struct statement *statement;
};
struct eval_trace {
    struct {
        struct eval_match *v;
        uint32_t n, cap;
        bool set;
    } matches;               /* every statement that applies, in the order of the policies */
    struct str_list missing; /* condition keys that a condition or a variable asked for in vain; neither has what is of the organization */
    bool organization_allows;
};

/* The part of a context that is found only when a condition or a variable asks for a key which the request does not have. */
struct eval_late {
    void (*find)(struct eval_late *l); /* sets context; called once at most */
    struct str_map context;
    bool found;
};

struct eval_request {
    struct arena *arena;
    const struct principal *principal;
    struct str action, resource;
    struct str resource_account; /* absent: the principal's own */
    struct str_map context;
    struct eval_trace *trace;    /* NULL: not wanted */
    struct eval_late *late;      /* or NULL */
    bool resource_policy_decides;/* identity policies alone do not suffice (role trust, keys) */
};

struct policy_set {
    const struct policy **v;
    uint32_t n, cap;
    bool set;
};

/* Policies of an organization, from its root down to the account: each level must allow. */
struct policy_levels {
    struct policy_set *v;
    uint32_t n, cap;
    bool set;
};

struct eval_policies {
    struct policy_set identity;
    struct policy_set session;
    const struct policy *boundary, *resource;
    struct policy_levels organization;     /* service control policies, over the principal's account */
    struct policy_levels resource_control; /* resource control policies, over the resource's: they bind everybody */
    bool has_boundary, has_session, has_resource; /* has_x and no policy: a document that does not parse, which denies */
};

struct eval_result {
    bool allowed, explicit_deny;
    enum eval_source refused_by; /* whose deny, or which kind lacked an allow */
};

struct eval_result evaluate(const struct eval_request *r, const struct eval_policies *p);

/* Pieces, for tests and for the services that decide by a single document. */
bool glob_match(struct str pattern, struct str text, bool nocase);
bool condition_holds(const struct eval_request *r, const struct condition *c, bool variables);
/* ${key} and ${key, 'default'} replaced. In the result \x01 and \x02 are a literal * and ?. E_NOT_FOUND: a key is missing. */
int expand_variables(const struct eval_request *r, struct str pattern, struct str *ret);
struct str context_get(const struct eval_request *r, struct str key); /* absent when missing, which is traced */
bool condition_value_is(struct arena *a, enum condition_op op, struct str value); /* whether op can compare it: a number, a date, ... */

#endif
