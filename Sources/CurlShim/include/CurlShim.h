// What this program needs of libcurl, with typed calls instead of variadic ones and without libcurl's headers.
//
// A multi handle and its transfers belong to one thread; only curlshim_multi_wakeup may be called from another.
#ifndef CURL_SHIM_H
#define CURL_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef struct curlshim_multi curlshim_multi;
typedef struct curlshim_transfer curlshim_transfer;

enum curlshim_authentication {
  CURLSHIM_AUTH_NONE,
  CURLSHIM_AUTH_BASIC,
  CURLSHIM_AUTH_NTLM,
  CURLSHIM_AUTH_NEGOTIATE,
  CURLSHIM_AUTH_BEARER,
};

/// How a transfer ended, as far as the caller acts on it.
enum curlshim_outcome {
  CURLSHIM_OK,
  CURLSHIM_NAME_NOT_FOUND,
  CURLSHIM_NOT_CONNECTED,
  CURLSHIM_TLS_FAILED,
  CURLSHIM_TIMED_OUT,
  CURLSHIM_CONNECTION_LOST,
  CURLSHIM_NOT_HTTP,
  CURLSHIM_CONTENT_ENCODING,
  CURLSHIM_STOPPED_BY_CALLBACK,
  CURLSHIM_NOT_SENT_TWICE,
  CURLSHIM_BAD_REQUEST,
  CURLSHIM_OTHER,
};

/// Receivers, called on the thread of the multi handle from within curlshim_multi_perform. All are needed.
typedef struct {
  void *_Nullable context;
  /// One header line with its line end. Returns false to stop the transfer.
  bool (*_Nullable header)(void *_Nullable context, const char *line, size_t length);
  /// Inflated content. Returns false to stop the transfer.
  bool (*_Nullable body)(void *_Nullable context, const char *bytes, size_t length);
  /// Fills `buffer` with at most `capacity` bytes of the request's content and returns how many.
  size_t (*_Nullable read)(void *_Nullable context, char *buffer, size_t capacity);
  /// The content is to be sent again from its beginning. Returns false to refuse.
  bool (*_Nullable rewind)(void *_Nullable context);
} curlshim_receiver;

/// A request. Strings are copied; the content is asked for by `read`.
typedef struct {
  const char *url;
  const char *method;
  int64_t body_bytes;  // -1 without content
  long timeout_ms;
  long connect_timeout_ms;
  long silence_s;  // 0: none
  enum curlshim_authentication authentication;
  const char *_Nullable user;
  const char *_Nullable secret;
  const char *_Nullable cookies;
  const char *_Nullable user_agent;
  const char *_Nullable authority_file;
  const char *_Nullable unix_socket;
  bool accepts_compression;
  bool uses_proxy;
} curlshim_request;

/// What a URL names, taken apart by libcurl itself so that nobody reads it differently. Strings end with zero.
typedef struct {
  char scheme[8];
  char host[256];  // lower case, without the brackets of an IPv6 address
  char port[8];    // the default of the scheme when the URL has none
  char path[4096];
  bool has_user;
} curlshim_url;

/// False when the URL is not http or https, cannot be read, or is longer than the fields above.
bool curlshim_url_parse(const char *url, curlshim_url *result);

/// NULL without memory. `connections` bounds open connections, idle ones included.
curlshim_multi *_Nullable curlshim_multi_create(long connections);
/// All transfers must be removed before.
void curlshim_multi_free(curlshim_multi *multi);
/// Drives all transfers; returns false when libcurl itself failed.
bool curlshim_multi_perform(curlshim_multi *multi);
/// Waits for something to do, at most `timeout_ms`.
bool curlshim_multi_wait(curlshim_multi *multi, int timeout_ms);
void curlshim_multi_wakeup(curlshim_multi *multi);
/// The context of a transfer that has ended since the last call, or NULL.
void *_Nullable curlshim_multi_next_ended(curlshim_multi *multi, enum curlshim_outcome *outcome);

/// NULL without memory.
curlshim_transfer *_Nullable curlshim_transfer_create(void);
void curlshim_transfer_free(curlshim_transfer *transfer);
/// Adds a request header line, to be called before curlshim_transfer_start.
bool curlshim_transfer_add_header(curlshim_transfer *transfer, const char *line);
bool curlshim_transfer_start(curlshim_transfer *transfer, curlshim_multi *multi, const curlshim_request *request,
                             curlshim_receiver receiver);
/// Takes the transfer out, breaking it off if it runs; afterwards it can be used again.
void curlshim_transfer_remove(curlshim_transfer *transfer, curlshim_multi *multi);
/// To be called from the header receiver: the connection is closed after this answer.
void curlshim_transfer_close_connection(curlshim_transfer *transfer);
/// libcurl's words about the failure; empty when it has none.
const char *curlshim_transfer_error(const curlshim_transfer *transfer);

#pragma clang assume_nonnull end

#endif
