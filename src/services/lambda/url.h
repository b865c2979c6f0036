/* Function URLs: https://<id>.lambda-url.<region>.on.aws/ leads to a function, or to an alias of it.
 *
 * A URL's configuration is kept in the model's own shape under (function, alias or ""); that its id is whose is a record of nobody's account, since the host
 * of a request names the id alone. url.c keeps both, url_door.c answers requests. */
#ifndef STRATA_SERVICES_LAMBDA_URL_H
#define STRATA_SERVICES_LAMBDA_URL_H

#include "services/lambda/lambda.h"

void url_key(struct op *op, struct key *k, struct str function, struct str alias); /* alias absent: the function's own */
void url_owner_key(struct op *op, struct key *k, struct str id);
struct str url_id(const struct lambda_FunctionUrlConfig *u);
/* Of all of a function, or of one alias, which goes. */
int urls_drop(struct op *op, struct str function, struct str alias);

#endif
