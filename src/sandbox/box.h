/* The inside of a sandbox until its program runs: what the first process of the new namespaces does.
 *
 * It waits until the helper has mapped its ids (MAPPED), takes them, raises lo, prepares /proc and leaves the host's mounts (READY); waits for a START,
 * makes listeners and the root, gives all capabilities up, starts the program as its child (READY with the listeners), reaps what is orphaned to it, and ends
 * with the program (EXITED): as the first process of its pid namespace it takes everything else with it. */
#ifndef STRATA_SANDBOX_BOX_H
#define STRATA_SANDBOX_BOX_H

#include <linux/filter.h>
#include <linux/securebits.h>
#include <stdint.h>
#include <sys/mount.h>

struct start_wire;

enum {
    BOX_UID = 993, /* within, as AWS's sbx_user1051 */
    BOX_GID = 990,
    BOX_TMP_FLAGS = MS_NOSUID | MS_NODEV,
    BOX_TMP_OPTIONS = 96,
    BOX_SECUREBITS = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
};

/* ctl is its end of the pair with the helper. */
void box_main(int ctl, const struct sock_fprog *filter) __attribute__((noreturn));

/* The parts that a restored sandbox has too (keeper.c). In the network namespace of whoever calls: E_IO, and errno. */
int box_raise_lo(void);
/* The caller owns *ret_n fds, also of a failure; there is room for SANDBOX_PORTS_MAX + 1. */
int box_listen(const struct start_wire *w, int *ret_fds, uint32_t *ret_n);
/* What the tmpfs on /tmp is mounted with. */
void box_tmp_options(int64_t bytes, char ret[BOX_TMP_OPTIONS]);

#endif
