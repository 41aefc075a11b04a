// Composes and takes apart Internet messages (RFC 5322, MIME) over GMime. This header shows no header of GMime or GLib.
#ifndef MIME_SHIM_H
#define MIME_SHIM_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// A header that holds addresses.
typedef enum {
  MIMESHIM_SENDER,
  MIMESHIM_FROM,
  MIMESHIM_REPLY_TO,
  MIMESHIM_TO,
  MIMESHIM_CC,
  MIMESHIM_BCC,
} mimeshim_address_field;

/// Receives bytes; they are valid during the call only.
typedef void (*mimeshim_sink)(void *_Nullable context, const char *bytes, size_t length);
/// Receives one address; `name` may be NULL.
typedef void (*mimeshim_address_sink)(void *_Nullable context, const char *_Nullable name, const char *address);

// MARK: Composing

typedef struct mimeshim_builder mimeshim_builder;

/// A message without content, or NULL without memory. All texts given to a builder are UTF-8; what stands in headers must hold no control
/// characters. `boundary` stands between the parts: the caller makes sure that no content holds it.
mimeshim_builder *_Nullable mimeshim_builder_create(const char *boundary);
void mimeshim_builder_free(mimeshim_builder *builder);
void mimeshim_builder_subject(mimeshim_builder *builder, const char *subject);
/// `message_id` without angle brackets.
void mimeshim_builder_message_id(mimeshim_builder *builder, const char *message_id);
/// Seconds since the POSIX epoch, written in UTC.
void mimeshim_builder_date(mimeshim_builder *builder, int64_t seconds);
void mimeshim_builder_address(mimeshim_builder *builder, mimeshim_address_field field, const char *_Nullable name, const char *address);
/// The text of the message; `subtype` is `plain` or `html`. Several are alternatives, the best last.
void mimeshim_builder_text(mimeshim_builder *builder, const char *subtype, const char *text, size_t length);
/// An attached file. `content_id` (without angle brackets) makes it a part that HTML can show.
void mimeshim_builder_attach(mimeshim_builder *builder, const char *type, const char *name, const char *_Nullable content_id,
                             const char *bytes, size_t length);
/// Writes the whole message with CRLF line ends. Returns 0, or -1 when it could not be written.
int mimeshim_builder_write(mimeshim_builder *builder, mimeshim_sink sink, void *_Nullable context);

// MARK: Taking apart

typedef struct mimeshim_message mimeshim_message;

/// What a part of a message is.
typedef struct {
  const char *type;                    // lower case, e.g. `text/plain`
  const char *_Nullable name;          // file name as the message gives it, decoded; NULL: none
  const char *_Nullable content_id;    // without angle brackets
  int is_attachment;                   // Content-Disposition: attachment
  int is_text;                         // text/plain or text/html
  int is_message;                      // message/rfc822
  int alternative;                     // number of the multipart/alternative that it is a choice of, from 1; 0: of none
} mimeshim_part;

/// Takes a message apart; NULL when it is none at all, or without memory. The bytes are copied.
mimeshim_message *_Nullable mimeshim_message_parse(const char *bytes, size_t length);
void mimeshim_message_free(mimeshim_message *message);
/// Decoded; NULL: there is none.
const char *_Nullable mimeshim_message_subject(mimeshim_message *message);
/// Without angle brackets.
const char *_Nullable mimeshim_message_id(mimeshim_message *message);
/// Returns 0 and sets the seconds, or -1 where there is no Date that can be read.
int mimeshim_message_date(mimeshim_message *message, int64_t *seconds);
void mimeshim_message_addresses(mimeshim_message *message, mimeshim_address_field field, mimeshim_address_sink sink,
                                void *_Nullable context);
/// Leaves of the message in order, at most MIMESHIM_MAXIMUM_PARTS.
size_t mimeshim_message_part_count(mimeshim_message *message);
mimeshim_part mimeshim_message_part(mimeshim_message *message, size_t index);
/// Writes a part's content: texts as UTF-8, everything else decoded. Returns 0, or -1 when it could not be decoded.
int mimeshim_message_content(mimeshim_message *message, size_t index, mimeshim_sink sink, void *_Nullable context);

/// Reads an address list as people type it (RFC 5322 section 3.4, leniently).
void mimeshim_addresses_parse(const char *text, mimeshim_address_sink sink, void *_Nullable context);

/// Leaves of one message at most; what comes after them is not seen.
#define MIMESHIM_MAXIMUM_PARTS 1000

#pragma clang assume_nonnull end

#endif
