// What this program needs of GNU libmicrohttpd: a small HTTP listener whose requests are looked at by method, path and one header field. Their
// content is read and dropped. No header of libmicrohttpd shows.
#ifndef WEBHOOK_SHIM_H
#define WEBHOOK_SHIM_H

#include <stdbool.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef struct webhookshim webhookshim;

/// Decides about a request when its header has been read; called on the listener's thread. `value` is that of the header field, NULL without.
/// Returns the status to answer: 204 lets the request in, any other refuses it.
typedef unsigned (*webhookshim_decide)(void *_Nullable context, const char *method, const char *path, const char *_Nullable value);

typedef struct {
  const char *address;  // IPv4, dotted
  uint16_t port;        // 0: any free one
  const char *header;   // the field to look at
  const char *_Nullable certificate;  // PEM chain and private key of a TLS listener; both or none
  const char *_Nullable private_key;
  webhookshim_decide decide;
  void *_Nullable context;
} webhookshim_options;

/// Listens until webhookshim_stop. NULL when it cannot: the address is taken or not this machine's, the certificate or key cannot be used.
/// Strings are copied but for `decide` and `context`, which must live as long.
webhookshim *_Nullable webhookshim_start(const webhookshim_options *options);
/// The port that it listens on.
uint16_t webhookshim_port(const webhookshim *listener);
/// Ends the listener; afterwards `decide` is not called any more.
void webhookshim_stop(webhookshim *listener);

#pragma clang assume_nonnull end

#endif
