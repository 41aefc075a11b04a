#include "CurlShim.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#define RECEIVE_BUFFER_BYTES 65536L

struct curlshim_transfer {
  CURL *easy;
  struct curl_slist *headers;
  curlshim_receiver receiver;
  char error[CURL_ERROR_SIZE];
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static void start_library(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

static bool copy_part(CURLU *url, CURLUPart part, unsigned flags, char *target, size_t capacity) {
  char *text = NULL;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return false;
  size_t length = strlen(text);
  bool fits = length < capacity;
  if (fits) memcpy(target, text, length + 1);
  curl_free(text);
  return fits;
}

bool curlshim_url_parse(const char *text, curlshim_url *result) {
  memset(result, 0, sizeof *result);
  CURLU *url = curl_url();
  if (!url) return false;
  bool read = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
              copy_part(url, CURLUPART_SCHEME, 0, result->scheme, sizeof result->scheme) &&
              copy_part(url, CURLUPART_HOST, 0, result->host, sizeof result->host) &&
              copy_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, result->port, sizeof result->port) &&
              copy_part(url, CURLUPART_PATH, 0, result->path, sizeof result->path) &&
              (strcmp(result->scheme, "http") == 0 || strcmp(result->scheme, "https") == 0);
  char *user = NULL;
  if (read && curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK) result->has_user = true;
  curl_free(user);
  curl_url_cleanup(url);
  if (!read) return false;
  size_t length = strlen(result->host);
  if (length >= 2 && result->host[0] == '[' && result->host[length - 1] == ']') {
    memmove(result->host, result->host + 1, length - 2);
    result->host[length - 2] = 0;
  }
  for (char *c = result->host; *c; c++)
    if (*c >= 'A' && *c <= 'Z') *c += 'a' - 'A';
  return true;
}

// MARK: Multi

curlshim_multi *curlshim_multi_create(long connections) {
  pthread_once(&library_once, start_library);
  CURLM *multi = curl_multi_init();
  if (!multi) return NULL;
  curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections);
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
  return (curlshim_multi *)multi;
}

void curlshim_multi_free(curlshim_multi *multi) { curl_multi_cleanup((CURLM *)multi); }

bool curlshim_multi_perform(curlshim_multi *multi) {
  int running = 0;
  return curl_multi_perform((CURLM *)multi, &running) == CURLM_OK;
}

bool curlshim_multi_wait(curlshim_multi *multi, int timeout_ms) {
  return curl_multi_poll((CURLM *)multi, NULL, 0, timeout_ms, NULL) == CURLM_OK;
}

void curlshim_multi_wakeup(curlshim_multi *multi) { curl_multi_wakeup((CURLM *)multi); }

static enum curlshim_outcome outcome_of(CURLcode code) {
  switch (code) {
    case CURLE_OK: return CURLSHIM_OK;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return CURLSHIM_NAME_NOT_FOUND;
    case CURLE_COULDNT_CONNECT: return CURLSHIM_NOT_CONNECTED;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_USE_SSL_FAILED: return CURLSHIM_TLS_FAILED;
    case CURLE_OPERATION_TIMEDOUT: return CURLSHIM_TIMED_OUT;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE: return CURLSHIM_CONNECTION_LOST;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: return CURLSHIM_NOT_HTTP;
    case CURLE_BAD_CONTENT_ENCODING: return CURLSHIM_CONTENT_ENCODING;
    case CURLE_WRITE_ERROR:
    case CURLE_ABORTED_BY_CALLBACK: return CURLSHIM_STOPPED_BY_CALLBACK;
    case CURLE_SEND_FAIL_REWIND: return CURLSHIM_NOT_SENT_TWICE;
    case CURLE_URL_MALFORMAT: return CURLSHIM_BAD_REQUEST;
    default: return CURLSHIM_OTHER;
  }
}

void *curlshim_multi_next_ended(curlshim_multi *multi, enum curlshim_outcome *outcome) {
  int left = 0;
  for (CURLMsg *message; (message = curl_multi_info_read((CURLM *)multi, &left));) {
    if (message->msg != CURLMSG_DONE) continue;
    char *owner = NULL;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
    if (!owner) continue;
    *outcome = outcome_of(message->data.result);
    return ((curlshim_transfer *)owner)->receiver.context;
  }
  return NULL;
}

// MARK: Transfer

curlshim_transfer *curlshim_transfer_create(void) {
  curlshim_transfer *transfer = calloc(1, sizeof *transfer);
  if (!transfer) return NULL;
  transfer->easy = curl_easy_init();
  if (transfer->easy) return transfer;
  free(transfer);
  return NULL;
}

void curlshim_transfer_free(curlshim_transfer *transfer) {
  curl_easy_cleanup(transfer->easy);
  curl_slist_free_all(transfer->headers);
  free(transfer);
}

bool curlshim_transfer_add_header(curlshim_transfer *transfer, const char *line) {
  struct curl_slist *longer = curl_slist_append(transfer->headers, line);
  if (longer) transfer->headers = longer;
  return longer != NULL;
}

static size_t on_header(char *line, size_t size, size_t count, void *user) {
  curlshim_transfer *transfer = user;
  return transfer->receiver.header(transfer->receiver.context, line, size * count) ? size * count : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user) {
  curlshim_transfer *transfer = user;
  return transfer->receiver.body(transfer->receiver.context, bytes, size * count) ? size * count : 0;
}

static size_t on_read(char *buffer, size_t size, size_t count, void *user) {
  curlshim_transfer *transfer = user;
  return transfer->receiver.read(transfer->receiver.context, buffer, size * count);
}

static int on_seek(void *user, curl_off_t offset, int origin) {
  curlshim_transfer *transfer = user;
  if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  return transfer->receiver.rewind(transfer->receiver.context) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static void set_method(CURL *easy, const curlshim_request *request) {
  bool content = request->body_bytes >= 0;
  bool post = strcmp(request->method, "POST") == 0;
  if (post || content) {
    // POSTFIELDS stays unset: the content is read by callback, so that it is not copied and rewinding can be refused.
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(content ? request->body_bytes : 0));
  }
  if (strcmp(request->method, "HEAD") == 0) {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (!post) {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
  }
}

static void set_authentication(CURL *easy, const curlshim_request *request) {
  switch (request->authentication) {
    case CURLSHIM_AUTH_NONE: return;
    case CURLSHIM_AUTH_BASIC: curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC); break;
    case CURLSHIM_AUTH_NTLM: curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_NTLM); break;
    case CURLSHIM_AUTH_NEGOTIATE:
      curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_NEGOTIATE);
      // An empty name and password: the ticket of the process.
      curl_easy_setopt(easy, CURLOPT_USERPWD, ":");
      return;
    case CURLSHIM_AUTH_BEARER:
      curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
      curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, request->secret);
      return;
  }
  curl_easy_setopt(easy, CURLOPT_USERNAME, request->user);
  curl_easy_setopt(easy, CURLOPT_PASSWORD, request->secret);
}

static void set_security(CURL *easy, const curlshim_request *request) {
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  if (request->authority_file) curl_easy_setopt(easy, CURLOPT_CAINFO, request->authority_file);
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  // What a proxy says to CONNECT is not the answer.
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (!request->uses_proxy) curl_easy_setopt(easy, CURLOPT_PROXY, "");
}

static void set_callbacks(curlshim_transfer *transfer) {
  CURL *easy = transfer->easy;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
  curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
}

bool curlshim_transfer_start(curlshim_transfer *transfer, curlshim_multi *multi, const curlshim_request *request,
                             curlshim_receiver receiver) {
  CURL *easy = transfer->easy;
  transfer->receiver = receiver;
  transfer->error[0] = 0;
  set_callbacks(transfer);
  set_security(easy, request);
  set_method(easy, request);
  set_authentication(easy, request);
  // One request a connection at a time: NTLM authenticates connections, and the budget counts them.
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
  // Breaking off while a name is looked up must not wait for the resolver.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_BYTES);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, request->timeout_ms);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, request->connect_timeout_ms);
  if (request->silence_s > 0) {
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, request->silence_s);
  }
  if (request->accepts_compression) curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  if (request->user_agent) curl_easy_setopt(easy, CURLOPT_USERAGENT, request->user_agent);
  if (request->cookies) curl_easy_setopt(easy, CURLOPT_COOKIE, request->cookies);
  if (request->unix_socket) curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
  return curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK && curl_multi_add_handle((CURLM *)multi, easy) == CURLM_OK;
}

void curlshim_transfer_remove(curlshim_transfer *transfer, curlshim_multi *multi) {
  curl_multi_remove_handle((CURLM *)multi, transfer->easy);
  curl_easy_reset(transfer->easy);
  curl_slist_free_all(transfer->headers);
  transfer->headers = NULL;
}

void curlshim_transfer_close_connection(curlshim_transfer *transfer) { curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, 1L); }

const char *curlshim_transfer_error(const curlshim_transfer *transfer) { return transfer->error; }
