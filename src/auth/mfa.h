/* One-time passwords of MFA devices (RFC 6238: HMAC-SHA-1, steps of 30 seconds, six digits), on strata's clock. A code counts once: the device's record
 * keeps the step of the last one, and by how many steps its clock was off; whoever checks a code stores the record again (directory_mfa_put). */
#ifndef STRATA_AUTH_MFA_H
#define STRATA_AUTH_MFA_H

#include "auth/directory.h"

enum { MFA_STEP_MS = 30 * 1000 };

struct str mfa_code_at(struct arena *a, struct str seed, int64_t step);

/* Two codes in a row, up to half an hour off: the device is in step again. E_DENIED. */
int mfa_check_pair(struct op *op, struct iam_rec_Mfa *device, struct str seed, struct str first, struct str second);
/* One code, a step early or late, newer than the last. E_DENIED: also when too many were wrong (below). */
int mfa_check(struct op *op, struct iam_rec_Mfa *device, struct str seed, struct str code);

/* Who guesses: behind MFA_WRONG_MAX wrong codes of a device within MFA_WRONG_MS none counts, the right one neither, until that time is over. In memory
 * (op->auth), of the MFA_GUESSED_MAX devices that were guessed at last. */
enum { MFA_WRONG_MAX = 10, MFA_WRONG_MS = 5 * 60 * 1000, MFA_GUESSED_MAX = 256 };
struct mfa_guesses;
struct mfa_guesses *mfa_guesses_new(void);
void mfa_guesses_free(struct mfa_guesses *g); /* NULL-safe */

#endif
