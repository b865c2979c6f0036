/* Copies between structs of different shapes that name the same things: a request onto a record (create, update), a record into an answer.
 *
 * Every member that is present in `from` and that `to` has, with the same type, is copied; what is absent in `from` stays as it was in `to`. The
 * copy is shallow. */
#ifndef STRATA_AWS_OVERLAY_H
#define STRATA_AWS_OVERLAY_H

#include "wire/shape.h"

void overlay(const struct shape *from_shape, const void *from, const struct shape *to_shape, void *to);

#endif
