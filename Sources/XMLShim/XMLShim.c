#include "XMLShim.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/xmlerror.h>

#define ERROR_BYTES 256
#define FIRST_TEXT_BYTES 4096
// Elements that may be open at once whatever the caller allows.
#define MAXIMUM_DEPTH 1024

struct xmlshim_parser {
  xmlParserCtxtPtr libxml;
  xmlshim_handler handler;
  xmlshim_limits limits;
  // Character data of all open elements, innermost last: an element's text starts at starts[depth - 1]. An element that ends takes its
  // text off, so that the text of its parent goes on without a gap.
  char *text;
  size_t text_length;
  size_t text_capacity;
  size_t starts[MAXIMUM_DEPTH];
  size_t depth;
  size_t elements;
  int root_ended;
  int failed;
  long line;
  long column;
  char error[ERROR_BYTES];
};

static void note_error(xmlshim_parser *parser, const char *message) {
  if (parser->failed) return;
  parser->failed = 1;
  snprintf(parser->error, sizeof parser->error, "%s", message);
  if (parser->libxml->input) {
    parser->line = parser->libxml->input->line;
    parser->column = parser->libxml->input->col;
  }
}

static void fail(xmlshim_parser *parser, const char *message) {
  note_error(parser, message);
  xmlStopParser(parser->libxml);
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespace_count,
                     const xmlChar **namespaces, int attribute_count, int defaulted_count, const xmlChar **attributes) {
  xmlshim_parser *parser = context;
  (void)prefix, (void)namespace_count, (void)namespaces, (void)defaulted_count;
  if (parser->failed) return;
  if (parser->depth >= parser->limits.depth) return fail(parser, "elements are nested too deep");
  if (parser->elements >= parser->limits.elements) return fail(parser, "the document has too many elements");
  parser->elements += 1;
  parser->starts[parser->depth] = parser->text_length;
  parser->depth += 1;
  parser->handler.start(parser->handler.context, (const char *)name, (const char *)uri, (const char *const *)attributes,
                        (size_t)attribute_count);
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri) {
  xmlshim_parser *parser = context;
  (void)name, (void)prefix, (void)uri;
  if (parser->failed || parser->depth == 0) return;
  parser->depth -= 1;
  size_t start = parser->starts[parser->depth];
  parser->handler.end(parser->handler.context, parser->text + start, parser->text_length - start);
  parser->text_length = start;
  if (parser->depth == 0) parser->root_ended = 1;
}

static void on_text(void *context, const xmlChar *bytes, int length) {
  xmlshim_parser *parser = context;
  if (parser->failed || parser->depth == 0 || length <= 0) return;
  size_t needed = parser->text_length + (size_t)length;
  if (needed - parser->starts[parser->depth - 1] > parser->limits.text_bytes) return fail(parser, "the text of an element is too long");
  if (needed > parser->text_capacity) {
    size_t capacity = parser->text_capacity;
    while (capacity < needed) capacity *= 2;
    char *grown = realloc(parser->text, capacity);
    if (!grown) return fail(parser, "out of memory");
    parser->text = grown;
    parser->text_capacity = capacity;
  }
  memcpy(parser->text + parser->text_length, bytes, (size_t)length);
  parser->text_length = needed;
}

static void on_doctype(void *context, const xmlChar *name, const xmlChar *external, const xmlChar *system) {
  (void)name, (void)external, (void)system;
  fail(context, "a DOCTYPE is not allowed");
}

#if LIBXML_VERSION >= 21200
static void on_error(void *context, const xmlError *error) {
#else
static void on_error(void *context, xmlErrorPtr error) {
#endif
  xmlshim_parser *parser = context;
  if (error->level < XML_ERR_ERROR || parser->failed) return;
  // Not stopped from here: libxml2 is in the middle of something. Nothing is pushed after an error.
  note_error(parser, error->message && *error->message ? error->message : "not well-formed");
  size_t length = strlen(parser->error);
  while (length > 0 && parser->error[length - 1] == '\n') parser->error[--length] = 0;
  for (size_t i = 0; i < length; i++)
    if (parser->error[i] == '\n') parser->error[i] = ' ';
}

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static void start_library(void) { xmlInitParser(); }

xmlshim_parser *xmlshim_create(xmlshim_handler handler, xmlshim_limits limits) {
  pthread_once(&library_once, start_library);
  xmlshim_parser *parser = calloc(1, sizeof *parser);
  if (!parser) return NULL;
  parser->handler = handler;
  parser->limits = limits;
  if (parser->limits.depth > MAXIMUM_DEPTH) parser->limits.depth = MAXIMUM_DEPTH;
  parser->text_capacity = FIRST_TEXT_BYTES;
  parser->text = malloc(parser->text_capacity);
  xmlSAXHandler sax;
  memset(&sax, 0, sizeof sax);
  sax.initialized = XML_SAX2_MAGIC;
  sax.startElementNs = on_start;
  sax.endElementNs = on_end;
  sax.characters = on_text;
  sax.ignorableWhitespace = on_text;
  sax.cdataBlock = on_text;
  sax.internalSubset = on_doctype;
  sax.serror = on_error;
  if (parser->text) parser->libxml = xmlCreatePushParserCtxt(&sax, parser, NULL, 0, NULL);
  if (!parser->libxml) {
    xmlshim_free(parser);
    return NULL;
  }
  // HUGE: text nodes over 10 MB; our own limits hold instead. IGNORE_ENC: all is UTF-8 whatever the declaration says, or it is refused.
  // Neither NOENT nor DTDLOAD: with every DOCTYPE refused there are only the five predefined entities.
  xmlCtxtUseOptions(parser->libxml, XML_PARSE_HUGE | XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_NOWARNING);
  return parser;
}

void xmlshim_free(xmlshim_parser *parser) {
  if (parser->libxml) {
    if (parser->libxml->myDoc) xmlFreeDoc(parser->libxml->myDoc);
    xmlFreeParserCtxt(parser->libxml);
  }
  free(parser->text);
  free(parser);
}

int xmlshim_push(xmlshim_parser *parser, const char *bytes, size_t length, int last) {
  while (!parser->failed && length > INT_MAX) {
    xmlParseChunk(parser->libxml, bytes, INT_MAX, 0);
    bytes += INT_MAX;
    length -= INT_MAX;
  }
  if (!parser->failed) {
    int code = xmlParseChunk(parser->libxml, bytes, (int)length, last);
    if (code != XML_ERR_OK && (last || !parser->libxml->wellFormed)) note_error(parser, "not well-formed");
  }
  if (last && !parser->failed && !parser->root_ended) note_error(parser, "the document ends early");
  return parser->failed ? -1 : 0;
}

int xmlshim_root_ended(const xmlshim_parser *parser) { return parser->root_ended; }

const char *xmlshim_error(const xmlshim_parser *parser, long *line, long *column) {
  *line = parser->line;
  *column = parser->column;
  return parser->error;
}
