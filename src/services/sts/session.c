#include "gen/sts.h"

#include "auth/directory.h"

/* A day after its end a session's record goes; until then its keys are answered with ExpiredToken. */
int sts_job_session_expired(struct op *op, struct str payload)
{
    return directory_session_delete(op, payload);
}
