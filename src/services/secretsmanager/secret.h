/* Secrets: how they are found, what their versions' labels do, and where values lie.
 *
 * A secret's record is kept by name; its ARN ends with six random characters, made anew when a name is used again. The record holds its versions and
 * their staging labels; the values lie apart, by the secret's suffix and the version, sealed under a data key of KMS (value.c).
 * A label is on at most one version; AWSCURRENT is on exactly one as soon as there is any. */
#ifndef STRATA_SECRETSMANAGER_SECRET_H
#define STRATA_SECRETSMANAGER_SECRET_H

#include "gen/secretsmanager.h"

enum {
    SECRET_VERSIONS_MAX = 100,     /* the oldest without labels go first */
    SECRET_LABELS_MAX = 20,        /* on one version */
    SECRET_NAME_SUFFIX_CHARS = 6,
    SECRET_POLICY_BYTES_MAX = 20480,
};

struct secret {
    struct secretsmanager_rec_Secret rec;
    struct str arn, account, region; /* account: the owner's, of the ARN in SecretId or the caller's */
};

/* By name, ARN, or ARN without its suffix. E_NOT_FOUND when there is none. */
int secret_look(struct op *op, struct str id, struct secret *ret);
/* The same; a missing one is ResourceNotFoundException. */
int secret_check_name(struct op *op, struct str name); /* ValidationException */
int secret_find(struct op *op, struct str id, struct secret *ret);
/* The same, and not marked for deletion (InvalidRequestException). */
int secret_find_live(struct op *op, struct str id, struct secret *ret);
/* The same, and no replica: for what only the primary may be asked (InvalidParameterException). */
int secret_find_own(struct op *op, struct str id, struct secret *ret);
int secret_refuse_replica(struct op *op, const struct secret *s);
/* By name, in whatever region. E_NOT_FOUND. */
int secret_look_in(struct op *op, struct str account, struct str region, struct str name, struct secret *ret);
int secret_save(struct op *op, const struct secret *s);
/* The record, every value and the policy. */
int secret_erase(struct op *op, const struct secret *s);
void secret_tags(struct op *op, const struct secret *s, struct secretsmanager_TagListType *ret);
void secret_stages(struct op *op, const struct secret *s, struct secretsmanager_SecretVersionsToStagesMapType *ret);
/* A fresh ARN for s, whose name and account are set. */
void secret_name_anew(struct op *op, struct secret *s);
int secret_keys_scan(struct op *op, struct key *ret_from, struct key *ret_to); /* the range of the account's records */
struct str secret_arn(struct op *op, struct str account, struct str region, struct str name, struct str suffix);

/* ---- replicas (replica.c) ---- */
int secret_update(struct op *op, struct secret *s); /* saves s, and brings its replicas up to date */
/* Copies s to these regions; what came of it stands in s->rec.ReplicationStatus. The caller saves s. */
int replicas_add(struct op *op, struct secret *s, const struct secretsmanager_AddReplicaRegionListType *regions, bool overwrite);
int replicas_show(struct op *op, const struct secret *s, struct secretsmanager_ReplicationStatusListType *ret);

/* ---- versions: no store here (version.c) ---- */
struct secretsmanager_rec_Version *version_by_id(const struct secretsmanager_rec_Secret *s, struct str id);       /* NULL */
struct secretsmanager_rec_Version *version_by_stage(const struct secretsmanager_rec_Secret *s, struct str stage); /* NULL */
/* Puts label on version `to` (NULL: on none) and takes it from whoever has it. AWSCURRENT leaves AWSPREVIOUS behind. */
void version_move_stage(struct arena *a, struct secretsmanager_rec_Secret *s, struct str stage, struct secretsmanager_rec_Version *to);
/* The oldest unlabelled version while there are more than SECRET_VERSIONS_MAX: taken out into ret. False: nothing to drop. */
bool version_drop_oldest(struct secretsmanager_rec_Secret *s, struct secretsmanager_rec_Version *ret);
void version_remove(struct secretsmanager_rec_Secret *s, struct str id);
bool version_has_value(const struct secretsmanager_rec_Version *v);

/* ---- values ---- */
struct secret_value {
    struct str string, binary; /* exactly one is set */
};
bool value_eq(const struct secret_value *a, const struct secret_value *b); /* in constant time */
int value_put(struct op *op, const struct secret *s, const struct secretsmanager_rec_Version *v, const struct secret_value *value);
int value_get(struct op *op, const struct secret *s, const struct secretsmanager_rec_Version *v, struct secret_value *ret); /* E_AWS: KMS refused */
int value_erase(struct op *op, const struct secret *s, struct str version_id);

/* ---- rotation (rotation.c: what is configured; rotate.c: a rotation under way) ---- */
struct rotation_window {
    int64_t opens_ms, closes_ms;
};
/* What AWS says of rules that it refuses; NULL: nothing. No store here (rules.c). */
const char *rules_wrong(const struct secretsmanager_RotationRulesType *r);
/* The first window behind a rotation at after_ms. False: the rules have none. */
bool rules_next(struct arena *a, const struct secretsmanager_RotationRulesType *r, int64_t after_ms, struct rotation_window *ret);

bool rotation_is_on(const struct secret *s);
/* Sets the next window, counted from now, and its timer. The caller saves s. */
int rotation_arm(struct op *op, struct secret *s);
/* A value was set by hand: where the rules count days, they count from now. The caller saves s. */
int rotation_note_change(struct op *op, struct secret *s);
/* Ends what is under way and takes the timers away. The caller saves s. */
int rotation_stop(struct op *op, struct secret *s);
/* Starts one: version `token` is there from now on, AWSPENDING and without a value. The caller saves s. */
int rotation_begin(struct op *op, struct secret *s, struct str token, bool is_test);
/* Secrets Manager in the secret's name: whom the function's policy decides about. */
struct principal rotation_principal(struct op *op, const struct secret *s);
/* The version that a rotation left behind: AWSPENDING and not AWSCURRENT. NULL. */
const struct secretsmanager_rec_Version *rotation_pending(const struct secret *s);

int policy_erase(struct op *op, const struct secret *s);
int policy_copy(struct op *op, const struct secret *from, const struct secret *to);

/* Passwords, by GetRandomPassword's options. E_INVALID: *ret_why says what is wrong. */
int password_make(struct arena *a, const struct secretsmanager_GetRandomPasswordRequest *in, struct str *ret, const char **ret_why);
/* A ListSecrets filter's verdict. */
bool filter_accepts(const struct secretsmanager_Filter *f, const struct secretsmanager_rec_Secret *s, struct str region);

int bad_parameter(struct op *op, const char *message);

#endif
