/* System calls on files that fail on demand: open, mkdir, write, sync, rename, link and read of what lies below a folder, and how much room is left. They take the place of the C
 * library's in the program that this is linked into, and, loaded with LD_PRELOAD, in any program and its libraries: then the struct below is a file
 * that $STRATA_FAILING names, and whoever writes it says what fails. */
#ifndef STRATA_TESTS_FAILING_H
#define STRATA_TESTS_FAILING_H

#include <stdatomic.h>
#include <stdint.h>

enum { FAIL_OPEN = 1, FAIL_MKDIR = 2, FAIL_WRITE = 4, FAIL_SYNC = 8, FAIL_RENAME = 16, FAIL_LINK = 32, FAIL_READ = 64, FAIL_ALL = 127,
       FAIL_ROOM = 128 /* there is none */ };

struct failing {
    _Atomic uint32_t kinds; /* FAIL_ bits: which calls count */
    _Atomic int32_t error;  /* what they end with; 0: writes and reads do half of what they are asked */
    _Atomic uint64_t first, last; /* of the calls counted from 1, those that fail; last 0: none */
    _Atomic uint64_t calls; /* so far */
    char below[256];        /* the folder, with its slash at the end */
};

extern struct failing *failing;

#endif
