#include "MIMEShim.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>

// Multiparts within multiparts that are looked into; deeper ones are passed over.
#define MAXIMUM_DEPTH 50

static pthread_once_t started = PTHREAD_ONCE_INIT;

static void start(void) { g_mime_init(); }

static const GMimeAddressType address_types[] = {
    [MIMESHIM_SENDER] = GMIME_ADDRESS_TYPE_SENDER, [MIMESHIM_FROM] = GMIME_ADDRESS_TYPE_FROM,
    [MIMESHIM_REPLY_TO] = GMIME_ADDRESS_TYPE_REPLY_TO, [MIMESHIM_TO] = GMIME_ADDRESS_TYPE_TO,
    [MIMESHIM_CC] = GMIME_ADDRESS_TYPE_CC, [MIMESHIM_BCC] = GMIME_ADDRESS_TYPE_BCC,
};

// MARK: Composing

struct mimeshim_builder {
  GMimeMessage *message;
  char *boundary;
  GPtrArray *texts;
  GPtrArray *related;
  GPtrArray *files;
};

mimeshim_builder *mimeshim_builder_create(const char *boundary) {
  pthread_once(&started, start);
  mimeshim_builder *builder = calloc(1, sizeof *builder);
  if (!builder) return NULL;
  builder->message = g_mime_message_new(TRUE);
  builder->boundary = g_strdup(boundary);
  builder->texts = g_ptr_array_new_with_free_func(g_object_unref);
  builder->related = g_ptr_array_new_with_free_func(g_object_unref);
  builder->files = g_ptr_array_new_with_free_func(g_object_unref);
  return builder;
}

void mimeshim_builder_free(mimeshim_builder *builder) {
  g_object_unref(builder->message);
  g_free(builder->boundary);
  g_ptr_array_free(builder->texts, TRUE);
  g_ptr_array_free(builder->related, TRUE);
  g_ptr_array_free(builder->files, TRUE);
  free(builder);
}

void mimeshim_builder_subject(mimeshim_builder *builder, const char *subject) {
  g_mime_message_set_subject(builder->message, subject, "utf-8");
}

void mimeshim_builder_message_id(mimeshim_builder *builder, const char *message_id) {
  g_mime_message_set_message_id(builder->message, message_id);
}

void mimeshim_builder_date(mimeshim_builder *builder, int64_t seconds) {
  GDateTime *date = g_date_time_new_from_unix_utc(seconds);
  if (!date) return;
  g_mime_message_set_date(builder->message, date);
  g_date_time_unref(date);
}

void mimeshim_builder_address(mimeshim_builder *builder, mimeshim_address_field field, const char *name, const char *address) {
  g_mime_message_add_mailbox(builder->message, address_types[field], name, address);
}

/// A part with this content, to be written in this encoding.
static void set_content(GMimePart *part, const char *bytes, size_t length, GMimeContentEncoding encoding) {
  GMimeStream *stream = g_mime_stream_mem_new_with_buffer(bytes, length);
  GMimeDataWrapper *content = g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);
  g_mime_part_set_content(part, content);
  g_mime_part_set_content_encoding(part, encoding);
  g_object_unref(content);
  g_object_unref(stream);
}

void mimeshim_builder_text(mimeshim_builder *builder, const char *subtype, const char *text, size_t length) {
  GMimePart *part = g_mime_part_new_with_type("text", subtype);
  g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", "utf-8");
  set_content(part, text, length, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
  g_ptr_array_add(builder->texts, part);
}

void mimeshim_builder_attach(mimeshim_builder *builder, const char *type, const char *name, const char *content_id, const char *bytes,
                             size_t length) {
  GMimeContentType *content_type = g_mime_content_type_parse(NULL, type);
  const char *media = g_mime_content_type_get_media_type(content_type);
  // A composite type would be taken apart again by readers: the file is opaque.
  int is_composite = !media || !g_ascii_strcasecmp(media, "multipart") || !g_ascii_strcasecmp(media, "message");
  GMimePart *part = is_composite
                        ? g_mime_part_new_with_type("application", "octet-stream")
                        : g_mime_part_new_with_type(media, g_mime_content_type_get_media_subtype(content_type));
  g_object_unref(content_type);
  g_mime_object_set_disposition(GMIME_OBJECT(part), content_id ? GMIME_DISPOSITION_INLINE : GMIME_DISPOSITION_ATTACHMENT);
  g_mime_part_set_filename(part, name);
  if (content_id) g_mime_part_set_content_id(part, content_id);
  set_content(part, bytes, length, GMIME_CONTENT_ENCODING_BASE64);
  g_ptr_array_add(content_id ? builder->related : builder->files, part);
}

/// One part for several: a multipart of the subtype, each with a boundary of its own.
static GMimeObject *joined(mimeshim_builder *builder, const char *subtype, GMimeObject *first, GPtrArray *others) {
  if (others->len == 0 && first) return first;
  GMimeMultipart *multipart = g_mime_multipart_new_with_subtype(subtype);
  char *boundary = g_strconcat(builder->boundary, "-", subtype, NULL);
  g_mime_multipart_set_boundary(multipart, boundary);
  g_free(boundary);
  if (first) {
    g_mime_multipart_add(multipart, first);
    g_object_unref(first);
  }
  for (guint index = 0; index < others->len; index++) g_mime_multipart_add(multipart, g_ptr_array_index(others, index));
  return GMIME_OBJECT(multipart);
}

int mimeshim_builder_write(mimeshim_builder *builder, mimeshim_sink sink, void *context) {
  GMimeObject *body;
  if (builder->texts->len == 1) {
    body = g_object_ref(g_ptr_array_index(builder->texts, 0));
  } else {
    body = joined(builder, "alternative", NULL, builder->texts);
  }
  body = joined(builder, "related", body, builder->related);
  body = joined(builder, "mixed", body, builder->files);
  g_mime_message_set_mime_part(builder->message, body);
  g_object_unref(body);
  GMimeFormatOptions *options = g_mime_format_options_new();
  g_mime_format_options_set_newline_format(options, GMIME_NEWLINE_FORMAT_DOS);
  g_mime_format_options_set_param_encoding_method(options, GMIME_PARAM_ENCODING_METHOD_RFC2231);
  GMimeStream *stream = g_mime_stream_mem_new();
  ssize_t written = g_mime_object_write_to_stream(GMIME_OBJECT(builder->message), options, stream);
  if (written >= 0) {
    GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    sink(context, (const char *)bytes->data, bytes->len);
  }
  g_object_unref(stream);
  g_mime_format_options_free(options);
  return written >= 0 ? 0 : -1;
}

// MARK: Taking apart

typedef struct {
  GMimeObject *object;  // belongs to the message
  char *type;
  int alternative;
} leaf;

struct mimeshim_message {
  GMimeMessage *message;
  leaf leaves[MIMESHIM_MAXIMUM_PARTS];
  size_t count;
  int alternatives;
};

static void collect(mimeshim_message *message, GMimeObject *object, int alternative, int depth) {
  if (!object || depth > MAXIMUM_DEPTH || message->count == MIMESHIM_MAXIMUM_PARTS) return;
  if (GMIME_IS_MULTIPART(object)) {
    GMimeContentType *type = g_mime_object_get_content_type(object);
    if (g_mime_content_type_is_type(type, "multipart", "alternative")) alternative = ++message->alternatives;
    int count = g_mime_multipart_get_count(GMIME_MULTIPART(object));
    for (int index = 0; index < count; index++) {
      collect(message, g_mime_multipart_get_part(GMIME_MULTIPART(object), index), alternative, depth + 1);
    }
    return;
  }
  leaf *found = &message->leaves[message->count++];
  char *type = g_mime_content_type_get_mime_type(g_mime_object_get_content_type(object));
  *found = (leaf){.object = object, .type = g_ascii_strdown(type, -1), .alternative = alternative};
  g_free(type);
}

mimeshim_message *mimeshim_message_parse(const char *bytes, size_t length) {
  pthread_once(&started, start);
  GMimeStream *stream = g_mime_stream_mem_new_with_buffer(bytes, length);
  GMimeParser *parser = g_mime_parser_new_with_stream(stream);
  GMimeMessage *parsed = g_mime_parser_construct_message(parser, NULL);
  g_object_unref(parser);
  g_object_unref(stream);
  if (!parsed) return NULL;
  mimeshim_message *message = calloc(1, sizeof *message);
  if (!message) {
    g_object_unref(parsed);
    return NULL;
  }
  message->message = parsed;
  collect(message, g_mime_message_get_mime_part(parsed), 0, 0);
  return message;
}

void mimeshim_message_free(mimeshim_message *message) {
  for (size_t index = 0; index < message->count; index++) g_free(message->leaves[index].type);
  g_object_unref(message->message);
  free(message);
}

const char *mimeshim_message_subject(mimeshim_message *message) { return g_mime_message_get_subject(message->message); }

const char *mimeshim_message_id(mimeshim_message *message) { return g_mime_message_get_message_id(message->message); }

int mimeshim_message_date(mimeshim_message *message, int64_t *seconds) {
  GDateTime *date = g_mime_message_get_date(message->message);
  if (!date) return -1;
  *seconds = g_date_time_to_unix(date);
  return 0;
}

static void give(InternetAddressList *list, mimeshim_address_sink sink, void *context, int depth) {
  if (!list || depth > MAXIMUM_DEPTH) return;
  for (int index = 0; index < internet_address_list_length(list); index++) {
    InternetAddress *address = internet_address_list_get_address(list, index);
    if (INTERNET_ADDRESS_IS_GROUP(address)) {
      give(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(address)), sink, context, depth + 1);
    } else {
      const char *text = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address));
      if (text && *text) sink(context, internet_address_get_name(address), text);
    }
  }
}

void mimeshim_message_addresses(mimeshim_message *message, mimeshim_address_field field, mimeshim_address_sink sink, void *context) {
  give(g_mime_message_get_addresses(message->message, address_types[field]), sink, context, 0);
}

void mimeshim_addresses_parse(const char *text, mimeshim_address_sink sink, void *context) {
  pthread_once(&started, start);
  InternetAddressList *list = internet_address_list_parse(NULL, text);
  if (!list) return;
  give(list, sink, context, 0);
  g_object_unref(list);
}

size_t mimeshim_message_part_count(mimeshim_message *message) { return message->count; }

mimeshim_part mimeshim_message_part(mimeshim_message *message, size_t index) {
  leaf *leaf = &message->leaves[index];
  mimeshim_part part = {.type = leaf->type, .alternative = leaf->alternative};
  part.content_id = g_mime_object_get_content_id(leaf->object);
  const char *disposition = g_mime_object_get_disposition(leaf->object);
  part.is_attachment = disposition && !g_ascii_strcasecmp(disposition, GMIME_DISPOSITION_ATTACHMENT);
  part.is_message = GMIME_IS_MESSAGE_PART(leaf->object);
  if (GMIME_IS_PART(leaf->object)) part.name = g_mime_part_get_filename(GMIME_PART(leaf->object));
  if (part.is_message) {
    GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(leaf->object));
    part.name = inner ? g_mime_message_get_subject(inner) : NULL;
  }
  part.is_text = !strcmp(leaf->type, "text/plain") || !strcmp(leaf->type, "text/html");
  return part;
}

int mimeshim_message_content(mimeshim_message *message, size_t index, mimeshim_sink sink, void *context) {
  GMimeObject *object = message->leaves[index].object;
  if (GMIME_IS_TEXT_PART(object)) {
    char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(object));
    mimeshim_part part = mimeshim_message_part(message, index);
    // As a file it keeps its bytes, in whatever character set they are.
    if (text && !part.is_attachment && !part.name) {
      sink(context, text, strlen(text));
      g_free(text);
      return 0;
    }
    g_free(text);
  }
  GMimeStream *stream = g_mime_stream_mem_new();
  ssize_t written = -1;
  if (GMIME_IS_PART(object)) {
    GMimeDataWrapper *content = g_mime_part_get_content(GMIME_PART(object));
    written = content ? g_mime_data_wrapper_write_to_stream(content, stream) : 0;
  } else if (GMIME_IS_MESSAGE_PART(object)) {
    GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
    written = inner ? g_mime_object_write_to_stream(GMIME_OBJECT(inner), NULL, stream) : 0;
  }
  if (written >= 0) {
    GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    sink(context, (const char *)bytes->data, bytes->len);
  }
  g_object_unref(stream);
  return written >= 0 ? 0 : -1;
}
