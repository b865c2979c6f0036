/* The inside of a sandbox until its program runs: what the first process of the new namespaces does.
 *
 * It waits until the helper has mapped its ids (MAPPED), takes them, raises lo and prepares /proc (READY); waits for a START, makes listeners and
 * the root, gives all capabilities up, starts the program as its child (READY with the listeners), reaps what is orphaned to it, and ends
 * with the program (EXITED): as the first process of its pid namespace it takes everything else with it. */
#ifndef STRATA_SANDBOX_BOX_H
#define STRATA_SANDBOX_BOX_H

#include <linux/filter.h>

enum {
    BOX_UID = 993, /* within, as AWS's sbx_user1051 */
    BOX_GID = 990,
};

/* ctl is its end of the pair with the helper. */
void box_main(int ctl, const struct sock_fprog *filter) __attribute__((noreturn));

#endif
