// What this program needs of glibc's resolver: SRV records (RFC 2782). No header of the resolver shows.
#ifndef RESOLVER_SHIM_H
#define RESOLVER_SHIM_H

#include <stdint.h>

#pragma clang assume_nonnull begin

typedef struct {
  uint16_t priority;
  uint16_t weight;
  uint16_t port;
  char target[256];  // without the dot at its end; empty: the service is decidedly not there
} resolvershim_srv;

/// Asks for the SRV records of a name, at most `capacity`. Waits for the name servers; may be called from any thread.
/// Returns how many there are, 0 also when the name does not exist or no server answers.
int resolvershim_lookup_srv(const char *name, resolvershim_srv *records, int capacity);

#pragma clang assume_nonnull end

#endif
