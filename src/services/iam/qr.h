/* A text as the PNG image of a QR code. */
#ifndef STRATA_IAM_QR_H
#define STRATA_IAM_QR_H

#include "base/arena.h"
#include "base/str.h"

struct str qr_png(struct arena *a, struct str text); /* absent: it is longer than a QR code holds (2,331 bytes) */

#endif
