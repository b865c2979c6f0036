/* Tells the service manager that started us, if one did, how far we are: a datagram to $NOTIFY_SOCKET, sd_notify(3). */
#ifndef STRATA_CLI_MANAGER_H
#define STRATA_CLI_MANAGER_H

/* state: "READY=1" or "STOPPING=1". Nobody listens, or not any more: nothing happens. */
void manager_tell(const char *state);

#endif
