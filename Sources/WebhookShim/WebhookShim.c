#include "WebhookShim.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
  CONNECTIONS = 32,
  CONNECTION_SECONDS = 15,
  HEADER_BYTES = 32 << 10,
  /// Bytes of content that are read and dropped; who sends more is cut off.
  CONTENT_BYTES = 16 << 20,
};

struct webhookshim {
  struct MHD_Daemon *daemon;
  char *header;
  webhookshim_decide decide;
  void *context;
};

/// One request that was let in.
struct request {
  size_t bytes;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status) {
  struct MHD_Response *response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
  if (!response) return MHD_NO;
  if (status != MHD_HTTP_NO_CONTENT) MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
  if (status == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "POST");
  enum MHD_Result result = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
                                  const char *data, size_t *length, void **state) {
  (void)version, (void)data;
  struct webhookshim *listener = user;
  struct request *request = *state;
  if (!request) {
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, listener->header);
    unsigned status = listener->decide(listener->context, method, url, value);
    if (status != MHD_HTTP_NO_CONTENT) return answer(connection, status);
    *state = calloc(1, sizeof(struct request));
    return *state ? MHD_YES : MHD_NO;
  }
  if (*length == 0) return answer(connection, MHD_HTTP_NO_CONTENT);
  request->bytes += *length;
  *length = 0;
  return request->bytes <= CONTENT_BYTES ? MHD_YES : MHD_NO;
}

static void on_end(void *user, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code) {
  (void)user, (void)connection, (void)code;
  free(*state);
  *state = NULL;
}

/// libmicrohttpd must not write to standard error on its own.
static void on_log(void *user, const char *format, va_list arguments) { (void)user, (void)format, (void)arguments; }

webhookshim *webhookshim_start(const webhookshim_options *options) {
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(options->port)};
  if (inet_pton(AF_INET, options->address, &place.sin_addr) != 1) return NULL;
  struct webhookshim *listener = calloc(1, sizeof *listener);
  if (!listener) return NULL;
  listener->header = strdup(options->header);
  listener->decide = options->decide;
  listener->context = options->context;
  struct MHD_OptionItem secure[] = {
      {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)options->certificate},
      {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)options->private_key},
      {MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
      {MHD_OPTION_END, 0, NULL},
  };
  struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
  unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | (options->certificate ? MHD_USE_TLS : 0);
  if (listener->header)
    listener->daemon = MHD_start_daemon(
        flags, options->port, NULL, NULL, on_request, listener, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_SOCK_ADDR, &place,
        MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)CONNECTION_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES, MHD_OPTION_ARRAY,
        options->certificate ? secure : plain, MHD_OPTION_END);
  if (listener->daemon) return listener;
  free(listener->header);
  free(listener);
  return NULL;
}

uint16_t webhookshim_port(const webhookshim *listener) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_BIND_PORT);
  return info ? info->port : 0;
}

void webhookshim_stop(webhookshim *listener) {
  MHD_stop_daemon(listener->daemon);
  free(listener->header);
  free(listener);
}
